"""Test, training and development rows that the data name themselves, and rows that stand on two sides.

A row's side is named by a column of the data (``train``, ``test``, ``dev`` and their usual spellings), or by the file or split
it comes from.
"""

from __future__ import annotations

import re
import shlex
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, cast

import numpy as np

from tunecurve.data.rows import RawRow, Row
from tunecurve.data.selecting import text_of_cell
from tunecurve.data.split import Split
from tunecurve.errors import DataError, did_you_mean
from tunecurve.findings import Finding
from tunecurve.formats.folding import without_invisible

Side = Literal["train", "test", "dev"]
SIDES: tuple[Side, ...] = ("train", "test", "dev")
BothSides = Literal["drop", "drop_groups", "keep"]
ROLES: dict[str, Side] = {
    "train": "train",
    "training": "train",
    "test": "test",
    "testing": "test",
    "dev": "dev",
    "development": "dev",
    "val": "dev",
    "valid": "dev",
    "validation": "dev",
}
MOST_PLACES = 5
MOST_SIDE_COLUMNS, MOST_SIDE_VALUES = 5, 8
_SIDE_COLUMNS = {
    "split", "splits", "subset", "fold", "set", "partition", "usage", "dataset_split", "data_split", "split_name", "train_test",
}  # fmt: skip
_SPACE = re.compile(r"\s+")


def levelled(text: str) -> str:
    """Return a text in the form in which inputs are the same: NFKC, case folded, blanks levelled, without what cannot be seen."""
    return _SPACE.sub(" ", unicodedata.normalize("NFKC", without_invisible(text))).strip().casefold()


def side_named(value: str, roles: Mapping[str, str]) -> Side | None:
    """Return the side that a value of a split column names, by the study's own roles first; None: unknown."""
    own = {key.strip().casefold(): role for key, role in roles.items()}
    known = {**ROLES, **cast(dict[str, Side], own)}
    return known.get(value.strip().casefold())


def with_sides(
    raw_rows: Iterable[RawRow], column: str, roles: Mapping[str, str], source: str
) -> Iterator[tuple[Side, RawRow]]:
    """Yield every row with the side that its split column names.

    Raises
    ------
    DataError
        When there is no such column, or it holds values that name no side; all are counted.
    """
    unknown: Counter[str] = Counter()
    first_place: dict[str, str] = {}
    for place, cells in raw_rows:
        if column not in cells:
            known = ", ".join(map(str, list(cells)[:12]))
            raise DataError(
                f"{place}: no column '{column}' to tell test rows by; the columns of '{source}' are: {known}."
                f"{did_you_mean(column, map(str, cells))} Name the right one with --split-column"
            )
        value = text_of_cell(cells[column])
        side = side_named(value, roles)
        if side is None:
            unknown[value] += 1
            first_place.setdefault(value, place)
            continue
        yield side, (place, cells)
    if unknown:
        shown = ", ".join(
            f"'{value}' ({count}, first at {first_place[value]})" for value, count in unknown.most_common(5)
        )
        raise DataError(
            f"values of the split column '{column}' name no side: {shown}; expected train, test or dev, or say what they mean: "
            "data.split_roles: {VALUE: test}"
        )


def check_is_no_split_column(column: str, values: Counter[str]) -> None:
    """Refuse a group column that holds the names of sides.

    Raises
    ------
    DataError
        With the way to use such a column.
    """
    if len(values) > 1 and all(side_named(value, {}) for value in values):
        counts = ", ".join(f"{value} ({count})" for value, count in values.most_common())
        raise DataError(
            f"the group column '{column}' names the sides of a split ({counts}), not groups; use --split-column {column}: its "
            "test rows are then the test set, and only its training rows are trained on"
        )


