"""Ways of choosing the next rows. None sees a label that is not bought yet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tunecurve.data.split import stratified_order
from tunecurve.selection.cheap_learners import Answers
from tunecurve.selection.vectors import FloatArray

RANDOM = "random"


@dataclass(frozen=True)
class Known:
    """What is known when the next rows are chosen."""

    taken: list[int]
    """Rows that are labelled, by their numbers in the pool."""
    free: list[int]
    """The others, in a random order."""
    labels: Callable[[str], Sequence[str]]
    """The labels in a target."""
    targets: Sequence[str]
    """The targets of the pool. Those of free rows are not known to whoever chooses."""
    answers: Answers
    """What a learner that was trained on the taken rows answers to every row of the pool."""
    products: FloatArray
    """Inner products of the pool's vectors, shape (pool, pool)."""


# From what is known and a number to so many of the free rows.
Way = Callable[[Known, int], list[int]]


def at_random(known: Known, n: int) -> list[int]:
    """Return the first rows of the random order."""
    return known.free[:n]


def stratified(known: Known, n: int) -> list[int]:
    """Return rows so that all labels come about evenly; a free row counts as what the learner takes it for."""
    answers = dict(enumerate(known.answers.texts)) | {row: known.targets[row] for row in known.taken}
    labels = [list(known.labels(answers[row])) for row in range(len(known.targets))]
    return stratified_order(known.free, labels, drawn_before=known.taken)[:n]


def least_confident(known: Known, n: int) -> list[int]:
    """Return the rows with the least probable answers (Lewis and Gale 1994); among equals the random order counts."""
    return sorted(known.free, key=lambda row: known.answers.confidence[row])[:n]


def diverse(known: Known, n: int) -> list[int]:
    """Return the rows that lie farthest from all that are taken, one after the other (Sener and Savarese 2018)."""
    squares = np.diag(known.products)
    free = np.array(known.free)

    def distances_to(rows: Sequence[int]) -> FloatArray:
        to_rows = squares[free][:, None] + squares[rows][None, :] - 2.0 * known.products[free][:, rows]
        return to_rows.min(axis=1)

    nearest = distances_to(known.taken)
    found: list[int] = []
    for _ in range(min(n, len(free))):
        place = int(nearest.argmax())
        found.append(int(free[place]))
        nearest = np.minimum(nearest, distances_to([found[-1]]))
        nearest[place] = -np.inf
    return found


WAYS: dict[str, Way] = {
    RANDOM: at_random,
    "stratified": stratified,
    "least confident": least_confident,
    "diverse": diverse,
}
