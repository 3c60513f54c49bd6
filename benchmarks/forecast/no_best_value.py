"""Do intervals of scores without a best value hold curves that stop, and curves that go on?

    python benchmarks/forecast/no_best_value.py --curves 150

Rewards, Elo ratings and log-likelihoods have no end that a forecast could lean on. Curves of four families are simulated (a power law
with a ceiling, log-linear, sigmoid, a sharp plateau), with noise of 1 to 20 % of the spread of the points, of 3 to 6 sizes, each 2 to 4
times the one before, and forecast at 2, 3, 4 and 8 times the largest. Printed: what 80 and 90 % intervals held, what fell below and above
the 80 % interval, and how far the median is off and CRPS, in per cent of the points' spread without noise.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tunecurve.curve.points import CurvePoints, prepare
from tunecurve.curve.predictive import predict

Floats = NDArray[np.float64]
Curve = Callable[[Floats], Floats]

FAMILIES = ("ceiling", "log-linear", "sigmoid", "plateau")
AHEAD = (2.0, 3.0, 4.0, 8.0)
FIRST_SIZE = 100.0
LEVELS = np.array([0.05, 0.1, 0.5, 0.9, 0.95])


def a_curve(family: str, last: float, generator: np.random.Generator) -> Curve:
    """Return a rising curve over doublings since the first size, of which `last` are measured."""
    if family == "ceiling":
        exponent = generator.uniform(0.15, 0.9)
        return lambda doublings: 1.0 - 2.0 ** (-exponent * doublings)
    if family == "log-linear":
        return lambda doublings: doublings
    if family == "sigmoid":
        middle, width = generator.uniform(0.2, 1.0) * last, generator.uniform(0.5, 1.5)
        return lambda doublings: 1.0 / (1.0 + np.exp((middle - doublings) / width))
    stop = generator.uniform(0.3, 1.0) * last
    return lambda doublings: np.minimum(doublings, stop)


def outcomes(family: str, sizes: int, generator: np.random.Generator) -> list[tuple[float, ...]]:
    """Return one row of figures for each size ahead of one simulated curve."""
    step = np.log2(generator.choice([2.0, 2.0, 3.0, 4.0]))
    doublings = step * np.arange(sizes)
    curve = a_curve(family, float(doublings[-1]), generator)
    spread = float(np.ptp(curve(doublings)))
    noise, start = 10.0 ** generator.uniform(-2.0, -0.7), generator.uniform(-3.0, 10.0)
    at = np.log2(AHEAD) + doublings[-1]
    shown, truth = (
        100.0 * (curve(where) / spread + start + noise * generator.normal(size=where.size)) for where in (doublings, at)
    )
    points = CurvePoints(FIRST_SIZE * 2.0**doublings, shown.round(2))
    draws = predict(prepare(points, (None, None), "max")).measured_scores(FIRST_SIZE * 2.0**at)
    return [figures(draws[:, index], float(true)) for index, true in enumerate(truth)]


def figures(draws: Floats, truth: float) -> tuple[float, ...]:
    """Return what is printed of one forecast."""
    low_90, low, median, high, high_90 = np.quantile(draws, LEVELS)
    levels = np.arange(0.025, 1.0, 0.05)
    miss = truth - np.quantile(draws, levels)
    crps = 2.0 * float(np.maximum(levels * miss, (levels - 1.0) * miss).mean())
    return low <= truth <= high, low_90 <= truth <= high_90, truth < low, truth > high, median - truth, crps


def main() -> None:
    """Print the table by family, by number of sizes and by how far ahead."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--curves", type=int, default=150, help="of each family")
    parser.add_argument("--fewest", type=int, default=3, help="sizes, 2 or more")
    parser.add_argument("--most", type=int, default=6, help="sizes")
    parser.add_argument("--seed", type=int, default=29)
    asked = parser.parse_args()
    generator = np.random.default_rng(asked.seed)
    found: dict[str, list[tuple[float, ...]]] = {}
    for family in FAMILIES:
        for _ in range(asked.curves):
            sizes = int(generator.integers(asked.fewest, asked.most + 1))
            for ahead, row in zip(AHEAD, outcomes(family, sizes, generator), strict=True):
                groups = (
                    ["8 times"] if ahead > 4.0 else ["all to 4 times", family, f"{sizes} sizes", f"{ahead:g} times"]
                )
                groups += [f"{family}, 8 times"] if ahead > 4.0 else []
                for group in groups:
                    found.setdefault(group, []).append(row)
    print("| | forecasts | in 80 % | in 90 % | below / above 80 % | median off | CRPS |\n|---|---|---|---|---|---|---|")
    for group, rows in sorted(found.items()):
        of = np.array(rows, float)
        shares = of[:, :4].mean(axis=0)
        print(
            f"| {group} | {len(of)} | {shares[0]:.2f} | {shares[1]:.2f} | {shares[2]:.2f} / {shares[3]:.2f} | "
            f"{np.median(of[:, 4]):+.0f} | {of[:, 5].mean():.1f} |"
        )


if __name__ == "__main__":
    main()
