"""Attention for rows that lie one after the other behind one shared prefix: no padding, no copies of the prefix.

A packed sequence is ``prefix, row 1, row 2, ...``. Every row sees the prefix and its own earlier tokens, never
another row. Each row's attention is taken in two parts, over the prefix and over the row itself, and the two are
joined by their log-sum-exps; that is exact (the way blocks are joined in FlashAttention, Dao et al. 2022,
arXiv:2205.14135, and in Hydragen, Juravsky et al. 2024, arXiv:2402.05099). Backward uses the same identity: with the
joined output and log-sum-exp, the gradient kernel of each part returns its share of the gradient.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import torch
from transformers import AttentionInterface

IMPLEMENTATION = "tunecurve_packed"
# Keyword arguments of attention functions that ask for something the packed way does not do.
_UNSUPPORTED = ("softcap", "sliding_window", "s_aux", "position_bias")
# Stands for "never attended to" as a log-sum-exp: exp(score - 1e4) is 0 for every score that occurs.
_NOTHING = 1e4


class PackedView(Protocol):
    """Who sees whom in a packed sequence; given to the model's forward as ``packed=``."""

    def attend(
        self, layer: int, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scale: float
    ) -> torch.Tensor:
        """Return the attention's output, shape (1, tokens, heads, width)."""
        ...


