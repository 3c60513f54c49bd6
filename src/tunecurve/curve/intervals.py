"""Intervals of scores over few and unequal groups of test rows, also where hardly anything happens.

A score is a function of summed statistics, so leaving out one group at a time costs one vectorised call. From these
scores follow the bias of the estimate, its standard error, and how many groups the error rests on. The interval is an
exact binomial one (Clopper and Pearson 1934) on the effective sample size that this error stands for (Korn and Graubard
1998): it stays within the bounds of the score, is lopsided near them, and is not empty where 0 of 200 documents leak.
`tests/curve/test_interval_coverage.py` holds it to its nominal coverage by simulation, beside the percentile bootstrap.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tunecurve.curve.distributions import beta_quantile, normal_quantile, student_cdf, student_quantile

FloatArray = NDArray[np.float64]

# How many groups' worth of the cautious error is mixed in, over the squared number of groups the measured error rests on:
# with two such groups both weigh the same, with ten the cautious one hardly counts. By simulation.
CAUTION = 1.5
# The cautious standard error of a difference, in groups: twice this is where 3 / groups stands, the exact 95 % bound on
# what may happen in a group without ever having happened in any.
CAUTIOUS_DIFFERENCE = 1.5


def groups_of_equal_size(weights: FloatArray) -> float:
    """Return how many groups of equal size would tell as much if rows of one group were all alike (Kish 1965); 0 of none."""
    return float(weights.sum() ** 2 / np.square(weights).sum()) if weights.any() else 0.0


@dataclass(frozen=True)
class Jackknife:
    """A score and what it becomes when one group of rows after the other is left out."""

    estimate: float
    """The score on all rows."""
    left_out: FloatArray
    """The score without each group, shape (groups,); NaN where it is undefined."""
    weights: FloatArray
    """Rows, or whatever else the score is a share of, in each group, shape (groups,). Groups of 0 tell nothing."""
    seed_scores: tuple[float, ...] = ()
    """Scores of single runs whose mean `estimate` is, where there are several."""
    is_smooth: bool = True
    """Whether the score has no kink, at which one group more or less would tell of a bias that is not there."""

    @cached_property
    def _used(self) -> NDArray[np.bool_]:
        return (self.weights > 0) & np.isfinite(self.left_out)

    @cached_property
    def _deviations(self) -> FloatArray:
        values = self.left_out[self._used]
        return values - values.mean()

    @cached_property
    def pulls(self) -> FloatArray:
        """What each group adds to the estimate, in its units: their mean is the estimate where that is a mean."""
        return self.estimate - (self.n_groups - 1) * self._deviations

    @property
    def is_defined(self) -> bool:
        """Whether there is an estimate and there are groups enough to say how sure it is."""
        return math.isfinite(self.estimate) and self.n_groups > 1

    @cached_property
    def n_groups(self) -> int:
        """Number of groups that tell something."""
        return int(self._used.sum())

    @cached_property
    def effective_groups(self) -> float:
        """Groups of equal size that would tell as much as those that tell something."""
        return groups_of_equal_size(self.weights[self._used])

    @cached_property
    def bias(self) -> float:
        """How much too high the estimate is, by Quenouille's jackknife; 0 of a score with a kink, which that jackknife does not know."""
        if not self.is_smooth:
            return 0.0
        return (self.n_groups - 1) * (float(self.left_out[self._used].mean()) - self.estimate)

    @cached_property
    def row_variance(self) -> float:
        """Variance of the estimate over test rows."""
        return (self.n_groups - 1) / self.n_groups * float(np.square(self._deviations).sum())

    @property
    def seed_variance(self) -> float:
        """Variance of the mean over training seeds; 0 where there is one."""
        n_seeds = len(self.seed_scores)
        return float(np.var(self.seed_scores, ddof=1)) / n_seeds if n_seeds > 1 else 0.0

    @cached_property
    def n_carrying(self) -> float:
        """Number of groups that the variance rests on: 1 if a single one makes all of it."""
        squares = np.square(self._deviations)
        total = float(squares.sum())
        return total**2 / float(np.square(squares).sum()) if total > 0 else 0.0

    @property
    def degrees_of_freedom(self) -> float:
        """Satterthwaite's, of the variance over groups and seeds together."""
        rows, seeds = self.row_variance, self.seed_variance
        if seeds == 0.0:
            return float(self.n_groups - 1)
        return (rows + seeds) ** 2 / (rows**2 / (self.n_groups - 1) + seeds**2 / (len(self.seed_scores) - 1))


