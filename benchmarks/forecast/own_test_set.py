"""How far a study's forecast misses on its own test set, on made-up studies whose test rows are as hard or easy at every size.

    python benchmarks/forecast/own_test_set.py [--studies 60]

Each study has three to five doubling sizes of a power law with a floor. A row's difficulty is the same at all sizes and in all
runs; a fifth of the variance is a run's own. Asked is the size twice the largest measured one: the expected score on these very test
rows (`this_test_set`), whose true value is known, and how far the forecast of one more row lies from the mean that was measured.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

from tunecurve.curve.bootstrap import bootstrap_scores, row_multiplicities
from tunecurve.curve.forecast import CurvePoints, forecast_curve

# Test rows, and runs a size.
STUDIES = ((40, 12), (40, 1), (200, 1), (200, 3))
SHARED = 0.8
DRAWS = 300
NORMAL = NormalDist()


class MadeUpStudy:
    """A power law on test rows of fixed difficulty."""

    def __init__(self, n_rows: int, n_runs: int, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        self._start, self._slope, self._floor = (self._random.uniform(*ends) for ends in ((1, 4), (0.3, 0.8), (0, 8)))
        self.sizes = [25, 50, 100, 200, 400][: self._random.integers(3, 6)]
        self._ease, self._n_runs = self._random.standard_normal(n_rows), n_runs

    def _bar(self, size: float) -> float:
        error = self._floor + (100.0 - self._floor) * min(1.0, self._start * size**-self._slope)
        return NORMAL.inv_cdf(min(max(error / 100.0, 1e-6), 1.0 - 1e-6))

    def points(self) -> CurvePoints:
        """Return the runs of all sizes."""
        n_rows = len(self._ease)
        counts = row_multiplicities(n_rows, DRAWS, seed=0)
        runs = [(size, run) for size in self.sizes for run in range(self._n_runs)]
        right = []
        for size, _ in runs:
            own = np.sqrt(1.0 - SHARED) * self._random.standard_normal(n_rows)
            right.append(np.sqrt(SHARED) * self._ease + own > self._bar(size))
        draws = [
            bootstrap_scores(row[:, None] * 1.0, counts, lambda total: 100.0 * total[:, 0] / n_rows) for row in right
        ]
        scores = [100.0 * float(row.mean()) for row in right]
        sizes, seeds = zip(*runs, strict=True)
        return CurvePoints(sizes, scores, replicate=seeds, n_test=n_rows, bootstrap_draws=np.array(draws))

    def expected(self, size: float) -> float:
        """Return the expected score of a run of that size on these test rows."""
        above = (np.sqrt(SHARED) * self._ease - self._bar(size)) / np.sqrt(1.0 - SHARED)
        return 100.0 * float(np.mean([NORMAL.cdf(value) for value in above]))


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a line a kind of study."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=60, help="of each kind")
    options = parser.parse_args(arguments)
    print("| test rows, runs a size | mean miss | inside 80 % | off the last measured mean |\n|---|---|---|---|")
    for n_rows, n_runs in STUDIES:
        misses, inside, off = [], [], []
        for seed in range(options.studies):
            study = MadeUpStudy(n_rows, n_runs, seed)
            points, last = study.points(), study.sizes[-1]
            near, far = forecast_curve(points, (0.0, 100.0), "max", at=[last + 1, 2 * last]).forecasts
            truth, (low, high) = study.expected(2 * last), far.this_test_set.intervals["0.80"]
            misses.append(abs(far.this_test_set.median - truth))
            inside.append(low <= truth <= high)
            off.append(abs(near.this_test_set.median - float(np.mean(np.asarray(points.score)[-n_runs:]))))
        print(
            f"| {n_rows}, {n_runs} | {np.mean(misses):.2f} | {np.mean(inside):.2f} | {np.mean(off):.2f} |", flush=True
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