def _attention_function(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    packed: PackedView,
    scaling: float | None = None,
    dropout: float = 0.0,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    asked = [name for name in _UNSUPPORTED if kwargs.get(name) is not None]
    if asked or dropout or attention_mask is not None:
        raise ValueError(f"packed attention does not do {', '.join(asked) or 'dropout or masks'}")
    scale = scaling if scaling is not None else query.shape[-1] ** -0.5
    return packed.attend(module.layer_idx, query, key, value, scale), None


AttentionInterface.register(IMPLEMENTATION, _attention_function)


@contextmanager
def packed_attention(model: Any) -> Iterator[None]:
    """Let the model attend by the ``packed=`` argument of its forward inside this context."""
    before = model.config._attn_implementation
    model.set_attn_implementation(IMPLEMENTATION)
    try:
        yield
    finally:
        model.set_attn_implementation(before)


def attend_with_weight(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    scale: float,
    *,
    is_causal: bool = False,
    mask: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return attention output and the log-sum-exp of the scores.

    Parameters
    ----------
    query, key, value : Tensor of shape (batch, heads, tokens, width)
        As many key heads as query heads.
    scale : float
        Factor of the scores.
    is_causal : bool, default False
        Tokens see none after them.
    mask : Tensor, optional
        Added to the scores; broadcasts to (batch, heads, query tokens, key tokens).
    """
    if query.device.type == "cpu":
        return torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
            query, key, value, 0.0, is_causal, attn_mask=mask, scale=scale
        )
    scores = (query @ key.transpose(-1, -2)).float() * scale
    if mask is not None:
        scores = scores + mask
    if is_causal:
        scores = scores.masked_fill(torch.ones_like(scores[0, 0], dtype=torch.bool).triu(1), -torch.inf)
    weight = scores.logsumexp(-1)
    return (scores - weight[..., None]).exp().to(value.dtype) @ value, weight


def join(
    first: tuple[torch.Tensor, torch.Tensor], second: tuple[torch.Tensor, torch.Tensor]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return output and log-sum-exp of attention over two parts from those over each."""
    share = torch.sigmoid(second[1] - first[1])[..., None].to(first[0].dtype)
    return torch.lerp(first[0], second[0], share), torch.logaddexp(first[1], second[1])


def repeat_heads(heads: torch.Tensor, n_groups: int) -> torch.Tensor:
    """Return (batch, heads * n_groups, tokens, width): every key head once for each query head that uses it."""
    batch, n_heads, n_tokens, width = heads.shape
    spread = heads[:, :, None].expand(batch, n_heads, n_groups, n_tokens, width)
    return spread.reshape(batch, n_heads * n_groups, n_tokens, width)


def _sum_groups(heads: torch.Tensor, n_groups: int) -> torch.Tensor:
    batch, n_heads, n_tokens, width = heads.shape
    return heads.reshape(batch, n_heads // n_groups, n_groups, n_tokens, width).sum(2)


class TrainingView:
    """The packed sequence of one training step.

    Parameters
    ----------
    n_prefix : int
        Tokens of the prefix; at least 1.
    row_lengths : sequence of int
        Tokens of each row behind it.
    """

    def __init__(self, n_prefix: int, row_lengths: Sequence[int]) -> None:
        self.n_prefix = n_prefix
        self.n_rows, self.longest = len(row_lengths), max(row_lengths)
        self.n_row_tokens = sum(row_lengths)
        lengths = torch.tensor(row_lengths)
        is_token = torch.arange(self.longest)[None] < lengths[:, None]
        starts = lengths.cumsum(0) - lengths
        self._packed_place = torch.where(is_token, starts[:, None] + torch.arange(self.longest), 0).flatten()
        self._padded_place = is_token.flatten().nonzero()[:, 0]
        self._is_padding = ~is_token

    def attend(
        self, layer: int, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scale: float
    ) -> torch.Tensor:
        """Return the attention's output, with gradients."""
        return _TrainingAttention.apply(query, key, value, scale, self)

    def pad(self, packed: torch.Tensor) -> torch.Tensor:
        """Return (rows, heads, longest, ...) from (heads, row tokens, ...); padding repeats the first token."""
        shape = (len(packed), self.n_rows, self.longest, *packed.shape[2:])
        return packed.index_select(1, self._packed_place).view(shape).transpose(0, 1)

    def unpad(self, padded: torch.Tensor) -> torch.Tensor:
        """Return (heads, row tokens, ...) from (rows, heads, longest, ...)."""
        return padded.transpose(0, 1).flatten(1, 2).index_select(1, self._padded_place)

    def mute_padding(self, weight: torch.Tensor) -> torch.Tensor:
        """Return the padded log-sum-exps with those of padding such that they give no gradient."""
        return weight.masked_fill(self._is_padding[:, None], _NOTHING)


class _TrainingAttention(torch.autograd.Function):
    """Forward and backward of `TrainingView`; CPU kernels."""

    @staticmethod
    def forward(ctx: Any, query: Any, key: Any, value: Any, scale: float, view: TrainingView) -> torch.Tensor:
        n_heads, n_tokens, width = query.shape[1:]
        n_groups = n_heads // key.shape[1]
        prefix, rows = slice(0, view.n_prefix), slice(view.n_prefix, None)
        output = query.new_empty(n_tokens, n_heads, width)
        weight = torch.empty(n_heads, n_tokens, dtype=torch.float32)
        own_output, own_weight = attend_with_weight(
            query[:, :, prefix],
            repeat_heads(key[:, :, prefix], n_groups),
            repeat_heads(value[:, :, prefix], n_groups),
            scale,
            is_causal=True,
        )
        output[prefix], weight[:, prefix] = own_output[0].transpose(0, 1), own_weight[0]
        # The query heads that use one key head are laid behind each other: no copy of the prefix is needed.
        grouped = query[:, :, rows].reshape(1, key.shape[1], -1, width)
        over_prefix = attend_with_weight(grouped, key[:, :, prefix], value[:, :, prefix], scale)
        own_output, own_weight = attend_with_weight(
            view.pad(query[0, :, rows]),
            repeat_heads(view.pad(key[0, :, rows]), n_groups),
            repeat_heads(view.pad(value[0, :, rows]), n_groups),
            scale,
            is_causal=True,
        )
        joined, weight[:, rows] = join(
            (over_prefix[0].reshape(n_heads, -1, width), over_prefix[1].reshape(n_heads, -1)),
            (view.unpad(own_output), view.unpad(own_weight)),
        )
        output[rows] = joined.transpose(0, 1)
        ctx.save_for_backward(query, key, value, output, weight)
        ctx.scale, ctx.view = scale, view
        return output[None]

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        query, key, value, output, weight = ctx.saved_tensors
        view: TrainingView = ctx.view
        n_heads, _, width = query.shape[1:]
        n_keys = key.shape[1]
        n_groups = n_heads // n_keys
        prefix, rows = slice(0, view.n_prefix), slice(view.n_prefix, None)
        gradient, output = gradients[0][0].transpose(0, 1), output.transpose(0, 1)
        to_query, to_key, to_value = torch.empty_like(query), torch.empty_like(key), torch.empty_like(value)

        to_query[:, :, prefix], to_prefix_key, to_prefix_value = _attend_backward(
            gradient[None, :, prefix],
            query[:, :, prefix],
            repeat_heads(key[:, :, prefix], n_groups),
            repeat_heads(value[:, :, prefix], n_groups),
            output[None, :, prefix],
            weight[None, :, prefix],
            ctx.scale,
            is_causal=True,
        )

        def grouped(heads: torch.Tensor) -> torch.Tensor:
            return heads[:, rows].reshape(1, n_keys, -1, width)

        from_prefix, more_key, more_value = _attend_backward(
            grouped(gradient),
            grouped(query[0]),
            key[:, :, prefix],
            value[:, :, prefix],
            grouped(output),
            weight[:, rows].reshape(1, n_keys, -1),
            ctx.scale,
            is_causal=False,
        )
        to_key[:, :, prefix] = _sum_groups(to_prefix_key, n_groups).add_(more_key)
        to_value[:, :, prefix] = _sum_groups(to_prefix_value, n_groups).add_(more_value)

        from_own, own_key, own_value = _attend_backward(
            view.pad(gradient[:, rows]),
            view.pad(query[0, :, rows]),
            repeat_heads(view.pad(key[0, :, rows]), n_groups),
            repeat_heads(view.pad(value[0, :, rows]), n_groups),
            view.pad(output[:, rows]),
            view.mute_padding(view.pad(weight[:, rows])),
            ctx.scale,
            is_causal=True,
        )
        to_query[0, :, rows] = view.unpad(from_own).add_(from_prefix.reshape(n_heads, -1, width))
        to_key[0, :, rows] = view.unpad(_sum_groups(own_key, n_groups))
        to_value[0, :, rows] = view.unpad(_sum_groups(own_value, n_groups))
        return to_query, to_key, to_value, None, None


def _attend_backward(
    gradient: torch.Tensor,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    output: torch.Tensor,
    weight: torch.Tensor,
    scale: float,
    *,
    is_causal: bool,
) -> Any:
    """Return the gradients for query, key and value; output and weight may be those over more than these keys."""
    return torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward(
        gradient, query, key, value, output, weight.contiguous(), 0.0, is_causal, scale=scale
    )
