"""Where curves start, as the atlas has it: which share of the error of doing nothing is left after the first few rows, by metric."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tunecurve.atlas.load import Atlas, Curve
from tunecurve.errors import UsageError, did_you_mean

# Training rows of a curve's first size that count as a start.
FIRST_ROWS = (16, 64)
# Added to errors, in points, as the forecaster does.
OFFSET = 1.0


def share_of_the_floor(
    atlas: Atlas, metric: str, usual: float, is_known: Callable[[Curve], bool] = lambda curve: True
) -> float:
    """Return the share of the floor's error that curves of a metric still have at their first size.

    The mean of its logarithm over data sets, each counting the same, with the usual share as one more.

    Parameters
    ----------
    atlas : Atlas
    metric : str
        Name of the metric.
    usual : float
        The share of curves at large.
    is_known : callable, optional
        Which curves may be looked at; default: all.

    Raises
    ------
    UsageError
        For a metric of which no curve has a floor and such a first size.
    """
    shares: dict[str, dict[str, list[float]]] = {}
    for curve in filter(is_known, atlas.curves):
        share = _log_share(curve)
        if share is not None:
            shares.setdefault(curve.metric, {}).setdefault(curve.family.dataset, []).append(share)
    if metric not in shares:
        raise UsageError(
            f"--metric {metric!r}: the atlas has no curve that starts at few rows in it; expected one of "
            f"{', '.join(sorted(shares))}, or none: where less of it is better, --direction min says so.{did_you_mean(metric, shares)}"
        )
    return float(np.exp(np.mean([np.log(usual), *(np.mean(found) for found in shares[metric].values())])))


def _log_share(curve: Curve) -> float | None:
    first, floor = min(curve.runs, default=0), curve.without_tuning.get("floor")
    if floor is None or not FIRST_ROWS[0] <= first <= FIRST_ROWS[1]:
        return None
    best = 100.0 if curve.sign > 0 else 0.0
    errors = [abs(best - score) + OFFSET for score in (float(np.mean(curve.runs[first])), floor)]
    return float(np.log(errors[0] / errors[1]))