def sums_by_group(values: FloatArray, groups: NDArray[np.int_]) -> FloatArray:
    """Return the rows' values summed by group, shape (groups, ...); `groups` holds the number of each row's group."""
    summed = np.zeros((int(groups.max()) + 1, *values.shape[1:]))
    np.add.at(summed, groups, values)
    return summed


def jackknife(
    group_statistics: FloatArray,
    score: Callable[[FloatArray], FloatArray],
    weights: FloatArray | None = None,
    *,
    is_smooth: bool = True,
) -> Jackknife:
    """Return the score with and without each group.

    Parameters
    ----------
    group_statistics : ndarray
        Summed statistics of each group, shape (groups, d).
    score : callable
        Scores, shape (...), from summed statistics, shape (..., d).
    weights : ndarray, optional
        What each group holds of that which the score is a share of, shape (groups,). Default: one each.
    is_smooth : bool, default True
        Whether the score has no kink; one that has is not corrected for bias.
    """
    total = group_statistics.sum(axis=0)
    left_out = np.asarray(score(total - group_statistics), dtype=np.float64)
    weights = np.ones(len(left_out)) if weights is None else weights
    return Jackknife(float(score(total)), left_out, weights, is_smooth=is_smooth)


def mean_of_seeds(items: Sequence[Jackknife]) -> Jackknife:
    """Return the jackknife of the mean over runs with other seeds on the same test rows."""
    if len(items) == 1:
        return items[0]
    estimates = tuple(item.estimate for item in items)
    left_out, weights = (np.mean([getattr(item, name) for item in items], axis=0) for name in ("left_out", "weights"))
    return Jackknife(float(np.mean(estimates)), left_out, weights, estimates, all(item.is_smooth for item in items))


def difference_of(second: Jackknife, first: Jackknife) -> Jackknife:
    """Return the jackknife of the difference second - first on the same test rows."""
    return Jackknife(
        second.estimate - first.estimate,
        second.left_out - first.left_out,
        np.minimum(second.weights, first.weights),
        _seeds_of_both(second, first),
        second.is_smooth and first.is_smooth,
    )


def _seeds_of_both(second: Jackknife, first: Jackknife) -> tuple[float, ...]:
    """Return scores with the variance of both points' seeds: the runs are independent, so variances add."""
    variance = second.seed_variance + first.seed_variance
    n_seeds = max(len(second.seed_scores), len(first.seed_scores))
    if variance == 0.0:
        return ()
    spread = np.linspace(-1.0, 1.0, n_seeds)
    return tuple(spread * math.sqrt(variance * n_seeds / float(np.var(spread, ddof=1))))


def interval(item: Jackknife, bounds: tuple[float, float], level: float = 0.95) -> tuple[float, float]:
    """Return the interval of a score between finite bounds; NaN where there are fewer than two groups.

    Parameters
    ----------
    item : Jackknife
        The score.
    bounds : tuple of float
        Smallest and largest possible score.
    level : float, default 0.95
        Nominal coverage of the two-sided interval.
    """
    tail = 0.5 * (1.0 - level)
    return lower_bound(item, bounds, 1.0 - tail), upper_bound(item, bounds, 1.0 - tail)


def upper_bound(item: Jackknife, bounds: tuple[float, float], level: float = 0.95) -> float:
    """Return the one-sided upper bound of a score."""
    low, high = bounds
    turned = Jackknife(
        low + high - item.estimate,
        low + high - item.left_out,
        item.weights,
        tuple(low + high - score for score in item.seed_scores),
        item.is_smooth,
    )
    return low + high - lower_bound(turned, bounds, level)


