"""How much memory a sheet would take: a stray cell far away, or one long text in a million cells, is a few bytes on disk."""

from __future__ import annotations

import re
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO
from xml.etree import ElementTree

from tunecurve.data.streams import DataFile
from tunecurve.errors import DataError

# A sheet is in memory as the rectangle around its cells, some 30 bytes each.
MAX_CELLS = 50_000_000
MAX_SHARED_CHARACTERS = 1_000_000_000
_CHUNK = 1 << 20
_LONGEST_TAG = 300
_SHEETS = re.compile(r"xl/worksheets/[^/]+\.xml", re.IGNORECASE)
_STRINGS = "xl/sharedstrings.xml"
# A cell with something in it; empty ones hold a format only, and take no place.
_CELL = re.compile(rb"<(?:\w+:)?c\s(?:[^>]*?\s)?r\s*=\s*[\"']([A-Za-z]+)(\d+)[\"'][^>]*(?<!/)>")
_SHARED = re.compile(rb"\st\s*=\s*[\"']s[\"']")


def check_sizes(file: DataFile, archive: zipfile.ZipFile) -> None:
    """Refuse a workbook (.xlsx) with a sheet that memory does not hold.

    Raises
    ------
    DataError
        With the cell or the texts that make it so large.
    """
    sheets = [name for name in archive.namelist() if _SHEETS.fullmatch(name)]
    strings = next((name for name in archive.namelist() if name.lower() == _STRINGS), None)
    for sheet in sheets:
        extent = _extent(archive, sheet)
        if extent.n_cells > MAX_CELLS:
            raise DataError(
                f"'{file}' has a sheet whose cells reach as far as {extent.last_cell}, {extent.n_cells:,} cells with the empty ones "
                f"between; at most {MAX_CELLS:,} are read: delete the stray ones (Ctrl+End shows the last), or save the sheet as .csv"
            )
        if strings and extent.n_shared * _longest(archive, strings) > MAX_SHARED_CHARACTERS:
            _check_texts(file, archive, sheet, strings)


def check_ods_sizes(file: DataFile, archive: zipfile.ZipFile) -> None:
    """Refuse a workbook (.ods) with a sheet that memory does not hold: cells and rows may be repeated by a number.

    Raises
    ------
    DataError
        With how many cells or characters there would be.
    """
    n_rows, n_columns, n_characters, n_waiting = 0, 0, 0, 0
    with archive.open("content.xml") as part:
        for row in elements_of(part, "table-row"):
            times = _repeated(row, "rows")
            columns, characters = _row_size(row)
            n_waiting += times  # empty rows at the end take no place
            if columns:
                n_rows, n_waiting = n_rows + n_waiting, 0
                n_columns, n_characters = max(n_columns, columns), n_characters + times * characters
            if n_rows * n_columns > MAX_CELLS or n_characters > MAX_SHARED_CHARACTERS:
                raise DataError(
                    f"'{file}' repeats cells to {n_rows:,} rows of {n_columns:,} columns with {n_characters:,} characters; at most "
                    f"{MAX_CELLS:,} cells and {MAX_SHARED_CHARACTERS:,} characters are read: delete the repeated ones, or save it as .csv"
                )


def _repeated(element: ElementTree.Element, what: str) -> int:
    told = next((value for name, value in element.attrib.items() if name.endswith(f"}}number-{what}-repeated")), "1")
    return int(told)


def _row_size(row: ElementTree.Element) -> tuple[int, int]:
    """Return the last column of a row that holds something, and how many characters the row holds."""
    column = last = n_characters = 0
    for cell in row:
        times = _repeated(cell, "columns")
        column += times
        n_own = len("".join(cell.itertext()))
        if n_own or any(name.endswith("value-type") for name in cell.attrib):
            last, n_characters = column, n_characters + times * n_own
    return last, n_characters


@dataclass
class _Extent:
    """The rectangle around the cells of a sheet, and how many of them name a shared text."""

    column: str = ""
    row: int = 0
    n_shared: int = 0

    @property
    def n_cells(self) -> int:
        number = 0
        for letter in self.column:
            number = number * 26 + ord(letter) - 64
        return number * self.row

    @property
    def last_cell(self) -> str:
        return f"{self.column}{self.row}"


def _extent(archive: zipfile.ZipFile, sheet: str) -> _Extent:
    found = _Extent()
    columns: set[bytes] = set()
    with archive.open(sheet) as part:
        for piece in _pieces(part):
            cells = _CELL.findall(piece)
            columns |= {column for column, _ in cells}
            found.row = max(found.row, max((int(row[:20]) for _, row in cells), default=0))
            found.n_shared += len(_SHARED.findall(piece))
    names = [column.decode().upper() for column in columns]
    found.column = max(names, key=lambda name: (len(name), name), default="")
    return found


def _pieces(part: IO[bytes]) -> Iterator[bytes]:
    """Yield the bytes of a part, cut before a tag."""
    rest = b""
    while chunk := part.read(_CHUNK):
        piece = rest + chunk
        cut = piece.rfind(b"<", max(0, len(piece) - _LONGEST_TAG))
        cut = len(piece) if cut < 0 else cut
        rest = piece[cut:]
        yield piece[:cut]
    yield rest


def _longest(archive: zipfile.ZipFile, strings: str) -> int:
    """Return what no shared text is longer than, in bytes."""
    longest = length = 0
    with archive.open(strings) as part:
        for piece in _pieces(part):
            first, *others = piece.split(b"</si>")
            length += len(first)
            for other in others:
                longest, length = max(longest, length), len(other)
    return max(longest, length)


def _check_texts(file: DataFile, archive: zipfile.ZipFile, sheet: str, strings: str) -> None:
    with archive.open(strings) as part:
        lengths = [len("".join(text.itertext())) for text in elements_of(part, "si")]
    with archive.open(sheet) as part:
        uses = Counter(
            "".join(value.text or "" for value in cell if value.tag.endswith("}v"))
            for cell in elements_of(part, "c")
            if cell.get("t") == "s"
        )
    n_characters = sum(
        lengths[int(text)] * n for text, n in uses.items() if text.isdecimal() and int(text) < len(lengths)
    )
    if n_characters > MAX_SHARED_CHARACTERS:
        raise DataError(
            f"'{file}' repeats texts in its cells to {n_characters:,} characters in all; at most {MAX_SHARED_CHARACTERS:,} are read: "
            "delete the repeated rows, or save the sheet as .csv"
        )


def elements_of(part: IO[bytes], name: str) -> Iterator[ElementTree.Element]:
    """Yield the elements of a name, each gone from memory when the next one comes."""
    parents: list[ElementTree.Element] = []
    for event, element in ElementTree.iterparse(part, ("start", "end")):
        if event == "start":
            parents.append(element)
            continue
        parents.pop()
        if element.tag.rpartition("}")[2] == name:
            yield element
            if parents:
                parents[-1].remove(element)
        elif parents and element.tag.rpartition("}")[2] in ("row", "table-row"):
            parents[-1].remove(element)
