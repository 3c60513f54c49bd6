"""The two rules for fewer than three sizes, on curves of the farm that were measured after the rules were chosen.

    python benchmarks/forecast/afterwards.py --work FOLDER

Before any size: what the engine is told of the start. After one size: the falls of the shapes that fit it as they are, and smaller
(`calibration.smaller_falls`). Sources that were learned from are left out (FOLDER: that of `leave_one_source_out.py`); all count the same.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from atlas_starts import quantiles as quantiles_by_share
from atlas_starts import share
from curves import Task
from facts import STARTS, Known, figures, left_out, of_the_farm, quantiles
from fewer_sizes import make_tasks
from leave_one_source_out import with_table
from track_record import AFTERWARDS

Rows = list[tuple[Known, Task]]


def measured_afterwards(sizes: int) -> Rows:
    """Curves and tasks with so many sizes shown."""
    return [
        (one, task)
        for one in of_the_farm(None)
        if tuple(one.curve.curve_id.rsplit("/", 1)[0].split("/", 1)) in AFTERWARDS
        for task in make_tasks(one.curve, sizes)
    ]


def by_start(rows: Rows, work: Path, way: str) -> str:
    """CRPS and coverage before any size, by what is told of the start."""
    return figures(rows, left_out(rows, work, lambda one, task: quantiles(one, task, *STARTS[way](one), one.kind)))


def by_metric(rows: Rows, work: Path) -> str:
    """CRPS and coverage before any size, with the share that the atlas, without the curve's source, has for the metric."""
    return figures(rows, left_out(rows, work, lambda one, task: quantiles_by_share(one, task, share(one))))


def by_one_size(rows: Rows, work: Path) -> str:
    """CRPS and coverage after one size."""
    return figures(rows, left_out(rows, work, lambda one, task: quantiles(one, task, {}, None, one.kind)))


def main() -> None:
    """Print a row for each rule."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    work = parser.parse_args().work
    rows, one_size = measured_afterwards(0), measured_afterwards(1)
    sources = len({one.curve.source for one, _ in rows})
    (before,) = with_table({"few_sizes_falls": {}}, lambda: [by_one_size(one_size, work)])
    print("| curves measured afterwards | tasks (sources) | nothing told | floor | floor and metric |")
    told = [by_start(rows, work, "nothing"), by_start(rows, work, "floor"), by_metric(rows, work)]
    print(f"| no size | {len(rows)} ({sources}) | {' | '.join(told)} |")
    print("| | | falls as they are | smaller |")
    print(f"| one size | {len(one_size)} ({sources}) | {before} | {by_one_size(one_size, work)} |")


if __name__ == "__main__":
    main()
