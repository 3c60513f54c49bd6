"""Curves files: a CSV of runs becomes one table of points a curve, checked line by line.

The file is read as a stream and only numbers are kept, so a file of any length is read or refused in a moment.
Zero-shot and few-shot rows become rivals of their curve, floor rows its floor, never points. Every complaint names the line, the value and
what was expected.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TextIO

from tunecurve.curve.columns import columns_of, metric_column
from tunecurve.curve.curve_table import FEW_SHOT, FLOOR, CurveTable, Untrained
from tunecurve.curve.dotted import DottedNumbers, beside, in_doubt
from tunecurve.curve.ranges import counted_end
from tunecurve.curve.table_notes import parts_of_rows, say_what_was_read
from tunecurve.curve.unread import look_at, unread_columns, unread_notes
from tunecurve.errors import DataError, UsageError, did_you_mean

KINDS = {
    "zeroshot": "zero-shot",
    "fewshot": FEW_SHOT,
    "floor": FLOOR,
    "finetune": "finetune",
    "finetuned": "finetune",
}
DIRECTIONS = {"max": "max", "higher": "max", "maximize": "max", "min": "min", "lower": "min", "minimize": "min"}
# More runs than this in one file are not learning curves but a mistake (predictions, logs), and would fill the memory.
MOST_ROWS = 1_000_000
# Nobody counts more rows; beyond, ratios of sizes overflow.
MOST_COUNTED = 1e15
# A share of the data may stand for a number of rows, but no smaller one.
LEAST_SIZE = 1e-6
# Name of the curve where the file gives none.
NAMELESS = "curve"
# What is said of scores that could be fractions, in a file of per cents.
TINY_PER_CENTS = (
    "Scores within 0 to 1, one of them 0, and other curves of the file above 1: read as per cent; if they are fractions, give "
    "them in a file of their own."
)
# Looks like a mean of runs, and cannot be one.
NO_MEAN = re.compile(r"m(0+|-\d+|\d*\.\d+)", re.IGNORECASE)


def read_curves(path: str) -> list[CurveTable]:
    """Read a curves file; a curve with a value that cannot be right holds the reason in `problem`.

    Parameters
    ----------
    path : str
        CSV, UTF-8 with or without a byte-order mark; columns ``n`` and ``score``, optionally ``curve_id``,
        ``replicate`` (a run's name; ``m10`` marks a mean of 10 runs, ``m`` or ``mean`` a mean of unknown runs), ``n_test``, ``kind``,
        ``direction``, ``target_n``. Other columns are not read, and named in `file_notes` of the first curve.

    Returns
    -------
    list of CurveTable
        In the order of first appearance.

    Raises
    ------
    DataError
        For a file that cannot be read, lacks a column, is empty or too long, whose columns seem shifted, or of which no curve is
        of use.
    """
    try:
        with Path(path).open(newline="", encoding="utf-8-sig") as handle:
            return _tables(handle, path)
    except IsADirectoryError:
        raise DataError(f"{path}: is a folder; expected a CSV file.{_of_a_run(Path(path))}") from None
    except OSError as problem:
        raise DataError(f"{path}: cannot be read ({problem.strerror}); expected a CSV file.") from None
    except UnicodeDecodeError:
        raise DataError(f"{path}: is not UTF-8 text; save it as CSV UTF-8.") from None
    except csv.Error as problem:
        raise DataError(f"{path}: is not CSV ({problem}); expected a header line with n and score.") from None


def _of_a_run(folder: Path) -> str:
    """Return where the forecast of a run folder stands; nothing for other folders."""
    if not (folder / "results.json").exists():
        return ""
    return f" The forecast of a run is in its report and in `tunecurve status {folder}`; --history says how its forecasts held."


def _tables(handle: TextIO, path: str) -> list[CurveTable]:
    reader = csv.reader(handle)
    header = [name.strip() for name in next(reader, [])]
    columns = columns_of(header, path)
    unread, metric_place = unread_columns(header, columns), metric_column(header)
    tables: dict[str, CurveTable] = {}
    cut: list[CurveTable] = []
    nameless = None
    for line, row in enumerate(reader, start=2):
        if not any(row):
            continue
        if line - 1 > MOST_ROWS:
            raise DataError(f"{path}: more than {MOST_ROWS} rows; expected one row a run. Keep the runs to forecast.")
        where = f"{path} line {line}"
        if any(cell.strip() for cell in row[len(header) :]):
            raise DataError(
                f"{where}: {len(row)} cells under {len(header)} columns; expected one a column. A decimal comma needs a point: 66.7."
            )
        cells = {name: row[index].strip() if index < len(row) else "" for name, index in columns.items()}
        if "curve_id" in columns and not cells["curve_id"]:
            nameless = nameless or line
        look_at(unread, row, cells, line)
        curve_id = cells.get("curve_id") or NAMELESS
        table = tables.setdefault(curve_id, CurveTable(curve_id))
        try:
            _check_metric(table, "".join(row[metric_place]), where, columns)
            _add_row(table, cells, where, line)
        except DataError as problem:
            table.refuse(problem)
            table.n_bad_rows += 1
            cut += [table] if len(row) < len(header) else []
        if nameless and set(tables) != {NAMELESS}:
            raise DataError(
                f"{path} line {nameless}: curve_id is empty, and others are not; name the curve in every row."
            )
    if not tables:
        raise DataError(f"{path}: no rows; expected one row a run, with n and score.")
    _refuse_in_doubt(tables.values(), cut)
    _refuse_dotted_thousands(tables.values(), path)
    _tell_tiny_per_cents(list(tables.values()))
    first, *_ = tables.values()
    is_repeated = _repeats(first)  # before copies are taken out
    for table in tables.values():
        table.is_named = "curve_id" in columns
        say_what_was_read(table)
    first.file_notes += unread_notes(unread, columns, is_repeated=is_repeated)
    return list(tables.values())


def _refuse_in_doubt(tables: Collection[CurveTable], cut: Sequence[CurveTable]) -> None:
    """Raise the first problem where no curve is of use, or where a row that lacks cells is the only one of its curve.

    Such a row's name may be another column's value, and its numbers may belong to a curve that would be forecast without them.
    """
    problems = [table.problem for table in tables if table.problem]
    shifted = [table.problem for table in cut if table.problem and table.is_empty]
    for problem in shifted or (problems if len(problems) == len(tables) else []):
        raise problem


def _refuse_dotted_thousands(tables: Collection[CurveTable], path: str) -> None:
    """Raise where 1.000 is a thousand or one: every number of a column is written so, or some, and the others are whole."""
    written = [table.written for table in tables]
    columns = {
        "n": [one["n"] for one in written],
        "n_test": [one["n_test"] for one in written],
        "target_n": [beside(one["target_n"], one["n"]) for one in written],
    }
    for name, numbers in columns.items():
        found = in_doubt(numbers, name)
        if found:
            raise DataError(f"{path} line {found[0]}: {found[1]}")


def _check_metric(table: CurveTable, metric: str, where: str, columns: Collection[str]) -> None:
    """Raise where a curve's rows hold several metrics, whose mean is none."""
    metric = metric.strip()
    table.metric = table.metric or metric
    if metric and metric.casefold() != table.metric.casefold():
        apart = "Tell them apart in curve_id, too" if "curve_id" in columns else "Name the column curve_id"
        raise DataError(
            f"{where}: metric {metric!r} after {table.metric!r} in one curve; expected one metric a curve. {apart}, or keep the rows "
            "of one metric."
        )


def _repeats(table: CurveTable) -> bool:
    """Return whether rows could be those of several curves: nothing is trained, or a size or a kind stands there twice."""
    kinds = [one.kind for one in table.untrained]
    return not table.size or len(set(table.size)) < len(table.size) or len(set(kinds)) < len(kinds)


def _tell_tiny_per_cents(tables: list[CurveTable]) -> None:
    """Read scores within 0 to 1 as per cent where one of them is 0 and other curves of the file are in per cent.

    Exact matches of a model that hardly learns look so, fractions seldom: taken for one, no forecast would pass 1 per cent.
    """
    rising = [table for table in tables if table.direction != "min" and len(table.score)]
    if not any(1.0 < max(table.score) <= 100.0 for table in rising):
        return
    for table in rising:
        if min(table.score) == 0.0 < max(table.score) <= 1.0 and counted_end(table.points()) != 1.0:
            table.score_range = (0.0, 100.0)


def _add_row(table: CurveTable, cells: dict[str, str], where: str, line: int) -> None:
    written = cells.get("kind") or "finetune"
    kind = KINDS.get(re.sub(r"[-_ ]", "", written.casefold()))
    if kind is None:
        raise DataError(
            f"{where}: kind {written!r}; expected zeroshot, fewshot, floor or finetune.{did_you_mean(written, KINDS)}"
        )
    table.direction = _direction(cells, table.direction, where)
    if cells.get("target_n"):
        table.asked_sizes.add(_number(cells["target_n"], "target_n", where, smallest=1.0))
        table.written["target_n"].add(cells["target_n"], cells["score"], line)
    rows = cells.get("n_test")
    n_test = _number(rows, "n_test", where, smallest=1.0) if rows else math.nan
    if rows and n_test % 1.0:
        raise DataError(f"{where}: n_test {rows!r}; expected a whole number of test rows.")
    if rows:
        table.written["n_test"].add(rows, cells["score"], line)
    replicate = cells.get("replicate") or ""
    if NO_MEAN.fullmatch(replicate):
        raise DataError(f"{where}: replicate {replicate!r}; expected a run's name, or m10 for a mean of 10 runs.")
    if not cells["score"] and not cells["n"]:
        return
    score = _number(cells["score"], "score", where)
    if kind != "finetune":
        size = _number(cells["n"], "n", where, smallest=0.0) if cells["n"] else 0.0
        if size > 0 and kind != FEW_SHOT:
            raise DataError(
                f"{where}: n={size:g} in a row of kind {written}, which trains on no row; expected 0 or nothing."
            )
        table.untrained.append(Untrained(line, kind, size, score, replicate))
        return
    size = _number(cells["n"], "n", where)
    table.written["n"].add(cells["n"], cells["score"], line)
    if size < LEAST_SIZE:
        raise DataError(f"{where}: n={size:g} in a finetune row; expected at least 1 (untrained is kind zeroshot).")
    table.size.append(size)
    table.score.append(score)
    table.line.append(line)
    table.replicate.append(replicate)
    table.test_rows.append(n_test)


def _direction(cells: dict[str, str], before: str | None, where: str) -> str | None:
    """Return the direction of a row's curve, which rows that leave it empty do not change."""
    said = cells.get("direction")
    if not said:
        return before
    direction = DIRECTIONS.get(said.casefold())
    if direction is None:
        raise DataError(f"{where}: direction {said!r}; expected max or min, the same for a whole curve.")
    if before and direction != before:
        hint = "" if "curve_id" in cells else " If the rows are several curves, name them in a column curve_id."
        raise DataError(f"{where}: direction {said!r} after {before!r}; expected the same for a whole curve.{hint}")
    return direction


def _number(text: str, name: str, where: str, smallest: float = -math.inf) -> float:
    try:
        value = float(text)
    except ValueError:
        raise DataError(f"{where}: {name} {text!r} is not a number; expected one such as 800 or 94.3.") from None
    if not math.isfinite(value):
        raise DataError(f"{where}: {name} is {text}; expected a finite number. Leave failed runs out.")
    if value < smallest:
        raise DataError(f"{where}: {name}={value:g}; expected at least {smallest:g}.")
    if name != "score" and value > MOST_COUNTED:
        raise DataError(f"{where}: {name}={value:g}; expected a number of rows, {MOST_COUNTED:g} at most.")
    return value


def parse_points(text: str) -> list[CurveTable]:
    """Points typed in as ``n:score,n:score``; repeats of a size are replicates."""
    table, written = CurveTable("curve"), DottedNumbers()
    for part in text.split(","):
        size, colon, score = part.partition(":")
        try:
            pair = float(size), float(score)
        except ValueError:
            pair = (math.nan, math.nan)
        if not colon or not all(math.isfinite(value) for value in pair) or not LEAST_SIZE <= pair[0] <= MOST_COUNTED:
            raise UsageError(f"--points: {part.strip()!r}; expected n:score with n > 0, for example 50:86.4,200:91.0.")
        table.size.append(pair[0])
        table.score.append(pair[1])
        table.replicate.append("")
        written.add(size.strip(), score.strip(), 0)
    doubt = written.doubt("n")
    if doubt:
        raise UsageError(f"--points: {doubt}")
    table.notes += parts_of_rows(table)
    return [table]


def parse_range(text: str | None) -> tuple[float | None, float | None] | None:
    """Return a range typed in as ``LO,HI``; an empty side is open: ``0,`` for a loss."""
    if text is None:
        return None
    low, comma, high = text.partition(",")
    try:
        ends = tuple(float(end) if end.strip() else None for end in (low, high))
    except ValueError:
        ends = ()
    if not comma or len(ends) != 2:
        raise UsageError(f"--range {text!r}: expected LO,HI such as 0,100; leave a side empty when it is open (0,).")
    if not all(end is None or math.isfinite(end) for end in ends):
        raise UsageError(f"--range {text!r}: expected finite numbers; leave a side empty when it is open (0,).")
    if ends[0] is not None and ends[1] is not None and not ends[0] < ends[1]:
        raise UsageError(f"--range {text!r}: expected LOW < HIGH, such as 0,100.")
    return ends[0], ends[1]
