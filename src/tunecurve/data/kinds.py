"""What a file is, by its name and its first bytes: how it is read, or what it is called and how to convert it."""

from __future__ import annotations

import re
from pathlib import PurePath

from tunecurve.errors import DataError

PACKINGS = (".gz", ".bz2", ".xz", ".zst")
KINDS = {
    ".jsonl": "json",
    ".ndjson": "json",
    ".json": "json",
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
    ".xlsx": "workbook",
    ".xlsm": "workbook",
    ".ods": "workbook",
    ".zip": "archive",
    ".tar": "archive",
    ".tgz": "archive",
}
KINDS |= dict.fromkeys((".conll", ".conllu", ".conllx", ".bio", ".iob", ".iob2", ".bioes", ".bilou"), "conll")
TEXT_KINDS = ("json", "csv", "conll")
EXPECTED = ".jsonl, .json, .csv, .tsv, .conll, .parquet, .arrow, .xlsx or .ods, the text ones also as .gz, .bz2, .xz, .zst or in a .zip"
_TO_PARQUET = "write it with pandas: .to_parquet('rows.parquet')"
_PICKLE = (
    "a pickle, which can run code when it is opened, and is not read; where you trust it, write its rows with pandas: "
    ".to_json('rows.jsonl', orient='records', lines=True)"
)
_TORCH = (
    "a PyTorch file, a pickle inside, which can run code when it is opened, and is not read; save its rows as .jsonl"
)
_NUMPY = "a NumPy file; its arrays may hold pickles, and it is not read: write the rows as .jsonl or .parquet"
_PAGE = "a page for reading, not a table; copy its table into a spreadsheet and save it as .csv or .xlsx"
_SQLITE = "an SQLite database; write one table: sqlite3 -header -csv FILE 'select * from TABLE' > rows.csv"
_R = "a file of R; write it there: write.csv(rows, 'rows.csv', row.names = FALSE)"
OLD_EXCEL = "a workbook of Excel 97-2003; save it as .xlsx, or: libreoffice --headless --convert-to xlsx"
OTHERS = {
    ".xls": OLD_EXCEL,
    ".xlsb": "a binary workbook; save it as .xlsx",
    ".numbers": "a workbook of Apple Numbers; export it as CSV or .xlsx",
    ".gsheet": "a link to a Google sheet, not its rows; there: File, Download, .xlsx or .csv",
    ".7z": "a 7z archive; unpack it, and give the file in it",
    ".rar": "a RAR archive; unpack it, and give the file in it",
    ".lz4": "compressed by lz4; unpack it: lz4 -d",
    ".br": "compressed by brotli; unpack it: brotli -d",
    ".orc": f"an ORC file; {_TO_PARQUET.replace('it with pandas', 'it with pandas.read_orc')}",
    ".avro": f"an Avro file; read it with fastavro, and {_TO_PARQUET}",
    ".db": _SQLITE,
    ".sqlite": _SQLITE,
    ".sqlite3": _SQLITE,
    ".duckdb": "a DuckDB database; write one table: COPY name TO 'rows.parquet'",
    ".h5": f"an HDF5 file; read it with pandas.read_hdf, and {_TO_PARQUET}",
    ".hdf5": f"an HDF5 file; read it with pandas.read_hdf, and {_TO_PARQUET}",
    ".tfrecord": f"a TFRecord file; read it with tensorflow, and {_TO_PARQUET}",
    ".pkl": _PICKLE,
    ".pickle": _PICKLE,
    ".joblib": _PICKLE,
    ".pt": _TORCH,
    ".pth": _TORCH,
    ".bin": "a binary file of unknown contents; write the rows as .jsonl or .parquet",
    ".spacy": "a DocBin of spaCy; write its documents with spaCy: doc.to_json(), one a line in a .jsonl file",
    ".ann": "annotations of brat, whose texts stand in other files; export them as .conll, or as .jsonl with text and spans",
    ".npy": _NUMPY,
    ".npz": _NUMPY,
    ".docx": f"a Word document: {_PAGE}",
    ".doc": f"a Word document: {_PAGE}",
    ".odt": f"a text document: {_PAGE}",
    ".pdf": f"a PDF: {_PAGE}",
    ".pptx": f"slides: {_PAGE}",
    ".html": f"a web page: {_PAGE}",
    ".htm": f"a web page: {_PAGE}",
    ".xml": "XML; write its rows as .jsonl, e.g. with pandas.read_xml",
    ".yaml": "YAML; write its rows as .jsonl",
    ".yml": "YAML; write its rows as .jsonl",
    ".rds": _R,
    ".rdata": _R,
    ".rda": _R,
    ".sav": "a file of SPSS; read it with pandas.read_spss, and write .to_parquet('rows.parquet')",
    ".dta": "a file of Stata; read it with pandas.read_stata, and write .to_parquet('rows.parquet')",
    ".sas7bdat": "a file of SAS; read it with pandas.read_sas, and write .to_parquet('rows.parquet')",
}
_PACKED = {b"\x1f\x8b": ".gz", b"BZh": ".bz2", b"\xfd7zXZ\x00": ".xz", b"\x28\xb5\x2f\xfd": ".zst"}
# What pzstd writes before each frame, so that several threads can unpack them.
_SKIPPABLE = re.compile(rb"[\x50-\x5f]\x2a\x4d\x18")
_BY = {".gz": "gzip", ".bz2": "bzip2", ".xz": "xz", ".zst": "zstd"}
_ZIPS = (".zip", ".xlsx", ".xlsm", ".ods")
# First bytes, the endings that they may stand under, and what the file is.
_BEGINNINGS: tuple[tuple[bytes, tuple[str, ...], str], ...] = (
    (b"PK\x03\x04", _ZIPS, "is a zip archive or a spreadsheet; let its name end in .zip, .xlsx or .ods"),
    (b"\xd0\xcf\x11\xe0", (), f"is {OLD_EXCEL} (a newer one that looks so is protected by a password: take it off)"),
    (b"PAR1", (".parquet",), "is a Parquet file; let its name end in .parquet"),
    (b"ARROW1", (".arrow", ".feather", ".ipc"), "is an Arrow file; let its name end in .arrow"),
    (b"FEA1", (), f"is a Feather file of version 1; read it with pandas.read_feather, and {_TO_PARQUET}"),
    (b"SQLite format 3", (), f"is {_SQLITE}"),
    (b"%PDF", (), f"is a PDF: {_PAGE}"),
    (b"\x93NUMPY", (), f"is {_NUMPY}"),
    (b"\x89HDF", (), f"is {OTHERS['.h5']}"),
    (b"Obj\x01", (), f"is {OTHERS['.avro']}"),
    (b"ORC", (), f"is {OTHERS['.orc']}"),
    (b"7z\xbc\xaf", (), f"is {OTHERS['.7z']}"),
    (b"Rar!", (), f"is {OTHERS['.rar']}"),
    (b"version https://git-lfs", (), "is a pointer of Git LFS, not the file itself; fetch it: git lfs pull"),
    *((b"\x80" + bytes([version]), (), f"is {_PICKLE}") for version in (2, 3, 4, 5)),
)


