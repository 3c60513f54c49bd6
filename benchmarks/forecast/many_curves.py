"""Processor time and peak memory of `tunecurve forecast` on a table of many curves, by their number.

    python benchmarks/forecast/many_curves.py [--curves 250 500 1000] [--sizes 4]

Each number of curves is a process of its own. Times of the processor, so that other work on the machine counts little.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path


def write_curves(path: Path, n_curves: int, n_sizes: int) -> None:
    """Write made-up power laws with different ends, in the columns that `tunecurve forecast` reads."""
    lines = ["curve_id,n,score"]
    for curve in range(n_curves):
        ceiling, rate = 70 + curve % 29, 0.2 + (curve % 7) / 10
        points = ((50 * 2**step, ceiling - 40 * (step + 1.0) ** -rate) for step in range(n_sizes))
        lines += [f"c{curve},{size},{score:.3f}" for size, score in points]
    path.write_text("\n".join(lines) + "\n")


def measure(arguments: list[str]) -> tuple[float, float]:
    """Run tunecurve, and return its processor seconds and its peak memory in MiB."""
    process = os.fork()
    if process == 0:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
        os.execv(sys.executable, [sys.executable, "-m", "tunecurve", *arguments])
    _, status, used = os.wait4(process, 0)
    if status:
        raise SystemExit(f"tunecurve {' '.join(arguments)} ended with {os.waitstatus_to_exitcode(status)}")
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def main() -> None:
    """Print one row a number of curves."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--curves", type=int, nargs="+", default=[250, 500, 1000])
    parser.add_argument("--sizes", type=int, default=4)
    options = parser.parse_args()
    print("| curves | processor, s | ms a curve | peak memory, MiB |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as scratch:
        for n_curves in options.curves:
            path = Path(scratch) / "curves.csv"
            write_curves(path, n_curves, options.sizes)
            seconds, memory = measure(["forecast", str(path)])
            print(f"| {n_curves:,} | {seconds:.1f} | {1000 * seconds / n_curves:.1f} | {memory:.0f} |", flush=True)


if __name__ == "__main__":
    main()
