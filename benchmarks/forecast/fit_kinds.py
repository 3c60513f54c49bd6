"""The rule that tells language models from classical learners where nobody says what was trained.

The mixture of two forecasts with probability p of the first has the CRPS ``p a + (1 - p) b - p (1 - p) d``, with the CRPS a and b
of each and d, the integral of the squared distance of their distributions. So a logistic rule for p, a few features of
the points going in, can be learned by the CRPS of the mixture itself. Language-model curves are forecast with everything
learned from other sources; classical ones are curves of LCDB's tuning groups, exam tasks and random ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from curves import EXAM, Task, is_holdout, make_tasks, read_curves
from tuning import random_tasks

from tunecurve.curve.kinds import kind_features
from tunecurve.curve.points import CurvePoints, prepare
from tunecurve.curve.predictive import predict
from tunecurve.curve.priors import CLASSICAL, LANGUAGE_MODEL

LEVELS = (np.arange(400) + 0.5) / 400
# Weight of language models against classical learners, and the pull of the features' weights to zero.
SHARE, PULL = 0.4, 0.003
STEPS, RATE = 400, 0.05


@dataclass(frozen=True)
class Pair:
    """One task forecast as either kind: features of its points, the two CRPS, and how far apart the forecasts are."""

    features: np.ndarray
    language_model: float
    classical: float
    apart: float


def make_pair(task: Task) -> Pair:
    """Forecast a task as either kind, under the table in force."""
    curve = prepare(CurvePoints(task.train_size, task.score), task.curve.score_range, task.curve.direction)
    at = np.array([task.target])
    first, second = (
        np.quantile(predict(curve, kind).measured_scores(at)[:, 0], LEVELS) for kind in (LANGUAGE_MODEL, CLASSICAL)
    )
    ends = np.sort(np.concatenate([first, second, [task.truth]]))
    gap, start = np.diff(ends), ends[:-1]
    below = [np.searchsorted(draws, start, side="right") / len(draws) for draws in (first, second)]
    passed = (start >= task.truth).astype(float)
    parts = (below[0] - passed, below[1] - passed, below[0] - below[1])
    return Pair(kind_features(curve), *(float(np.square(part) @ gap) for part in parts))


def classical_pairs(path: Path) -> list[Pair]:
    """Exam tasks and random tasks of the accuracy curves whose groups are not held out."""
    curves = [curve for curve in read_curves(path) if curve.direction == "max" and not is_holdout(curve)]
    tasks = [task for task_set in EXAM if not task_set.relative for task in make_tasks(curves, task_set)]
    return [make_pair(task) for task in tasks + random_tasks(curves, 1, seed=1)]


def learn_kinds(pairs: Sequence[Pair], weight: np.ndarray, classical: Sequence[Pair]) -> np.ndarray:
    """Weights of `tunecurve.curve.kinds.FEATURES`: lowest CRPS of the mixture over both kinds, by Adam; deterministic.

    Parameters
    ----------
    pairs : sequence of Pair
        Language-model tasks.
    weight : ndarray, shape (n_pairs,)
        Sums to one: sources count the same.
    classical : sequence of Pair
    """
    every = [*pairs, *classical]
    features = np.array([pair.features for pair in every])
    first, second, apart = np.array([[p.language_model, p.classical, p.apart] for p in every]).T
    share = np.concatenate([SHARE * weight, np.full(len(classical), (1.0 - SHARE) / len(classical))])
    pull = PULL * np.append(0.0, np.ones(features.shape[1] - 1))
    weights = mean = square = np.zeros(features.shape[1])
    for step in range(1, STEPS + 1):
        chance = 1.0 / (1.0 + np.exp(-features @ weights))
        slope = (first - second - (1.0 - 2.0 * chance) * apart) * chance * (1.0 - chance)
        gradient = features.T @ (share * slope) + pull * weights
        mean, square = 0.9 * mean + 0.1 * gradient, 0.99 * square + 0.01 * gradient**2
        move = RATE * min(1.0, 2.0 * (1.0 - step / STEPS))
        weights = weights - move * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.99**step)) + 1e-12)
    return np.round(weights, 2)
