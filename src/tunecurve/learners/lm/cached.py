"""Rows behind a prefix that they share, computed once by transformers' own cache; without a prefix, whole rows.

Exact, not an approximation: causal attention gives the prefix the same keys and values whatever follows, and the
gradients of all rows flow back through the one computation. Rows are padded on the left of their own part, so that
all answers end together and the model's own forward gives logits only there.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.nn import functional
from transformers.cache_utils import DynamicCache

from tunecurve.learners.lm.chat_format import EncodedExample


class CachedStep(NamedTuple):
    """One batch of every training, behind one prefix."""

    prefix_ids: torch.Tensor
    """What all rows start with, shape (trainings, prefix tokens)."""
    token_ids: torch.Tensor
    position_ids: torch.Tensor
    """Padded on the left; positions are those of each row standing alone behind the prefix. Shape (trainings * rows, length)."""
    attention_mask: torch.Tensor
    """0 for padding, shape (trainings * rows, prefix tokens + length)."""
    labels: torch.Tensor
    """-100 where no loss is taken: decided by position, the last `n_answer` ids of each row, whatever their values.
    Shape (trainings, rows, answer tokens)."""

    def to(self, device: torch.device) -> CachedStep:
        """Return the tensors on a device."""
        return CachedStep(*(tensor.to(device, non_blocking=True) for tensor in self))


def cached_step(
    batches: Sequence[Sequence[EncodedExample]], n_prefix: int, pad_id: int, multiple: int = 1
) -> CachedStep:
    """Return one batch of every training as tensors on the CPU.

    Parameters
    ----------
    batches : sequence of sequence of EncodedExample
        One a training; where they differ in size, the smaller ones are filled up with rows without loss.
    n_prefix : int
        Leading tokens that all rows of all trainings share.
    pad_id : int
        Token for padding; never attended to.
    multiple : int, default 1
        Lengths are padded to multiples of it, so that few different shapes occur.
    """
    size = max(map(len, batches))
    rows = [row for batch in batches for row in [*batch, *[batch[0]] * (size - len(batch))]]
    n_kept = _up_to(max(row.n_answer for row in rows), multiple)
    length = _up_to(max(n_kept + 1, *(len(row.token_ids) - n_prefix for row in rows)), multiple)
    token_ids = np.full((len(rows), length), pad_id, dtype=np.int64)
    mask = np.zeros((len(rows), n_prefix + length), dtype=np.int64)
    mask[:, :n_prefix] = 1
    labels = np.full((len(rows), n_kept), -100, dtype=np.int64)
    for number, row in enumerate(rows):
        n_own = len(row.token_ids) - n_prefix
        token_ids[number, length - n_own :] = row.token_ids[n_prefix:]
        mask[number, n_prefix + length - n_own :] = 1
        if number % size < len(batches[number // size]):
            labels[number, n_kept - row.n_answer :] = row.token_ids[-row.n_answer :]
    positions = n_prefix + (mask[:, n_prefix:].cumsum(axis=1) - 1).clip(min=0)
    prefix_ids = np.array([rows[0].token_ids[:n_prefix]] * len(batches), dtype=np.int64)
    by_training = labels.reshape(len(batches), size, n_kept)
    return CachedStep(*map(torch.from_numpy, (prefix_ids, token_ids, positions, mask, by_training)))


def _up_to(number: int, multiple: int) -> int:
    return math.ceil(number / multiple) * multiple


def prefix_cache(model: Any, prefix_ids: torch.Tensor) -> DynamicCache | None:
    """Run the prefix of every training once and return keys and values, with gradients if they are on; None without one."""
    if not prefix_ids.shape[1]:
        return None
    cache = DynamicCache(config=model.config)
    model(input_ids=prefix_ids, past_key_values=cache, use_cache=True, logits_to_keep=1)
    return cache


def expand_cache(cache: DynamicCache, n_rows: int) -> DynamicCache:
    """Return the cache with each of its entries for `n_rows` rows; of a single entry views, not copies."""
    expanded = copy.copy(cache)
    expanded.layers = []
    for layer in cache.layers:
        view = copy.copy(layer)
        view.keys = _for_rows(layer.keys, n_rows)  # type: ignore[union-attr,arg-type]
        view.values = _for_rows(layer.values, n_rows)  # type: ignore[union-attr,arg-type]
        expanded.layers.append(view)
    return expanded


def _for_rows(heads: torch.Tensor, n_rows: int) -> torch.Tensor:
    return heads.expand(n_rows, -1, -1, -1) if len(heads) == 1 else heads.repeat_interleave(n_rows, dim=0)


def answer_logits(model: Any, step: CachedStep, prefix: DynamicCache | None) -> torch.Tensor:
    """Return the logits one position before the answers' tokens, shape (all rows, longest answer, vocabulary)."""
    _, size, n_kept = step.labels.shape
    output = model(
        input_ids=step.token_ids,
        attention_mask=step.attention_mask,
        position_ids=step.position_ids,
        past_key_values=None if prefix is None else expand_cache(prefix, size),
        use_cache=prefix is not None,
        logits_to_keep=n_kept + 1,
    )
    return output.logits[:, :-1]


def loss_of_one(model: Any, step: CachedStep) -> torch.Tensor:
    """Return the mean loss of the answer tokens of a single training's batch, shape (1,)."""
    logits = answer_logits(model, step, prefix_cache(model, step.prefix_ids))
    return functional.cross_entropy(logits.float().flatten(0, 1), step.labels.flatten(), ignore_index=-100)[None]


def losses_of_all(model: Any, step: CachedStep) -> torch.Tensor:
    """Return each training's mean loss of its batch's answer tokens, shape (trainings,)."""
    logits = answer_logits(model, step, prefix_cache(model, step.prefix_ids))
    by_token = functional.cross_entropy(logits.float().flatten(0, 1), step.labels.flatten(), reduction="none")
    return by_token.view(len(step.labels), -1).sum(1) / (step.labels != -100).sum((1, 2))
