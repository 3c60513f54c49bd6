"""Reading a data file, the one in an archive, or the files of a folder or pattern that hold one data set in parts."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

from tunecurve.data.archives import file_in_archive
from tunecurve.data.arrow_rows import read_arrow, read_parquet
from tunecurve.data.conll_rows import holds_tags, read_conll
from tunecurve.data.csv_rows import read_csv
from tunecurve.data.encodings import as_western, told_wrongly
from tunecurve.data.folders import Parts, is_pattern, missing_numbers, one_of_several, parts_of_folder, parts_of_pattern
from tunecurve.data.json_rows import read_json
from tunecurve.data.kinds import EXPECTED, TEXT_KINDS, kind_of, other_file
from tunecurve.data.options import ReadingOptions, with_part
from tunecurve.data.rows import RawRow
from tunecurve.data.streams import DataFile
from tunecurve.data.workbooks import read_workbook
from tunecurve.errors import DataError, TunecurveError
from tunecurve.findings import Finding

Reader = Callable[[DataFile, list[Finding]], Iterator[RawRow]]
# How much of a file that is not read is looked at, to say what it is.
_START_BYTES = 512
# One reader a kind of file; what rows mean is decided by `cleaning`.
READERS: dict[str, Reader] = {
    "json": read_json,
    "csv": read_csv,
    "conll": read_conll,
    "parquet": read_parquet,
    "arrow": read_arrow,
    "workbook": read_workbook,
}


def is_there(path: Path) -> bool:
    """Return whether a path exists; a name longer than one can be does not."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def is_on_this_machine(source: str) -> bool:
    """Return whether a source is read as a file, folder or pattern, not as a hub id."""
    whole, _ = with_part(source)
    return bool(kind_of(whole)) or is_there(Path(whole)) or is_pattern(whole)


def read_path(source: str, options: ReadingOptions, findings: list[Finding]) -> Iterator[RawRow]:
    """Yield (place, cells) for every row of a file, folder or pattern, and note how it was understood.

    Raises
    ------
    DataError
        With what the file is, the place in it, and the next step.
    """
    whole, part = with_part(source)
    path = Path(whole)
    if is_there(Path(source)):
        path, part = Path(source), ""
    if is_there(path):
        if path.is_dir():
            yield from _read_parts(parts_of_folder(path, part, options), whole, options, findings)
        else:
            findings += one_of_several(path)
            yield from read_file(DataFile.on_disk(path, options, part), findings)
    elif is_pattern(whole):
        yield from _read_parts(parts_of_pattern(whole), whole, options, findings)
    else:
        raise DataError(f"data file '{path}' does not exist; give the path of a file: {EXPECTED}")


def _start_of(file: DataFile) -> bytes:
    """Return the first bytes of a file that is not read; none where it cannot be opened."""
    if file.path is not None and not file.path.is_file():
        return b""
    try:
        with file.open_raw() as raw:
            return raw.read(_START_BYTES)
    except OSError:
        return b""


def read_file(file: DataFile, findings: list[Finding]) -> Iterator[RawRow]:
    """Yield (place, cells) for every row of one file."""
    kind = kind_of(file.name)
    may_hold_tags = kind is None and file.suffix == ".txt"  # in a folder, a text file is a note beside the data
    if kind is None and not may_hold_tags:
        raise other_file(file.shown, _start_of(file))
    try:
        file.check()
        if may_hold_tags:
            kind = "conll" if holds_tags(file) else None
        if kind is None:
            raise other_file(file.shown)
        if kind == "archive":
            yield from read_file(file_in_archive(file), findings)
        else:
            yield from _read_rows(file, READERS[kind], findings)
    except TunecurveError:
        raise
    except OSError as error:
        raise DataError(f"cannot read '{file}': {error.strerror or error}") from None


def _read_rows(file: DataFile, reader: Reader, findings: list[Finding]) -> Iterator[RawRow]:
    """Yield the rows; where a text turns out to be no UTF-8, all that went before was ASCII, and the rest is read anew."""
    if kind_of(file.name) in TEXT_KINDS:
        findings += told_wrongly(file)
    n_read = 0
    try:
        for row in reader(file, findings):
            n_read += 1
            yield row
        return
    except UnicodeDecodeError:
        pass  # no mistake yet: `as_western` reads it, or says what it may be
    known = list(findings)
    rows = reader(as_western(file, findings), findings)
    yield from itertools.islice(rows, n_read, None)
    findings[:] = dict.fromkeys([*known, *findings])


def _read_parts(parts: Parts, what: str, options: ReadingOptions, findings: list[Finding]) -> Iterator[RawRow]:
    findings += [*parts.note(what), *missing_numbers(parts.files, what)]
    known: list[Finding] = []
    for path in parts.files:
        name = parts.name_of(path)
        n_rows = 0
        for place, cells in read_file(DataFile.on_disk(path, options), known):
            n_rows += 1
            yield f"{name}, {place}", cells
        if not n_rows:
            known.append(
                Finding(
                    "part-empty", f"file '{name}' of '{what}' holds no rows", "fetch it again if it should", (name,)
                )
            )
    findings += dict.fromkeys(known)
