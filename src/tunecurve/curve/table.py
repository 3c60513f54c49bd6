"""Curves files: a CSV of runs becomes one table of points a curve, checked line by line.

The file is read as a stream and only numbers are kept, so a file of any length is read or refused in a moment.
Zero-shot and few-shot rows become rivals of their curve, floor rows its floor, never points. Every complaint names the line, the value and
what was expected.
"""

from __future__ import annotations

import csv
import math
import re
from array import array
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

import numpy as np

from tunecurve.curve.points import CurvePoints
from tunecurve.errors import DataError, UsageError, did_you_mean

FLOOR = "floor"
KINDS = {
    "zeroshot": "zero-shot",
    "fewshot": "few-shot",
    "floor": FLOOR,
    "finetune": "finetune",
    "finetuned": "finetune",
}
DIRECTIONS = {"max": "max", "higher": "max", "maximize": "max", "min": "min", "lower": "min", "minimize": "min"}
COLUMNS = ("curve_id", "n", "score", "replicate", "n_test", "kind", "direction", "target_n")
# More runs than this in one file are not learning curves but a mistake (predictions, logs), and would fill the memory.
MOST_ROWS = 1_000_000
# A text column with more values than this holds remarks, not the names of curves.
MOST_CURVES_IN_A_COLUMN = 50
# Name of the curve where the file gives none.
NAMELESS = "curve"
# What is said of scores that could be fractions, in a file of per cents.
TINY_PER_CENTS = (
    "Scores within 0 to 1, one of them 0, and other curves of the file above 1: read as per cent; if they are fractions, give "
    "them in a file of their own."
)
# Looks like a mean of runs, and cannot be one.
NO_MEAN = re.compile(r"m(0+|-\d+|\d*\.\d+)", re.IGNORECASE)


@dataclass
class CurveTable:
    """Runs of one curve as they stand in the file."""

    curve_id: str
    size: array[float] = field(default_factory=lambda: array("d"))
    score: array[float] = field(default_factory=lambda: array("d"))
    test_rows: array[float] = field(default_factory=lambda: array("d"))
    line: array[int] = field(default_factory=lambda: array("q"))
    replicate: list[str] = field(default_factory=list)
    rival_scores: dict[str, list[float]] = field(default_factory=dict)
    floor_scores: list[float] = field(default_factory=list)
    """What doing nothing scores."""
    asked_sizes: set[float] = field(default_factory=set)
    direction: str | None = None
    notes: list[str] = field(default_factory=list)
    """What a reader must know of how the rows were read."""
    score_range: tuple[float, float] | None = None
    """The range that the other curves of the file tell, where this one's scores alone would tell another."""

    def points(self) -> CurvePoints:
        """Return the fine-tuned runs."""
        rows = np.array(self.test_rows)
        known = rows[~np.isnan(rows)]
        filled = np.where(np.isnan(rows), known.min(), rows) if known.size else None
        return CurvePoints(np.array(self.size), np.array(self.score), self.replicate, filled)

    def check_range(self, low: float | None, high: float | None, path: str) -> None:
        """Raise DataError with the line of the first score outside the metric's range."""
        for line, score in zip(self.line, self.score, strict=True):
            if (low is not None and score < low) or (high is not None and score > high):
                shown = " to ".join("any" if end is None else f"{end:g}" for end in (low, high))
                raise DataError(
                    f"{path} line {line}: score {score:g} is outside the metric's range {shown}; "
                    "give the range it has with --range LO,HI, and --direction min for a loss."
                )

    def rivals(self) -> dict[str, tuple[float, None]]:
        """Mean score of each rival strategy."""
        return {name: (float(np.mean(scores)), None) for name, scores in self.rival_scores.items()}

    @property
    def floor(self) -> float | None:
        """Mean score of doing nothing; None where the file does not say it."""
        return float(np.mean(self.floor_scores)) if self.floor_scores else None


