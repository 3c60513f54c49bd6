"""From raw cells to rows, counting what is dropped and why: rows in = kept + dropped."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tunecurve.data.cells import Reading, TargetRule, flag_of, is_missing, plain_value, read_flags, read_target
from tunecurve.data.counted import Counted
from tunecurve.data.drops import JOINED, LOUD_SHARE, OTHER_CLASS, CleaningReport
from tunecurve.data.inputs import DEFAULT_COLUMN, DEFAULT_TARGET, InputText
from tunecurve.data.parts import part_names
from tunecurve.data.rows import RawRow, Row, TextGroup
from tunecurve.data.understood import Understood
from tunecurve.data.unread import ShapeCounts, columns_in_words, way_on
from tunecurve.errors import DataError, did_you_mean
from tunecurve.findings import Finding
from tunecurve.formats.folding import compose, without_invisible
from tunecurve.wording import first_of

__all__ = ["CleaningReport", "CleaningRules", "clean_rows"]

OTHER_TARGET = "duplicate input with another target"
_WHOLE_NUMBER = re.compile(r"\A([+-]?[0-9]+)\.0+\Z")  # as pandas writes a column of whole numbers with a gap
MAX_CHARACTERS_SHARED, MAX_TEXTS_SHARED = 100, 10_000
# A study needs some thousand rows. All kept rows are in memory, at about three times their text.
MAX_CHARACTERS_KEPT = 500_000_000


@dataclass(frozen=True)
class CleaningRules:
    """Which columns a row is made of, and which rows are dropped."""

    input_column: str | Sequence[str] = DEFAULT_COLUMN
    """Column with the input text; several are joined by line breaks."""
    template: str = ""
    """A template that names columns, see `tunecurve.data.inputs`; its filled text is the input."""
    target_column: str | Sequence[str] = "target_text"
    """Column with the target; several are the flags of labels."""
    target_rule: TargetRule = field(default_factory=TargetRule)
    """What an empty target and a list mean to the task; default: a row has one target."""
    group_column: str | None = None
    """Its value groups rows; without it they are grouped by the skeleton of a text."""
    group_by: str = "target"
    """``"target"`` or ``"input"``: the text whose skeleton groups rows when there is no group column."""
    drop_duplicates: bool = True
    """Drop rows whose whole input was seen before."""
    is_too_long: Callable[[str, str], bool] | None = None
    """Says whether (input, target) is longer than the study takes."""

    def reader(self) -> _RowReader:
        """Return what reads cells by these rules."""
        columns, targets = (
            (named,) if isinstance(named, str) else tuple(named) for named in (self.input_column, self.target_column)
        )
        return _RowReader(InputText(columns, self.template), targets, self.target_rule, self.group_column)


def clean_rows(raw_rows: Iterable[RawRow], rules: CleaningRules = CleaningRules()) -> tuple[list[Row], CleaningReport]:
    """Turn raw cells into rows.

    Raises
    ------
    DataError
        When a column is missing, a cell holds more than a text, no row is left, or there are more than memory should hold.
    """
    reader = rules.reader()
    report = CleaningReport()
    rows: list[Row] = []
    first: dict[str, Row] = {}
    position: dict[str, int] = {}
    by_text = TextGroup("target" if rules.group_by == "target" else "input")
    shared = _Shared()
    joins = reader.rule.list_is == "labels"
    n_characters = 0
    for place, source, target in reader.read(raw_rows, report):
        reason = _reason_to_drop(source, target, first, rules.is_too_long)
        if reason in ("duplicate", OTHER_TARGET) and joins:
            reason = _join_labels(rows, position[source.texts[0]], target)
        if reason:
            in_words = next((side.reason for side in (source, target) if side.problem == reason), None)
            if reason == OTHER_TARGET and reader.rule.list_is == "classes":
                in_words = OTHER_CLASS
            report.drop(reason, place, reader.traits, in_words)
            continue
        text, (answer, *others) = source.texts[0], target.texts
        n_characters += len(text) + sum(map(len, target.texts))
        if n_characters > MAX_CHARACTERS_KEPT:
            raise DataError(
                f"{place}: the rows up to here hold more than {MAX_CHARACTERS_KEPT:,} characters; use fewer with --limit, e.g. "
                "--limit 50000"
            )
        row = Row(text, shared.of(answer), shared.of(reader.group) or by_text, place, tuple(others))
        if rules.drop_duplicates:
            first[text] = row
            if joins:
                position[text] = len(rows)
        rows.append(row)
    report.rows_kept = len(rows)
    reader.check_all(report)
    if not rows:
        raise DataError(_nothing_left(report))
    return rows, report


class _Shared:
    """Short texts that many rows have, as classes are, each once in memory."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def of(self, text: str) -> str:
        """Return the text, the first one of its kind."""
        if len(text) > MAX_CHARACTERS_SHARED:
            return text
        if len(self._known) >= MAX_TEXTS_SHARED:
            return self._known.get(text, text)
        return self._known.setdefault(text, text)


