"""What bitsandbytes' `quantize_4bit` and `dequantize_4bit` do for NF4, from the paper's numbers: for machines where it is not installed.

Scales are kept as they are, not quantised in their turn.
"""

from __future__ import annotations

import sys
import types
from typing import NamedTuple

import torch

# The values of NF4, arXiv:2305.14314, appendix E.
VALUES = torch.tensor(
    [
        -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334,
        -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
        0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0,
    ]
)  # fmt: skip
BLOCK = 64


class State(NamedTuple):
    """What is needed to unpack."""

    scales: torch.Tensor
    shape: torch.Size
    dtype: torch.dtype


def quantize_4bit(weight: torch.Tensor, *, quant_type: str, compress_statistics: bool) -> tuple[torch.Tensor, State]:
    """Return two values a byte, and what is needed to unpack them."""
    assert quant_type == "nf4"
    assert compress_statistics
    blocks = weight.float().reshape(-1, BLOCK)
    scales = blocks.abs().amax(1, keepdim=True).clamp(min=1e-12)
    codes = ((blocks / scales)[..., None] - VALUES).abs().argmin(-1).to(torch.uint8).reshape(-1, 2)
    return codes[:, :1] * 16 + codes[:, 1:], State(scales, weight.shape, weight.dtype)


def dequantize_4bit(packed: torch.Tensor, state: State) -> torch.Tensor:
    """Return the values that were packed."""
    codes = torch.stack([packed // 16, packed % 16], dim=-1).reshape(-1, BLOCK).long()
    return (VALUES[codes] * state.scales).reshape(state.shape).to(state.dtype)


def installed(monkeypatch) -> None:
    """Let it be imported as bitsandbytes."""
    package, functional = types.ModuleType("bitsandbytes"), types.ModuleType("bitsandbytes.functional")
    functional.quantize_4bit, functional.dequantize_4bit = quantize_4bit, dequantize_4bit  # type: ignore[attr-defined]
    package.functional = functional  # type: ignore[attr-defined]
    # PEFT asks whether layers are of these kinds.
    kinds = {name: type(name, (torch.nn.Module,), {}) for name in ("Linear4bit", "Linear8bitLt")}
    package.nn = types.SimpleNamespace(**kinds)  # type: ignore[attr-defined]
    package.__spec__ = types.SimpleNamespace(name="bitsandbytes")  # type: ignore[assignment]
    monkeypatch.setitem(sys.modules, "bitsandbytes", package)
    monkeypatch.setitem(sys.modules, "bitsandbytes.functional", functional)
