"""Reading the rows of a study: from where its description says, cleaned; too long or not by a rule of the text alone.

Which rows these are does not depend on the models of the study, nor on where in their file the rows stand.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from tunecurve.data.addresses import is_address
from tunecurve.data.cleaning import CleaningReport, CleaningRules, clean_rows
from tunecurve.data.drops import Reason
from tunecurve.data.inputs import columns_in_template
from tunecurve.data.length import too_long_test
from tunecurve.data.parts import with_parts
from tunecurve.data.rows import RawRow, Row
from tunecurve.data.selecting import draw_rows, first_rows, parse_condition, rows_where, text_of_cell
from tunecurve.data.shapes.base import Asked
from tunecurve.data.shapes.prodigy import accepted
from tunecurve.data.shapes.reader import PlainRows
from tunecurve.data.sides import SIDES, Side, UnnamedSides, check_is_no_split_column, with_sides
from tunecurve.data.sources import read_rows
from tunecurve.data.ticker import with_ticker
from tunecurve.data.web import kept
from tunecurve.errors import DataError, StudyStateError
from tunecurve.findings import Finding
from tunecurve.spec.study import StudySpec
from tunecurve.study.decisions import Decisions
from tunecurve.study.frozen import read_frozen
from tunecurve.tasks.lookup import AUTO_TASK

Report = TypeVar("Report", bound=CleaningReport)
MOST_GROUPS_LOOKED_AT = 1000


@dataclass
class StudyRows:
    """The rows of a study before they are split."""

    rows: list[Row]
    """Cleaned rows; where the data name test rows, each knows its side."""
    cleaning: CleaningReport
    """What came in, stayed, and went."""
    drawn: list[str] = field(default_factory=list)
    """Keys of the raw rows that a limit drew; empty without one."""
    fetched: dict[str, dict[str, str]] = field(default_factory=dict)
    """Hash and version of each file that was fetched from the web, by its address."""
    settled: tuple[Finding, ...] = ()
    """How the study was settled from its first rows, where it left something open."""


def read_study_rows(spec: StudySpec, folder: Path | None = None, settled: Sequence[Finding] = ()) -> StudyRows:
    """Read and clean the rows of a study; what a limit drew before in `folder` is drawn again.

    Raises
    ------
    DataError
        When the data cannot be read, or do not hold what the study file says of them.
    """
    frozen = read_frozen(folder)
    reader = _Reader(spec, frozen.drawn if frozen is not None else (), tuple(settled))
    data = spec.data
    sources = {"test": data.test_source, "dev": data.dev_source}
    if not data.names_test_rows and not data.dev_source:
        rows, cleaning = reader.clean(reader.limited(reader.of_source(data.source, "train")))
        return reader.as_read(rows, cleaning)
    _check_sources(spec)
    found: list[Row] = []
    reports: list[CleaningReport] = []
    for side in SIDES:
        raw_rows = reader.of_side(side, sources.get(side))
        if raw_rows is None:
            continue
        rows, report = reader.clean(reader.limited(raw_rows) if side == "train" else raw_rows)
        found += [replace(row, side=side) for row in rows]
        reports.append(report)
    if not data.names_test_rows:  # development rows alone: the others are split
        found = [replace(row, side="" if row.side == "train" else row.side) for row in found]
    return reader.as_read(found, merged(reports))


def asked_of(spec: StudySpec) -> Asked:
    """Return what a study says about the shape of its rows."""
    inputs, targets = spec.data.named_columns
    return Asked(
        task="" if spec.task == AUTO_TASK else spec.task,
        input_columns=inputs,
        target_columns=targets,
        template_columns=columns_in_template(spec.prompt.column_template),
        instruction=spec.prompt.system,
        options=spec.data.shape_options,
        name=spec.data.shape,
    )


def columns_named(spec: StudySpec) -> tuple[str, ...]:
    """Return all columns that a study names: of input, target and template, of groups, sides and conditions."""
    data, asked = spec.data, asked_of(spec)
    others = [name for name in (data.group_column, data.split_column) if name]
    conditions = [parse_condition(text).column for text in data.where]
    return (*asked.input_columns, *asked.target_columns, *asked.template_columns, *others, *conditions)


def _check_sources(spec: StudySpec) -> None:
    data = spec.data
    for key in ("test_source", "dev_source"):
        value = getattr(data, key)
        if value and value.startswith("builtin:"):
            raise DataError(f"data.{key} is '{value}', made-up rows; expected a file or a hub id with labelled rows")
        if value and value == data.source:
            raise DataError(
                f"data.{key} and data.source are the same ('{value}'); if a column tells its test rows, name it with --split-column"
            )
    if data.hub_test_split and (
        data.source.startswith("builtin:") or Path(data.source).suffix or Path(data.source).exists()
    ):
        raise DataError(
            f"data.hub_test_split is '{data.hub_test_split}', but '{data.source}' is not on the hub; name a file of test rows with "
            "--test-data"
        )
    if data.hub_test_split == data.hub_split:
        raise DataError(f"data.hub_test_split and data.hub_split are both '{data.hub_split}'; expected two splits")


class _Reader:
    """Reads the sources of one study."""

    def __init__(self, spec: StudySpec, drawn_before: Sequence[str], settled: tuple[Finding, ...]) -> None:
        self.spec, self.data = spec, spec.data
        self.drawn_before = drawn_before
        self.drawn: list[str] = []
        self.findings: list[Finding] = []
        self.settled = settled
        self.plain_rows = PlainRows(asked_of(spec))

    @property
    def is_builtin(self) -> bool:
        return self.data.source.startswith("builtin:")

    @property
    def group_column(self) -> str | None:
        return "template_id" if self.is_builtin and not self.data.group_column else self.data.group_column

    def as_read(self, rows: list[Row], cleaning: CleaningReport) -> StudyRows:
        """Return the rows with what was found about their sources; one that was read several times says it once."""
        # The name of a column is one label, whatever signs it has.
        separator = "" if len(self.data.target_columns) > 1 else self.data.label_separator
        rows, understood = self.spec.kind.arranged(rows, separator)
        cleaning.notes += [*self.plain_rows.findings(), *dict.fromkeys(self.findings), *understood]
        return StudyRows(rows, cleaning, self.drawn, self._fetched(), self.settled)

    def _fetched(self) -> dict[str, dict[str, str]]:
        """Return what was fetched from the web."""
        sources = [self.data.source, self.data.test_source, self.data.dev_source]
        files = [kept(source) for source in sources if source and is_address(source)]
        return {file.address: {"sha256": file.sha256, "etag": file.etag} for file in files if file is not None}

    def read(self, source: str, hub_split: str | None = None) -> Iterator[RawRow]:
        """Yield the rows of a source for which the study's conditions hold."""
        data = self.data
        raw_rows = read_rows(
            source,
            data.reading_options(hub_split),
            limit=data.limit if source.startswith("builtin:") else None,
            findings=self.findings,
        )
        told = with_ticker(with_parts(raw_rows, columns_named(self.spec)), f"reading {source}", "rows")
        plain_rows = self.plain_rows.read(told, f"{source} {hub_split or ''}")
        rows = self._where(plain_rows, source) if data.where else plain_rows
        return rows if self.plain_rows.knows("answer") else accepted(rows)

    def _where(self, raw_rows: Iterable[RawRow], source: str) -> Iterator[RawRow]:
        """Yield the rows for which the study's conditions hold, and note how many these are."""
        n_read = itertools.count()
        n_kept = 0
        for row in rows_where((row for row, _ in zip(raw_rows, n_read, strict=False)), self.data.where, source):
            n_kept += 1
            yield row
        text = f"{n_kept} of {next(n_read)} rows of '{source}' are used: those with {' and '.join(self.data.where)}"
        self.findings.append(Finding("rows-where", text, is_note=True))

    def of_side(self, side: Side, source: str | None) -> Iterator[RawRow] | None:
        """Return the rows of a side; None where nothing names it."""
        data = self.data
        if source is not None:
            name = Path(source).name
            return ((f"{name}, {place}", cells) for place, cells in self.of_source(source, side))
        if side == "test" and data.hub_test_split:
            split = data.hub_test_split
            return ((f"{split}, {place}", cells) for place, cells in self.read(data.source, split))
        if data.split_column:
            return self._of_column(data.split_column, side)
        return self.of_source(data.source, side) if side == "train" else None

    def of_source(self, source: str, side: Side) -> Iterator[RawRow]:
        """Yield the rows of a source that is one side of the study; refuse an empty one by its name."""
        is_empty = True
        for row in self.read(source):
            is_empty = False
            yield row
        if is_empty:
            needed = (
                "at least a few dozen labelled rows" if side == "train" else f"the labelled {side} rows of the study"
            )
            raise DataError(f"'{source}' has no rows; expected {needed}")

    def _of_column(self, column: str, side: Side) -> Iterator[RawRow] | None:
        """Return the rows that a column gives to a side; the source is read once a side."""
        counts = Counter(
            one for one, _ in with_sides(self.read(self.data.source), column, self.data.split_roles, self.data.source)
        )
        for needed in ("train", "test"):
            if not counts[needed]:
                there = ", ".join(f"{name} ({count})" for name, count in counts.items())
                way = f"say which value means {needed} with data.split_roles: {{VALUE: {needed}}}, or leave --split-column out"
                raise DataError(
                    f"the split column '{column}' names no {needed} rows, only: {there or 'nothing'}; {way}"
                )
        if not counts[side]:
            return None
        return (
            row
            for one, row in with_sides(self.read(self.data.source), column, self.data.split_roles, self.data.source)
            if one == side
        )

    def limited(self, raw_rows: Iterable[RawRow]) -> Iterable[RawRow]:
        """Return as many rows as the study's limit says."""
        data = self.data
        if data.limit is None or self.is_builtin:
            return raw_rows
        if data.limit_takes == "first":
            return first_rows(raw_rows, data.limit)
        seed, columns = self.spec.split.seed, self.plain_rows.input_columns
        rows, self.drawn = draw_rows(raw_rows, data.limit, seed, columns, self.drawn_before)
        return rows

    def clean(self, raw_rows: Iterable[RawRow]) -> tuple[list[Row], CleaningReport]:
        """Clean the rows of one side."""
        data = self.data
        rules = CleaningRules(
            input_column=self.plain_rows.input_columns,
            template=self.spec.prompt.column_template,
            target_column=self.plain_rows.target_columns,
            target_rule=self.spec.kind.targets,
            group_column=self.group_column,
            group_by=self.spec.kind.group_by,
            drop_duplicates=data.drop_duplicates,
            is_too_long=too_long_test(data.max_tokens),
        )
        return clean_rows(self._with_groups_checked(raw_rows), rules)

    def _with_groups_checked(self, raw_rows: Iterable[RawRow]) -> Iterator[RawRow]:
        column, values = self.data.group_column, Counter[str]()
        sides = None if self.data.names_test_rows else UnnamedSides({*self.plain_rows.named, column})
        for place, cells in raw_rows:
            if sides is not None:
                sides.count(cells)
            if column is not None and column in cells and len(values) < MOST_GROUPS_LOOKED_AT:
                values[text_of_cell(cells[column])] += 1
            yield place, cells
        if column is not None:
            check_is_no_split_column(column, values)
        if sides is not None:
            self.findings += sides.findings()


