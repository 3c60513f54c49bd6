"""A metric's score of counted answers, and what it becomes without one group of test rows after the other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tunecurve.curve.intervals import FloatArray, Jackknife, jackknife, sums_by_group
from tunecurve.metrics.base import Metric


def jackknife_of(metric: Metric, statistics: FloatArray, groups: NDArray[np.int_]) -> Jackknife:
    """Return a score with and without each group of rows.

    Parameters
    ----------
    metric : Metric
        What the statistics are of.
    statistics : ndarray
        Sufficient statistics of each row, shape (rows, d).
    groups : ndarray of int
        The number of each row's group, shape (rows,).
    """
    weights = sums_by_group(metric.row_weights(statistics), groups)
    return jackknife(sums_by_group(statistics, groups), metric.score, weights, is_smooth=metric.is_smooth)
