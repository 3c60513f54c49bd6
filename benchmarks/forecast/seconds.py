"""What one forecast costs, back-test included, against the plain least-squares fit of a power law (SciPy's curve_fit).

Usage: python benchmarks/forecast/seconds.py [--sizes 3 8 18] [--repeats 20]

Processor time, the fastest of several; both in the same process, in turns.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable

import numpy as np
from scipy.optimize import curve_fit

from tunecurve import CurvePoints, forecast_curve


def power_law(n: np.ndarray, ceiling: float, loss: float, rate: float) -> np.ndarray:
    """Return ``ceiling - loss * n ** -rate``."""
    return ceiling - loss * n**-rate


def seconds(function: Callable[[], object]) -> float:
    """Return the processor time of one call."""
    start = time.process_time()
    function()
    return time.process_time() - start


def measure(count: int, repeats: int) -> tuple[float, float]:
    """Return the fastest forecast and the fastest fit over ``count`` sizes, in seconds."""
    sizes = 20.0 * 1.6 ** np.arange(count)
    scores = 90.0 - 40.0 * (sizes / 20.0) ** -0.4
    points = CurvePoints(sizes, scores)
    ours, peers = [], []
    for _ in range(repeats):
        ours.append(seconds(lambda: forecast_curve(points, at=[8 * sizes[-1]], target=85.0)))
        peers.append(seconds(lambda: curve_fit(power_law, sizes, scores, p0=(90.0, 60.0, 0.5), maxfev=10_000)))
    return min(ours), min(peers)


def main() -> None:
    """Print one line a number of sizes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[3, 8, 18])
    parser.add_argument("--repeats", type=int, default=20)
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # the points lie on the curve: no covariance
    for count in options.sizes:
        ours, peer = measure(count, options.repeats)
        print(
            f"{count:2d} sizes: forecast {1000 * ours:.1f} ms, power law by curve_fit {1000 * peer:.2f} ms, ratio {ours / peer:.0f}"
        )


if __name__ == "__main__":
    main()
