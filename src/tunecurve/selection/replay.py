"""One replay: from a seed set on, the next rows are chosen, learnt and scored on the frozen test rows, step by step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tunecurve.curve.intervals import Jackknife
from tunecurve.data.rows import Row, ids_hash
from tunecurve.data.split import training_order
from tunecurve.metrics.base import Metric, statistics_matrix
from tunecurve.selection.cheap_learners import Answered, CheapLearner
from tunecurve.selection.vectors import FloatArray
from tunecurve.selection.ways import WAYS, Known
from tunecurve.study.jackknives import jackknife_of


@dataclass(frozen=True)
class Setting:
    """What all replays of a study share."""

    pool: Sequence[Row]
    test: Sequence[Row]
    """Rows to choose from; the frozen test rows."""
    groups: NDArray[np.int_]
    """The number of each test row's group, shape (test,)."""
    metric: Metric
    """What is scored."""
    labels: Callable[[str], Sequence[str]]
    """The labels in a target."""
    answers: str
    """The kind of answers that the cheap learner gives."""
    sizes: Sequence[int]
    """The seed set, and how many rows there are after each choice."""
    split_seed: int
    """Of the study: its orders are drawn from it."""
    _statistics: dict[tuple[int, str], FloatArray] = field(default_factory=dict)

    def identity(self) -> list[object]:
        """Return what determines its replays, the vectors aside (JSON-able)."""
        groups = [int(number) for number in self.groups]
        rows = [ids_hash(self.pool), ids_hash(self.test), groups]
        return [*rows, self.metric.signature, self.answers, list(self.sizes), self.split_seed]

    def score(self, answers: Sequence[str]) -> Jackknife:
        """Return the score of answers to all test rows, with and without each group; equal answers to a row are read once."""
        fresh = [place for place in enumerate(answers) if place not in self._statistics]
        if fresh:
            rows = [self.test[index] for index, _ in fresh]
            found = statistics_matrix(
                self.metric,
                [text for _, text in fresh],
                [row.references for row in rows],
                [row.source for row in rows],
                [row.place for row in rows],
            )
            self._statistics.update(zip(fresh, found, strict=True))
        statistics = np.stack([self._statistics[place] for place in enumerate(answers)])
        return jackknife_of(self.metric, statistics, self.groups)


def replay(setting: Setting, learner: CheapLearner, way: str, seed: int) -> list[Jackknife]:
    """Return the score at every size when a way chooses the rows.

    All ways of one seed begin with the same seed set, so that their differences are paired.
    """
    targets = [row.target for row in setting.pool]
    order = training_order(len(setting.pool), seed + 1, setting.split_seed)  # 0 would be the order of the file
    taken, free = order[: setting.sizes[0]], order[setting.sizes[0] :]
    answered = _answers(learner, taken, targets)
    scores = [setting.score(answered.test.texts)]
    for size in setting.sizes[1:]:
        known = Known(taken, free, setting.labels, targets, answered.pool, learner.products.pool)
        chosen = WAYS[way](known, size - len(taken))
        taken, free = [*taken, *chosen], without(free, chosen)
        answered = _answers(learner, taken, targets)
        scores.append(setting.score(answered.test.texts))
    return scores


def _answers(learner: CheapLearner, taken: Sequence[int], targets: Sequence[str]) -> Answered:
    return learner.after(taken, [targets[row] for row in taken])


def without(rows: Sequence[int], chosen: Sequence[int]) -> list[int]:
    """Return the rows that were not chosen, in their order."""
    gone = set(chosen)
    return [row for row in rows if row not in gone]
