"""Which raw rows a study takes: conditions on columns, and a limit that draws rows instead of taking the first ones."""

from __future__ import annotations

import hashlib
import heapq
import itertools
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tunecurve.data.rows import RawRow
from tunecurve.errors import DataError, did_you_mean
from tunecurve.wording import first_of

_IN = re.compile(r"^(?P<column>.+?)\s+in\s+(?P<values>.+)$", re.IGNORECASE | re.DOTALL)
MOST_VALUES_SHOWN = 8


@dataclass(frozen=True)
class Condition:
    """What a column's cell must be, or must not be; cells are compared as texts."""

    column: str
    """The column's name."""
    values: tuple[str, ...]
    """The cell is one of them,"""
    is_negated: bool = False
    """or none of them."""

    def holds(self, cell: object) -> bool:
        """Return whether a cell is as it should be."""
        return (text_of_cell(cell) in self.values) != self.is_negated

    def __str__(self) -> str:
        sign = ("!=" if self.is_negated else "=") if len(self.values) == 1 else " in "
        return f"{self.column}{sign}{','.join(self.values)}"


def parse_condition(text: str) -> Condition:
    """Return the condition that a text like ``lang=en``, ``lang!=en`` or ``lang in en,fr`` says.

    Raises
    ------
    ValueError
        With what was expected.
    """
    column, sign, value = text.partition("=")
    if sign and column.strip(" !"):
        is_negated = column.endswith("!")
        return Condition(column.removesuffix("!").strip(), (value.strip(),), is_negated)
    found = _IN.match(text.strip())
    if not sign and found:
        return Condition(found["column"].strip(), tuple(part.strip() for part in found["values"].split(",")))
    raise ValueError(f"'{text}' is no condition; expected COLUMN=VALUE, COLUMN!=VALUE or COLUMN in VALUE,VALUE")


def text_of_cell(cell: object) -> str:
    """Return a cell as conditions compare it: ``true``, ``3``, ``en``; an empty text where there is nothing."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell).strip()


@dataclass
class _Met:
    """What a condition met: how many rows it kept, and the values of its column."""

    n_kept: int = 0
    has_column: bool = False
    values: Counter[str] = field(default_factory=Counter)


def rows_where(raw_rows: Iterable[RawRow], conditions: Sequence[str], source: str) -> Iterator[RawRow]:
    """Yield the rows for which every condition holds.

    Raises
    ------
    DataError
        When no row has a condition's column, or none is left; with the columns or values that were met.
    """
    parsed = [parse_condition(text) for text in conditions]
    met = [_Met() for _ in parsed]
    columns: dict[str, None] = {}
    n_left = 0
    for place, cells in raw_rows:
        if len(columns) < 100:
            columns.update(dict.fromkeys(map(str, cells)))
        if _all_hold(parsed, met, cells):
            n_left += 1
            yield place, cells
    for condition, seen in zip(parsed, met, strict=True):
        if columns and not seen.has_column:
            raise DataError(
                f"--where {condition}: no row of '{source}' has a column '{condition.column}'; the columns are: "
                f"{', '.join(list(columns)[:12])}.{did_you_mean(condition.column, columns)}"
            )
        if columns and not n_left and not seen.n_kept:
            shown = first_of([f"'{value}' ({count})" for value, count in seen.values.most_common()], MOST_VALUES_SHOWN)
            raise DataError(
                f"--where {condition} leaves no row of '{source}'; the values of '{condition.column}' are: {shown}."
                f"{did_you_mean(condition.values[0], seen.values)}"
            )
    if columns and not n_left:
        raise DataError(
            f"--where {' and '.join(map(str, parsed))} leave no row of '{source}' together; give fewer of them"
        )


def _all_hold(conditions: Sequence[Condition], met: Sequence[_Met], cells: Mapping[str, Any]) -> bool:
    holds = True
    for condition, seen in zip(conditions, met, strict=True):
        cell = cells.get(condition.column)
        seen.has_column |= condition.column in cells
        if len(seen.values) < 1000:
            seen.values[text_of_cell(cell)] += 1
        fits = condition.holds(cell)
        seen.n_kept += fits
        holds &= fits
    return holds


def draw_rows(
    raw_rows: Iterable[RawRow], limit: int, seed: int, columns: Sequence[str], drawn_before: Collection[str] = ()
) -> tuple[list[RawRow], list[str]]:
    """Return as many rows as `limit` says, drawn at random and in the order of the source, and the keys that tell them again.

    Whether a row is drawn depends on its own input and the seed, not on where it stands. Rows drawn before are drawn again,
    all of them: a study that grows keeps its rows.
    """
    before = frozenset(drawn_before)
    kept: list[RankedRow] = []
    chosen: list[RankedRow] = []
    for index, raw_row in enumerate(raw_rows):
        key = _key_of(raw_row[1], columns)
        if key in before:
            kept.append((0, -index, key, raw_row))
            continue
        rank = int.from_bytes(hashlib.sha256(f"{seed} {key}".encode()).digest()[:8], "big")
        entry = (-rank, -index, key, raw_row)
        if len(chosen) < limit:
            heapq.heappush(chosen, entry)
        elif entry > chosen[0]:
            heapq.heapreplace(chosen, entry)
    n_more = max(0, limit - len(kept))
    drawn = sorted([*kept, *heapq.nlargest(n_more, chosen)], key=lambda entry: -entry[1])
    return [entry[3] for entry in drawn], [entry[2] for entry in drawn]


RankedRow = tuple[int, int, str, RawRow]


def _key_of(cells: Mapping[str, Any], columns: Sequence[str]) -> str:
    known = [column for column in columns if column in cells] or list(cells)
    text = "\n".join(f"{column}={cells[column]}" for column in known)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def first_rows(raw_rows: Iterable[RawRow], limit: int) -> Iterator[RawRow]:
    """Yield the first rows."""
    return itertools.islice(raw_rows, limit)
