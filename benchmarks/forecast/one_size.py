"""Forecasts from a single size, with the falls of the shapes that fit it as they are, and smaller (`calibration.smaller_falls`).

    python benchmarks/forecast/one_size.py CURVES.csv --work FOLDER

CURVES.csv holds LCDB and loss curves; the farm's stored curves stand beside them. Each curve is forecast from its first run of one size,
at the largest size within 8 times. Groups of data (sources, for the farm) count the same. Losses are in per cent of the true loss.
Published language models, sources left out: `fewer_sizes.py`.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from curves import Curve, Task, read_curves
from facts import Known, crps_of, even_weights, left_out, of_the_farm, quantiles
from fewer_sizes import make_tasks
from leave_one_source_out import FARTHEST, task, with_table
from sets import read_sets

from tunecurve.curve.priors import CLASSICAL

ACCURACY_FROM, LOSS_FROM = (64.0, 512.0), (200.0, 800.0, 3200.0)


def tasks_from(curves: list[Curve], first: float) -> list[Task]:
    """One task a curve that has this size."""
    found = []
    for curve in curves:
        near = [size for size in sorted(curve.runs) if first < size <= FARTHEST * first]
        if first in curve.runs and near:
            found.append(task(curve, [first], near[-1]))
    return found


def as_known(curve: Curve) -> Known:
    """A curve of which nothing else is known; its group counts as its source."""
    alike = Curve(curve.curve_id, curve.group, curve.group, curve.direction, curve.score_range, curve.runs)
    return Known(alike, None, False, "")


def groups(path: Path) -> Iterator[tuple[str, list[tuple[Known, Task]], str | None]]:
    """Yield (name, curves and tasks, kind stated): the farm's two halves, LCDB, losses."""
    exam = {f"farm:{one.source}" for one in read_sets() if one.exam}
    farm = list(of_the_farm(None))
    for name, chosen in (("farm, exam sources", True), ("farm, the other sources", False)):
        yield name, [(k, t) for k in farm if (k.curve.source in exam) == chosen for t in make_tasks(k.curve, 1)], ""
    curves = read_curves(path)
    for direction, sizes in (("max", ACCURACY_FROM), ("min", LOSS_FROM)):
        for first in sizes:
            rows = [
                (as_known(one.curve), one) for one in tasks_from([c for c in curves if c.direction == direction], first)
            ]
            name = f"{'LCDB' if direction == 'max' else 'losses'}, {first:g} rows"
            yield f"{name}, kind not stated", rows, None
            if direction == "max":
                yield f"{name}, classical stated", rows, CLASSICAL


def cell(rows: list[tuple[Known, Task]], work: Path, kind: str | None) -> str:
    """CRPS and coverage."""
    answers = left_out(rows, work, lambda one, t: quantiles(one, t, {}, None, one.kind if kind == "" else kind))
    truth = np.array([t.truth for _, t in rows])
    unit = np.array([t.truth / 100.0 if one.curve.score_range[1] is None else 1.0 for one, t in rows])
    weight = even_weights(rows)
    held = [((answers[:, low] - 1e-9 <= truth) & (truth <= answers[:, 18 - low] + 1e-9)) @ weight for low in (1, 0)]
    return f"{crps_of(answers, truth) / unit @ weight:.2f}, {held[0]:.2f} / {held[1]:.2f}"


def main() -> None:
    """Print a row a group."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("curves", type=Path)
    parser.add_argument("--work", type=Path, required=True, help="folder of leave_one_source_out.py")
    options = parser.parse_args()
    print("| one size shown | tasks | CRPS, 80 / 90 %: falls as they are | smaller |")
    for name, rows, kind in groups(options.curves):
        (before,) = with_table({"few_sizes_falls": {}}, lambda rows=rows, kind=kind: [cell(rows, options.work, kind)])
        print(f"| {name} | {len(rows)} | {before} | {cell(rows, options.work, kind)} |", flush=True)


if __name__ == "__main__":
    main()
