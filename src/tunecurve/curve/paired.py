"""What two sizes of a curve differ by on the same test rows: the distribution that comparisons of two points print.

Whether a score fell must not be asked of another distribution than the one whose interval stands beside it: quantiles of
bootstrap draws narrow as groups get fewer, and a fall within the printed noise would be called real.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from tunecurve.curve.intervals import Jackknife, difference_of, probability_above_zero
from tunecurve.curve.power import measured_noise


@dataclass(frozen=True)
class PairedSizes:
    """The mean score of every size, with and without each group of test rows."""

    scores: Mapping[float, Jackknife]
    """By training size."""
    width: float
    """Largest minus smallest possible score."""
    sign: float
    """1 where more of the metric is better, -1 where less is."""
    level: float = 0.95
    """Of the intervals that are printed."""

    def chance_not_worse(self, before: float, after: float) -> float | None:
        """Return how probable it is that a size is no worse than another one; None where that is not known."""
        if not {before, after} <= set(self.scores) or not math.isfinite(self.width):
            return None
        above = probability_above_zero(difference_of(self.scores[after], self.scores[before]), self.width)
        chance = above if self.sign > 0 else 1.0 - above
        return float(chance) if math.isfinite(chance) else None

    def seeds_hide(self, before: float, after: float, difference: float, n_rows: int) -> bool:
        """Return whether no number of test rows tells such a difference of two sizes, because runs with other seeds differ by too much."""
        if not {before, after} <= set(self.scores) or not math.isfinite(self.width):
            return False
        noise = measured_noise(difference_of(self.scores[after], self.scores[before]), n_rows, self.width)
        if noise is None or not noise.seed_variance:
            return False
        return noise.rows_for(difference, level=self.level) is None

    @property
    def tail(self) -> float:
        """What a printed interval leaves out on one side."""
        return 0.5 * (1.0 - self.level)