def read_table(path: str) -> list[CurveTable]:
    """Read a curves file.

    Parameters
    ----------
    path : str
        CSV, UTF-8 with or without a byte-order mark; columns ``n`` and ``score``, optionally ``curve_id``,
        ``replicate`` (a run's name; ``m10`` marks a mean of 10 runs, ``m`` or ``mean`` a mean of unknown runs), ``n_test``, ``kind``,
        ``direction``, ``target_n``. Other columns are ignored.

    Returns
    -------
    list of CurveTable
        In the order of first appearance.

    Raises
    ------
    DataError
        For a file that cannot be read, lacks a column, is empty or too long, or a value that cannot be right.
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
    header = [_as_known(name.strip()) for name in next(reader, [])]
    columns = _columns(header, path)
    other = [index for index in range(len(header)) if "curve_id" not in columns and index not in columns.values()]
    seen: dict[int, set[str]] = {index: set() for index in other}
    tables: dict[str, CurveTable] = {}
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
        for index in other:
            seen[index].add(row[index].strip() if index < len(row) else "")
        _add_row(tables, cells, where, line)
        if nameless and set(tables) != {NAMELESS}:
            raise DataError(
                f"{path} line {nameless}: curve_id is empty, and others are not; name the curve in every row."
            )
    if not tables:
        raise DataError(f"{path}: no rows; expected one row a run, with n and score.")
    _tell_tiny_per_cents(list(tables.values()))
    for table in tables.values():
        _say_what_was_read(table, [(header[index], seen[index]) for index in other])
    return list(tables.values())


def _tell_tiny_per_cents(tables: list[CurveTable]) -> None:
    """Read scores within 0 to 1 as per cent where one of them is 0 and other curves of the file are in per cent.

    Exact matches of a model that hardly learns look so, fractions seldom: taken for one, no forecast would pass 1 per cent.
    """
    rising = [table for table in tables if table.direction != "min" and len(table.score)]
    if not any(1.0 < max(table.score) <= 100.0 for table in rising):
        return
    for table in rising:
        if min(table.score) == 0.0 < max(table.score) <= 1.0:
            table.score_range = (0.0, 100.0)


def _as_known(name: str) -> str:
    """Return a known column's name, however its letters are written; other names as they are."""
    return name.casefold() if name.casefold() in COLUMNS else name


def _columns(header: list[str], path: str) -> dict[str, int]:
    """Where each known column stands."""
    for name in COLUMNS:
        if header.count(name) > 1:
            raise DataError(f"{path}: column {name!r} stands {header.count(name)} times in the header; expected once.")
    columns = {name: header.index(name) for name in COLUMNS if name in header}
    for name in ("n", "score"):
        if name not in columns:
            hint = did_you_mean(name, header)
            if len(header) == 1 and any(sign in header[0] for sign in ";\t"):
                hint = " Columns must be separated by commas; save it as CSV with commas."
            if header and header[0].startswith(("{", "[")):
                raise DataError(f"{path}: is JSON; expected a CSV file with columns n and score, one row a run.")
            raise DataError(f"{path}: no column {name!r} among {', '.join(header[:12]) or 'nothing'}.{hint}")
    return columns


def _say_what_was_read(table: CurveTable, others: list[tuple[str, set[str]]]) -> None:
    """Note equal rows, and columns that may part curves which nothing else parts."""
    first: dict[tuple[float, float, str, str], int] = {}
    copies: list[tuple[int, int]] = []
    twins: list[tuple[int, int]] = []
    keep: list[int] = []
    rows = zip(table.size, table.score, table.replicate, table.test_rows, table.line, strict=True)
    for index, (size, score, replicate, test_rows, line) in enumerate(rows):
        earlier = first.setdefault((size, score, replicate, str(test_rows)), line)
        (copies if replicate else twins).extend([(line, earlier)] if earlier != line else [])
        if earlier == line or not replicate:
            keep.append(index)
    if copies:
        for name in ("size", "score", "test_rows", "line", "replicate"):
            values = getattr(table, name)
            kept = [values[index] for index in keep]
            setattr(table, name, array(values.typecode, kept) if isinstance(values, array) else kept)
        table.notes.append(_of_lines(copies, "the same replicate again, counted once"))
    unsaid = [line for line, rows in zip(table.line, table.test_rows, strict=True) if math.isnan(rows)]
    if unsaid and len(unsaid) < len(table.line):
        more = f" and {len(unsaid) - 1} more" if len(unsaid) > 1 else ""
        fewest = min(rows for rows in table.test_rows if not math.isnan(rows))
        table.notes.append(
            f"n_test is empty in line {unsaid[0]}{more}: the {fewest:g} test rows of the others are taken."
        )
    if twins:
        table.notes.append(_of_lines(twins, "read as runs of their own; leave copies out"))
    for name, values in others:
        words = sorted(value for value in values if value and not _is_number(value))
        if 1 < len(words) <= MOST_CURVES_IN_A_COLUMN and len(table.size) > len(set(table.size)):
            table.notes.append(
                f"Column {name!r} ({len(words)} values, such as {words[0]!r} and {words[1]!r}) is not read: all rows are one "
                "curve. If they are several, name the column curve_id."
            )