class UnnamedSides:
    """Columns that say of every row on which side it stands, as published sets do; those known are something else."""

    def __init__(self, known: Collection[str | None]) -> None:
        self._known = known
        self._values: dict[str, Counter[str]] | None = None

    def count(self, cells: Mapping[str, Any]) -> None:
        """Count the values of one row; the first row tells which columns may be meant."""
        if self._values is None:
            names = [name for name in cells if name not in self._known and _may_name_sides(str(name), cells[name])]
            self._values = {name: Counter() for name in names[:MOST_SIDE_COLUMNS]}
        for name in list(self._values):
            self._values[name][text_of_cell(cells.get(name))] += 1
            if len(self._values[name]) > MOST_SIDE_VALUES:
                del self._values[name]

    def findings(self) -> list[Finding]:
        """Return how to take the sides that a column names."""
        found = [_pointed_at(name, values) for name, values in (self._values or {}).items()]
        return [finding for finding in found if finding is not None]


def _may_name_sides(name: str, cell: Any) -> bool:
    is_called_so = re.sub(r"[\W_]+", "_", name.strip().casefold()) in _SIDE_COLUMNS
    return is_called_so or side_named(text_of_cell(cell), {}) is not None


def _pointed_at(name: str, values: Counter[str]) -> Finding | None:
    """Return the way to read a column as sides; None where it names no rows to train on and others to test on."""
    sides = {value: side_named(value, {}) for value in values if value.strip()}
    others = [value for value, side in sides.items() if side is None]
    has_role_for_test = {"test", "dev"} & set(sides.values()) or others
    is_called_so = _may_name_sides(name, "")
    if "train" not in sides.values() or not has_role_for_test or (others and not is_called_so):
        return None
    counts = ", ".join(f"{value} ({count})" for value, count in values.most_common())
    remedy = f"to test on the rows that it names, give --split-column {shlex.quote(name)}"
    if others or "test" not in sides.values():
        meant = others[0] if others else next(value for value, side in sides.items() if side == "dev")
        remedy += f" and data.split_roles: {{{meant}: test}} in the study file"
    text = f"column '{name}' says which rows are to train on and which to test on ({counts}), and is not used: the study splits anew"
    return Finding("split-column-unused", text, remedy, is_note=True)


def has_own_test_rows(rows: Sequence[Row]) -> bool:
    """Return whether the data say which rows are the test rows."""
    return any(row.side == "test" for row in rows)


def clash_test(
    rows: Sequence[Row], kept_out: Sequence[Row], both_sides: BothSides, *, groups_are_named: bool
) -> Callable[[Row], bool]:
    """Return a test whether a row must not be trained on because of rows on another side.

    Parameters
    ----------
    rows : sequence of Row
        All rows; those named as development rows are kept out, too.
    kept_out : sequence of Row
        The test rows.
    both_sides : {"drop", "drop_groups", "keep"}
        ``drop``: the same input, or the same named group; ``drop_groups``: rows from one template, too.
    groups_are_named : bool
        Whether the groups are those of a column.
    """
    if both_sides == "keep":
        return lambda row: False
    others = [*kept_out, *(row for row in rows if row.side == "dev")]
    if not others:
        return lambda row: False
    inputs = {levelled(row.source) for row in others}
    by_group = groups_are_named or both_sides == "drop_groups"
    groups = {row.group for row in others} if by_group else set()
    return lambda row: row.group in groups or levelled(row.source) in inputs


