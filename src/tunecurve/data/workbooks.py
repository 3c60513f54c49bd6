"""Rows of one sheet of a workbook (.xlsx, .xlsm, .ods): the first row that is not empty names the columns.

The workbook's own values are read; nothing in it is computed, fetched or run.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

from tunecurve.data.headers import ROWS_LOOKED_AT, Header, check_header, check_is_header
from tunecurve.data.options import PART
from tunecurve.data.rows import RawRow
from tunecurve.data.streams import DataFile
from tunecurve.data.workbook_parts import UNREADABLE, check_parts, not_readable, special_cells
from tunecurve.errors import DataError, needing
from tunecurve.findings import Finding


def read_workbook(file: DataFile, findings: list[Finding]) -> Iterator[RawRow]:
    """Yield (place, cells) for every row that is not empty."""
    with needing("data", f"reading the workbook '{file}'", " (or save the sheet as .csv)"):
        import python_calamine
    with file.seekable() as opened:
        check_parts(file, opened)
        opened.seek(0)
        try:
            book = python_calamine.CalamineWorkbook.from_filelike(opened)
            sheet = _sheet(file, book, findings)
        except python_calamine.PasswordError:
            raise DataError(f"'{file}' is protected by a password; take it off, or save the sheet as .csv") from None
        except (python_calamine.CalamineError, OSError, ValueError) as error:
            raise not_readable(file, error) from None
        findings += _cell_findings(file, opened, book.sheet_names.index(sheet.name), sheet.name)
    yield from _SheetReader(file, sheet, findings).rows()


def _sheet(file: DataFile, book: Any, findings: list[Finding]) -> Any:
    """Return the sheet that is named, else the only one that is visible and has rows."""
    named = file.part or file.options.sheet
    names = list(book.sheet_names)
    if named:
        if named not in names:
            raise DataError(f"'{file}' has no sheet '{named}'; its sheets are: {', '.join(names)}")
        return book.get_sheet_by_name(named)
    visible = [one.name for one in book.sheets_metadata if str(one.visible).endswith(".Visible")]
    filled = [sheet for name in visible if (sheet := book.get_sheet_by_name(name)).height > 0]
    if len(filled) > 1:
        sizes = ", ".join(f"{sheet.name} ({sheet.height} rows)" for sheet in filled[:8])
        raise DataError(
            f"'{file}' has several sheets: {sizes}; name the one to read: data.sheet: '{filled[0].name}' or --data "
            f"'{file}{PART}{filled[0].name}'"
        )
    if not filled:
        raise DataError(f"'{file}' has no rows in a visible sheet; its sheets are: {', '.join(names)}")
    others = [name for name in names if name != filled[0].name]
    if others:
        text = f"sheet '{filled[0].name}' of '{file.name}' is read; hidden or empty ones are left out: {', '.join(others[:8])}"
        findings.append(Finding("sheet-read", text, is_note=True))
    return filled[0]


def _cell_findings(file: DataFile, opened: BinaryIO, number: int, sheet: str) -> list[Finding]:
    """Say which cells are formulas or errors; refuse formulas whose values are not stored."""
    try:
        cells = special_cells(file, opened, number)
    except UNREADABLE as error:
        raise not_readable(file, error) from None
    if cells.without_value:
        raise DataError(
            f"'{file}', sheet '{sheet}', cell {cells.without_value[0]}: a formula without a stored value; open the workbook in a "
            "spreadsheet program and save it, or save the sheet as .csv"
        )
    found = []
    if cells.formulas.n:
        text = f"{cells.formulas.n} cells of sheet '{sheet}' are formulas; the values that were stored with them last are read"
        found.append(Finding("formulas-read", text, "", tuple(cells.formulas.places), is_note=True))
    if cells.errors.n:
        text = f"{cells.errors.n} cells of sheet '{sheet}' hold an error (#N/A, #REF!, ...), and are read as empty"
        found.append(Finding("sheet-errors", text, "mend the formulas there", tuple(cells.errors.places)))
    return found


@dataclass
class _SheetReader:
    """Reads the rows of a sheet."""

    file: DataFile
    sheet: Any
    findings: list[Finding]

    def rows(self) -> Iterator[RawRow]:
        """Yield the rows."""
        numbered = enumerate(self.sheet.iter_rows(), start=1)
        filled = ((number, raw) for number, raw in numbered if any(cell != "" for cell in raw))
        first = list(itertools.islice(filled, ROWS_LOOKED_AT))
        if not first:
            return
        (top, names), *below = first
        header = self._header(names, top)
        check_is_header(f"{self.file}, row {top}", header.names, [list(map(_text, raw)) for _, raw in below])
        for number, raw in itertools.chain(below, filled):
            if len(raw) > 1 and list(raw) == list(names):
                raise DataError(
                    f"{self.file}, row {number}: the header once more; if sheets were put together, delete the row"
                )
            yield f"row {number}", header.row(raw)
        self.findings += header.findings()

    def _header(self, raw: Sequence[Any], number: int) -> Header:
        for (top, left), (bottom, right) in self.sheet.merged_cell_ranges or []:
            area = f"{_cell_name(top, left)}:{_cell_name(bottom, right)}"
            if top + 1 <= number <= bottom + 1:
                raise DataError(
                    f"'{self.file}', sheet '{self.sheet.name}': the header's cells {area} are merged; unmerge them, and give each "
                    "column a name of its own in one row"
                )
            text = f"cells {area} of sheet '{self.sheet.name}' are merged: only the first of them has a value"
            self.findings.append(Finding("cells-merged", text, "unmerge them and fill each row"))
        names = [_text(cell) for cell in raw]
        width = len(names) - (self.sheet.start or (0, 0))[1]
        if sum(map(bool, names)) == 1 and width > 1:
            raise DataError(
                f"'{self.file}', sheet '{self.sheet.name}', row {number}: one cell, '{_text(next(filter(None, raw)))[:60]}', above "
                f"{width} columns; the first row names the columns: delete what stands above it"
            )
        return check_header(f"{self.file}, row {number}", self.file.name, names)


def _text(cell: Any) -> str:
    """Return a header's cell as the column's name."""
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell).strip()


def _cell_name(row: int, column: int) -> str:
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return f"{letters}{row + 1}"