def endings(name: str) -> tuple[str, str]:
    """Return the ending that tells the format, and the one that tells how it is packed: ``.csv`` and ``.gz`` of ``rows.csv.gz``."""
    path = PurePath(name)
    last = path.suffix.lower()
    if last in PACKINGS:
        return PurePath(path.stem).suffix.lower(), last
    return (".tar", ".gz") if last == ".tgz" else (last, "")


def kind_of(name: str) -> str | None:
    """Return how a file is read by its name, as ``"json"``; None if it is not."""
    ending, packing = endings(name)
    kind = KINDS.get(ending)
    return kind if not packing or kind in TEXT_KINDS or ending == ".tar" else None


def _old_workbook(start: bytes) -> str:
    """Return what a file named .xls is by its first bytes: programs write other tables under this name, for Excel to open."""
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith(b"pk\x03\x04"):
        return "a workbook of the newer format by its contents; let its name end in .xlsx"
    if text.startswith((b"<?xml", b"<workbook", b"<ss:")):
        return "a workbook written as XML, of Excel 2003; open it in a spreadsheet and save it as .xlsx"
    if text.startswith((b"<html", b"<!doctype html", b"<table", b"<head", b"<meta", b"<div")):
        return (
            "a web page by its contents, with a table for Excel to open; open it in a spreadsheet and save it as .xlsx"
        )
    is_text = bool(text) and b"\0" not in start and not start.startswith(b"\xd0\xcf\x11\xe0")
    if is_text and any(mark in start for mark in (b"\t", b",", b";")):
        ending = ".tsv" if b"\t" in start else ".csv"
        return f"a table of text by its contents; let its name end in {ending}"
    return OLD_EXCEL


def other_file(name: str, start: bytes = b"") -> DataError:
    """Return the error for a file of a kind that is not read, with the way on."""
    ending, packing = endings(name)
    if packing and ending in PACKINGS:
        return DataError(f"'{name}' is compressed twice ({ending}{packing}); unpack it once")
    if packing and ending in KINDS:
        what = {".parquet": "Parquet"}.get(ending, ending)
        return DataError(f"'{name}' is a compressed {ending} file; unpack it: {what} is compressed itself")
    if ending in OTHERS:
        return DataError(f"'{name}' is {_old_workbook(start) if ending == '.xls' else OTHERS[ending]}")
    return DataError(f"'{name}' has an unknown ending '{ending + packing}'; expected {EXPECTED}")


def check_packing(name: str, packing: str, start: bytes) -> None:
    """Refuse a file whose first bytes are not those of its packing.

    Raises
    ------
    DataError
        With what it is instead.
    """
    met = next((ending for beginning, ending in _PACKED.items() if start.startswith(beginning)), "")
    if _SKIPPABLE.match(start):
        met = ".zst"
    if met == packing or not start:
        return
    if not packing:
        raise DataError(f"'{name}' is compressed by {_BY[met]}; let its name end in {met}")
    if met:
        raise DataError(f"'{name}' is compressed by {_BY[met]}, not by {_BY[packing]}; let its name end in {met}")
    raise DataError(f"'{name}' is not compressed by {_BY[packing]}; let its name end without {packing}")


def check_beginning(name: str, start: bytes) -> None:
    """Refuse a file whose first bytes, unpacked, are those of another kind than its name says.

    Raises
    ------
    DataError
        With the name of what it is.
    """
    ending, packing = endings(name)
    if packing and any(start.startswith(beginning) for beginning in _PACKED):
        raise DataError(f"'{name}' is compressed twice; unpack it once")
    for beginning, fitting, what in _BEGINNINGS:
        if start.startswith(beginning) and ending not in fitting:
            raise DataError(f"'{name}' {what}")
    if start.lstrip(b"\xef\xbb\xbf \t\r\n")[:15].lower().startswith((b"<!doctype html", b"<html")):
        raise DataError(
            f"'{name}' is a web page, not data: perhaps a log-in or preview page was saved; fetch the file itself ('raw', 'download')"
        )
