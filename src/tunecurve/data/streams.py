"""Opening data files: compressed or not, in whatever Unicode encoding; what a file is that cannot be read."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

from tunecurve.errors import DataError

_OPENERS: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
KINDS = {
    ".jsonl": "json",
    ".ndjson": "json",
    ".json": "json",
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
}
EXPECTED = ".jsonl, .json, .csv, .tsv or .parquet, the text ones also as .gz"
_SPREADSHEET = "a spreadsheet; save it as 'CSV UTF-8 (Comma delimited)'"
_ARCHIVE = "an archive; unpack it, and give the file in it"
_ARROW = "an Arrow file; write it with datasets or pandas: .to_parquet('rows.parquet')"
_OTHERS = {
    ".xlsx": _SPREADSHEET,
    ".xls": _SPREADSHEET,
    ".ods": _SPREADSHEET,
    ".zip": _ARCHIVE,
    ".tar": _ARCHIVE,
    ".tgz": _ARCHIVE,
    ".zst": _ARCHIVE,
    ".7z": _ARCHIVE,
    ".arrow": _ARROW,
    ".feather": _ARROW,
    ".conll": "a file of tokens and tags; docs/data.md has the lines of Python that make rows of them",
    ".bio": "a file of tokens and tags; docs/data.md has the lines of Python that make rows of them",
}
_BEGINNINGS = (
    (b"\x1f\x8b", (".gz",), "is compressed by gzip; let its name end in .gz"),
    (b"PK\x03\x04", (), f"is a zip archive or {_SPREADSHEET}"),
    (b"\xd0\xcf\x11\xe0", (), f"is {_SPREADSHEET}"),
    (b"PAR1", (".parquet",), "is a Parquet file; let its name end in .parquet"),
)


def kind_of(path: Path) -> str | None:
    """Return how a file is read by its name: ``"json"``, ``"csv"`` or ``"parquet"``; None if it is not."""
    ending = path.suffix.lower()
    if ending in _OPENERS:
        kind = KINDS.get(path.with_suffix("").suffix.lower())
        return kind if kind != "parquet" else None
    return KINDS.get(ending)


def data_suffix(path: Path) -> str:
    """Return the ending that tells the format: ``.csv`` of ``rows.csv.gz``."""
    return (path.with_suffix("") if path.suffix.lower() in _OPENERS else path).suffix.lower()


def refuse_other_file(path: Path) -> DataError:
    """Return the error for a file of a kind that is not read, with the way on."""
    other = _OTHERS.get(path.suffix.lower())
    if other:
        return DataError(f"'{path}' is {other}")
    if path.suffix.lower() in _OPENERS and data_suffix(path) == ".parquet":
        return DataError(f"'{path}' is a compressed Parquet file; unpack it: Parquet is compressed itself")
    return DataError(f"'{path}' has an unknown ending '{path.suffix}'; expected {EXPECTED}")


def check_beginning(path: Path) -> None:
    """Refuse a file whose first bytes are those of another kind than its name says.

    Raises
    ------
    DataError
        With the name of what it is.
    """
    with path.open("rb") as file:
        start = file.read(4)
    for beginning, endings, what in _BEGINNINGS:
        if start.startswith(beginning) and path.suffix.lower() not in endings:
            raise DataError(f"'{path}' {what}")


def open_binary(path: Path) -> BinaryIO:
    """Open a file for reading bytes, unpacked."""
    opener = _OPENERS.get(path.suffix.lower())
    return cast("BinaryIO", opener(path, "rb")) if opener else path.open("rb")


def open_text(path: Path, newline: str) -> IO[str]:
    """Open a file for reading text, unpacked, in the encoding that its byte-order mark names."""
    return io.TextIOWrapper(open_binary(path), encoding=_encoding(path), newline=newline)


def _encoding(path: Path) -> str:
    """Return the encoding that the file's byte-order mark names; UTF-8 without one."""
    with open_binary(path) as file:
        start = file.read(4)
    if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    if start[1:4:2] == b"\0\0" or start[:3:2] == b"\0\0":
        kind = "UTF-16LE" if start[1:4:2] == b"\0\0" else "UTF-16BE"
        raise DataError(
            f"'{path}' is UTF-16 without a byte-order mark; write it as UTF-8: iconv -f {kind} -t UTF-8 '{path.name}' > "
            f"utf8{data_suffix(path)}"
        )
    return "utf-8-sig"


def not_utf8(path: Path) -> DataError:
    """Return the error for a file that is no Unicode text: where, which byte, and how to save it.

    The error of a streaming decoder counts from its own chunk; the file is read anew.
    """
    n_read, line = 0, 1
    decoder = codecs.getincrementaldecoder(_encoding(path))()
    with open_binary(path) as file:
        while chunk := file.read(1 << 20):
            held = decoder.getstate()[0]
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError as error:
                bad = (held + chunk)[error.start : error.start + 1]
                line += (held + chunk)[: error.start].count(b"\n")
                return DataError(_in_words(path, line, n_read - len(held) + error.start, bad))
            line += chunk.count(b"\n")
            n_read += len(chunk)
    return DataError(f"'{path}' ends within a character (byte {n_read}); it was cut")


def _in_words(path: Path, line: int, place: int, bad: bytes) -> str:
    character = bad.decode("cp1252", "ignore")
    guess = f"; '{character}', if it is Windows-1252" if character.strip() else ""
    name = path.name.replace("'", "'\\''")
    how = (
        "in Excel: Save As, 'CSV UTF-8 (Comma delimited)'; else"
        if data_suffix(path) in (".csv", ".tsv")
        else "e.g. with"
    )
    return (
        f"'{path}', line {line} is not UTF-8 text (byte {place}: 0x{bad.hex()}{guess}); save it as UTF-8: {how} "
        f"iconv -f WINDOWS-1252 -t UTF-8 '{name}' > utf8{data_suffix(path)}"
    )
