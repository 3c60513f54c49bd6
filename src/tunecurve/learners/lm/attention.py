"""Attention for rows that lie one after the other behind one shared prefix: no padding, no copies of the prefix.

A packed sequence is ``prefix, row 1, row 2, ...``. Every row sees the prefix and its own earlier tokens, never
another row. Each row's attention is taken in two parts, over the prefix and over the row itself, and the two are
merged by their log-sum-exps; that is exact (as blocks are in FlashAttention, Dao et al. 2022,
arXiv:2205.14135, and in Hydragen, Juravsky et al. 2024, arXiv:2402.05099). Backward uses the same identity: with the
merged output and log-sum-exp, the gradient kernel of each part returns its share of the gradient.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import torch
from transformers import AttentionInterface
from transformers.cache_utils import (
    DynamicCache,
    DynamicLayer,
    DynamicSlidingWindowLayer,
    LinearAttentionCacheLayerMixin,
)

IMPLEMENTATION = "tunecurve_packed"
# Keyword arguments of attention functions that ask for something packed attention does not do.
_UNSUPPORTED = ("softcap", "sliding_window", "s_aux", "position_bias")


class PackedView(Protocol):
    """Which tokens attend to which in a packed sequence; given to the model's forward as ``packed=``."""

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
    **options: Any,
) -> tuple[torch.Tensor, None]:
    asked = [name for name in _UNSUPPORTED if options.get(name) is not None]
    if asked or options.get("dropout") or attention_mask is not None:
        raise ValueError(f"packed attention does not do {', '.join(asked) or 'dropout or masks'}")
    scaling = options.get("scaling")
    scale = scaling if scaling is not None else query.shape[-1] ** -0.5
    return packed.attend(module.layer_idx, query, key, value, scale), None


AttentionInterface.register(IMPLEMENTATION, _attention_function)


@contextmanager
def packed_attention(model: Any) -> Iterator[None]:
    """Let the model attend by the ``packed=`` argument of its forward inside this context."""
    if any(isinstance(layer, LinearAttentionCacheLayerMixin) for layer in DynamicCache(config=model.config).layers):
        raise ValueError("in layers with a state of their own rows would see each other")
    before = model.config._attn_implementation
    model.set_attn_implementation(IMPLEMENTATION)
    try:
        yield
    finally:
        model.set_attn_implementation(before)


def may_share_prefix(model: Any, n_tokens: int) -> bool:
    """Return whether rows of up to so many tokens may stand behind one prefix, with padding between: no layer takes notice of it.

    A sliding window counts padding as tokens, and a layer with a state of its own, such as a convolution, takes it in.
    """
    return all(
        type(layer) is DynamicLayer or (type(layer) is DynamicSlidingWindowLayer and n_tokens <= layer.sliding_window)
        for layer in DynamicCache(config=model.config).layers
    )


def attention_with_lse(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scale: float, *, is_causal: bool = False
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
    """
    if query.device.type == "cpu":
        return torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
            query, key, value, 0.0, is_causal, scale=scale
        )
    scores = (query @ key.transpose(-1, -2)).float() * scale
    if is_causal:
        scores = scores.masked_fill(torch.ones_like(scores[0, 0], dtype=torch.bool).triu(1), -torch.inf)
    weight = scores.logsumexp(-1)
    return (scores - weight[..., None]).exp().to(value.dtype) @ value, weight


def merge_attention(
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
    """The packed sequence of one training step: segments, of which the first is seen by all.

    Parameters
    ----------
    n_prefix : int
        Tokens of the prefix; at least 1.
    row_lengths : sequence of int
        Tokens of each row behind it.
    """

    def __init__(self, n_prefix: int, row_lengths: Sequence[int]) -> None:
        ends = list(itertools.accumulate([n_prefix, *row_lengths]))
        self.prefix, self.rows = slice(0, n_prefix), slice(n_prefix, ends[-1])
        self.segments = [slice(start, end) for start, end in itertools.pairwise([0, *ends])]

    def attend(
        self, layer: int, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scale: float
    ) -> torch.Tensor:
        """Return the attention's output, with gradients."""
        return _TrainingAttention.apply(query, key, value, scale, self)


class _TrainingAttention(torch.autograd.Function):
    """Forward and backward of `TrainingView`; CPU kernels, called once a segment: nothing is padded or gathered.

    Computed in float32 whatever the model's precision: the kernels' bfloat16 backward pass runs short rows at a quarter
    of the speed.
    """

    @staticmethod
    def forward(ctx: Any, query: Any, key: Any, value: Any, scale: float, view: TrainingView) -> torch.Tensor:
        n_heads, n_tokens, width = query.shape[1:]
        n_groups = n_heads // key.shape[1]
        queries = query.float()
        keys, values = (repeat_heads(heads.float(), n_groups) for heads in (key, value))
        output = queries.new_empty(1, n_tokens, n_heads, width).transpose(1, 2)
        weight = queries.new_empty(1, n_heads, n_tokens)
        for own in view.segments:
            output[:, :, own], weight[:, :, own] = attention_with_lse(
                queries[:, :, own], keys[:, :, own], values[:, :, own], scale, is_causal=True
            )
        rows, prefix = view.rows, view.prefix
        over_prefix = attention_with_lse(queries[:, :, rows], keys[:, :, prefix], values[:, :, prefix], scale)
        output[:, :, rows], weight[:, :, rows] = merge_attention((output[:, :, rows], weight[:, :, rows]), over_prefix)
        output = output.to(query.dtype).transpose(1, 2)
        ctx.save_for_backward(query, key, value, output, weight)
        ctx.scale, ctx.view = scale, view
        return output

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        query, key, value, output, weight = ctx.saved_tensors
        n_groups = query.shape[1] // key.shape[1]
        view: TrainingView = ctx.view
        gradient, output = (tensor.transpose(1, 2).float() for tensor in (gradients[0], output))
        queries = query.float()
        keys, values = (repeat_heads(heads.float(), n_groups) for heads in (key, value))
        to_query, to_keys, to_values = (torch.empty_like(heads) for heads in (queries, keys, values))

        def backward(asking: slice, asked: slice, *, is_causal: bool) -> Any:
            # Output and weight are those over prefix and row, more than the keys that are asked here.
            return torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward(
                gradient[:, :, asking],
                queries[:, :, asking],
                keys[:, :, asked],
                values[:, :, asked],
                output[:, :, asking],
                weight[:, :, asking].contiguous(),
                0.0,
                is_causal,
                scale=ctx.scale,
            )

        for own in view.segments:
            to_query[:, :, own], to_keys[:, :, own], to_values[:, :, own] = backward(own, own, is_causal=True)
        more_query, more_keys, more_values = backward(view.rows, view.prefix, is_causal=False)
        to_query[:, :, view.rows] += more_query
        to_keys[:, :, view.prefix] += more_keys
        to_values[:, :, view.prefix] += more_values
        return (
            to_query.to(query.dtype),
            _sum_groups(to_keys, n_groups).to(key.dtype),
            _sum_groups(to_values, n_groups).to(value.dtype),
            None,
            None,
        )
