"""Layers computed again on the way back instead of kept (activation checkpointing): the same numbers, less memory, more time.

Of every layer its input alone is kept ("Training Deep Nets with Sublinear Memory Cost", Chen et al. 2016, arXiv:1604.06174).
What the backward pass needs of it is computed once more when its turn comes, and dropout draws the same numbers.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils.checkpoint import checkpoint
from transformers.cache_utils import DynamicCache
from transformers.modeling_layers import GradientCheckpointingLayer

from tunecurve.learners.lm.training.fused import replaced_forwards

# A step of frozen weights is a pass forward and one back that takes as long; computing again is one more forward.
TIMES_AS_LONG = 1.5


def layers_of(model: Any) -> list[Any]:
    """Return the layers that can be computed again: those that transformers computes so, too."""
    return [module for module in model.modules() if isinstance(module, GradientCheckpointingLayer)]


@contextmanager
def recomputed_layers(model: Any, is_on: Callable[[], bool]) -> Iterator[None]:
    """Let the model's layers be computed again on the way back inside this context, in every pass for which it is on."""
    with replaced_forwards([(layer, _forward_of(layer, is_on)) for layer in layers_of(model)]):
        yield


def _forward_of(layer: Any, is_on: Callable[[], bool]) -> Callable[..., Any]:
    forward = layer.forward

    def computed(_: Any, hidden: torch.Tensor, *arguments: Any, **options: Any) -> Any:
        if not is_on():
            return forward(hidden, *arguments, **options)
        run = _behind_cache(forward, options) if options.get("past_key_values") is not None else forward
        # Random numbers are drawn by dropout alone, which is off outside training.
        return checkpoint(
            run, hidden, *arguments, **options, use_reentrant=False, preserve_rng_state=bool(layer.training)
        )

    return computed


def _behind_cache(forward: Callable[..., Any], options: dict[str, Any]) -> Callable[..., Any]:
    """Return a layer's forward that finds the cache as it was each time; only what it was empty of is put into it, once."""
    cache = options.pop("past_key_values")
    before = _copied(cache)
    is_first = True

    def run(*arguments: Any, **rest: Any) -> Any:
        nonlocal is_first
        own = _copied(before)
        output = forward(*arguments, **rest, past_key_values=own)
        if is_first:
            is_first = False
            # Keys and values of rows behind a prefix are read by nobody else.
            cache.layers = [
                now if getattr(then, "keys", None) is not None else new
                for then, new, now in zip(before.layers, own.layers, cache.layers, strict=True)
            ]
        return output

    return run


def _copied(cache: DynamicCache) -> DynamicCache:
    """Return a cache whose layers hold the same tensors, and may be given others."""
    copied = copy.copy(cache)
    copied.layers = [copy.copy(layer) for layer in cache.layers]
    return copied
