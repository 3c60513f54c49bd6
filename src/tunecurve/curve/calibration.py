"""Conformal calibration: intervals and medians that are right as often as they say, on curves they were not built from.

Three corrections of the forecast's draws, each pulled to "no change":

- **levels**: nearly two thirds of the outcomes lay on one side of the uncorrected median: accuracies of tuning curves below
  it, for the prior expects more late rises than those curves have; losses better than it. A beta calibration (Kull et
  al. 2017) maps forecast levels to observed ones; half of the correction is applied;
- **spread**: a factor for better and one for worse outcomes, by horizon and number of sizes: fitted for bounded metrics
  (`benchmarks/forecast/fit_tables.py`), set by hand for losses (`benchmarks/forecast/regimes.py`);
- **coverage** (bounded metrics): one factor, apart for curves with and without replicates, that brings the coverage of the 80 %
  interval half way to 80 %. It and the levels are made by `benchmarks/forecast/fit_coverage.py`.

There is no lookup to memorise; all fade in over the first doubling beyond the data.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tunecurve.curve.families import Floats
from tunecurve.curve.priors import prior_table

Kinds = Mapping[str, float]


def spread_factors(kinds: Kinds, doublings: Floats, sizes: int, *, replicated: bool) -> tuple[Floats, Floats]:
    """Factors on the spread for better (smaller error) and worse outcomes.

    Parameters
    ----------
    kinds : mapping of str to float
        Entries of the table and their probabilities: the logarithms of their factors are averaged.
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
    fade = np.minimum(beyond, 1.0)
    few = float(np.log(prior_table()["few_sizes"].get(str(sizes), 1.0)))
    logs = {"better": few * fade, "worse": few * fade}
    for kind, chance in kinds.items():
        entry = prior_table()[kind]
        overall = np.log(entry["coverage"]["replicated" if replicated else "single"])
        for side, (constant, slope, per_size) in entry["calibration"].items():
            factor = overall + constant + slope * (beyond - 3.0) + per_size * (min(max(sizes, 3), 6) - 4)
            logs[side] += chance * fade * factor
    return np.exp(logs["better"]), np.exp(logs["worse"])


def observed_level(level: Floats, kinds: Kinds) -> Floats:
    """Return how often tuning curves end below the forecast's quantile of this level, corrected half way.

    Parameters
    ----------
    level : ndarray
        Levels of the log error's forecast, in (0, 1).
    kinds : mapping of str to float
        Entries of the table and their probabilities.
    """
    result = np.array(level, float)
    score_level = 1.0 - level  # a small error is a good score
    for kind, chance in kinds.items():
        table = prior_table()[kind].get("levels")
        if table is not None:
            slope, other_slope, constant = table["beta"]
            logit = slope * np.log(score_level) - other_slope * np.log1p(-score_level) + constant
            result += chance * table["share"] * (1.0 / (1.0 + np.exp(logit)) - level)
    return result


def recalibrate(log_error: Floats, kinds: Kinds, doublings: Floats, sizes: int, *, replicated: bool) -> Floats:
    """Return corrected draws (n_draws, n_at) of the log error; every draw keeps its rank among the others."""
    log_error = _relevel(log_error, kinds, np.clip(doublings, 0.0, 1.0))
    better, worse = spread_factors(kinds, doublings, sizes, replicated=replicated)
    middle = np.median(log_error, axis=0)
    deviation = log_error - middle
    return middle + np.where(deviation < 0, better, worse) * deviation


def _forecast_levels(count: int, kinds: Kinds) -> Floats:
    """Return, for evenly spaced observed levels, the forecast levels that were observed that often."""
    fine = (np.arange(4 * count) + 0.5) / (4 * count)
    even = (np.arange(count) + 0.5) / count
    return np.interp(even, observed_level(fine, kinds), fine)


def _relevel(log_error: Floats, kinds: Kinds, fade: Floats) -> Floats:
    """Replace each draw of rank p by the quantile of the forecast level that was observed to have rank p."""
    beyond = fade > 0
    if not any("levels" in prior_table()[kind] for kind in kinds) or not beyond.any():
        return log_error
    count = len(log_error)
    draws = np.ascontiguousarray(log_error[:, beyond].T)
    order = np.argsort(draws, axis=1)
    ranked = np.take_along_axis(draws, order, axis=1)
    place = np.clip(_forecast_levels(count, kinds) * count - 0.5, 0.0, count - 1.0)
    below = np.minimum(place.astype(int), count - 2)
    share = place - below
    moved = ranked[:, below] * (1.0 - share) + ranked[:, below + 1] * share
    moved = ranked + fade[beyond, None] * (moved - ranked)
    np.put_along_axis(draws, order, moved, axis=1)
    result = log_error.copy()
    result[:, beyond] = draws.T
    return result
