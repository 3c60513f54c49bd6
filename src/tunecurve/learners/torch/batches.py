"""Which rows form which step: a function of seed and epoch alone, so that a resumed run sees the same steps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

WINDOW_BATCHES = 8


def epoch_batches(lengths: Sequence[int], batch_size: int, *, seed: int, epoch: int) -> list[list[int]]:
    """Return the batches of row indices of one epoch.

    Rows are shuffled, sorted by length within windows of eight batches (less padding), and the batches shuffled again
    (so that lengths do not run in order). Every row occurs once.
    """
    generator = np.random.default_rng([seed, epoch])
    order = generator.permutation(len(lengths))
    window = batch_size * WINDOW_BATCHES
    batches: list[list[int]] = []
    for start in range(0, len(order), window):
        by_length = sorted(order[start : start + window].tolist(), key=lambda row: (lengths[row], row))
        batches += [by_length[first : first + batch_size] for first in range(0, len(by_length), batch_size)]
    return [batches[position] for position in generator.permutation(len(batches))]


def all_batches(lengths: Sequence[int], batch_size: int, epochs: int, *, seed: int) -> list[list[int]]:
    """Return the batches of all epochs, one after the other."""
    return [batch for epoch in range(epochs) for batch in epoch_batches(lengths, batch_size, seed=seed, epoch=epoch)]
