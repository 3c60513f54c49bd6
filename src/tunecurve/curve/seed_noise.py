"""How far runs of one size scatter: pooled over sizes, and calmed by a guess where there are few."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tunecurve.curve.odd_runs import OddRun

Floats = NDArray[np.float64]

# Variance of one run falls like n^-0.72 (SD like n^-0.36): pooled over the seeds of LCDB 1.0.
SEED_VARIANCE_EXPONENT = 0.72
# A lone estimate of the seed variance from r runs is wild; this many prior degrees of freedom calm it.
PRIOR_DEGREES_OF_FREEDOM = 2.0
# Prior SD of one run at the largest size, as a share of the error there.
PRIOR_SEED_SHARE = {"bounded": 0.04, "loss": 0.01}


@dataclass(frozen=True)
class GroupedRuns:
    """All runs of a curve, each with its size."""

    score: Floats
    """Shape (n_runs,)."""
    error: Floats
    """Distances from the best score, shape (n_runs,)."""
    unit: float
    """Score units behind one unit of the error."""
    member: NDArray[np.int64]
    """Index of each run's size, shape (n_runs,)."""
    behind: NDArray[np.int64]
    """Runs behind each score, shape (n_runs,)."""
    relative_size: Floats
    """Sizes over the largest, shape (n_sizes,)."""


def seed_noise(
    runs: GroupedRuns, mean_error: Floats, expected: float, odd: OddRun | None = None
) -> tuple[float, Floats]:
    """Variance of one run at the largest size (squared error units), and of each mean log error by seeds, shape (n_sizes,).

    Parameters
    ----------
    runs : GroupedRuns
    mean_error : ndarray, shape (n_sizes,)
    expected : float
        Usual SD of one run at the largest size.
    odd : OddRun, optional
        The noise with and without it is averaged, and what it leaves open of the mean of its size is added.
    """

    def noise(kept: NDArray[np.bool_]) -> tuple[float, Floats]:
        own, count, score = runs.member[kept], runs.behind[kept], runs.score[kept]
        behind = np.bincount(own, count)
        deviation = (score - (np.bincount(own, count * score) / behind)[own]) / runs.unit
        seed = _pooled_seed_variance(deviation, own, count, runs.relative_size, expected)
        return seed, seed * runs.relative_size**-SEED_VARIANCE_EXPONENT / behind

    seed, points = noise(np.ones(len(runs.score), bool))
    if odd is not None:
        seed_without, without = noise(np.arange(len(runs.score)) != odd.run)
        seed, points = odd.mixed(seed_without, seed), odd.chance * without + (1.0 - odd.chance) * points
        points[odd.size] += odd.left_open(runs.error, runs.member)
    return seed, points / mean_error**2


def _pooled_seed_variance(
    deviation: Floats, member: NDArray[np.int64], runs: NDArray[np.int64], relative_size: Floats, expected: float
) -> float:
    """Variance of one run at the largest size, in squared error units; 0 when no size has two scores."""
    freedom = len(deviation) - len(relative_size)
    if not freedom:
        return 0.0
    pooled = float((runs * deviation**2 * relative_size[member] ** SEED_VARIANCE_EXPONENT).sum())
    return (pooled + PRIOR_DEGREES_OF_FREEDOM * expected**2) / (freedom + PRIOR_DEGREES_OF_FREEDOM)