def split_own(
    rows: Sequence[Row],
    test_size: int | None,
    seed: int,
    n_train_needed: int,
    both_sides: BothSides,
    *,
    groups_are_named: bool,
) -> Split:
    """Split rows as the data say: their test rows are the test set, the others the pool.

    Raises
    ------
    DataError
        When too few rows are left to train on.
    """
    named = [index for index, row in enumerate(rows) if row.side == "test"]
    generator = np.random.default_rng(seed)
    test, how = named, f"all {len(named)} test rows that the data name"
    if test_size is not None and test_size < len(named):
        test = sorted(named[position] for position in generator.permutation(len(named))[:test_size].tolist())
        how = f"{test_size} of the {len(named)} test rows that the data name, seed {seed}"
    elif test_size is not None and test_size > len(named):
        how += f" ({test_size} were asked for)"
    is_clash = clash_test(rows, [rows[index] for index in named], both_sides, groups_are_named=groups_are_named)
    training = [index for index, row in enumerate(rows) if row.side == "train"]
    pool = [index for index in training if not is_clash(rows[index])]
    if len(pool) < n_train_needed:
        gone = len(training) - len(pool)
        because = f", {gone} more stand on another side, too (split.both_sides)" if gone else ""
        raise DataError(
            f"the data name {len(pool)} usable training rows{because}; {n_train_needed} are asked for: lower --train-sizes or "
            "label more rows"
        )
    pool = [pool[position] for position in generator.permutation(len(pool)).tolist()]
    return Split(test, pool, len(rows) - len(test) - len(pool), how)


def side_findings(
    rows: Sequence[Row], split: Split, both_sides: BothSides, *, groups_are_named: bool, names_test_rows: bool
) -> list[Finding]:
    """Return what the reader should know about rows that stand on two sides, and about development rows."""
    found = []
    test = [rows[index] for index in split.test]
    if names_test_rows:
        named = [row for row in rows if row.side == "test"]
        is_clash = clash_test(
            [], named, "drop" if both_sides == "keep" else both_sides, groups_are_named=groups_are_named
        )
        trained = frozenset() if both_sides == "keep" else frozenset(map(int, split.pool))  # frozen before they clashed
        both = [row for index, row in enumerate(rows) if row.side == "train" and index not in trained and is_clash(row)]
        if both:
            found.append(_on_both_sides(both, both_sides))
    dev = [row for row in rows if row.side == "dev"]
    if dev:
        text = f"{len(dev)} development rows are kept out of both test and training rows; nothing is measured on them"
        found.append(Finding("development-rows", text, is_note=True))
        inputs = {levelled(row.source) for row in dev}
        taken = {id(row) for row in test}
        near = [
            row for row in rows if row.side in ("", "train") and id(row) not in taken and levelled(row.source) in inputs
        ]
        if near and both_sides != "keep":
            text = f"{len(near)} rows have the same input as a development row and are not trained on"
            found.append(Finding("development-rows-in-training", text, "", _places(near)))
        shared = [row for row in test if levelled(row.source) in inputs]
        if shared:
            text = f"{len(shared)} test rows have the same input as a development row"
            found.append(Finding("development-rows-in-test", text, "take them out of one of the two", _places(shared)))
    return found


def frozen_groups_findings(test: Sequence[Row], pool: Sequence[Row]) -> list[Finding]:
    """Return how many frozen training rows are of a named group of test rows, as those split before groups were compared so."""
    groups = {row.group for row in test}
    both = [row for row in pool if row.group in groups]
    if not both:
        return []
    text = (
        f"{len(both)} training rows of this study are of a group that test rows are of, too (one group written in two ways was two "
        "when they were frozen, or the column has changed): scores may be too good"
    )
    return [Finding("groups-on-both-sides", text, "start anew in another folder with --out", _places(both))]


def _on_both_sides(both: Sequence[Row], both_sides: BothSides) -> Finding:
    what = f"{len(both)} training rows have the same input{' or group' if both_sides != 'keep' else ''} as a test row"
    if both_sides == "keep":
        text = f"{what} and are trained on all the same: scores will be too good"
        return Finding("rows-on-both-sides", text, "leave them out with split.both_sides: drop", _places(both))
    return Finding(
        "rows-on-both-sides", f"{what} and are not trained on", "to keep them: split.both_sides: keep", _places(both)
    )


def _places(rows: Sequence[Row]) -> tuple[str, ...]:
    return tuple(row.place for row in rows[:MOST_PLACES])
