"""Frozen weights in four bits: a quarter of the memory of 16-bit ones, written out one layer at a time when they are computed with.

NF4 with double quantisation ("QLoRA", Dettmers et al. 2023, arXiv:2305.14314), as bitsandbytes packs and unpacks it. The products
are our own: a layer is unpacked, multiplied with and forgotten, forward and on the way back. That is exact for the packed weights on
any device that bitsandbytes unpacks on; it saves memory, not time. Embeddings, norms and the output layer stay as they are.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional

from tunecurve.errors import needing
from tunecurve.learners.torch.device import FOUR_BITS

# Of a packed weight: half a byte, and of each 64 one byte of scale, whose own scale is a float32 for each 256 of them.
BYTES_A_WEIGHT = 0.5 + 1 / 64 + 4 / (64 * 256)


def check_installed(what: str, otherwise: str = "") -> None:
    """Refuse weights in four bits where bitsandbytes is missing; `what` begins the line, `otherwise` ends it.

    Raises
    ------
    EnvironmentProblem
        With what to install.
    """
    with needing("4bit", what, otherwise):
        import bitsandbytes  # noqa: F401


class FourBitLinear(torch.nn.Linear):
    """A frozen linear layer whose weights are packed; `weight` unpacks them, anew each time it is read."""

    def __init__(self, linear: torch.nn.Linear) -> None:
        from bitsandbytes.functional import quantize_4bit

        torch.nn.Module.__init__(self)
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self.bias = linear.bias
        packed, self._state = quantize_4bit(
            linear.weight.data.contiguous(), quant_type=FOUR_BITS, compress_statistics=True
        )
        self.register_buffer("packed", packed, persistent=False)

    @property
    def weight(self) -> torch.Tensor:  # type: ignore[override]
        """The weights as they are computed with."""
        from bitsandbytes.functional import dequantize_4bit

        return dequantize_4bit(self.packed, self._state)

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Return the product, with a gradient for what is multiplied; nothing unpacked is kept for it."""
        return _Product.apply(input, self)


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: Any, layer: FourBitLinear) -> torch.Tensor:
        ctx.layer = layer
        return functional.linear(hidden, layer.weight, layer.bias)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        return gradients[0] @ ctx.layer.weight, None


def packed(model: Any, device: torch.device, dtype: torch.dtype) -> Any:
    """Return the model with the weights of its linear layers packed on a device, one after the other; its output layer stays."""
    check_installed("a model whose weights are kept in 4 bits")  # also on a worker of another machine
    for parent, name, linear in _linears(model):
        linear.weight.data = linear.weight.data.to(device, dtype)
        setattr(parent, name, FourBitLinear(linear))
    return model


@torch.no_grad()
def as_if_packed(model: Any, device: torch.device, dtype: torch.dtype) -> Any:
    """Return the model with the values that its weights would have if they were packed, in the precision that they have now."""
    for _, _, linear in _linears(model):
        rounded = torch.nn.Linear(linear.in_features, linear.out_features, bias=False, device="meta")
        rounded.weight = torch.nn.Parameter(linear.weight.data.to(device, dtype), requires_grad=False)
        linear.weight.copy_(FourBitLinear(rounded).weight)
    return model


def is_packed(model: Any) -> bool:
    """Return whether a model has packed layers."""
    return any(isinstance(module, FourBitLinear) for module in model.modules())


def _linears(model: Any) -> list[tuple[Any, str, torch.nn.Linear]]:
    head = model.get_output_embeddings()
    return [
        (parent, name, child)
        for parent in list(model.modules())
        for name, child in list(parent.named_children())
        if type(child) is torch.nn.Linear and child is not head
    ]
