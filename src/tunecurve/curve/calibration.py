"""Conformal scaling: intervals that cover as often as they say, on curves that were not used to build them.

The spread of the forecast around its median is multiplied by a factor, apart for better and worse outcomes, that
depends on the metric kind, the horizon and the number of sizes through two smooth coefficients each. The coefficients
come from tuning curves (`benchmarks/forecast/fit_tables.py`) and are shrunk to "no change"; there is no lookup to
memorise. One more factor a kind, apart for curves with and without replicates, brings the coverage of the 80 % interval
half way to 80 % on the tuning half of the exam (`benchmarks/forecast/fit_coverage.py`).
"""

from __future__ import annotations

import numpy as np

from tunecurve.curve.families import Floats
from tunecurve.curve.priors import prior_table


def spread_factors(kind: str, doublings: Floats, sizes: int, *, replicated: bool) -> tuple[Floats, Floats]:
    """Factors on the spread for better (smaller error) and worse outcomes.

    Parameters
    ----------
    kind : {"bounded", "loss"}
    doublings : ndarray, shape (n_at,)
        log2 of the size asked for over the largest measured size; inside the data the factor is 1.
    sizes : int
        Number of distinct measured sizes.
    replicated : bool
        Whether any size was measured more than once.

    Returns
    -------
    better, worse : ndarray, shape (n_at,)
    """
    beyond = np.clip(doublings, 0.0, 6.0)
    table = prior_table()[kind]["calibration"]
    overall = np.log(prior_table()[kind]["coverage"]["replicated" if replicated else "single"])
    fade = np.minimum(beyond, 1.0)
    factors = []
    for side in ("better", "worse"):
        constant, slope, per_size = table[side]
        factors.append(np.exp(fade * (overall + constant + slope * (beyond - 3.0) + per_size * (min(sizes, 8) - 4))))
    return factors[0], factors[1]


def recalibrate(log_error: Floats, kind: str, doublings: Floats, sizes: int, *, replicated: bool) -> Floats:
    """Stretch draws (n_draws, n_at) of the log error around their median by `spread_factors`."""
    better, worse = spread_factors(kind, doublings, sizes, replicated=replicated)
    middle = np.median(log_error, axis=0)
    deviation = log_error - middle
    return middle + np.where(deviation < 0, better, worse) * deviation
