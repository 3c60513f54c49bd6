"""From the statistics of finished trials to curve points and comparisons.

Intervals come from leaving out one group of test rows at a time, the same groups for all trials, so differences are paired. What
the report and the tables show is computed here and nowhere else; the forecaster gets paired bootstrap draws.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from tunecurve.curve.bootstrap import FloatArray, bootstrap_scores, combine_seeds
from tunecurve.curve.intervals import (
    Jackknife,
    difference_interval,
    difference_of,
    interval,
    lower_bound,
    mean_of_seeds,
    probability_above_zero,
    upper_bound,
)
from tunecurve.metrics.base import Metric
from tunecurve.results.records.points import Comparison, Difference, MetricResult, Point, Score, best_of
from tunecurve.results.records.trials import PointLoss
from tunecurve.study.jackknives import jackknife_of
from tunecurve.study.plan import PROMPTED, OfPoint, PointKey, Strategy, Trial
from tunecurve.study.trial_record import TrainingScores

P = TypeVar("P", bound=OfPoint)


@dataclass(frozen=True)
class ScoredTrial:
    """A finished trial's scores, jackknives and bootstrap draws by metric name."""

    trial: Trial
    scores: dict[str, float]
    draws: dict[str, FloatArray]
    jackknives: dict[str, Jackknife]


@dataclass(frozen=True)
class ScoredPoint(OfPoint):
    """All seeds of one (learner, strategy, size) together."""

    learner: str
    strategy: Strategy
    shots: int
    train_size: int
    scores: dict[str, list[float]]
    draws: dict[str, FloatArray]
    jackknives: dict[str, Jackknife]
    floor_title: str = "copying the input"

    @property
    def label(self) -> str:
        """Name for people, e.g. ``3-shot`` or ``tuned on 200``."""
        names = {
            "floor": self.floor_title,
            "baseline": "as it is",
            "zero-shot": "zero-shot",
            "few-shot": f"{self.shots}-shot",
            "similar": f"{self.shots} similar of {self.train_size}",
            "similar-by-label": f"{self.shots} similar by label of {self.train_size}",
            "optimized": f"optimised on {self.train_size}",
        }
        return names.get(self.strategy, f"tuned on {self.train_size}")


def score_trial(
    trial: Trial,
    statistics: Mapping[str, FloatArray],
    metrics: Sequence[Metric],
    multiplicities: FloatArray,
    groups: NDArray[np.int_],
) -> ScoredTrial:
    """Return a trial's scores, draws and jackknives from its per-row statistics; `groups` numbers each row's group."""
    scores = {metric.name: float(metric.score(statistics[metric.name].sum(axis=0))) for metric in metrics}
    draws = {metric.name: bootstrap_scores(statistics[metric.name], multiplicities, metric.score) for metric in metrics}
    jackknives = {metric.name: jackknife_of(metric, statistics[metric.name], groups) for metric in metrics}
    return ScoredTrial(trial, scores, draws, jackknives)


def combine_points(
    scored: Sequence[ScoredTrial], *, seed: int, floor_title: str = "copying the input"
) -> list[ScoredPoint]:
    """Return one point for every (learner, strategy, size), in the order of the trials."""
    grouped: dict[PointKey, list[ScoredTrial]] = {}
    for item in scored:
        grouped.setdefault(item.trial.key, []).append(item)
    points = []
    for (learner, strategy, shots, train_size), members in grouped.items():
        names = list(members[0].scores)
        scores = {name: [member.scores[name] for member in members] for name in names}
        draws = {
            name: combine_seeds(scores[name], np.stack([member.draws[name] for member in members]), seed=seed)
            for name in names
        }
        jackknives = {name: mean_of_seeds([member.jackknives[name] for member in members]) for name in names}
        points.append(ScoredPoint(learner, strategy, shots, train_size, scores, draws, jackknives, floor_title))
    return points


