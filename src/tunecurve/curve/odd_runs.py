"""One run of a size that lies far below the others of that size and below the curve: how probably it is broken, and what that leaves it.

Such a run comes from training that collapsed, more often than from a curve that fell. Sound runs are expected to scatter around the
others as all other runs of the curve do (Student's t, calm where there are few), broken ones to lie anywhere below. The mean of
the size is that of both hypotheses, weighed by their probability, and their difference is a part of its variance: what two good runs
leave open stays open. Runs that merely differ are none of it; where several sizes have such runs, these are the noise of the curve.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
# A run is looked at when its log error is this far above all others of its size and above a smaller size, and set apart from this
# probability on.
LEAST_GAP, LIKELY = 0.25, 0.5
# Share of runs that are broken, and the SD of their log error.
BROKEN_SHARE, BROKEN_SD = 0.02, 1.0
# What runs are guessed to scatter by before any was repeated: SD as a share of the error, and how many runs that guess counts for.
CALM_SHARE, CALM_FREEDOM = {"bounded": 0.1, "loss": 0.025}, 6.0
# The least they scatter by near the best score, in the units of the error (per cent of the range).
LEAST_RUN_SD = {"bounded": 0.7, "loss": 0.0}


@dataclass(frozen=True)
class OddRun:
    """A run that may be broken."""

    run: int
    """Index among all runs."""
    size: int
    """Index of its size."""
    chance: float
    """Probability that it is broken."""

    def weights(self, member: NDArray[np.int64]) -> Floats:
        """Weight of every run in the mean of its size, shape (n_runs,); those of a size sum to the number of its runs."""
        mine = member == self.size
        count = int(mine.sum())
        weights = np.ones(len(member))
        weights[mine] = 1.0 - self.chance + self.chance * count / (count - 1)
        weights[self.run] = 1.0 - self.chance
        return weights

    def mixed(self, without: float, with_all: float) -> float:
        """Return a number known with and without the run, averaged over both hypotheses."""
        return self.chance * without + (1.0 - self.chance) * with_all

    def left_open(self, error: Floats, member: NDArray[np.int64]) -> float:
        """Variance of the mean error of its size from not knowing whether the run is broken; `error` is that of every run."""
        own = error[member == self.size]
        between = (float(error[self.run]) - float(own.mean())) / (len(own) - 1)
        return self.chance * (1.0 - self.chance) * between**2


def chance_broken(gap: float, run_sd: float, others: int, freedom: float) -> float:
    """Return how probable it is that a run is broken whose log error is `gap` above that of others.

    Parameters
    ----------
    gap : float
    run_sd : float
        SD of the log error of one sound run, estimated with `freedom` degrees of freedom.
    others : int
        How many others there are.
    freedom : float
    """
    spread = run_sd * math.sqrt(1.0 + 1.0 / others)
    log_sound = math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2) - 0.5 * math.log(freedom * math.pi)
    log_sound -= math.log(spread) + (freedom + 1) / 2 * math.log1p((gap / spread) ** 2 / freedom)
    log_broken = 0.5 * math.log(2.0 / math.pi) - math.log(BROKEN_SD) - 0.5 * (gap / BROKEN_SD) ** 2
    log_odds = math.log(BROKEN_SHARE / (1.0 - BROKEN_SHARE)) + log_broken - log_sound
    return 1.0 / (1.0 + math.exp(-min(max(log_odds, -700.0), 700.0)))


def calm_variance(squares: float, freedom: float, last_error: float, kind: str) -> float:
    """Variance of one run at the largest size, in squared error units, from a sum of squares with so many degrees of freedom."""
    return (squares + CALM_FREEDOM * (CALM_SHARE[kind] * last_error) ** 2) / (freedom + CALM_FREEDOM)


def find_odd_run(
    error: Floats,
    member: NDArray[np.int64],
    runs: NDArray[np.int64],
    kind: str,
    relative_variance: Floats,
    row_variance: Callable[[Floats], Floats],
) -> OddRun | None:
    """Find the run that is most probably broken; None where none is with even chances or better.

    Parameters
    ----------
    error : ndarray, shape (n_runs,)
        Distance from the best score.
    member : ndarray, shape (n_runs,)
        Index of each run's size, sizes rising.
    runs : ndarray, shape (n_runs,)
        Runs behind each score; sizes that hold means of several are not looked at.
    kind : {"bounded", "loss"}
    relative_variance : ndarray, shape (n_sizes,)
        Variance of one run at each size over that at the largest.
    row_variance : callable
        From the mean error of every size, the variance of each that sizes do not share of the test rows (squared error units).
    """
    found = []
    for size in range(1, len(relative_variance)):
        mine = np.flatnonzero(member == size)
        if len(mine) < 2 or (runs[mine] > 1).any():
            continue
        run = int(mine[np.argmax(error[mine])])
        kept = np.arange(len(error)) != run
        mean = np.bincount(member[kept], (runs * error)[kept]) / np.bincount(member[kept], runs[kept])
        gap = float(np.log(error[run] / max(error[mine[mine != run]].max(), mean[:size].min())))
        if gap < LEAST_GAP:
            continue
        squares = float((runs * (error - mean[member]) ** 2 / relative_variance[member])[kept].sum())
        freedom = float(kept.sum() - len(mean))
        variance = calm_variance(squares, freedom, float(mean[-1]), kind) * relative_variance[size]
        variance = max(variance, LEAST_RUN_SD[kind] ** 2) + float(row_variance(mean)[size])
        chance = chance_broken(gap, math.sqrt(variance) / float(mean[size]), len(mine) - 1, freedom + CALM_FREEDOM)
        found.append(OddRun(run, size, chance))
    best = max(found, key=lambda one: one.chance, default=None)
    return best if best is not None and best.chance >= LIKELY else None
