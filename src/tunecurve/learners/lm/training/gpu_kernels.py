"""What transformers computes in many small kernels, in one each: the product of a gate, and the rotation by position.

Written in Triton, which PyTorch brings along where it computes on a GPU. Values are computed in float32 and rounded once.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import triton
import triton.language as tl

from tunecurve.learners.lm.training.fused import is_gated_unit, replaced_forwards

_BLOCK = 1024
_ROTATION = "apply_rotary_pos_emb"


@triton.jit
def _gate_kernel(gate_at, up_at, output_at, n, block: tl.constexpr):  # type: ignore[no-untyped-def]
    offsets = tl.program_id(0).to(tl.int64) * block + tl.arange(0, block)
    inside = offsets < n
    gate = tl.load(gate_at + offsets, mask=inside, other=0.0).to(tl.float32)
    up = tl.load(up_at + offsets, mask=inside, other=0.0).to(tl.float32)
    tl.store(output_at + offsets, gate * tl.sigmoid(gate) * up, mask=inside)


@triton.jit
def _gate_backward_kernel(gradient_at, gate_at, up_at, to_gate_at, to_up_at, n, block: tl.constexpr):  # type: ignore[no-untyped-def]
    offsets = tl.program_id(0).to(tl.int64) * block + tl.arange(0, block)
    inside = offsets < n
    gradient = tl.load(gradient_at + offsets, mask=inside, other=0.0).to(tl.float32)
    gate = tl.load(gate_at + offsets, mask=inside, other=0.0).to(tl.float32)
    up = tl.load(up_at + offsets, mask=inside, other=0.0).to(tl.float32)
    open_share = tl.sigmoid(gate)
    tl.store(to_gate_at + offsets, gradient * up * open_share * (1 + gate * (1 - open_share)), mask=inside)
    tl.store(to_up_at + offsets, gradient * gate * open_share, mask=inside)


@triton.jit
def _rotate_kernel(  # type: ignore[no-untyped-def]
    heads_at,
    cos_at,
    sin_at,
    output_at,
    batch_stride,
    head_stride,
    token_stride,
    n_tokens,
    n_heads,
    half,
    back: tl.constexpr,
    head_block: tl.constexpr,
    half_block: tl.constexpr,
):
    token = tl.program_id(0).to(tl.int64)
    head, column = tl.arange(0, head_block)[:, None], tl.arange(0, half_block)[None, :]
    inside = (head < n_heads) & (column < half)
    start = (token // n_tokens) * batch_stride + (token % n_tokens) * token_stride + head * head_stride + column
    first = tl.load(heads_at + start, mask=inside, other=0.0).to(tl.float32)
    second = tl.load(heads_at + start + half, mask=inside, other=0.0).to(tl.float32)
    angle = token * 2 * half + column
    of_half = column < half
    cos_first = tl.load(cos_at + angle, mask=of_half, other=0.0).to(tl.float32)
    cos_second = tl.load(cos_at + angle + half, mask=of_half, other=0.0).to(tl.float32)
    sin_first = tl.load(sin_at + angle, mask=of_half, other=0.0).to(tl.float32)
    sin_second = tl.load(sin_at + angle + half, mask=of_half, other=0.0).to(tl.float32)
    if back:
        to_first, to_second = first * cos_first + second * sin_second, second * cos_second - first * sin_first
    else:
        to_first, to_second = first * cos_first - second * sin_first, second * cos_second + first * sin_second
    out = token * n_heads * 2 * half + head * 2 * half + column
    tl.store(output_at + out, to_first, mask=inside)
    tl.store(output_at + out + half, to_second, mask=inside)


class _Gate(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, gate: Any, up: Any) -> torch.Tensor:
        gate, up = gate.contiguous(), up.contiguous()
        ctx.save_for_backward(gate, up)
        output = torch.empty_like(gate)
        _gate_kernel[(triton.cdiv(gate.numel(), _BLOCK),)](gate, up, output, gate.numel(), block=_BLOCK)
        return output

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        gate, up = ctx.saved_tensors
        to_gate, to_up = torch.empty_like(gate), torch.empty_like(up)
        _gate_backward_kernel[(triton.cdiv(gate.numel(), _BLOCK),)](
            gradients[0].contiguous(), gate, up, to_gate, to_up, gate.numel(), block=_BLOCK
        )
        return to_gate, to_up


class _Rotate(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, heads: Any, cos: Any, sin: Any) -> torch.Tensor:
        ctx.save_for_backward(cos, sin)
        return _rotate(heads, cos, sin, back=False)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        return _rotate(gradients[0], *ctx.saved_tensors, back=True), None, None


def _rotate(heads: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor, *, back: bool) -> torch.Tensor:
    heads = heads if heads.stride(-1) == 1 else heads.contiguous()
    n_batch, n_heads, n_tokens, width = heads.shape
    output = heads.new_empty(n_batch, n_tokens, n_heads, width)
    _rotate_kernel[(n_batch * n_tokens,)](
        heads,
        cos,
        sin,
        output,
        heads.stride(0),
        heads.stride(1),
        heads.stride(2),
        n_tokens,
        n_heads,
        width // 2,
        back=back,
        head_block=triton.next_power_of_2(n_heads),
        half_block=triton.next_power_of_2(width // 2),
    )
    return output.transpose(1, 2)


def gated(gate: torch.Tensor, up: torch.Tensor) -> torch.Tensor:
    """Return ``silu(gate) * up``."""
    return _Gate.apply(gate, up)


def rotated(
    query: torch.Tensor, key: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor, unsqueeze_dim: int = 1
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return query and key, shape (batch, heads, tokens, width), rotated by angles of shape (batch, tokens, width)."""
    cos, sin = (angles.expand(len(query), -1, -1).contiguous() for angles in (cos, sin))
    return _Rotate.apply(query, cos, sin), _Rotate.apply(key, cos, sin)


@contextmanager
def short_kernels(model: Any) -> Iterator[int]:
    """Let the known parts of the model compute in these kernels inside this context; gives how many there are."""
    gates = [(module, _gated_forward) for module in model.modules() if is_gated_unit(module)]
    homes = {sys.modules[type(module).__module__] for module in model.modules() if hasattr(module, "q_proj")}
    rotations = {home: getattr(home, _ROTATION, None) for home in homes}
    rotations = {home: rotation for home, rotation in rotations.items() if _rotates_as_llama(rotation)}
    with replaced_forwards(gates):
        try:
            for home in rotations:
                setattr(home, _ROTATION, rotated)
            yield len(gates) + len(rotations)
        finally:
            for home, rotation in rotations.items():
                setattr(home, _ROTATION, rotation)


def _gated_forward(unit: Any, hidden: torch.Tensor) -> torch.Tensor:
    return unit.down_proj(gated(unit.gate_proj(hidden), unit.up_proj(hidden)))


def _rotates_as_llama(rotation: Any) -> bool:
    """Return whether this is the usual rotation, of which every kind of model has its copy."""
    from transformers.models.llama import modeling_llama

    def code(function: Any) -> Any:
        found = getattr(inspect.unwrap(function), "__code__", None)
        return found and (found.co_code, found.co_names, found.co_consts[1:])

    usual = modeling_llama.apply_rotary_pos_emb
    halves = [getattr(inspect.unwrap(each), "__globals__", {}).get("rotate_half") for each in (rotation, usual)]
    return rotation is not None and code(rotation) == code(usual) and code(halves[0]) == code(halves[1])
