"""How often differences are told that a test set was said to tell in 4 of 5 cases: more settings than the suite has time for.

    python benchmarks/testset/power.py [--pilots 40] [--studies 40]

For accuracy: test rows, groups, share of the answers that change between two sizes, and how alike rows of a group are. A pilot study
without a difference says which one can be told; studies with that difference follow. Prints a line a setting.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from pathlib import Path

import numpy as np

from tunecurve.curve.power import measured_noise

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.curve.test_power import is_told, pair_of_shares

SIZES = [(50, 50), (50, 20), (200, 200), (200, 51), (200, 20), (1000, 1000), (1000, 200), (1000, 51)]
CHANGED = (0.01, 0.02, 0.05, 0.1, 0.2, 0.4)
ALIKE = (0.0, 0.1, 0.3)


def main() -> None:
    """Print smallest differences and powers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pilots", type=int, default=40)
    parser.add_argument("--studies", type=int, default=40)
    options = parser.parse_args()
    generator = np.random.default_rng(1)
    print("rows,groups,changed,alike,smallest difference,its 10 %,its 90 %,power")
    for (n_rows, n_groups), changed, alike in itertools.product(SIZES, CHANGED, ALIKE):
        if alike and n_groups == n_rows:
            continue
        told, smallest = [], []
        for _ in range(options.pilots):
            pilot = pair_of_shares(generator, n_rows, n_groups, changed / 2, changed / 2, alike)
            difference = measured_noise(pilot, n_rows, 100.0).smallest_difference()
            smallest.append(100.0 if difference is None else difference)
            gain = smallest[-1] / 100
            up, down = (max(changed, gain) + gain) / 2, (max(changed, gain) - gain) / 2
            told += [
                is_told(pair_of_shares(generator, n_rows, n_groups, up, down, alike)) for _ in range(options.studies)
            ]
        low, high = np.quantile(smallest, [0.1, 0.9])
        print(
            f"{n_rows},{n_groups},{changed},{alike},{np.mean(smallest):.1f},{low:.1f},{high:.1f},{np.mean(told):.3f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