def _join_labels(rows: list[Row], number: int, target: Reading) -> str:
    """Give an earlier row the labels of one that repeats its input; return why the other one is dropped."""
    row = rows[number]
    new = [text for text in target.texts if text not in (row.target, *row.other_targets)]
    rows[number] = replace(row, other_targets=(*row.other_targets, *new))
    return JOINED if new else "duplicate"


def group_named(cells: Mapping[str, Any], column: str | None) -> str:
    """Return the group that a row names in a column; empty where it names none.

    Groups that read the same are one: ``3``, ``3.0`` and ``" 3 "``, whatever file says so; letters and their accents in one
    character or in two; without what cannot be seen. Two groups of nearly one name are rarer than one written in two ways.
    """
    cell = cells.get(column) if column else None
    if is_missing(cell):
        return ""
    name = compose(" ".join(without_invisible(str(cell)).split()))
    return _WHOLE_NUMBER.sub(r"\1", name)


@dataclass
class _RowReader:
    """Reads the cells of one row after the other, and keeps count of what they are."""

    inputs: InputText
    target_columns: tuple[str, ...]
    rule: TargetRule
    group_column: str | None
    group: str = ""
    """The group that the last row names; empty where it names none."""
    traits: list[str] = field(default_factory=list)
    """What the last row is: its class, the kinds of its cells."""
    shapes: ShapeCounts = field(default_factory=ShapeCounts)
    understood: Understood = field(default_factory=Understood)
    seen: set[str] = field(default_factory=set)
    known: str = ""
    ungrouped: Counted = field(default_factory=Counted)

    @property
    def target_column(self) -> str:
        """The target's column in words."""
        return ", ".join(self.target_columns)

    def read(self, raw_rows: Iterable[RawRow], report: CleaningReport) -> Iterator[tuple[str, Reading, Reading]]:
        """Yield place, input and target of every row."""
        for place, cells in raw_rows:
            if report.rows_in == 0:
                self.inputs = self.inputs.for_columns(cells)
                self._check_columns(cells, place)
            source, parts = self.inputs.read(cells)
            target = self._target_in(cells)
            self.seen.update(parts)
            self.shapes.count(parts, self.target_column, target, place)
            self.understood.count(parts, self.target_column, target, cells, place)
            self.group = self._group_in(cells, place)
            self.traits = self._traits_of(source, target)
            report.count(self.traits)
            yield place, source, target

    def _target_in(self, cells: Mapping[str, Any]) -> Reading:
        if not any(column in cells for column in self.target_columns):
            return Reading(problem="missing")
        if len(self.target_columns) > 1:
            return read_flags(cells, self.target_columns, self.rule)
        cell = plain_value(cells[self.target_column])
        if self.rule.list_is == "labels" and _is_object_of_flags(cell):
            return read_flags(cell, list(cell), self.rule)
        return read_target(cell, self.rule)

    def _group_in(self, cells: Mapping[str, Any], place: str) -> str:
        """Return the group; a row without one is a group of its own kind: its skeleton."""
        group = group_named(cells, self.group_column)
        if not group:
            self.ungrouped.add(place)
        return group

    def _traits_of(self, source: Reading, target: Reading) -> list[str]:
        sides = (("input", source), ("target", target))
        traits = [f"rows whose {side} is a {reading.kind}" for side, reading in sides if reading.kind != "empty"]
        if self.rule.list_is == "classes" and target.texts:
            traits.append(f"rows of class '{target.texts[0].strip()[:60]}'")
        return traits

    def _check_columns(self, cells: Mapping[str, Any], place: str) -> None:
        """Refuse names that the first row does not have; of several parts of the input, one is enough to go on.

        A column that the study names goes before those that are read where nobody names one.
        """
        self.known = columns_in_words(cells)
        parts = self.inputs.wanted
        missing = [column for column in parts if column not in cells]
        if len(missing) < len(parts):
            missing = []
        missing += [column for column in (*self.target_columns, self.group_column) if column and column not in cells]
        if missing:
            named = [column for column in missing if column not in (DEFAULT_COLUMN, DEFAULT_TARGET)]
            raise DataError(
                self._no_column(named[0], place, cells) if named else self._unknown_columns(missing, place, cells)
            )

    def _no_column(self, column: str, place: str, cells: Mapping[str, Any]) -> str:
        option = "--input-column, --target-column or --group-column"
        way = way_on(cells) or _way_to_parts(cells) or f"Name the right one with {option}"
        meant = did_you_mean(column, part_names(cells) if "." in column else map(str, cells))
        return f"{place}: no column '{column}'; the columns are: {self.known}.{meant} {way[0].upper()}{way[1:]}"

    def _unknown_columns(self, missing: Sequence[str], place: str, cells: Mapping[str, Any]) -> str:
        """Return what to name where nobody named a column and none is called as one is by default."""
        told = {DEFAULT_COLUMN: ("the input", "--input-column"), DEFAULT_TARGET: ("the target", "--target-column")}
        sides, options = zip(*(told[column] for column in dict.fromkeys(missing)), strict=True)
        named = f"Name {'it' if len(sides) == 1 else 'them'} with {' and '.join(options)}"
        way = way_on(cells) or "; ".join(filter(None, [named, _way_to_parts(cells)]))
        unknown = [str(name) for name in cells if name not in told]
        meant = next(filter(None, (did_you_mean(column, unknown) for column in missing)), "")
        return (
            f"{place}: which column is {' and which is '.join(sides)} is not told by the names; "
            f"the columns are: {self.known}.{meant} {way[0].upper()}{way[1:]}"
        )

    def check_all(self, report: CleaningReport) -> None:
        """Refuse shapes that hold more than a text, and parts of the input that no row has; note what was understood."""
        if report.rows_in == 0:
            raise DataError("the data has no rows; expected at least a few dozen labelled rows")
        self.shapes.refuse(report.rows_in, self.target_column, self.rule.list_is)
        self._check_roles()
        for column in self.inputs.wanted:
            if column not in self.seen:
                raise DataError(
                    f"no row has the column '{column}' that the input is made of; the columns are: {self.known}; mend "
                    "--input-column or prompt.template ({{...}} is {...} as a text)"
                )
        report.notes += self.understood.notes(report.rows_in)
        if self.group_column and self.ungrouped.n:
            report.notes.append(self._without_group(report.rows_in))

    def _check_roles(self) -> None:
        """Refuse a target that is a part of the input, and classes as groups: neither can be learnt."""
        both = [column for column in self.target_columns if column in self.inputs.wanted]
        if both:
            raise DataError(
                f"column '{both[0]}' is the target and a part of the input: every answer would stand in its question; "
                "name two columns with --input-column and --target-column (and in prompt.template)"
            )
        if self.rule.list_is == "classes" and self.group_column == self.target_column:
            raise DataError(
                f"column '{self.target_column}' is the target and the group: every class would stand on one side of the split only; "
                "name what rows have in common otherwise with --group-column, or leave it out"
            )

    def _without_group(self, n_rows: int) -> Finding:
        text = (
            f"{self.ungrouped.n} of {n_rows} rows name no group in column '{self.group_column}', and are grouped by their text: "
            "rows that belong together may stand on both sides of the split"
        )
        is_note = self.ungrouped.n <= LOUD_SHARE * n_rows
        return Finding("no-group", text, "fill the column", tuple(self.ungrouped.places), is_note=is_note)


