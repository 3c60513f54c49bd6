"""Adapters of several trainings over one frozen model: every layer's A and B lie side by side, one product for all.

A step takes one batch of every training. Their rows go through the frozen weights as one batch; only the small
products with the adapters tell them apart, and those are one batched product. The trainings share nothing that is
trained, so each gets the gradients that it would get alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn import functional

from tunecurve.learners.lm.adapters import Adapters
from tunecurve.learners.lm.training.fused import LoraWeights, is_rms_norm, lora_weights, replaced_forwards
from tunecurve.learners.torch.backend_choice import NotUsable
from tunecurve.learners.torch.checkpoint import trainable_parameters

_DOWN, _UP = "lora_A.default.weight", "lora_B.default.weight"


class StackedAdapters(Adapters):
    """The adapters of several trainings, each in one flat float32 tensor.

    Parameters
    ----------
    model : peft.PeftModel
        With adapters of the trainings' shape; its own are not used.
    initial : sequence of dict of str to Tensor
        Every training's adapters by their names in `model`.

    Attributes
    ----------
    parameters : list of dict of str to Parameter
        Every training's adapters, shape (numbers of an adapter,): rows of one tensor while it is among those that are
        computed.
    active : list of int
        The trainings that are computed.

    Raises
    ------
    NotUsable
        When something else than plain LoRA layers is trained.
    """

    stay_in_place = True

    def __init__(self, model: Any, initial: Sequence[dict[str, torch.Tensor]]) -> None:
        self._layers = {name: module for name, module in model.named_modules() if lora_weights(module) is not None}
        names = {f"{layer}.{part}" for layer in self._layers for part in (_DOWN, _UP)}
        if names != set(trainable_parameters(model)):
            raise NotUsable(
                "of these adapters it is not exact: only LoRA on linear layers, without dropout, can be stacked"
            )
        is_on_gpu = model.get_base_model().device.type == "cuda"
        self._norms = [module for module in model.modules() if is_on_gpu and is_rms_norm(module)]
        self._shapes = {name: initial[0][name].shape for name in sorted(names)}
        self._dtype = model.get_base_model().dtype
        flat = [torch.cat([tensors[name].detach().flatten() for name in self._shapes]) for tensors in initial]
        self._flat = [torch.nn.Parameter(tensor) for tensor in flat]
        self.parameters = [{"adapters": parameter} for parameter in self._flat]
        self.active: list[int] = []
        self.activate(range(len(initial)))

    def activate(self, numbers: Sequence[int]) -> bool:
        """Compute these trainings from now on, in this order; returns whether they are others than before."""
        if list(numbers) == self.active:
            return False
        for number in set(self.active) - set(numbers):
            self._flat[number].data = self._flat[number].data.clone()
        self.active = list(numbers)
        self._values = torch.stack([self._flat[number].data for number in self.active])
        for index, number in enumerate(self.active):
            self._flat[number].data = self._values[index]
        # What is computed with lies in the model's precision, and so do its gradients; both stay where they are.
        self._computed = self._values.to(self._dtype)
        self._gradients = torch.zeros_like(self._computed)
        self._to_leaves = self._parts(self._gradients)
        self._leaves = {name: part.requires_grad_() for name, part in self._parts(self._computed.detach()).items()}
        return True

    def by_name(self, number: int, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Return views of a flat tensor."""
        return self._parts(tensors["adapters"])

    def _parts(self, flat: torch.Tensor) -> dict[str, torch.Tensor]:
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
        """Add to every computed training's gradients its own of this pass, in float32."""
        gradients = self._gradients.to(torch.float32, copy=True)  # the next pass writes where these are
        for index, number in enumerate(self.active):
            before = self._flat[number].grad
            self._flat[number].grad = gradients[index] if before is None else before + gradients[index]

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Let the model's layers compute with the stacks; a batch holds equally many rows of every training."""
        layers = [(module, self._forward_of(layer, module)) for layer, module in self._layers.items()]
        with replaced_forwards([*layers, *((norm, _norm_in_one_kernel) for norm in self._norms)]):
            yield

    def _forward_of(self, layer: str, module: Any) -> Any:
        lora = lora_weights(module)
        assert lora is not None
        names = f"{layer}.{_DOWN}", f"{layer}.{_UP}"

        def forward(_: Any, hidden: torch.Tensor) -> torch.Tensor:
            down, up = (self._leaves[name] for name in names)
            return _StackedLora.apply(hidden, down, up, [self._to_leaves[name] for name in names], lora)

        return forward


class _StackedLora(torch.autograd.Function):
    """A linear layer and every training's adapter; the adapters' gradients are added where they are kept."""

    @staticmethod
    def forward(
        ctx: Any, hidden: Any, down: Any, up: Any, gradients: list[torch.Tensor], lora: LoraWeights
    ) -> torch.Tensor:
        output = functional.linear(hidden, lora.weight, lora.bias)
        rows = hidden.reshape(len(down), -1, hidden.shape[-1])
        inner = torch.bmm(rows, down.transpose(1, 2))
        output.view(len(down), -1, output.shape[-1]).baddbmm_(inner, up.transpose(1, 2), alpha=lora.scale)
        ctx.save_for_backward(rows, inner, down, up)
        ctx.gradients, ctx.lora = gradients, lora
        return output

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        rows, inner, down, up = ctx.saved_tensors
        scale = ctx.lora.scale
        gradient = gradients[0]
        stacked = gradient.reshape(len(down), -1, gradient.shape[-1])
        to_inner = torch.bmm(stacked, up)
        to_down, to_up = ctx.gradients
        to_up.baddbmm_(stacked.transpose(1, 2), inner, alpha=scale)
        to_down.baddbmm_(to_inner.transpose(1, 2), rows, alpha=scale)
        to_hidden = None
        if ctx.needs_input_grad[0]:
            to_hidden = gradient @ ctx.lora.weight
            to_hidden.view(rows.shape).baddbmm_(to_inner, down, alpha=scale)
        return to_hidden, None, None, None, None


def _norm_in_one_kernel(norm: Any, hidden: torch.Tensor) -> torch.Tensor:
    """Return what transformers computes in eight kernels, and twice as many on the way back."""
    return functional.rms_norm(hidden, norm.weight.shape, norm.weight, norm.variance_epsilon)
