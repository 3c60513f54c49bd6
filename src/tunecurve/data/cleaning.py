"""From raw cells to rows, counting what is dropped and why: rows in = kept + dropped."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tunecurve.data.rows import Row, skeleton
from tunecurve.data.sources import RawRow
from tunecurve.errors import DataError, did_you_mean

MAX_PLACES_KEPT = 5
# A study needs some thousand rows. All kept rows are in memory, at about three times their text.
MAX_CHARACTERS_KEPT = 500_000_000


@dataclass
class CleaningReport:
    """How many rows came in, stayed, and went, by reason.

    Attributes
    ----------
    rows_in, rows_kept : int
        Counts; ``rows_in == rows_kept + sum(dropped.values())``.
    dropped : dict of str to int
        Count by reason.
    places : dict of str to list of str
        The first places of each reason.
    """

    rows_in: int = 0
    rows_kept: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    places: dict[str, list[str]] = field(default_factory=dict)

    def drop(self, reason: str, place: str) -> None:
        """Count one dropped row."""
        self.dropped[reason] = self.dropped.get(reason, 0) + 1
        known = self.places.setdefault(reason, [])
        if len(known) < MAX_PLACES_KEPT:
            known.append(place)

    def summary(self) -> str:
        """Return one line: rows in, kept, and dropped by reason."""
        reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(self.dropped.items()))
        return f"{self.rows_in} rows in, {self.rows_kept} kept" + (f", dropped: {reasons}" if reasons else "")


def clean_rows(
    raw_rows: Iterable[RawRow],
    *,
    input_column: str = "source_text",
    target_column: str = "target_text",
    group_column: str | None = None,
    group_by: str = "target",
    drop_duplicates: bool = True,
    is_too_long: Callable[[str, str], bool] | None = None,
) -> tuple[list[Row], CleaningReport]:
    """Turn raw cells into rows.

    Parameters
    ----------
    raw_rows : iterable of (place, cells)
        As from `tunecurve.data.sources.read_rows`.
    input_column, target_column, group_column : str
        Column names; without a group column, rows are grouped by the skeleton of a text. A target that is a list of
        texts has several references, of which the first is trained on.
    group_by : {"target", "input"}, default "target"
        The text whose skeleton groups rows when there is no group column.
    drop_duplicates : bool, default True
        Drop rows whose input was seen before.
    is_too_long : callable, optional
        Says whether (input, target) is longer than the study takes.

    Raises
    ------
    DataError
        When a column is missing, no row is left, or there are more than memory should hold.
    """
    report = CleaningReport()
    rows: list[Row] = []
    first_target: dict[str, str] = {}
    n_characters = 0
    for place, cells in raw_rows:
        if report.rows_in == 0:
            _check_columns(cells, [input_column, target_column, *([group_column] if group_column else [])], place)
        report.rows_in += 1
        source, (target, *others) = cells.get(input_column), _targets_in(cells.get(target_column))
        reason = _reason_to_drop(source, target, first_target if drop_duplicates else {}, is_too_long)
        if reason:
            report.drop(reason, place)
            continue
        assert isinstance(source, str)  # checked above
        assert isinstance(target, str)
        n_characters += len(source) + len(target)
        if n_characters > MAX_CHARACTERS_KEPT:
            raise DataError(
                f"{place}: the rows up to here hold more than {MAX_CHARACTERS_KEPT:,} characters; use fewer with --limit, e.g. "
                "--limit 50000"
            )
        first_target[source] = target
        cell = cells.get(group_column) if group_column else None
        # A row without a group is a group of its own kind: its skeleton.
        named = cell is not None and str(cell).strip() != ""
        group = str(cell) if named else skeleton(target if group_by == "target" else source)
        other_targets = tuple(text for text in others if isinstance(text, str) and text.strip() and _is_unicode(text))
        rows.append(Row(source, target, group, place, other_targets))
    report.rows_kept = len(rows)
    if report.rows_in == 0:
        raise DataError("the data has no rows; expected at least a few dozen labelled rows")
    if not rows:
        raise DataError(f"no usable row is left ({report.summary()}); check the columns and the data")
    return rows, report


def _targets_in(cell: object) -> list[object]:
    """Return the targets in a cell: one text, or a list of several that are all right; at least one entry."""
    return list(cell) if isinstance(cell, list | tuple) and cell else [cell]


def _check_columns(cells: Mapping[str, Any], wanted: list[str], place: str) -> None:
    for column in wanted:
        if column not in cells:
            known = ", ".join(map(str, list(cells)[:12]))
            option = "--input-column, --target-column or --group-column"
            raise DataError(
                f"{place}: no column '{column}'; the columns are: {known}.{did_you_mean(column, map(str, cells))} "
                f"Name the right one with {option}"
            )


def _is_unicode(text: str) -> bool:
    """Whether the text can be encoded; half a surrogate pair, as from a cut emoji, cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _reason_to_drop(
    source: object, target: object, first_target: dict[str, str], is_too_long: Callable[[str, str], bool] | None
) -> str | None:
    for text, side in ((source, "input"), (target, "target")):
        if text is None or (isinstance(text, str) and not text.strip()):
            return f"empty {side}"
        if not isinstance(text, str):
            return f"{side} not text"
        if not _is_unicode(text):
            return f"{side} not valid Unicode"
    assert isinstance(source, str)  # checked above
    assert isinstance(target, str)
    if source in first_target:
        return "duplicate" if first_target[source] == target else "duplicate input with another target"
    if is_too_long is not None and is_too_long(source, target):
        return "longer than data.max_tokens"
    return None
