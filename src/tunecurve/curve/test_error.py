"""What the luck of the test rows does to a curve: the part that all sizes share, and the part of each size.

All sizes are scored on the same rows, so most of this error moves the whole curve and hides no gain. Works on error units or
their logarithms; knows nothing of seeds, shapes or words.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tunecurve.errors import DataError

Floats = NDArray[np.float64]
# Test sets are shared by all sizes, so most of their error is common; this correlation is used without bootstrap draws.
DEFAULT_TEST_CORRELATION = 0.7
# Per cent that are right at least, for the luck of the test rows: errors stand one beyond the worst score and must not have none.
LEAST_RIGHT = 1.0


def bootstrap_covariance(
    draws: Floats, unit: float, member: NDArray[np.int64], weight: Floats, error: Floats
) -> Floats:
    """Covariance over sizes of the mean log error, shape (n_sizes, n_sizes), from paired draws of the score, whose unit is given."""
    if draws.ndim != 2 or draws.shape[0] != member.size or not np.isfinite(draws).all():
        raise DataError(f"bootstrap_draws of shape {draws.shape}: expected ({member.size}, n_draws), all finite.")
    if draws.shape[1] < 2:
        return np.zeros((len(error), len(error)))
    mean_draws = np.zeros((len(error), draws.shape[1]))
    np.add.at(mean_draws, member, weight[:, None] * draws / unit)
    covariance = np.atleast_2d(np.cov(mean_draws / np.bincount(member, weight)[:, None]))
    return covariance / np.outer(error, error)


def step_variances(covariance: Floats) -> Floats:
    """Variance of the difference of neighbouring sizes, shape (n_sizes - 1,): what they share of the test rows' luck cancels."""
    steps = np.diff(np.diff(covariance, axis=0), axis=1).diagonal()
    return np.maximum(steps, 0.0)


def own_parts(covariance: Floats) -> Floats:
    """Variance that each size does not share with its neighbours, in points squared, shape (n_sizes,): half of that of differences.

    The rest moves neighbouring sizes together, which no shape needs to explain: on this test set the curve lies there. As
    correlated noise of a fit it would be worse than nothing, because the luck of a test set is about as large in points at all
    sizes, and so, in logarithms, larger where the error is small: the fit could leave all good scores on one side ("Peelle's
    pertinent puzzle"; D'Agostini 1994, doi:10.1016/0168-9002(94)90719-6).
    """
    steps = step_variances(covariance)
    if not steps.size:
        return np.zeros(1)
    return 0.25 * (np.concatenate([steps[:1], steps]) + np.concatenate([steps, steps[-1:]]))


def own_part_of_next(covariance: Floats) -> float:
    """Variance that the next size is expected not to share: as over the last two steps.

    But never less than the usual share: few rows that changed say little of how many the next size may change.
    """
    steps = step_variances(covariance)[-2:]
    usual = (1.0 - DEFAULT_TEST_CORRELATION) * float(covariance[-1, -1])
    return max(float(steps.mean()) / 2.0, usual) if steps.size else usual


def test_set_variance(rows: Floats, member: NDArray[np.int64], weight: Floats, error: Floats) -> tuple[Floats, float]:
    """Test-set variance of each size's mean: its own part, and the part that all sizes share (squared error units).

    With only the number of test rows, one or one a run, a bounded metric is treated as a mean of 0/1 rows (an upper bound for
    any metric that is a mean of values in its range). The worst score has the variance of the best one, not none: no row right of 200
    does not say that none ever is.
    """
    if not np.isfinite(rows).all() or (rows < 1).any():
        raise DataError(f"n_test {rows.tolist()}: expected a positive number of test rows.")
    rows = np.bincount(member, weight * np.broadcast_to(rows, member.shape)) / np.bincount(member, weight)
    total = error * np.maximum(100.0 - error, LEAST_RIGHT) / rows
    return (1.0 - DEFAULT_TEST_CORRELATION) * total, float(total[-1])
