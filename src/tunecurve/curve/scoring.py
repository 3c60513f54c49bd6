"""How good a forecast was, once what it was about is measured."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np


def crps(quantiles: Mapping[str, float], measured: float) -> float:
    """Return the continuous ranked probability score of a forecast given by its quantiles; less is better.

    Parameters
    ----------
    quantiles : mapping of str to float
        By level, e.g. ``{"0.05": 81.2, ...}``, as in a forecast's entry.
    measured : float
        What came.

    Notes
    -----
    Twice the mean pinball loss over the levels; for a single value it is the absolute error.
    """
    levels = np.array([float(level) for level in quantiles])
    misses = measured - np.array(list(quantiles.values()))
    return float(2.0 * np.mean(np.maximum(levels * misses, (levels - 1.0) * misses)))
