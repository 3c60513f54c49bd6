"""A layer of a BERT on packed rows, with its gradients written out.

The same numbers as transformers' layer, where float32 is computed; in bfloat16 the residuals, norms and softmax stay float32, as
automatic casting leaves them. What is saved is casting the same tensors several times, three products where one does, and
dropout's own passes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch.nn import functional

from tunecurve.learners.encoder.packed_rows import Dropout, PackedRows

PARAMETERS = (
    "attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense", "attention.output.LayerNorm",
    "intermediate.dense", "output.dense", "output.LayerNorm",
)  # fmt: skip


class LayerWeights:
    """The weights of a layer as the products take them: in the precision of the products, those of query, key and value together.

    Parameters
    ----------
    layer : transformers' BertLayer, or one built like it
        Its parameters are read at every step.
    dtype : torch.dtype
        Of the products.
    """

    def __init__(self, layer: Any, dtype: torch.dtype) -> None:
        self.parts = [layer.get_submodule(name) for name in PARAMETERS]
        query, key, value, mixed, norm, wide, narrow, last_norm = self.parts
        self.n_heads, self.head_width = (
            layer.attention.self.num_attention_heads,
            layer.attention.self.attention_head_size,
        )
        self.epsilons = norm.eps, last_norm.eps
        self.shares_left_out = layer.attention.self.dropout.p, layer.attention.output.dropout.p, layer.output.dropout.p
        self._from = [(query, key, value), (mixed,), (wide,), (narrow,)]
        self.matrices = [_as_one([part.weight for part in parts], dtype) for parts in self._from]
        self.biases = [_as_one([part.bias for part in parts], dtype) for parts in self._from]

    def refresh(self) -> None:
        """Take over what the last step has changed."""
        with torch.no_grad():
            for parts, matrix, bias in zip(self._from, self.matrices, self.biases, strict=True):
                if matrix.data_ptr() == parts[0].weight.data_ptr():
                    continue
                for part, of_weight, of_bias in zip(
                    parts, matrix.chunk(len(parts)), bias.chunk(len(parts)), strict=True
                ):
                    of_weight.copy_(part.weight)
                    of_bias.copy_(part.bias)

    def take_gradients(self, of_linears: Sequence[tuple[torch.Tensor, torch.Tensor]], of_norms: Sequence[Any]) -> None:
        """Leave gradients with the parameters.

        Parameters
        ----------
        of_linears : sequence of (Tensor, Tensor)
            Of every matrix of `matrices` the gradient of what it gave, and what it read.
        of_norms : sequence of (Tensor, Tensor)
            Of weight and bias, for both norms.
        """
        for parts, (of_out, read) in zip(self._from, of_linears, strict=True):
            of_matrix, of_bias = (of_out.t() @ read).float(), of_out.sum(dim=0).float()
            for part, of_weight, of_its_bias in zip(
                parts, of_matrix.chunk(len(parts)), of_bias.chunk(len(parts)), strict=True
            ):
                _add_gradient(part.weight, of_weight)
                _add_gradient(part.bias, of_its_bias)
        for part, of_both in zip((self.parts[4], self.parts[7]), of_norms, strict=True):
            for parameter, gradient in zip((part.weight, part.bias), of_both, strict=True):
                _add_gradient(parameter, gradient)


def _add_gradient(parameter: torch.nn.Parameter, gradient: torch.Tensor) -> None:
    parameter.grad = gradient if parameter.grad is None else parameter.grad.add_(gradient)


def _as_one(parameters: list[torch.nn.Parameter], dtype: torch.dtype) -> torch.Tensor:
    """Return them one below the other in a precision; a single one that has it already is not copied."""
    whole = parameters[0].detach() if len(parameters) == 1 else torch.cat([one.detach() for one in parameters])
    return whole.to(dtype)


@dataclass(frozen=True)
class LeftOut:
    """What dropout multiplies in a layer: shares of attention, and what attention and the wide part add."""

    attention: torch.Tensor | None
    mixed: torch.Tensor | None
    narrow: torch.Tensor | None

    @classmethod
    def draw(cls, dropout: Dropout | None, weights: LayerWeights, rows: PackedRows, shape: tuple[int, int]) -> LeftOut:
        """Return it for one step; nothing without `dropout`."""
        if dropout is None:
            return cls(None, None, None)
        of_attention = (rows.n_rows, weights.n_heads, rows.longest, rows.longest)
        shapes = (of_attention, shape, shape)
        return cls(*(dropout.factors(one, share) for one, share in zip(shapes, weights.shares_left_out, strict=True)))


def times(values: torch.Tensor, factors: torch.Tensor | None) -> torch.Tensor:
    """Return the product; the values themselves where nothing is left out."""
    return values if factors is None else values * factors


def plus(values: torch.Tensor, added: torch.Tensor, factors: torch.Tensor | None) -> torch.Tensor:
    """Return the sum with what is added multiplied by factors, in the values' precision."""
    added = added.to(values.dtype)
    return values + added if factors is None else torch.addcmul(values, added, factors)