def lower_bound(item: Jackknife, bounds: tuple[float, float], level: float = 0.95) -> float:
    """Return the one-sided lower bound of a score."""
    if not item.is_defined:
        return math.nan
    low, high = bounds
    share = min(max((item.estimate - item.bias - low) / (high - low), 0.0), 1.0)
    size = _effective_size(item, share, high - low, level)
    bound = beta_quantile(1.0 - level, size * share, size * (1.0 - share) + 1.0)
    # One group that fell short is no better news than none: never above the bound of a flawless score over these groups.
    flawless = 1.0 - bound_if_none(item.effective_groups, item.degrees_of_freedom, level)
    return low + (high - low) * min(bound, flawless)


def bound_if_none(effective_groups: float, degrees_of_freedom: float, level: float = 0.95) -> float:
    """Return the one-sided upper bound of a share of which nothing was found in so many groups."""
    return 1.0 - beta_quantile(1.0 - level, effective_groups * _few_groups(degrees_of_freedom, level), 1.0)


def _few_groups(degrees_of_freedom: float, level: float) -> float:
    """Return Student's correction of a sample size for few groups."""
    return (normal_quantile(level) / student_quantile(level, degrees_of_freedom)) ** 2


def _effective_size(item: Jackknife, share: float, width: float, level: float) -> float:
    """Return the binomial sample size that is as informative as the groups are."""
    cautious = item.effective_groups
    variance = (item.row_variance + item.seed_variance) / width**2
    binomial = share * (1.0 - share)
    measured = binomial / variance if variance > 0 and binomial > 0 else cautious
    if measured > cautious:
        trust = item.n_carrying**2
        measured = (trust + CAUTION) / (trust / measured + CAUTION / cautious)
    return measured * _few_groups(item.degrees_of_freedom, level)


def positive_interval(item: Jackknife, level: float = 0.95) -> tuple[float, float]:
    """Return the interval of a score that is above 0 and has no upper end, such as a loss: Student's, of its logarithm."""
    if not item.is_defined or item.estimate <= 0.0:
        return math.nan, math.nan
    error = math.sqrt(item.row_variance + item.seed_variance) / item.estimate
    half = student_quantile(0.5 + 0.5 * level, item.degrees_of_freedom) * error
    return item.estimate * math.exp(-half), item.estimate * math.exp(half)


def difference_interval(item: Jackknife, width: float, level: float = 0.95) -> tuple[float, float]:
    """Return the interval of a difference of scores; `width` is the largest score minus the smallest one.

    It lies around the difference less its bias, and reaches to the difference where that is further off than it is wide: there the bias
    itself is not known.
    """
    if not item.is_defined:
        return math.nan, math.nan
    center = item.estimate - item.bias
    half = student_quantile(0.5 + 0.5 * level, item.degrees_of_freedom) * _cautious_error(item, width)
    return max(min(center - half, item.estimate), -width), min(max(center + half, item.estimate), width)


def probability_above_zero(item: Jackknife, width: float) -> float:
    """Return how probable a difference above 0 is, from the distribution that `difference_interval` uses."""
    if not item.is_defined:
        return math.nan
    return student_cdf((item.estimate - item.bias) / _cautious_error(item, width), item.degrees_of_freedom)


def _cautious_error(item: Jackknife, width: float) -> float:
    variance = cautious_variance(item.row_variance, item.n_carrying, item.effective_groups, width)
    return math.sqrt(variance + item.seed_variance)


def cautious_variance(row_variance: float, n_carrying: float, effective_groups: float, width: float) -> float:
    """Return the variance of a difference as if two more groups differed, and never below what no difference can vouch for."""
    variance = row_variance * (n_carrying + 2.0) / n_carrying if n_carrying else 0.0
    cautious = (CAUTIOUS_DIFFERENCE * width / effective_groups) ** 2
    if variance >= cautious:
        return variance
    trust = n_carrying**2
    return (trust * variance + CAUTION * cautious) / (trust + CAUTION)
