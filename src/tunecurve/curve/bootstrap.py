"""One paired bootstrap for the forecaster: the same resampled test rows for every trial of a study.

A bootstrap draw is a vector of row multiplicities; a metric's draws are `multiplicities @ statistics`, then the metric's formula.
Because all trials share the draws, they say how scores of different sizes rise and fall together. Intervals are not made of
them (`intervals`): quantiles of draws are too narrow over few groups and empty where nothing happens. Knows nothing of metrics
beyond a function from summed statistics to scores.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def row_multiplicities(
    n_rows: int, n_draws: int = 2000, *, seed: int = 0, groups: Sequence[str] | None = None
) -> FloatArray:
    """Return how often each row occurs in each bootstrap draw, shape (n_draws, n_rows).

    Parameters
    ----------
    n_rows : int
        Number of test rows.
    n_draws : int, default 2000
        Number of bootstrap draws.
    seed : int, default 0
        Seed of the index set; one seed for all trials of a study makes the bootstrap paired.
    groups : sequence of str, optional
        Cluster of each row, shape (n_rows,). Whole clusters are resampled then, because rows of one template rise and
        fall together and row-wise intervals would be too narrow (Davison and Hinkley 1997, section 3.8).
    """
    generator = np.random.default_rng(seed)
    if groups is None:
        members = np.arange(n_rows)
    else:
        _, members = np.unique(np.asarray(groups, dtype=object).astype(str), return_inverse=True)
    n_units = int(members.max()) + 1 if n_rows else 0
    counts = np.stack(
        [np.bincount(draw, minlength=n_units) for draw in generator.integers(0, n_units, (n_draws, n_units))]
    )
    return counts[:, members].astype(np.float64)


def bootstrap_scores(
    statistics: FloatArray, multiplicities: FloatArray, score: Callable[[FloatArray], FloatArray]
) -> FloatArray:
    """Return the score in every draw, shape (n_draws,), from statistics of shape (n_rows, d)."""
    return np.asarray(score(multiplicities @ statistics), dtype=np.float64)


def combine_seeds(scores: Sequence[float], draws: FloatArray, *, seed: int = 0) -> FloatArray:
    """Return draws of the mean over seeds that vary with both the test rows and the seeds.

    Parameters
    ----------
    scores : sequence of float
        Score of each seed on all rows, shape (n_seeds,).
    draws : ndarray
        Row-bootstrap draws of each seed, shape (n_seeds, n_draws), paired over rows.
    seed : int, default 0
        Seed of the resampling of seeds.

    Notes
    -----
    Seeds are resampled with replacement; their deviations are widened by ``sqrt(s / (s - 1))`` because the plain
    bootstrap variance of a mean of s values is too small by ``(s - 1) / s``.
    """
    values = np.asarray(scores, dtype=np.float64)
    row_part = draws.mean(axis=0)
    n_seeds = len(values)
    if n_seeds < 2:
        return row_part
    generator = np.random.default_rng(seed)
    picks = generator.integers(0, n_seeds, (draws.shape[1], n_seeds))
    deviations = values[picks].mean(axis=1) - values.mean()
    return row_part + np.sqrt(n_seeds / (n_seeds - 1)) * deviations
