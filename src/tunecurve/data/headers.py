"""The first row of a table, which names its columns: each once; columns without a name are an index, or are said."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tunecurve.data.spelled_out import as_bracketed
from tunecurve.errors import DataError
from tunecurve.findings import Finding

# How pandas calls a column without a name.
_UNNAMED = re.compile(r"Unnamed: \d+(_level_\d+)?")
_NUMBER = re.compile(r"-?\d+([.,]\d+)?")
MIN_ROWS_BELOW = 3
ROWS_LOOKED_AT = 50
_WHOLE_NUMBER = re.compile(r"\d+(\.0)?")


def check_header(where: str, file_name: str, names: Sequence[str]) -> Header:
    """Return the header of a table.

    Raises
    ------
    DataError
        When two columns have the same name, or none has one.
    """
    twice = [name for name, count in Counter(names).items() if count > 1 and name.strip()]
    if twice:
        raise DataError(f"{where}: two columns are called '{twice[0]}'; give each a name of its own")
    if not any(name.strip() for name in names):
        raise DataError(f"{where}: no column has a name; write the names of the columns into the first row")
    unnamed = [index for index, name in enumerate(names) if not name.strip() or _UNNAMED.fullmatch(name.strip())]
    return Header(file_name, list(names), {index: _Unnamed() for index in unnamed})


def check_is_header(where: str, names: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Refuse a first row that is a row like the others: a cell of it recurs below as classes do, or is a number among numbers.

    Raises
    ------
    DataError
        With the cell that shows it.
    """
    below = [row for row in rows if list(row) != list(names) and len(row) == len(names)]
    if len(below) < MIN_ROWS_BELOW:
        return
    for position, name in enumerate(names):
        cells = [row[position] for row in below]
        if not name.strip() or set(cells) <= {name, ""}:  # as in columns of ticks: cells with the column's own name
            continue
        n_same = cells.count(name)
        if n_same > 1 or (n_same and len(set(cells)) < len(cells)):  # once is enough in a column of classes
            why = f"'{name[:40]}' stands in {n_same} of the {len(below)} rows below it, too"
        elif _is_value(name, position) and all(_NUMBER.fullmatch(cell.strip()) for cell in cells if cell.strip()):
            why = f"'{name[:40]}' is a number like those below it"
        else:
            continue
        raise DataError(
            f"{where}: this looks like a row, not like the names of the columns: {why}; write the names as the first line, as: text,label"
        )


def _is_value(name: str, position: int) -> bool:
    """Return whether a name is a number that no column is called by: not its position, not a year."""
    text = name.strip()
    if not _NUMBER.fullmatch(text):
        return False
    return text not in (str(position), str(position + 1)) and not ("1900" <= text <= "2100" and len(text) == 4)


@dataclass
class _Unnamed:
    """What stands in a column without a name."""

    n_cells: int = 0
    is_index: bool = True


@dataclass
class Header:
    """The names of a table's columns."""

    file_name: str
    """Named by notes."""
    names: list[str]
    """One a column, empty where there is none."""
    unnamed: dict[int, _Unnamed] = field(default_factory=dict)
    """Columns without a name, by position; they are left out of the rows."""

    def row(self, cells: Sequence[Any]) -> dict[str, object]:
        """Return the cells by column, those of columns without a name left out, and texts in brackets marked as such."""
        if not self.unnamed:
            return dict(zip(self.names, map(as_bracketed, cells), strict=False))
        for position, seen in self.unnamed.items():
            cell = cells[position] if position < len(cells) else None
            text = "" if cell is None else str(cell).strip()
            if text:
                seen.n_cells += 1
                seen.is_index = seen.is_index and _WHOLE_NUMBER.fullmatch(text) is not None
        return {
            name: as_bracketed(cell)
            for index, (name, cell) in enumerate(zip(self.names, cells, strict=False))
            if index not in self.unnamed
        }

    def findings(self) -> list[Finding]:
        """Return what was left out."""
        found = []
        for position, seen in self.unnamed.items():
            if not seen.n_cells:
                continue
            name = self.names[position].strip()
            called = f"column '{name}'" if name else f"column {position + 1}, which has no name,"
            if seen.is_index:
                text = f"{called} of '{self.file_name}' holds row numbers, as pandas writes them, and is left out"
                found.append(Finding("index-column", text, is_note=True))
            else:
                text = f"{called} of '{self.file_name}' holds {seen.n_cells} cells and is left out"
                found.append(Finding("column-without-name", text, "give it a name in the first row"))
        return found