def _of_lines(pairs: list[tuple[int, int]], what: str) -> str:
    """Say of which lines something holds."""
    line, earlier = pairs[0]
    more = f" ({len(pairs)} such lines)" if len(pairs) > 1 else ""
    return f"Line {line} says what line {earlier} says{more}: {what}."


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _add_row(tables: dict[str, CurveTable], cells: dict[str, str], where: str, line: int) -> None:
    curve_id = cells.get("curve_id") or NAMELESS
    table = tables.setdefault(curve_id, CurveTable(curve_id))
    written = cells.get("kind") or "finetune"
    kind = KINDS.get(re.sub(r"[-_ ]", "", written.casefold()))
    if kind is None:
        raise DataError(
            f"{where}: kind {written!r}; expected zeroshot, fewshot, floor or finetune.{did_you_mean(written, KINDS)}"
        )
    said = cells.get("direction") or None
    direction = DIRECTIONS.get(said.casefold(), "") if said else None
    if direction == "" or (said and table.direction and direction != table.direction):
        raise DataError(f"{where}: direction {said!r}; expected max or min, the same for a whole curve.")
    table.direction = direction or table.direction
    if cells.get("target_n"):
        table.asked_sizes.add(_number(cells["target_n"], "target_n", where, smallest=1.0))
    if not cells["score"] and not cells["n"]:
        return
    score = _number(cells["score"], "score", where)
    if kind == FLOOR:
        table.floor_scores.append(score)
        return
    if kind != "finetune":
        table.rival_scores.setdefault(kind, []).append(score)
        return
    size = _number(cells["n"], "n", where)
    if size <= 0:
        raise DataError(f"{where}: n={size:g} in a finetune row; expected at least 1 (untrained is kind zeroshot).")
    table.size.append(size)
    table.score.append(score)
    table.line.append(line)
    replicate = cells.get("replicate") or ""
    if NO_MEAN.fullmatch(replicate):
        raise DataError(f"{where}: replicate {replicate!r}; expected a run's name, or m10 for a mean of 10 runs.")
    table.replicate.append(replicate)
    rows = cells.get("n_test")
    table.test_rows.append(_number(rows, "n_test", where, smallest=1.0) if rows else math.nan)


def _number(text: str, name: str, where: str, smallest: float = -math.inf) -> float:
    try:
        value = float(text)
    except ValueError:
        raise DataError(f"{where}: {name} {text!r} is not a number; expected one such as 800 or 94.3.") from None
    if not math.isfinite(value):
        raise DataError(f"{where}: {name} is {text}; expected a finite number. Leave failed runs out.")
    if value < smallest:
        raise DataError(f"{where}: {name}={value:g}; expected at least {smallest:g}.")
    return value


def parse_points(text: str) -> list[CurveTable]:
    """Points typed in as ``n:score,n:score``; repeats of a size are replicates."""
    table = CurveTable("curve")
    for part in text.split(","):
        size, colon, score = part.partition(":")
        try:
            pair = float(size), float(score)
        except ValueError:
            pair = (math.nan, math.nan)
        if not colon or not all(math.isfinite(value) for value in pair) or pair[0] <= 0:
            raise UsageError(f"--points: {part.strip()!r}; expected n:score with n > 0, for example 50:86.4,200:91.0.")
        table.size.append(pair[0])
        table.score.append(pair[1])
        table.replicate.append("")
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
    return ends[0], ends[1]
