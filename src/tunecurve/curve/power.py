"""How small a difference of two scores a test set can tell, and how many rows tell more.

A difference is told where `difference_interval` leaves out 0; the power is how often it does so for a given true difference.
What must be known for it is the noise of a pair of scores on the same rows, `PairedNoise`: measured on two sizes of a study,
or borrowed from other studies. With more rows of the same kind (as many a group as now) the noise falls, and with it the
caution of the interval. `tests/curve/test_power.py` holds the promised power to the one of simulated studies.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from tunecurve.curve.distributions import normal_cdf, student_quantile
from tunecurve.curve.intervals import CAUTION, Jackknife, bound_if_none, cautious_variance
from tunecurve.storage.records import Record

# Four of five true differences are told: the usual power of a planned study (Cohen 1988).
POWER = 0.8
# Test sets beyond this are not proposed.
MOST_ROWS = 10_000_000
# More runs of one size than that nobody trains.
MOST_SEEDS = 20
# What is left of the spread where changes go one way only and score and error rise together.
_LEAST_SPREAD = 0.04
_STEPS = 30
_student_quantile = functools.lru_cache(maxsize=1024)(student_quantile)


@dataclass(frozen=True)
class PairedNoise(Record):
    """The noise of the difference of two scores on the same test rows."""

    n_rows: int
    """Test rows that it was measured on."""
    n_groups: float
    effective_groups: float
    """Groups of them, and groups of equal size that tell as much."""
    variance: float
    """Of the difference, over test rows, in squared units of the score."""
    change: float
    """What a group changes by where it changes, in units of the score: mean square over mean size of the changes."""
    heavy_change: float
    """The same for the few that carry the variance: root of the fourth over the second moment."""
    width: float
    """Largest minus smallest possible score."""
    seed_variance: float = 0.0
    """Of the difference, over training seeds: no number of test rows makes it smaller."""
    n_seeds: int = 1
    """Runs a size."""

    def power(self, difference: float, n_rows: float | None = None, level: float = 0.95) -> float:
        """Return how often a true difference is told, on so many rows of the same kind.

        The half-width of the interval is that of the expected noise. Where changes go one way, score and noise rise
        together, which makes their distance vary less (delta method, third and fourth moments of the changes).
        """
        times = 1.0 if n_rows is None else n_rows / self.n_rows
        groups = self.n_groups * times
        # A difference needs changes that make it: the noise is that of the pair, and never less than these bring.
        moved = min(difference, 0.5 * self.change)
        per_group = max(self.variance * self.n_groups, self.change * moved - moved**2)
        if groups < 2.0 or per_group <= 0.0:
            return 0.0
        variance, carrying = per_group / groups, per_group * groups / self.heavy_change**2
        t = _student_quantile(0.5 + 0.5 * level, self._degrees_of_freedom(variance, groups))
        half = t * math.sqrt(
            cautious_variance(variance, carrying, self.effective_groups * times, self.width) + self.seed_variance
        )
        lean = min(1.0, self.heavy_change * difference / per_group)
        spread = 1.0 - lean * t / math.sqrt(carrying + 2.0) + 0.25 * t**2 / (carrying + 2.0)
        error = math.sqrt(variance * max(spread, _LEAST_SPREAD) + self.seed_variance)
        return normal_cdf((difference - half) / error)

    def _degrees_of_freedom(self, variance: float, groups: float) -> float:
        """Return Satterthwaite's degrees of freedom, as the interval has them."""
        if self.seed_variance == 0.0:
            return groups - 1.0
        by_seeds = self.seed_variance**2 / (self.n_seeds - 1.0)
        return (variance + self.seed_variance) ** 2 / (variance**2 / (groups - 1.0) + by_seeds)

    def smallest_difference(self, level: float = 0.95) -> float | None:
        """Return the smallest difference that is told with the usual power; None where not even the largest one is."""
        if self.power(self.width, level=level) < POWER:
            return None
        return _first(lambda difference: self.power(difference, level=level) >= POWER, 0.0, self.width)

    def rows_for(self, difference: float, power: float = POWER, level: float = 0.95) -> int | None:
        """Return how many test rows tell a difference; None where seeds, not rows, are in its way."""
        if self.power(difference, MOST_ROWS, level) < power:
            return None
        found = _first(
            lambda log_rows: self.power(difference, math.exp(log_rows), level) >= power, 0.0, math.log(MOST_ROWS)
        )
        return math.ceil(math.exp(found) - 1e-6)

    def seeds_for(self, difference: float, level: float = 0.95) -> int | None:
        """Return how many runs a size tell a difference on these rows; None where seeds are not in its way, or too many are needed."""
        if self.seed_variance == 0.0:
            return None
        for count in range(self.n_seeds + 1, MOST_SEEDS + 1):
            more = replace(self, seed_variance=self.seed_variance * self.n_seeds / count, n_seeds=count)
            if more.power(difference, level=level) >= POWER:
                return count
        return None


def _first(is_enough: Callable[[float], bool], low: float, high: float) -> float:
    """Return where `is_enough` turns true between two ends, by bisection."""
    for _ in range(_STEPS):
        middle = 0.5 * (low + high)
        low, high = (low, middle) if is_enough(middle) else (middle, high)
    return high


def measured_noise(item: Jackknife, n_rows: int, width: float) -> PairedNoise | None:
    """Return the noise of a measured difference, from `difference_of`; None where it is undefined.

    The variance is itself an estimate, from as many groups as carry it: it is taken larger by half a part in so many, so
    that the power is reached on average over studies.
    """
    if not item.is_defined:
        return None
    carrying, groups = item.n_carrying, item.n_groups
    # The change that nothing seen speaks against: all rows of a group, at once.
    whole = width * groups / item.effective_groups
    changes = np.abs(item.pulls)
    trust = carrying**2
    moved = float(changes.mean())
    change = float(np.square(changes).mean()) / moved if moved > 0 and carrying else whole
    squares = np.square(item.pulls - item.estimate)
    heavy = math.sqrt(float(np.square(squares).mean() / squares.mean())) if carrying else whole
    return PairedNoise(
        n_rows=n_rows,
        n_groups=groups,
        effective_groups=item.effective_groups,
        variance=item.row_variance * (carrying + 0.5) / carrying if carrying else 0.0,
        change=(trust * change + CAUTION * whole) / (trust + CAUTION),
        heavy_change=(trust * heavy + CAUTION * whole) / (trust + CAUTION),
        width=width,
        seed_variance=item.seed_variance,
        n_seeds=max(len(item.seed_scores), 1),
    )


def rows_to_bound(
    bound: float, n_rows: int, n_groups: float, effective_groups: float, level: float = 0.95
) -> int | None:
    """Return how many rows, in groups as these, bound a share of which none is found; None where too many are needed."""

    def reached(log_rows: float) -> bool:
        times = math.exp(log_rows) / n_rows
        return n_groups * times >= 2.0 and bound_if_none(effective_groups * times, n_groups * times - 1, level) <= bound

    if not reached(math.log(MOST_ROWS)):
        return None
    return math.ceil(math.exp(_first(reached, 0.0, math.log(MOST_ROWS))) - 1e-6)