def _way_to_parts(cells: Mapping[str, Any]) -> str:
    """Return how what stands within an object is named; empty where there is none."""
    names = part_names(cells)
    return f"what stands within an object is named with a dot: {first_of(names, 4)}" if names else ""


def _is_object_of_flags(cell: Any) -> bool:
    """Return whether a cell says of each label whether it applies, as spaCy's ``cats`` do: ``{"fire": 1, "water": 0}``."""
    return isinstance(cell, Mapping) and bool(cell) and all(flag_of(value) is not None for value in cell.values())


def _reason_to_drop(
    source: Reading, target: Reading, first: Mapping[str, Row], is_too_long: Callable[[str, str], bool] | None
) -> str | None:
    for reading, side in ((source, "input"), (target, "target")):
        if reading.shape:
            return f"{side} not one text"  # counted here, refused when all rows are read
        if reading.problem:
            if reading.reason is not None:
                return reading.problem
            return {"empty": f"empty {side}", "missing": f"no {side} column"}.get(
                reading.problem, f"{side} {reading.problem}"
            )
    text, answer = source.texts[0], target.texts[0]
    if text in first:
        return "duplicate" if first[text].target == answer else OTHER_TARGET
    if is_too_long is not None and is_too_long(text, answer):
        return "longer than data.max_tokens"
    return None


def _nothing_left(report: CleaningReport) -> str:
    reasons = "; ".join(finding.line for finding in report.loud_drops())
    return f"no usable row is left ({report.summary()}): {reasons}"
