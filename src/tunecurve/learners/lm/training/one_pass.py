"""A step of several trainings in one pass: every training's prefix and rows lie one after the other in one sequence.

On a GPU a small model's step costs as many kernels as it has, so prefix and rows go through every layer together; only
attention tells them apart. Rows are padded behind their end, where nothing that counts can see the padding.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.nn import functional
from torch.nn.attention.bias import causal_lower_right

from tunecurve.learners.lm.attention import repeat_heads
from tunecurve.learners.lm.chat_format import EncodedExample
from tunecurve.learners.lm.training.fused import plain_head

# Shapes of steps differ by at least so many tokens a row.
SHORTEST = 32


class OnePassStep(NamedTuple):
    """One batch of every training, behind one prefix."""

    prefix_ids: torch.Tensor
    """What all rows start with, shape (trainings, prefix tokens)."""
    row_ids: torch.Tensor
    """Padded behind their end, shape (trainings, rows, length)."""
    positions: torch.Tensor
    """Where, in the sequences of all trainings one after the other, the next token is an answer's, shape (answer tokens,)."""
    labels: torch.Tensor
    """Those next tokens; -100 where no loss is taken. Shape (answer tokens,)."""
    shares: torch.Tensor
    """What each token counts for in each training's mean loss, shape (answer tokens, trainings)."""

    def to(self, device: torch.device) -> OnePassStep:
        """Return the tensors on a device."""
        return OnePassStep(*(tensor.to(device, non_blocking=True) for tensor in self))


class FewShapes:
    """Lengths of rows and numbers of answer tokens that all steps of a plan are padded to: few, so that recording pays."""

    def __init__(self, planned: Iterable[Sequence[Sequence[EncodedExample]]], n_prefix: int) -> None:
        self._largest: dict[int, tuple[int, int]] = {}
        for batches in planned:
            length, n_answer = _measures(batches, n_prefix)
            kind = _kind(length, len(batches))
            most = self._largest.get(kind, (0, 0))
            self._largest[kind] = max(most[0], length), max(most[1], n_answer)

    def of(self, length: int, n_answer: int, n_trainings: int) -> tuple[int, int]:
        """Return what a step is padded to; `n_answer` is that of one training."""
        most = self._largest.get(_kind(length, n_trainings), (0, 0))
        return max(most[0], length), max(most[1], n_answer)


def _measures(batches: Sequence[Sequence[EncodedExample]], n_prefix: int) -> tuple[int, int]:
    """Return the longest row behind the prefix, and the answer tokens of a training."""
    length = max(len(row.token_ids) for batch in batches for row in batch) - n_prefix
    n_answer = sum(row.n_answer for batch in batches for row in batch)
    return length, math.ceil(n_answer / len(batches))


def _kind(length: int, n_trainings: int) -> int:
    """Return the length that a shape is named by: a power of two, where a step waits for its kernels and not for tokens."""
    if n_trainings > 1:
        return math.ceil(length / SHORTEST) * SHORTEST
    return max(SHORTEST, 2 ** (length - 1).bit_length())


def one_pass_step(
    batches: Sequence[Sequence[EncodedExample]], n_prefix: int, pad_id: int, shapes: FewShapes | None = None
) -> OnePassStep:
    """Return one batch of every training as tensors on the CPU.

    Parameters
    ----------
    batches : sequence of sequence of EncodedExample
        One a training; where they differ in size, the smaller ones are filled up with rows without loss.
    n_prefix : int
        Leading tokens that all rows of all trainings share.
    pad_id : int
        Token for padding.
    shapes : FewShapes, optional
        What steps are padded to; default: no more than their rows need.
    """
    n_rows = max(map(len, batches))
    length, per_training = _measures(batches, n_prefix)
    if shapes is not None:
        length, per_training = shapes.of(length, per_training, len(batches))
    n_answer = len(batches) * per_training
    row_ids = np.full((len(batches), n_rows, length), pad_id, dtype=np.int64)
    positions = np.zeros(n_answer, dtype=np.int64)
    labels = np.full(n_answer, -100, dtype=np.int64)
    shares = np.zeros((n_answer, len(batches)), dtype=np.float32)
    n_tokens, filled = n_prefix + n_rows * length, 0
    for number, batch in enumerate(batches):
        share = 1 / sum(row.n_answer for row in batch)
        for slot, row in enumerate(batch):
            own = row.token_ids[n_prefix:]
            row_ids[number, slot, : len(own)] = own
            behind = number * n_tokens + n_prefix + slot * length + len(own)
            some = slice(filled, filled + row.n_answer)
            positions[some] = range(behind - row.n_answer - 1, behind - 1)
            labels[some] = row.token_ids[-row.n_answer :]
            shares[some, number] = share
            filled = some.stop
    prefix_ids = torch.tensor([batches[0][0].token_ids[:n_prefix]] * len(batches), dtype=torch.long)
    return OnePassStep(prefix_ids, *map(torch.from_numpy, (row_ids, positions, labels, shares)))


