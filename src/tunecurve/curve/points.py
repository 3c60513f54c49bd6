"""Measured points of one learning curve: checked, grouped by size, and moved into error space.

The engine works with the logarithm of the error (distance from the best possible score, in per cent of the range, or
the loss itself): there, curves of easy and hard tasks look alike, and no forecast can pass the ceiling. Replicates of
one size are averaged; their spread, pooled over sizes, says how noisy one run is. This module knows nothing of shapes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tunecurve.curve.odd_runs import OddRun, find_odd_run
from tunecurve.curve.paired import PairedSizes
from tunecurve.curve.runs import runs_behind
from tunecurve.curve.seed_noise import PRIOR_SEED_SHARE, SEED_VARIANCE_EXPONENT, GroupedRuns, seed_noise
from tunecurve.curve.test_error import (
    bootstrap_covariance,
    own_part_of_next,
    own_parts,
    test_set_variance,
)
from tunecurve.direction import better_end, better_in_words, sign_of
from tunecurve.errors import DataError, UsageError

Floats = NDArray[np.float64]

# Added to the error of a bounded metric (in per cent of the range) before its logarithm is taken: this near the best score
# the noise of a run no longer shrinks with the error, and 100 is not infinitely better than 99.9.
CEILING_OFFSET = 1.0
SMALLEST_LOSS = 1e-9
# A metric without a best value is forecast as if its range ended so many spreads of the points beyond their best and worst score: of
# simulated curves that stop and that go on, intervals held about as many as they say (`benchmarks/forecast/no_best_value.py`).
SPREADS_BEYOND, SPREADS_BELOW = 1.5, 1.0


@dataclass(frozen=True)
class Scale:
    """Range and direction of a metric, and the way between scores and errors."""

    low: float | None
    high: float | None
    """Smallest and largest possible score; None where there is none."""
    direction: str
    """``"max"`` or ``"min"``: whether larger or smaller scores are better."""
    best: float
    unit: float
    spread: float | None = None
    """Of the points of a metric without a best value, which its stand-in range is made of; else None."""

    @property
    def kind(self) -> str:
        """``"bounded"`` for metrics with two ends (errors in per cent of the range) or a stand-in for them, else ``"loss"``."""
        return "bounded" if self.has_two_ends or self.spread is not None else "loss"

    @property
    def has_two_ends(self) -> bool:
        """Whether the metric itself has a lowest and a highest score, so that test rows say how far a score is luck."""
        return self.low is not None and self.high is not None

    @property
    def sign(self) -> float:
        """1 where more is better, -1 where less is."""
        return sign_of(self.direction)

    def error(self, score: ArrayLike) -> Floats:
        """Distance from the best possible score, in units of the error space; for bounded metrics plus the offset."""
        distance = self.sign * self.best - self.sign * np.asarray(score, float)
        if self.kind == "loss":
            return np.maximum(distance / self.unit, SMALLEST_LOSS)
        return np.maximum(distance / self.unit, 0.0) + CEILING_OFFSET

    def score(self, error: ArrayLike) -> Floats:
        """Scores from errors, held inside the range."""
        offset = CEILING_OFFSET if self.kind == "bounded" else 0.0
        distance = np.maximum(np.asarray(error, float) - offset, 0.0) * self.unit
        score = self.best - self.sign * distance
        return np.clip(score, -np.inf if self.low is None else self.low, np.inf if self.high is None else self.high)


def make_scale(score_range: tuple[float | None, float | None], direction: str, scores: Floats) -> Scale:
    """Build the `Scale` of a metric.

    A metric with no best value (a reward, an Elo rating) gets a stand-in: one and a half times the observed spread beyond the best
    observed score, where forecasts stop, in a range that begins one spread below the worst.

    Raises
    ------
    UsageError
        For a direction other than ``max`` or ``min``, or a range that is not ``low < high``.
    DataError
        For scores outside the range.
    """
    low, high = (None if end is None else float(end) for end in score_range)
    if direction not in ("max", "min"):
        raise UsageError(f"direction {direction!r}: expected 'max' (larger is better) or 'min'.")
    if low is not None and high is not None and not low < high:
        raise UsageError(f"range {low:g},{high:g}: expected LOW < HIGH, for example 0,100.")
    for end in (low, high):
        if end is not None and not np.isfinite(end):
            raise UsageError(f"range end {end}: expected a finite number, or none for an open end.")
    outside = (scores < (-np.inf if low is None else low)) | (scores > (np.inf if high is None else high))
    if outside.any():
        shown = f"{'-inf' if low is None else f'{low:g}'}..{'inf' if high is None else f'{high:g}'}"
        raise DataError(f"score {scores[outside][0]:g} is outside the metric's range {shown}; give the range it has.")
    best = better_end((low, high), direction)
    spread = max(float(np.ptp(scores)), 0.05 * float(np.abs(scores).max()), 1e-6) if scores.size else 1.0
    if best is None and not scores.size:
        raise UsageError(
            f"{better_in_words(direction)} in a metric without a best score, and no size is measured: nothing says where its curve "
            "would end; expected a range with both ends, such as 0,100, or direction min for a loss."
        )
    if best is None:
        beyond = SPREADS_BEYOND * spread
        best = float(better_end((scores.min() - beyond, scores.max() + beyond), direction))
        unit = (float(np.ptp(scores)) + (SPREADS_BEYOND + SPREADS_BELOW) * spread) / 100.0
        return Scale(low, high, direction, best, unit, spread)
    unit = (high - low) / 100.0 if low is not None and high is not None else 1.0
    if unit == 1.0 and scores.size and not (low is not None and high is not None):
        unit = max(float(np.abs(scores - best).max()), 1e-12)
    return Scale(low, high, direction, best, unit)


@dataclass(frozen=True)
class CurvePoints:
    """Points of one learning curve, one entry a run.

    Parameters
    ----------
    train_size : array_like, shape (n_points,)
        Training examples behind each score; positive. Any order, repeats allowed.
    score : array_like, shape (n_points,)
        The metric on the frozen test set.
    replicate : sequence, optional
        Names of the seeds; repeats of a size are replicates with or without names. ``"m10"`` marks a score that is itself the
        mean of 10 runs, ``"m"`` one of an unknown number of runs.
    n_test : int or array_like, optional
        Rows of the test set.
    bootstrap_draws : array_like, shape (n_points, n_draws), optional
        Draws of each score from ONE bootstrap over test rows, shared by all points (paired).
    paired : PairedSizes, optional
        With it, whether a score fell is asked of the distribution that comparisons of two sizes print.

    Examples
    --------
    >>> points = CurvePoints([50, 200, 200], [86.4, 90.8, 91.1], replicate=[0, 0, 1], n_test=400)
    >>> points.train_size, points.n_test
    ([50, 200, 200], 400)
    """

    train_size: Sequence[float] | Floats
    score: Sequence[float] | Floats
    replicate: Sequence[object] | None = None
    n_test: int | Sequence[float] | Floats | None = None
    bootstrap_draws: Sequence[Sequence[float]] | Floats | None = None
    paired: PairedSizes | None = None


@dataclass(frozen=True)
class PreparedCurve:
    """A curve in error space, grouped by size, sizes rising."""

    scale: Scale
    size: Floats
    """Shape (n_sizes,)."""
    mean_score: Floats
    """Shape (n_sizes,); a run that is probably broken counts for what that leaves it (`odd_run`)."""
    replicates: NDArray[np.int64]
    """Runs of each size, those behind published means included, shape (n_sizes,)."""
    log_error: Floats
    """Shape (n_sizes,)."""
    seed_variance: float
    """Variance of the log error of one run at the largest size (pooled, shrunk), or 0 without replicates."""
    point_variance: Floats
    """Known variance of each mean log error: seeds, and the part of the test-set error that sizes do not share. Shape (n_sizes,)."""
    own_test_variance: float
    """Variance of the log error at the largest size from the part of the test-set error that sizes do not share."""
    population_variance: float
    """Variance of the log error at the largest size from the shared part of the test-set error."""
    seed_variances: Floats = field(default_factory=lambda: np.empty(0))
    """Of `point_variance`, what comes from the seeds. Shape (n_sizes,)."""
    test_covariance: Floats | None = None
    """With bootstrap draws: covariance over sizes of the log error from the test rows, of which their differences are made. Shape
    (n_sizes, n_sizes)."""
    starts: int = 0
    """Entries that are not measured but stand for where curves start: all or none (`tunecurve.curve.borrowed`)."""
    test_rows: float | None = None
    """Test rows behind the largest size; None where nobody said."""
    paired: PairedSizes | None = None
    """What the difference of two sizes is judged by, where it is known."""
    odd_run: OddRun | None = None
    """A run that lies far below the others of its size, and is probably broken."""

    @property
    def replicated(self) -> bool:
        """Whether any size has two scores, so that the noise of one run is measured."""
        return self.seed_variance > 0

    @property
    def is_at_best(self) -> bool:
        """Whether the mean score of the largest size is the best that the metric has."""
        return self.scale.kind == "bounded" and bool(self.mean_score[-1] == self.scale.best)

    @property
    def is_flawless(self) -> bool:
        """Whether the mean score of every size is the best that the metric has."""
        return self.is_at_best and bool((self.mean_score == self.scale.best).all())

    def step_variance(self, first: int, second: int) -> float:
        """Return the variance of the difference of two sizes' log errors: seeds, and what they do not share of the test rows."""
        if self.test_covariance is None:
            return float(self.point_variance[first] + self.point_variance[second])
        of, seeds = self.test_covariance, self.seed_variances[first] + self.seed_variances[second]
        return float(seeds + max(of[first, first] + of[second, second] - 2.0 * of[first, second], 0.0))


