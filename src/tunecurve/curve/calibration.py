"""Conformal calibration: intervals and medians that are right as often as they say, on curves they were not built from.

Language models have one correction, a spread that grows with the number of sizes, and is a tenth narrower from three sizes on; it
is applied to all that may be one. Others have three corrections of the forecast's draws, each pulled to "no change":

- **levels**: nearly two thirds of the outcomes lay on one side of the uncorrected median: accuracies of tuning curves below
  it, for the prior expects more late rises than those curves have; losses better than it. A beta calibration (Kull et
  al. 2017) maps forecast levels to observed ones; half of the correction is applied;
- **spread**: a factor for better and one for worse outcomes, by horizon and number of sizes: fitted for bounded metrics
  (`benchmarks/forecast/fit_tables.py`), set by hand for losses (`benchmarks/forecast/regimes.py`);
- **coverage** (bounded metrics): one factor, apart for curves with and without replicates, that brings the coverage of the 80 %
  interval half way to 80 %. It and the levels are made by `benchmarks/forecast/fit_coverage.py`.

After a single size the shapes that fit it fall by more than curves did: each draw's fall from it is multiplied by one factor
(`smaller_falls`), which holds for all kinds.

TF-IDF on texts is forecast as a mixture of both kinds, whose spread suits language models; it is narrowed by one factor.

There is no lookup to memorise; all fade in over the first doubling beyond the data.
"""

from __future__ import annotations

import numpy as np

from tunecurve.curve.families import Floats
from tunecurve.curve.kinds import FEWEST_SIZES
from tunecurve.curve.priors import prior_table

# The lowest CRPS on five data sets: 80 % intervals, one run a size shown, hold 88 % of runs there for 97 % before, on three others 85 % for
# 97 % (`benchmarks/forecast/tfidf_spread.py`).
TFIDF_SPREAD = 0.75
# So that intervals of scores without a best value hold curves that stop and curves that go on (`benchmarks/forecast/no_best_value.py`).
ENDLESS_SPREAD = 1.4


def spread_factors(kind: str, doublings: Floats, sizes: int, *, replicated: bool) -> tuple[Floats, Floats]:
    """Factors on the spread for better (smaller error) and worse outcomes.

    Parameters
    ----------
    kind : str
        Entry of the table.
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
    entry = prior_table()[kind]
    beyond = np.clip(doublings, 0.0, 6.0)
    overall = np.log(prior_table()["few_sizes"].get(str(sizes), 1.0))
    coverage = entry["coverage"]
    factor = coverage["replicated" if replicated else "single"]
    overall += np.log(coverage.get("few_sizes", factor) if sizes < FEWEST_SIZES else factor)
    factors = []
    for side in ("better", "worse"):
        constant, slope, per_size = entry["calibration"][side]
        log_factor = overall + constant + slope * (beyond - 3.0) + per_size * (min(max(sizes, 3), 6) - 4)
        factors.append(np.exp(np.minimum(beyond, 1.0) * log_factor))
    return factors[0], factors[1]


def observed_level(level: Floats, kind: str) -> Floats:
    """Return how often tuning curves of this kind end below the forecast's quantile of this level, corrected half way."""
    table = prior_table()[kind].get("levels")
    if table is None:
        return level
    slope, other_slope, constant = table["beta"]
    score_level = 1.0 - level  # a small error is a good score
    logit = slope * np.log(score_level) - other_slope * np.log1p(-score_level) + constant
    return level + table["share"] * (1.0 / (1.0 + np.exp(logit)) - level)


def recalibrate(log_error: Floats, kind: str, doublings: Floats, sizes: int, *, replicated: bool) -> Floats:
    """Return corrected draws (n_draws, n_at) of the log error of one kind; every draw keeps its rank among the others."""
    log_error = _relevel(log_error, kind, np.clip(doublings, 0.0, 1.0))
    better, worse = spread_factors(kind, doublings, sizes, replicated=replicated)
    if np.all(better == 1.0) and np.all(worse == 1.0):
        return log_error
    middle = np.median(log_error, axis=0)
    deviation = log_error - middle
    return middle + np.where(deviation < 0, better, worse) * deviation


def narrower(log_error: Floats, doublings: Floats, sizes: int) -> Floats:
    """Return draws (n_draws, n_at) of the log error of TF-IDF from three sizes on, `TFIDF_SPREAD` times as far from their median."""
    return log_error if sizes < FEWEST_SIZES else _stretched(log_error, doublings, TFIDF_SPREAD)


def wider(log_error: Floats, doublings: Floats) -> Floats:
    """Return draws (n_draws, n_at) of the log error of a score without a best value, `ENDLESS_SPREAD` times as far from their median."""
    return _stretched(log_error, doublings, ENDLESS_SPREAD)


def _stretched(log_error: Floats, doublings: Floats, factor: float) -> Floats:
    middle = np.median(log_error, axis=0)
    return middle + (log_error - middle) * factor ** np.clip(doublings, 0.0, 1.0)


def smaller_falls(log_error: Floats, last: float, doublings: Floats, sizes: int) -> Floats:
    """Return draws (n_draws, n_at) of the log error whose distance from the last measured one, `last`, is what few sizes bear out."""
    factor = prior_table()["few_sizes_falls"].get(str(sizes), 1.0)
    return log_error if factor == 1.0 else last + (log_error - last) * factor ** np.clip(doublings, 0.0, 1.0)


def _forecast_levels(count: int, kind: str) -> Floats:
    """Return, for evenly spaced observed levels, the forecast levels that were observed that often."""
    fine = (np.arange(4 * count) + 0.5) / (4 * count)
    even = (np.arange(count) + 0.5) / count
    return np.interp(even, observed_level(fine, kind), fine)


def _relevel(log_error: Floats, kind: str, fade: Floats) -> Floats:
    """Replace each draw of rank p by the quantile of the forecast level that was observed to have rank p."""
    beyond = fade > 0
    count = len(log_error)
    if "levels" not in prior_table()[kind] or not beyond.any() or count < 2:
        return log_error
    draws = np.ascontiguousarray(log_error[:, beyond].T)
    order = np.argsort(draws, axis=1)
    ranked = np.take_along_axis(draws, order, axis=1)
    position = np.clip(_forecast_levels(count, kind) * count - 0.5, 0.0, count - 1.0)
    below = np.minimum(position.astype(int), count - 2)
    share = position - below
    moved = ranked[:, below] * (1.0 - share) + ranked[:, below + 1] * share
    moved = ranked + fade[beyond, None] * (moved - ranked)
    np.put_along_axis(draws, order, moved, axis=1)
    result = log_error.copy()
    result[:, beyond] = draws.T
    return result