@dataclass(frozen=True)
class PointWriter:
    """Says what points measured: every metric with interval, seeds and the gain over the floor."""

    metrics: Sequence[MetricResult]
    """The study's, the headline metric first."""
    level: float
    """Of the intervals."""
    unit: str
    """``"groups"`` or ``"rows"``: what is left out in turn, in words."""
    floor: ScoredPoint | None
    """What doing nothing scores."""

    def write(self, point: ScoredPoint, training: TrainingScores | None, loss: PointLoss | None) -> Point:
        """Return a point as results.json keeps it."""
        return Point(
            *point.key,
            label=point.label,
            n_seeds=len(next(iter(point.scores.values()))),
            scores={metric.name: self._score(point, metric) for metric in self.metrics},
            training_scores=training,
            loss=loss,
        )

    def _score(self, point: ScoredPoint, metric: MetricResult) -> Score:
        values, item = point.scores[metric.name], point.jackknives[metric.name]
        low, high = interval(item, metric.score_range, self.level)
        worst = upper_bound if metric.direction == "min" else lower_bound
        estimate = float(np.mean(values))
        return Score(
            estimate=defined(estimate),
            low=defined(low),
            high=defined(high),
            bound=defined(worst(item, metric.score_range, self.level)),
            level=self.level,
            method=f"delete-one jackknife over test {self.unit}" + (" and seeds" if len(values) > 1 else ""),
            by_seed=[defined(value) for value in values],
            seed_sd=defined(float(np.std(values, ddof=1))) if len(values) > 1 else None,
            above_floor=self._share_above_floor(estimate, metric),
        )

    def _share_above_floor(self, estimate: float, metric: MetricResult) -> float | None:
        """(score - floor) / (best - floor) in percent: 0 is doing nothing, 100 is perfect."""
        if self.floor is None:
            return None
        best, nothing = metric.best, self.floor.scores[metric.name][0]
        if best is None or not math.isfinite(nothing) or best == nothing:
            return None
        return defined(100.0 * ((estimate - nothing) / (best - nothing)))  # in this order all of it is exactly 100


def defined(value: float) -> float | None:
    """Return the number; None where it is not finite. Zero has no sign.

    Examples
    --------
    >>> defined(-0.0), defined(1.5), defined(math.nan)
    (0.0, 1.5, None)
    """
    return float(value) + 0.0 if math.isfinite(value) else None


def mean_if_known(values: Sequence[float | None]) -> float | None:
    """Return the mean; None where a value is not known, or there is none."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None


def floor_of(points: Iterable[P]) -> P | None:
    """Return the point of doing nothing; None where it is not measured."""
    return next((point for point in points if point.strategy == "floor"), None)


def tuned_curves(points: Iterable[P]) -> dict[str, list[P]]:
    """Return the fine-tuned points by learner, sizes rising."""
    curves: dict[str, list[P]] = {}
    for point in points:
        if point.strategy == "fine-tune":
            curves.setdefault(point.learner, []).append(point)
    return {learner: sorted(own, key=lambda point: point.train_size) for learner, own in curves.items()}


def difference(first: ScoredPoint, second: ScoredPoint, metric: MetricResult, level: float) -> Difference:
    """Return the paired difference second - first, with its interval and P(second is better)."""
    return told_difference(difference_of(second.jackknives[metric.name], first.jackknives[metric.name]), metric, level)


def told_difference(item: Jackknife, metric: MetricResult, level: float) -> Difference:
    """Return a difference of scores as results keep it: with its interval, and how probable the second is better."""
    low, high = difference_interval(item, metric.width, level)
    above = probability_above_zero(item, metric.width)
    better = above if metric.sign > 0 else 1.0 - above
    return Difference(defined(item.estimate), defined(low), defined(high), defined(better))


def comparisons(points: Sequence[ScoredPoint], metrics: Sequence[MetricResult], level: float) -> list[Comparison]:
    """Return neighbouring sizes, and the largest size against every strategy without tuning, by learner; then learners at the same size."""

    def compared(first: ScoredPoint, second: ScoredPoint) -> Comparison:
        differences = {metric.name: difference(first, second, metric, level) for metric in metrics}
        return Comparison(second.learner, first.label, second.label, first.learner, differences)

    found, curves = [], tuned_curves(points)
    floors = [p for p in points if p.strategy == "floor"]
    for learner, own in curves.items():
        rivals = [p for p in points if p.learner == learner and p.strategy in PROMPTED]
        pairs = [*itertools.pairwise(own), *((rival, own[-1]) for rival in floors + rivals)]
        found += [compared(first, second) for first, second in pairs]
    tuned = sorted((p for p in points if p.strategy == "fine-tune"), key=lambda point: point.train_size)
    for _, same_size in itertools.groupby(tuned, key=lambda point: point.train_size):
        found += [compared(first, second) for second, first in itertools.combinations(same_size, 2)]
    return found


def best_point(points: Iterable[Point], metric: MetricResult) -> Point | None:
    """Return the point with the best score of a metric, the floor aside."""
    rated = (point for point in points if point.strategy != "floor")
    return best_of(rated, lambda point: point.scores[metric.name].estimate, metric)