class SideBySide:
    """Which tokens attend to which: in every sequence of a batch a prefix, and rows of one length that see it and themselves."""

    def __init__(self, n_prefix: int, n_rows: int, length: int) -> None:
        self._sizes = [n_prefix, n_rows * length]
        self._n_rows, self._length = n_rows, length

    def attend(
        self, layer: int, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scale: float
    ) -> torch.Tensor:
        """Return the attention's output, shape (trainings, tokens, heads, width), with gradients."""
        # Split, not sliced: the gradients of the parts are put together by one copy.
        (before, asking), (keys, own_keys), (values, own_values) = (
            heads.split(self._sizes, dim=2) for heads in (query, key, value)
        )
        rows = _causal(
            self._by_row(asking),
            torch.cat([self._for_rows(keys), self._by_row(own_keys)], dim=2),
            torch.cat([self._for_rows(values), self._by_row(own_values)], dim=2),
            scale,
        )
        n_heads, width = query.shape[1], query.shape[3]
        rows = rows.transpose(1, 2).reshape(len(query), -1, n_heads, width)
        if not self._sizes[0]:
            return rows
        return torch.cat([_causal(before, keys, values, scale).transpose(1, 2), rows], dim=1)

    def _by_row(self, heads: torch.Tensor) -> torch.Tensor:
        """Return (trainings * rows, heads, length, width)."""
        return heads.unflatten(2, (self._n_rows, self._length)).transpose(1, 2).flatten(0, 1)

    def _for_rows(self, heads: torch.Tensor) -> torch.Tensor:
        return heads[:, None].expand(-1, self._n_rows, -1, -1, -1).flatten(0, 1)


def _causal(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scale: float) -> torch.Tensor:
    """Return attention in which the last query sees all keys, the one before it all but one, and so on."""
    n_asking, n_asked = query.shape[2], key.shape[2]
    attend = functional.scaled_dot_product_attention
    if query.device.type == "cuda" and query.dtype != torch.float32:  # kernels that share key heads and need no mask
        mask: Any = causal_lower_right(n_asking, n_asked)
        return attend(query, key, value, attn_mask=mask, scale=scale, enable_gqa=key.shape[1] != query.shape[1])
    seen = torch.ones(n_asking, n_asked, dtype=torch.bool, device=query.device).tril(n_asked - n_asking)
    n_groups = query.shape[1] // key.shape[1]
    return attend(query, repeat_heads(key, n_groups), repeat_heads(value, n_groups), attn_mask=seen, scale=scale)


def losses_in_one_pass(model: Any, step: OnePassStep) -> torch.Tensor:
    """Return each training's mean loss of its batch, inside `packed_attention` and `StackedAdapters.in_use` only.

    Raises
    ------
    ValueError
        When the model's logits are more than its output layer's product.
    """
    head = plain_head(model)
    if head is None:
        raise ValueError("this model's output layer is not a plain one")
    (n_trainings, n_rows, length), n_prefix = step.row_ids.shape, step.prefix_ids.shape[1]
    own = torch.arange(n_prefix, n_prefix + length, device=step.row_ids.device).repeat(n_rows)
    positions = torch.cat([torch.arange(n_prefix, device=own.device), own])
    hidden = model.get_decoder()(
        input_ids=torch.cat([step.prefix_ids, step.row_ids.flatten(1)], dim=1),
        position_ids=positions.expand(n_trainings, -1),
        use_cache=False,
        packed=SideBySide(n_prefix, n_rows, length),
    ).last_hidden_state
    logits = functional.linear(hidden.flatten(0, 1).index_select(0, step.positions), head.weight)
    by_token = functional.cross_entropy(logits.float(), step.labels, reduction="none")
    return by_token @ step.shares