class _Kept(NamedTuple):
    """What the gradients of a layer need of its way forward."""

    read: torch.Tensor
    heads: torch.Tensor
    shares: torch.Tensor
    looked: torch.Tensor
    found: torch.Tensor
    first_sum: torch.Tensor
    mean: torch.Tensor
    spread: torch.Tensor
    middle_read: torch.Tensor
    wide: torch.Tensor
    bent: torch.Tensor
    last_sum: torch.Tensor
    last_mean: torch.Tensor
    last_spread: torch.Tensor


class PackedLayer(torch.autograd.Function):
    """(hidden, weights, rows, left out) to hidden, float32; backward leaves the gradients of the parameters with them."""

    @staticmethod
    def forward(
        ctx: Any, hidden: torch.Tensor, weights: LayerWeights, rows: PackedRows, left_out: LeftOut
    ) -> torch.Tensor:
        """Return the layer's output."""
        (joint, mix, widen, narrow), (joint_bias, mix_bias, widen_bias, narrow_bias) = weights.matrices, weights.biases
        dtype, width = joint.dtype, hidden.shape[1]
        norm, last_norm = weights.parts[4], weights.parts[7]
        read = hidden.to(dtype)
        heads = _heads(functional.linear(read, joint, joint_bias).index_select(0, rows.tokens), rows, weights, 3)
        query, key, value = heads
        scores = (
            torch.bmm(query, key.transpose(1, 2)).float().view(rows.n_rows, weights.n_heads, rows.longest, rows.longest)
        )
        shares = scores.mul_(weights.head_width**-0.5).add_(rows.bias).softmax(dim=-1)
        looked = times(shares, left_out.attention).to(dtype).view(-1, rows.longest, rows.longest)
        found = _side_by_side(torch.bmm(looked, value)[None], rows, weights)
        first_sum = plus(hidden, functional.linear(found, mix, mix_bias), left_out.mixed)
        middle, mean, spread = torch.native_layer_norm(first_sum, [width], norm.weight, norm.bias, weights.epsilons[0])
        middle_read = middle.to(dtype)
        wide = functional.linear(middle_read, widen, widen_bias)
        bent = functional.gelu(wide)
        last_sum = plus(middle, functional.linear(bent, narrow, narrow_bias), left_out.narrow)
        out, last_mean, last_spread = torch.native_layer_norm(
            last_sum, [width], last_norm.weight, last_norm.bias, weights.epsilons[1]
        )
        ctx.fixed = weights, rows, left_out
        kept = _Kept(
            read, heads, shares, looked, found, first_sum, mean, spread, middle_read, wide, bent, last_sum, last_mean, last_spread
        )  # fmt: skip
        ctx.save_for_backward(*kept)
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        """Return the gradient of what the layer read."""
        weights, rows, left_out = ctx.fixed
        kept = _Kept(*ctx.saved_tensors)
        joint, mix, widen, narrow = weights.matrices
        dtype, norm, last_norm = joint.dtype, weights.parts[4], weights.parts[7]
        of_sum, *of_last_norm = _norm_backward(gradients[0], kept.last_sum, kept.last_mean, kept.last_spread, last_norm)
        of_narrow = times(of_sum, left_out.narrow).to(dtype)
        of_wide = torch.ops.aten.gelu_backward(of_narrow @ narrow, kept.wide)
        of_middle = of_sum + of_wide @ widen
        of_hidden, *of_norm = _norm_backward(of_middle, kept.first_sum, kept.mean, kept.spread, norm)
        of_mixed = times(of_hidden, left_out.mixed).to(dtype)
        of_joint = _attention_backward(
            rows.padded(of_mixed @ mix), kept.heads, (kept.shares, kept.looked), (weights, rows, left_out)
        )
        of_read = of_joint @ joint
        weights.take_gradients(
            [(of_joint, kept.read), (of_mixed, kept.found), (of_wide, kept.middle_read), (of_narrow, kept.bent)],
            [of_norm, of_last_norm],
        )
        return of_hidden + of_read, None, None, None


