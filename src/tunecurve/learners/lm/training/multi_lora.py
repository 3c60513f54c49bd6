"""Adapters of several trainings over one frozen model: every layer's A and B lie side by side, one product for all.

A step takes one batch of every training. Their rows go through the frozen weights as one batch; only the small
products with the adapters tell them apart, and those are one batched product. The trainings share nothing that is
trained, so each gets the gradients that it would get alone.
"""

from __future__ import annotations

import math
import types
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch.nn import functional
from transformers.cache_utils import DynamicCache

from tunecurve.errors import ModelError
from tunecurve.learners.lm.chat_format import EncodedExample
from tunecurve.learners.lm.prefix import answer_labels, expand_cache, pad_rows
from tunecurve.learners.lm.training.fused import LoraWeights, is_rms_norm, lora_weights
from tunecurve.learners.torch.checkpoint import trainable_parameters

_DOWN, _UP = "lora_A.default.weight", "lora_B.default.weight"


class NotStackable(ModelError):
    """This model's adapters cannot be computed side by side."""


class StackedAdapters:
    """The adapters of several trainings, each in one flat float32 tensor.

    Parameters
    ----------
    model : peft.PeftModel
        With adapters of the trainings' shape; its own are not used.
    initial : sequence of dict of str to Tensor
        Every training's adapters by their names in `model`.

    Attributes
    ----------
    parameters : list of Parameter
        Every training's adapters, shape (numbers of an adapter,): rows of one tensor while it is among those that are
        computed.
    active : list of int
        The trainings that are computed.

    Raises
    ------
    NotStackable
        When something else than plain LoRA layers is trained.
    """

    def __init__(self, model: Any, initial: Sequence[dict[str, torch.Tensor]]) -> None:
        self._layers = {name: module for name, module in model.named_modules() if lora_weights(module) is not None}
        names = {f"{layer}.{part}" for layer in self._layers for part in (_DOWN, _UP)}
        if names != set(trainable_parameters(model)):
            raise NotStackable(
                "these adapters cannot be trained together (only LoRA on linear layers, without dropout, can); "
                "set train_together: false"
            )
        is_on_gpu = model.get_base_model().device.type == "cuda"
        self._norms = [module for module in model.modules() if is_on_gpu and is_rms_norm(module)]
        self._shapes = {name: initial[0][name].shape for name in sorted(names)}
        self._dtype = model.get_base_model().dtype
        self.parameters = [
            torch.nn.Parameter(torch.cat([tensors[name].detach().flatten() for name in self._shapes]))
            for tensors in initial
        ]
        self.active: list[int] = []
        self.activate(range(len(initial)))

    def activate(self, numbers: Sequence[int]) -> bool:
        """Compute these trainings from now on, in this order; returns whether they are others than before."""
        if list(numbers) == self.active:
            return False
        for number in set(self.active) - set(numbers):
            self.parameters[number].data = self.parameters[number].data.clone()
        self.active = list(numbers)
        self._values = torch.stack([self.parameters[number].data for number in self.active])
        for place, number in enumerate(self.active):
            self.parameters[number].data = self._values[place]
        # What is computed with lies in the model's precision, and so do its gradients; both stay where they are.
        self._computed = self._values.to(self._dtype)
        self._gradients = torch.zeros_like(self._computed)
        gradients = self.by_name(self._gradients)
        self._leaves = {name: part.requires_grad_() for name, part in self.by_name(self._computed.detach()).items()}
        self._to_leaves = gradients
        return True

    def by_name(self, flat: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return views of flat adapters, shape (..., numbers of an adapter), by the parts' names in the model."""
        parts = flat.split([math.prod(shape) for shape in self._shapes.values()], dim=-1)
        named = zip(self._shapes.items(), parts, strict=True)
        return {name: part.view(*flat.shape[:-1], *shape) for (name, shape), part in named}

    def prepare_step(self) -> None:
        """Let the layers compute with the parameters' present values, and forget the gradients."""
        if self._computed is not self._values:
            self._computed.copy_(self._values)
        self._gradients.zero_()

    def hand_over_gradients(self) -> None:
        """Give every computed training its share of the gradients, in float32."""
        gradients = self._gradients.float()
        for place, number in enumerate(self.active):
            self.parameters[number].grad = gradients[place]

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Let the model's layers compute with the stacks; a batch holds equally many rows of every training."""
        for layer, module in self._layers.items():
            module.forward = types.MethodType(self._forward_of(layer, module), module)
        for module in self._norms:
            module.forward = types.MethodType(_norm_in_one_kernel, module)
        try:
            yield
        finally:
            for module in [*self._layers.values(), *self._norms]:
                del module.forward

    def _forward_of(self, layer: str, module: Any) -> Any:
        lora = lora_weights(module)
        assert lora is not None
        names = f"{layer}.{_DOWN}", f"{layer}.{_UP}"

        def forward(_: Any, hidden: torch.Tensor) -> torch.Tensor:
            down, up = (self._leaves[name] for name in names)
            to_down, to_up = (self._to_leaves[name] for name in names)
            return _StackedLora.apply(hidden, down, up, to_down, to_up, lora)

        return forward


class _StackedLora(torch.autograd.Function):
    """A linear layer and every training's adapter; the adapters' gradients are added where they are kept."""

    @staticmethod
    def forward(
        ctx: Any, hidden: Any, down: Any, up: Any, to_down: torch.Tensor, to_up: torch.Tensor, lora: LoraWeights
    ) -> torch.Tensor:
        output = functional.linear(hidden, lora.weight, lora.bias)
        rows = hidden.reshape(len(down), -1, hidden.shape[-1])
        inner = torch.bmm(rows, down.transpose(1, 2))
        output.view(len(down), -1, output.shape[-1]).baddbmm_(inner, up.transpose(1, 2), alpha=lora.scale)
        ctx.save_for_backward(rows, inner, down, up)
        ctx.to_down, ctx.to_up, ctx.lora = to_down, to_up, lora
        return output

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        rows, inner, down, up = ctx.saved_tensors
        scale = ctx.lora.scale
        gradient = gradients[0]
        stacked = gradient.reshape(len(down), -1, gradient.shape[-1])
        to_inner = torch.bmm(stacked, up)
        ctx.to_up.baddbmm_(stacked.transpose(1, 2), inner, alpha=scale)
        ctx.to_down.baddbmm_(to_inner.transpose(1, 2), rows, alpha=scale)
        to_hidden = None
        if ctx.needs_input_grad[0]:
            to_hidden = gradient @ ctx.lora.weight
            to_hidden.view(rows.shape).baddbmm_(to_inner, down, alpha=scale)
        return to_hidden, None, None, None, None, None


def _norm_in_one_kernel(norm: Any, hidden: torch.Tensor) -> torch.Tensor:
    """What transformers computes in eight kernels, and twice as many on the way back."""
    return functional.rms_norm(hidden, norm.weight.shape, norm.weight, norm.variance_epsilon)


class StepTensors(NamedTuple):
    """One batch of every training, behind one prefix.

    Attributes
    ----------
    prefix_ids : Tensor of shape (trainings, prefix tokens)
        What all rows start with.
    token_ids, position_ids : Tensor of shape (trainings * rows, length)
        Padded on the left.
    attention_mask : Tensor of shape (trainings * rows, prefix tokens + length)
        0 for padding.
    labels : Tensor of shape (trainings, rows, answer tokens)
        -100 where no loss is taken.
    """

    prefix_ids: torch.Tensor
    token_ids: torch.Tensor
    position_ids: torch.Tensor
    attention_mask: torch.Tensor
    labels: torch.Tensor

    def to(self, device: torch.device) -> StepTensors:
        """Return the tensors on a device."""
        return StepTensors(*(tensor.to(device, non_blocking=True) for tensor in self))


def step_tensors(
    batches: Sequence[Sequence[EncodedExample]], n_prefix: int, pad_id: int, multiple: int = 1
) -> StepTensors:
    """Return one batch of every training as tensors on the CPU.

    Parameters
    ----------
    batches : sequence of sequence of EncodedExample
        One a training; where they differ in size, the smaller ones are filled up with rows without loss.
    n_prefix : int
        Leading tokens that all rows of all trainings share.
    pad_id : int
        Token for padding.
    multiple : int, default 1
        Lengths are padded to multiples of it, so that few different shapes occur.
    """
    device = torch.device("cpu")
    size = max(map(len, batches))
    rows = [row for batch in batches for row in [*batch, *[batch[0]] * (size - len(batch))]]
    n_kept = _up_to(max(row.n_answer for row in rows), multiple)
    length = _up_to(max(n_kept + 1, *(len(row.token_ids) - n_prefix for row in rows)), multiple)
    padded = pad_rows([row.token_ids for row in rows], n_prefix, pad_id, device, length)
    labels = answer_labels(rows, n_kept, device).view(len(batches), size, n_kept)
    for number, batch in enumerate(batches):
        labels[number, len(batch) :] = -100
    prefix_ids = torch.tensor([rows[0].token_ids[:n_prefix]] * len(batches), dtype=torch.long)
    return StepTensors(prefix_ids, padded.token_ids, padded.position_ids, padded.attention_mask, labels)


def _up_to(number: int, multiple: int) -> int:
    return math.ceil(number / multiple) * multiple


def losses_together(model: Any, step: StepTensors) -> torch.Tensor:
    """Return each training's mean loss of its batch's answer tokens, shape (trainings,); inside `in_use` only.

    Parameters
    ----------
    model : transformers causal language model
        With a standard cache.
    step : StepTensors
        On the model's device.
    """
    n_trainings, size, n_kept = step.labels.shape
    past = DynamicCache(config=model.config)
    if step.prefix_ids.shape[1]:
        model(input_ids=step.prefix_ids, past_key_values=past, use_cache=True, logits_to_keep=1)
        past = expand_cache(past, size)
    logits = model(
        input_ids=step.token_ids,
        attention_mask=step.attention_mask,
        position_ids=step.position_ids,
        past_key_values=past,
        use_cache=True,
        logits_to_keep=n_kept + 1,
    ).logits[:, :-1]
    by_token = functional.cross_entropy(logits.float().flatten(0, 1), step.labels.flatten(), reduction="none")
    return by_token.view(n_trainings, -1).sum(1) / (step.labels != -100).sum((1, 2))