def merged(reports: Sequence[Report]) -> Report:
    """Return one report of several: counts added, lists joined."""
    first, *others = reports
    for other in others:
        for part in fields(first):
            setattr(first, part.name, _added(getattr(first, part.name), getattr(other, part.name)))
    return first


def _added(left: Any, right: Any) -> Any:
    if isinstance(left, dict) and not isinstance(left, Counter):
        both = {key: _added(left[key], right[key]) for key in left.keys() & right.keys()}
        return {**left, **right, **both}
    return left if isinstance(left, Reason) else left + right


def check_fetched(fetched: dict[str, dict[str, str]], decisions: Decisions, *, accept_data_changes: bool) -> None:
    """Refuse a file from the web that is another one than at the first run.

    Raises
    ------
    StudyStateError
        With its address and both hashes.
    """
    if not fetched and not decisions.has("fetched"):
        return
    before = decisions.once("fetched", lambda: fetched)
    for address, now in fetched.items():
        then = before.get(address, now)
        if then["sha256"] != now["sha256"] and not accept_data_changes:
            raise StudyStateError(
                f"'{address}' has changed since the study began (SHA-256 {then['sha256'][:16]}... then, {now['sha256'][:16]}... now); "
                "bring back the first file, start anew in another folder with --out, or take it as it is now with --accept-data-changes"
            )
    decisions.anew("fetched", {**before, **fetched})
