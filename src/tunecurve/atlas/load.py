"""Reads the atlas: three CSV files become families of curves, checked line by line.

A curve is one learner and one metric on one family's data set. Scores without tuning (copying the input, zero-shot,
few-shot) stand beside the curve, never on it. A row that cannot be right names its file, line and value.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

import numpy as np

from tunecurve.atlas.measured import MEASURED_COLUMNS, as_points
from tunecurve.direction import sign_of
from tunecurve.errors import DataError, UsageError, did_you_mean

KINDS = ("floor", "zero-shot", "few-shot", "fine-tune")
FAMILY_COLUMNS = ("family", "task", "dataset", "language", "labels", "source", "year", "locator", "licence", "notes")
POINT_COLUMNS = ("family", "learner", "metric", "direction", "kind", "n", "score", "n_test", "replicate", "seeds")


@dataclass(frozen=True)
class Family:
    """One data set as one source measured it."""

    name: str
    task: str
    dataset: str
    language: str
    """`task` as in study files."""
    labels: int | None
    """Size of the label set, where known."""
    source: str
    year: str
    locator: str
    """Who measured, when, and where the numbers stand: an address, or the command that measures them again."""
    licence: str
    notes: str
    """Of the data or the figures; what a reader must know about the protocol."""


@dataclass
class Curve:
    """Scores of one learner in one metric on one family."""

    family: Family
    learner: str
    metric: str
    direction: str
    """``"max"`` or ``"min"``: whether larger or smaller scores are better."""
    runs: dict[int, list[float]] = field(default_factory=dict)
    """Training rows to scores of the runs; a source that gives only a mean has one."""
    without_tuning: dict[str, float] = field(default_factory=dict)
    """``{"floor": ..., "zero-shot": ..., "3-shot": ...}``."""
    test_rows: int | None = None
    seeds: int | None = None
    """Rows of the test set, and runs behind every score, where the source says so."""
    measured_by: dict[str, list[str]] = field(default_factory=dict)
    """For curves of this program's own farm: ``device``, ``version`` and ``date`` of the runs; empty for others."""

    @property
    def sign(self) -> float:
        """1 where more is better, -1 where less is."""
        return sign_of(self.direction)

    def points(self) -> tuple[np.ndarray, np.ndarray]:
        """Return training rows, ascending, and the mean score at each; both of shape (sizes,)."""
        sizes = sorted(self.runs)
        return np.array(sizes, float), np.array([float(np.mean(self.runs[size])) for size in sizes])

    def to_dict(self) -> dict[str, object]:
        """Return the JSON form, with raw runs."""
        return {
            "family": self.family.name,
            "learner": self.learner,
            "metric": self.metric,
            "direction": self.direction,
            "points": [{"n": size, "scores": self.runs[size]} for size in sorted(self.runs)],
            "without_tuning": self.without_tuning,
            "n_test": self.test_rows,
            "seeds": self.seeds,
            "measured_by": self.measured_by,
        }


@dataclass(frozen=True)
class Atlas:
    """All families by name, and all curves in the order of the file."""

    families: dict[str, Family]
    curves: list[Curve]

    def family(self, name: str) -> Family:
        """Return one family.

        Raises
        ------
        UsageError
            For an unknown name, with the closest known one.
        """
        if name not in self.families:
            raise UsageError(unknown_family(name, list(self.families)))
        return self.families[name]

    def select(self, task: str | None = None, metric: str | None = None, learner: str | None = None) -> list[Curve]:
        """Return the curves that match; `learner` may be a part of the name.

        Raises
        ------
        UsageError
            For a value that no curve of the rest has, with what there is.
        """
        left = _matching(self.curves, "task", task, lambda curve: curve.family.task)
        left = _matching(left, "metric", metric, lambda curve: curve.metric)
        if learner is None:
            return left
        found = [curve for curve in left if learner.casefold() in curve.learner.casefold()]
        return found or _matching(left, "learner", learner, lambda curve: curve.learner)


def _matching(curves: list[Curve], option: str, value: str | None, of: Callable[[Curve], str]) -> list[Curve]:
    """Return the curves whose property has the value; all of them without a value."""
    if value is None:
        return curves
    found = [curve for curve in curves if of(curve) == value]
    if not found:
        known = list(dict.fromkeys(of(curve) for curve in curves))
        raise UsageError(
            f"--{option} {value!r}: no curve has it.{did_you_mean(value, known)} There are: {', '.join(known)}."
        )
    return found


def unknown_family(name: str, known: list[str]) -> str:
    """Return the line about a family that is not in the atlas."""
    return f"no family {name!r} in the atlas.{did_you_mean(name, known)} List them with: tunecurve atlas"