def checked_arrays(points: CurvePoints) -> tuple[Floats, Floats]:
    """Return sizes and scores as arrays, or raise `DataError` with the first wrong value."""
    try:
        size = np.atleast_1d(np.asarray(points.train_size, float))
        score = np.atleast_1d(np.asarray(points.score, float))
    except (TypeError, ValueError) as problem:
        raise DataError(f"points hold something that is not a number ({problem}); expected sizes and scores.") from None
    if size.ndim != 1 or size.shape != score.shape:
        raise DataError(f"{size.size} sizes and {score.size} scores: expected one score for each size.")
    if not np.isfinite(score).all():
        raise DataError(f"score {score[~np.isfinite(score)][0]} is not a finite number; drop the row or measure again.")
    wrong = ~(np.isfinite(size) & (size > 0))
    if wrong.any():
        raise DataError(
            f"training size {size[wrong][0]:g} cannot be a point: expected a positive number. "
            "A score without training is a rival strategy (kind zeroshot or fewshot), not a point."
        )
    n_told = 1 if points.n_test is None else np.asarray(points.n_test, float).size
    if n_told not in (1, size.size):
        raise DataError(f"{n_told} numbers of test rows and {size.size} scores: expected one, or one each.")
    return size, score


def prepare(points: CurvePoints, score_range: tuple[float | None, float | None], direction: str) -> PreparedCurve:
    """Check the points, average replicates, and move them into log-error space.

    Raises
    ------
    DataError, UsageError
        For points, a range or a direction that make no sense.
    """
    all_sizes, scores = checked_arrays(points)
    scale = make_scale(score_range, direction, scores)
    size, member = np.unique(all_sizes, return_inverse=True)
    runs = runs_behind(points.replicate, scores.size)
    replicates = np.bincount(member, runs).astype(np.int64) if size.size else np.empty(0, np.int64)
    if not size.size:
        return PreparedCurve(scale, size, np.empty(0), replicates, np.empty(0), 0.0, np.empty(0), 0.0, 0.0)
    relative_size = size / size[-1]
    odd = _odd_run(points, scale, scores, member, runs, relative_size)
    weight: Floats = runs.astype(float) if odd is None else odd.weights(member)
    mean_score = np.bincount(member, weight * scores) / np.bincount(member, weight)
    error = scale.error(mean_score)
    usual = PRIOR_SEED_SHARE[scale.kind] * error[-1]
    grouped = GroupedRuns(scores, scale.error(scores), scale.unit, member, runs, relative_size)
    seed, seed_points = seed_noise(grouped, error, usual, odd)
    if points.bootstrap_draws is None:
        own, shared = _test_set_variance(points, scale, member, weight, error)
        own_test, covariance = own / error**2, None
        own_last = float(own_test[-1])
    else:
        draws = np.asarray(points.bootstrap_draws, float)
        covariance = bootstrap_covariance(draws, scale.unit, member, weight, error)
        shared = float(covariance[-1, -1]) * error[-1] ** 2
        in_points = covariance * np.outer(error, error)
        counted = _test_set_variance(points, scale, member, weight, error)[0]
        most = np.maximum(in_points.diagonal(), counted)
        own_test = np.minimum(own_parts(in_points), most) / error**2
        own_last = min(own_part_of_next(in_points), float(most[-1])) / error[-1] ** 2
        if own_last == 0.0:  # no row differs in any draw: the number of rows says what they could have shown
            own_last = float(counted[-1] / error[-1] ** 2)
    return PreparedCurve(
        scale=scale,
        size=size,
        mean_score=mean_score,
        replicates=replicates,
        log_error=np.log(error),
        seed_variance=float(seed / error[-1] ** 2),
        point_variance=seed_points + own_test,
        seed_variances=seed_points,
        test_covariance=covariance,
        own_test_variance=own_last,
        population_variance=float(shared / error[-1] ** 2),
        test_rows=_test_rows(points, int(np.argmax(all_sizes))),
        paired=points.paired,
        odd_run=odd,
    )


def _test_set_variance(
    points: CurvePoints, scale: Scale, member: NDArray[np.int64], weight: Floats, error: Floats
) -> tuple[Floats, float]:
    """As `test_set_variance`; none where the number of test rows is not told, or says nothing of the metric."""
    if points.n_test is None or not scale.has_two_ends:
        return np.zeros(len(error)), 0.0
    return test_set_variance(np.asarray(points.n_test, float), member, weight, error)


def _test_rows(points: CurvePoints, run: int) -> float | None:
    if points.n_test is None:
        return None
    rows = np.asarray(points.n_test, float).ravel()
    return float(rows[run if rows.size > 1 else 0])


def _odd_run(
    points: CurvePoints,
    scale: Scale,
    scores: Floats,
    member: NDArray[np.int64],
    runs: NDArray[np.int64],
    relative_size: Floats,
) -> OddRun | None:
    """Return the run that is probably broken, if there is one."""

    def row_variance(error: Floats) -> Floats:
        return _test_set_variance(points, scale, member, runs.astype(float), error)[0]

    relative_variance = relative_size**-SEED_VARIANCE_EXPONENT
    return find_odd_run(scale.error(scores), member, runs, scale.kind, relative_variance, row_variance)