def _heads(padded: torch.Tensor, rows: PackedRows, weights: LayerWeights, n_parts: int) -> torch.Tensor:
    """Return padded vectors by part and head, shape (parts, rows * heads, longest, head's width)."""
    by_head = padded.view(rows.n_rows, rows.longest, n_parts, weights.n_heads, weights.head_width)
    return by_head.permute(2, 0, 3, 1, 4).reshape(n_parts, -1, rows.longest, weights.head_width)


def _side_by_side(heads: torch.Tensor, rows: PackedRows, weights: LayerWeights) -> torch.Tensor:
    """Return what `_heads` took apart, packed: shape (tokens, parts * width)."""
    n_parts = len(heads)
    by_row = heads.view(n_parts, rows.n_rows, weights.n_heads, rows.longest, weights.head_width)
    return by_row.permute(1, 3, 0, 2, 4).reshape(rows.n_rows * rows.longest, -1).index_select(0, rows.places)


def _attention_backward(
    of_found: torch.Tensor,
    heads: torch.Tensor,
    looked_at: tuple[torch.Tensor, torch.Tensor],
    fixed: tuple[LayerWeights, PackedRows, LeftOut],
) -> torch.Tensor:
    """Return the gradient of query, key and value side by side, packed, from that of what attention found, padded."""
    (query, key, value), (shares, looked), (weights, rows, left_out) = heads, looked_at, fixed
    [of_found_by_head] = _heads(of_found, rows, weights, 1)
    of_heads = torch.empty_like(heads)
    torch.bmm(looked.transpose(1, 2), of_found_by_head, out=of_heads[2])
    of_looked = torch.bmm(of_found_by_head, value.transpose(1, 2)).float().view_as(shares)
    of_shares = times(of_looked, left_out.attention)
    of_scores = torch._softmax_backward_data(of_shares, shares, -1, torch.float32).mul_(weights.head_width**-0.5)
    of_scores = of_scores.to(looked.dtype).view_as(looked)
    torch.bmm(of_scores, key, out=of_heads[0])
    torch.bmm(of_scores.transpose(1, 2), query, out=of_heads[1])
    return _side_by_side(of_heads, rows, weights)


def _norm_backward(
    of_out: torch.Tensor, summed: torch.Tensor, mean: torch.Tensor, spread: torch.Tensor, norm: Any
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the gradients of what was normed, of the norm's weight and of its bias."""
    found: tuple[torch.Tensor, torch.Tensor, torch.Tensor] = torch.ops.aten.native_layer_norm_backward(
        of_out.contiguous(),
        summed,
        list(norm.normalized_shape),
        mean,
        spread,
        norm.weight,
        norm.bias,
        [True, True, True],
    )
    return found
