"""What a workbook's parts show before any library opens it: what would explode, link elsewhere, or has to be computed."""

from __future__ import annotations

import re
import zipfile
from dataclasses import dataclass, field
from typing import IO, BinaryIO
from xml.etree import ElementTree

from tunecurve.data.counted import Counted
from tunecurve.data.options import GIGABYTE
from tunecurve.data.streams import DAMAGED, DataFile
from tunecurve.data.workbook_sizes import check_ods_sizes, check_sizes, elements_of
from tunecurve.errors import DataError

# The whole workbook is in memory while a sheet is read.
MAX_WORKBOOK_GB = 1.0
UNREADABLE = (zipfile.BadZipFile, NotImplementedError, KeyError, ValueError, ElementTree.ParseError, *DAMAGED)
_CHUNK = 1 << 20
_ERROR = re.compile(r"#(N/A|REF!|VALUE!|DIV/0!|NAME\?|NUM!|NULL!)|Err:\d+")
_VALUES = {"value", "string-value", "date-value", "boolean-value", "time-value"}
_RELATIONS = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"


@dataclass
class SpecialCells:
    """The cells of a sheet that are more than a value."""

    formulas: Counted = field(default_factory=Counted)
    errors: Counted = field(default_factory=Counted)
    """Formulas; cells that hold an error, as ``#N/A``."""
    without_value: list[str] = field(default_factory=list)
    """Formulas whose value is not stored."""

    def add_formula(self, place: str, *, has_value: bool) -> None:
        """Count one formula."""
        self.formulas.add(place)
        if not has_value:
            self.without_value.append(place)


def check_parts(file: DataFile, opened: BinaryIO) -> None:
    """Refuse a workbook that unpacks to more than memory holds, defines entities, or links to other files.

    Raises
    ------
    DataError
        With what is in it.
    """
    try:
        with zipfile.ZipFile(opened) as archive:
            parts = archive.infolist()
            limit = min(MAX_WORKBOOK_GB, file.options.max_unpacked_gb)
            if sum(part.file_size for part in parts) > limit * GIGABYTE:
                raise DataError(
                    f"'{file}' holds more than {limit:g} GB unpacked, more than a workbook may; save the sheet as .csv"
                )
            if any(part.flag_bits & 1 for part in parts):
                raise DataError(f"'{file}' is protected by a password; take it off, or save the sheet as .csv")
            if any(part.filename.startswith("xl/externalLinks/") for part in parts):
                raise DataError(
                    f"'{file}' links to other workbooks, whose values may be old or missing; break the links (Excel: Data, Edit Links, "
                    "Break Link), or save the sheet as .csv"
                )
            for part in parts:
                if part.filename.endswith((".xml", ".rels")):
                    _check_xml(file, archive, part)
            (check_ods_sizes if file.suffix == ".ods" else check_sizes)(file, archive)
    except UNREADABLE as error:
        raise not_readable(file, error) from None


def not_readable(file: DataFile, error: Exception) -> DataError:
    """Return the error for a workbook that is damaged."""
    detail = (str(error) or type(error).__name__).splitlines()[0][:120]
    return DataError(f"'{file}' is not a readable workbook ({detail}); save it again, or save the sheet as .csv")


def _check_xml(file: DataFile, archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> None:
    """Refuse a part with definitions of its own: entities grow without bound."""
    with archive.open(part) as opened:
        start = opened.read(1 << 16)
    if b"<!DOCTYPE" in start or b"<!ENTITY" in start or b"\0<\0!\0D" in start:
        raise DataError(
            f"'{file}' defines XML entities in '{part.filename}', which no spreadsheet program writes; it is not read"
        )


def special_cells(file: DataFile, opened: BinaryIO, number: int) -> SpecialCells:
    """Return the formulas and errors of a workbook's sheet, by the sheet's number in the workbook's order."""
    found = SpecialCells()
    with zipfile.ZipFile(opened) as archive:
        if file.suffix == ".ods":
            _special_cells_of_ods(file, archive, found)
            return found
        name = _sheet_part(archive, number)
        if name is None:
            return found
        with archive.open(name) as part:
            has_any = _holds(part, rb"<f[ />]|t=\"e\"")
        if has_any:
            with archive.open(name) as part:
                for cell in elements_of(part, "c"):
                    _count(cell, found)
    return found


def _count(cell: ElementTree.Element, found: SpecialCells) -> None:
    children = {child.tag.rpartition("}")[2]: child for child in cell}
    place, value = cell.get("r", "?"), children.get("v")
    if "f" in children:
        # A formula whose value is an empty text is stored as one.
        found.add_formula(place, has_value=value is not None and (bool(value.text) or cell.get("t") == "str"))
    if cell.get("t") == "e":
        found.errors.add(place)


def _sheet_part(archive: zipfile.ZipFile, number: int) -> str | None:
    """Return the part that holds a sheet."""
    try:
        book = ElementTree.fromstring(archive.read("xl/workbook.xml"))  # its entities are refused above
        relations = ElementTree.fromstring(archive.read("xl/_rels/workbook.xml.rels"))
    except (KeyError, ElementTree.ParseError):
        return None
    sheets = [element.get(_RELATIONS) for element in book.iter() if element.tag.endswith("}sheet")]
    targets = {element.get("Id"): element.get("Target", "") for element in relations}
    target = targets.get(sheets[number]) if number < len(sheets) else None
    if not target:
        return None
    name = target.removeprefix("/") if target.startswith("/") else f"xl/{target}"
    return name if name in archive.namelist() else None


def _special_cells_of_ods(file: DataFile, archive: zipfile.ZipFile, found: SpecialCells) -> None:
    """Count the formulas of all sheets; refuse links to other files and merged cells, which the reader does not know."""
    with archive.open("content.xml") as part:
        if _holds(part, rb"table:formula=\"[^\"]*(file:|https?:)|table:cell-range-source"):
            raise DataError(
                f"'{file}' links to other files, whose values may be old or missing; save the sheet as .csv"
            )
    with archive.open("content.xml") as part:
        for cell in elements_of(part, "table-cell"):
            names = {name.rpartition("}")[2]: value for name, value in cell.attrib.items()}
            if int(names.get("number-columns-spanned", "1")) > 1 or int(names.get("number-rows-spanned", "1")) > 1:
                raise DataError(
                    f"'{file}' has merged cells; unmerge them, and give each column a name of its own in one row"
                )
            shown = "".join(cell.itertext())
            is_error = shown.startswith(("#", "Err:")) and _ERROR.fullmatch(shown) is not None
            if "formula" in names:
                found.add_formula(f"'{shown[:20]}'", has_value=bool(_VALUES & names.keys() or shown))
            if is_error:
                found.errors.add(f"'{shown}'")


def _holds(part: IO[bytes], pattern: bytes) -> bool:
    """Return whether the bytes of a part hold a pattern of a few hundred bytes."""
    tail = b""
    while chunk := part.read(_CHUNK):
        if re.search(pattern, tail + chunk):
            return True
        tail = chunk[-500:]
    return False
