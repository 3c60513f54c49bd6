"""Put points that the farm measured into the atlas: measured.csv, and the farm's rows of families.csv.

    python benchmarks/curves/to_atlas.py POINTS.csv [POINTS.csv ...]

What the atlas has already is kept; a curve that was measured on another device or test set is taken from the larger table,
of two that are as large from the later one.
Curves with fewer than two sizes are left out.
"""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Sequence
from pathlib import Path

from points import PointRow, merged, read_points, write_points
from sets import MOST_TEST_ROWS, CurveSet, read_sets

from tunecurve.atlas.load import FAMILY_COLUMNS
from tunecurve.atlas.measured import FAMILY_PREFIX

ATLAS = Path(__file__).parents[2] / "src" / "tunecurve" / "atlas"


def whole_curves(rows: Sequence[PointRow]) -> list[PointRow]:
    """Return the rows of learners that were tuned on two sizes or more."""
    sizes: dict[tuple[str, str], set[str]] = {}
    for row in rows:
        if row["strategy"] == "fine-tune":
            sizes.setdefault((row["set"], row["learner"]), set()).add(row["n"])
    return [row for row in rows if len(sizes.get((row["set"], row["learner"]), ())) > 1]


def family_row(one: CurveSet) -> dict[str, str]:
    """Return a set's row of families.csv."""
    test = f"the original test file ({one.test_rows} rows)" if one.test else f"{one.test_size} rows held out by group"
    groups = f"; grouped by {one.group_column}" if one.group_column else ""
    exam = "; left out of all tuning" if one.exam else ""
    notes = f"; {one.notes}" if one.notes else ""
    return {
        "family": FAMILY_PREFIX + one.name,
        "task": one.task,
        "dataset": one.origin,
        "language": one.language,
        "labels": str(one.labels or ""),
        "source": "tunecurve curve farm",
        "year": "2026",
        "locator": f"python benchmarks/curves/farm.py --data FOLDER --out FOLDER --sets {one.name}",
        "licence": "Apache-2.0 (builtin:pii)" if one.train.startswith("builtin:") else f"data: {one.licence}",
        "notes": f"test rows: {test}{_part_of_the_test_rows(one)}{groups}{exam}{notes}",
    }


def _part_of_the_test_rows(one: CurveSet) -> str:
    """Return which learners are given a part of the test rows."""
    rows = one.test_rows or one.test_size or 0
    given = [f"{name} {most:,}" for name, most in MOST_TEST_ROWS.items() if name in one.learners and rows > most]
    return f", of which were given at most: {', '.join(given)}" if given else ""


def write_families(path: Path, sets: Sequence[CurveSet], measured: Sequence[PointRow]) -> None:
    """Write families.csv with the farm's rows anew behind the others."""
    with path.open(newline="", encoding="utf-8") as file:
        others = [row for row in csv.DictReader(file) if not row["family"].startswith(FAMILY_PREFIX)]
    names = {row["set"] for row in measured}
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, FAMILY_COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows([*others, *(family_row(one) for one in sets if one.name in names)])
    path.write_text(buffer.getvalue(), encoding="utf-8")


def main(arguments: Sequence[str]) -> None:
    """Merge the tables and write both files."""
    if not arguments:
        sys.exit(__doc__)
    sets = read_sets()
    known = {one.name for one in sets}
    tables = [read_points(ATLAS / "measured.csv"), *(read_points(Path(name)) for name in arguments)]
    rows = [row for row in merged(tables, [one.name for one in sets]) if row["set"] in known]
    kept = whole_curves(rows)
    write_points(ATLAS / "measured.csv", kept)
    write_families(ATLAS / "families.csv", sets, kept)
    curves = {(row["set"], row["learner"], row["metric"]) for row in kept}
    print(f"{len(kept)} points of {len(curves)} curves on {len({row['set'] for row in kept})} sets")


if __name__ == "__main__":
    main(sys.argv[1:])
