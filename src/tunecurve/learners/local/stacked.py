"""Adapters of several trainings over one frozen model: every layer's A and B lie side by side, one product for all.

A step takes one batch of every training. Their rows go through the frozen weights as one batch; only the small
products with the adapters tell them apart, and those are one batched product. The trainings share nothing that is
trained, so each gets the gradients that it would get alone.
"""

from __future__ import annotations

import types
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn import functional
from transformers.cache_utils import DynamicCache

from tunecurve.errors import ModelError
from tunecurve.learners.local.checkpoint import trainable_parameters
from tunecurve.learners.local.encoding import EncodedExample
from tunecurve.learners.local.fused import lora_weights
from tunecurve.learners.local.prefix import answer_labels, expand_cache, pad_rows

_DOWN, _UP = "lora_A.default.weight", "lora_B.default.weight"


class StackedAdapters:
    """The adapters of several trainings.

    Parameters
    ----------
    model : peft.PeftModel
        With adapters of the trainings' shape; its own are not used.
    initial : sequence of dict of str to Tensor
        Every training's adapters by their names in `model`.

    Attributes
    ----------
    parameters : list of dict of str to Parameter
        Every training's adapters: views into the stacks while it is among those that are computed.

    Raises
    ------
    ModelError
        When something else than plain LoRA layers is trained.
    """

    def __init__(self, model: Any, initial: Sequence[dict[str, torch.Tensor]]) -> None:
        self._layers = {name: module for name, module in model.named_modules() if lora_weights(module) is not None}
        names = {f"{layer}.{part}" for layer in self._layers for part in (_DOWN, _UP)}
        if names != set(trainable_parameters(model)):
            raise ModelError(
                "these adapters cannot be trained together (only LoRA on linear layers, without dropout, can); "
                "set train_together: false"
            )
        self.parameters = [
            {name: torch.nn.Parameter(tensors[name].clone()) for name in sorted(names)} for tensors in initial
        ]
        self._stacks: dict[str, torch.Tensor] = {}
        self.active: list[int] = []
        self.activate(range(len(initial)))

    def activate(self, numbers: Sequence[int]) -> None:
        """Compute these trainings from now on, in this order."""
        if list(numbers) == self.active:
            return
        for number in set(self.active) - set(numbers):
            for parameter in self.parameters[number].values():
                parameter.data = parameter.data.clone()
        self.active = list(numbers)
        for name in self.parameters[0]:
            stack = torch.stack([self.parameters[number][name].data for number in self.active])
            for place, number in enumerate(self.active):
                self.parameters[number][name].data = stack[place]
            self._stacks[name] = stack.requires_grad_()

    def hand_over_gradients(self) -> None:
        """Give every computed training its share of the gradients."""
        for name, stack in self._stacks.items():
            assert stack.grad is not None
            for place, number in enumerate(self.active):
                self.parameters[number][name].grad = stack.grad[place]
            stack.grad = None

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Let the model's layers compute with the stacks; a batch holds equally many rows of every training."""
        for layer, module in self._layers.items():
            module.forward = types.MethodType(self._forward_of(layer, module), module)
        try:
            yield
        finally:
            for module in self._layers.values():
                del module.forward

    def _forward_of(self, layer: str, module: Any) -> Any:
        lora = lora_weights(module)
        assert lora is not None
        weight, bias, scale = lora.weight, lora.bias, lora.scale

        def forward(_: Any, hidden: torch.Tensor) -> torch.Tensor:
            down, up = (self._stacks[f"{layer}.{part}"].to(hidden.dtype) for part in (_DOWN, _UP))
            output = functional.linear(hidden, weight, bias)
            inner = torch.bmm(hidden.reshape(len(down), -1, hidden.shape[-1]), down.transpose(1, 2))
            stacked = output.view(len(down), -1, output.shape[-1])
            return torch.baddbmm(stacked, inner, up.transpose(1, 2), alpha=scale).view_as(output)

        return forward


def losses_together(
    model: Any, batches: Sequence[Sequence[EncodedExample]], n_prefix: int, pad_id: int
) -> torch.Tensor:
    """Return each training's mean loss of its batch's answer tokens, shape (trainings,); inside `in_use` only.

    Parameters
    ----------
    model : transformers causal language model
        With a standard cache.
    batches : sequence of sequence of EncodedExample
        One batch a training; where they differ in size, the smaller ones are filled up with rows without loss.
    n_prefix : int
        Leading tokens that all rows of all trainings share, computed once a training.
    pad_id : int
        Token for padding.
    """
    device = next(model.parameters()).device
    size = max(map(len, batches))
    rows = [row for batch in batches for row in [*batch, *[batch[0]] * (size - len(batch))]]
    past = DynamicCache(config=model.config)
    if n_prefix:
        prefix_ids = torch.tensor([rows[0].token_ids[:n_prefix]] * len(batches), device=device)
        model(input_ids=prefix_ids, past_key_values=past, use_cache=True, logits_to_keep=1)
        past = expand_cache(past, size)
    padded = pad_rows([row.token_ids for row in rows], n_prefix, pad_id, device)
    n_kept = max(row.n_answer for row in rows)
    logits = model(
        input_ids=padded.token_ids,
        attention_mask=padded.attention_mask,
        position_ids=padded.position_ids,
        past_key_values=past,
        use_cache=True,
        logits_to_keep=n_kept + 1,
    ).logits[:, :-1]
    labels = answer_labels(rows, n_kept, device).view(len(batches), size, n_kept)
    for number, batch in enumerate(batches):
        labels[number, len(batch) :] = -100
    by_token = functional.cross_entropy(logits.float().flatten(0, 1), labels.flatten(), reduction="none")
    return by_token.view(len(batches), -1).sum(1) / (labels != -100).sum((1, 2))
