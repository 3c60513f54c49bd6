"""Losses whose fall slows down: they may stop at some level, which the prior for losses expects less often than it happens.

What is maximised up to a best value, without a lowest one, is forecast as a loss, the distance to it, and told in its own words. A score
without a best value has neither.
"""

from __future__ import annotations

import numpy as np

from tunecurve.curve.points import PreparedCurve

# So many sizes tell a fall that slows down from noise, if each doubling falls less than the one before, and the last by this share of the
# first at most (of the logarithm: an exact power law keeps 1).
FEWEST_SIZES, SLOWED = 4, 0.75


def slowing_notes(curve: PreparedCurve) -> list[str]:
    """Return what a reader must know of a loss that falls less with each doubling."""
    if curve.scale.kind != "loss" or len(curve.size) < FEWEST_SIZES:
        return []
    fall = -np.diff(curve.log_error) / np.diff(np.log2(curve.size))
    if fall[-1] <= 0 or (np.diff(fall) >= 0).any() or fall[-1] > SLOWED * fall[0]:
        return []
    what, stops = "this loss", "a loss that stops at some level"
    if curve.scale.sign > 0:
        what, stops = f"the distance to {curve.scale.best:g}", "a score that stops before it"
    return [
        f"Each doubling lowers {what} by less, {100 * -np.expm1(-fall[0]):.2g} % at first and {100 * -np.expm1(-fall[-1]):.2g} % at "
        f"last: {stops} fits, too, and would end worse than the intervals say. Of simulated ones that stop, 80 % "
        "intervals held about half from four sizes, two thirds from six."
    ]