@cache
def load_atlas() -> Atlas:
    """Return the atlas that comes with the package."""
    folder = files("tunecurve.atlas")
    return parse_atlas(
        folder.joinpath("families.csv").read_text(encoding="utf-8"),
        folder.joinpath("points.csv").read_text(encoding="utf-8"),
        folder.joinpath("measured.csv").read_text(encoding="utf-8"),
    )


def parse_atlas(families_text: str, points_text: str, measured_text: str | None = None) -> Atlas:
    """Return the atlas of CSV texts with the columns `FAMILY_COLUMNS`, `POINT_COLUMNS` and `MEASURED_COLUMNS`.

    Raises
    ------
    DataError
        For a row that cannot be right, with file, line, value and what was expected.
    """
    families: dict[str, Family] = {}
    for where, row in _rows(families_text, FAMILY_COLUMNS, "families.csv"):
        family = _family(row, where)
        if family.name in families:
            raise DataError(f"{where}: family {family.name!r} stands there twice; expected one row a family.")
        families[family.name] = family
    curves: dict[tuple[str, str, str], Curve] = {}
    for where, row in _rows(points_text, POINT_COLUMNS, "points.csv"):
        _add_point(curves, families, row, where)
    for where, row in _rows(measured_text, MEASURED_COLUMNS, "measured.csv") if measured_text is not None else ():
        for point in as_points(row):
            curve = _add_point(curves, families, point, where)
        for key in ("device", "version", "date"):
            known = curve.measured_by.setdefault(key, [])
            known.extend(value for value in [row[key]] if value not in known)
    return Atlas(families, list(curves.values()))


def _rows(text: str, columns: tuple[str, ...], name: str) -> Iterator[tuple[str, dict[str, str]]]:
    reader = csv.reader(text.splitlines())
    header = tuple(next(reader, []))
    if header != columns:
        raise DataError(f"{name} line 1: columns {', '.join(header)}; expected {', '.join(columns)}.")
    for line, cells in enumerate(reader, start=2):
        if len(cells) != len(columns):
            raise DataError(f"{name} line {line}: {len(cells)} cells; expected {len(columns)}.")
        yield f"{name} line {line}", {key: cell.strip() for key, cell in zip(columns, cells, strict=True)}


def _family(row: dict[str, str], where: str) -> Family:
    for column in ("family", "task", "dataset", "language", "source", "year", "locator", "licence"):
        if not row[column]:
            raise DataError(f"{where}: no {column}; a number without it cannot be traced.")
    labels = _whole(row["labels"], "labels", where) if row["labels"] else None
    rest = {key: row[key] for key in FAMILY_COLUMNS if key not in ("family", "labels")}
    return Family(name=row["family"], labels=labels, **rest)


def _add_point(
    curves: dict[tuple[str, str, str], Curve], families: dict[str, Family], row: dict[str, str], where: str
) -> Curve:
    if row["family"] not in families:
        raise DataError(f"{where}: family {row['family']!r} is not in families.csv; add a row there first.")
    if row["kind"] not in KINDS or row["direction"] not in ("max", "min"):
        raise DataError(
            f"{where}: kind {row['kind']!r}, direction {row['direction']!r}; expected {', '.join(KINDS)} and max or min."
        )
    key = (row["family"], row["learner"], row["metric"])
    curve = curves.setdefault(key, Curve(families[row["family"]], row["learner"], row["metric"], row["direction"]))
    if curve.direction != row["direction"]:
        raise DataError(
            f"{where}: direction {row['direction']!r}; expected {curve.direction!r} as in the rest of the curve."
        )
    size, score = _whole(row["n"], "n", where), _score(row["score"], where)
    curve.test_rows = _whole(row["n_test"], "n_test", where) if row["n_test"] else curve.test_rows
    curve.seeds = _whole(row["seeds"], "seeds", where) if row["seeds"] else curve.seeds
    if row["kind"] != "fine-tune":
        curve.without_tuning[f"{size}-shot" if row["kind"] == "few-shot" else row["kind"]] = score
    elif size < 1:
        raise DataError(f"{where}: n={size} in a fine-tune row; expected at least 1.")
    else:
        curve.runs.setdefault(size, []).append(score)
    return curve


def _whole(text: str, name: str, where: str) -> int:
    if not text.isdecimal():
        raise DataError(f"{where}: {name} {text!r}; expected a whole number.")
    return int(text)


def _score(text: str, where: str) -> float:
    try:
        score = float(text)
    except ValueError:
        score = math.nan
    if not 0.0 <= score <= 100.0:
        raise DataError(f"{where}: score {text!r}; expected a number from 0 to 100.")
    return score
