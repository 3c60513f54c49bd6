"""Reading rows: built-in generator, files and folders, Hugging Face hub.

A source yields plain dicts and the place of each, and complains with file, line, value and next step. What the cells
mean is decided in `cleaning`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from tunecurve.data.addresses import is_address
from tunecurve.data.files import is_on_this_machine, read_file, read_path
from tunecurve.data.hub import read_hub
from tunecurve.data.options import ReadingOptions, with_part
from tunecurve.data.rows import RawRow
from tunecurve.data.streams import DataFile
from tunecurve.data.web import fetched
from tunecurve.errors import DataError
from tunecurve.findings import Finding

__all__ = ["BUILTIN_PII", "is_on_this_machine", "read_rows"]

BUILTIN_PII = "builtin:pii"


def read_rows(
    source: str,
    options: ReadingOptions | None = None,
    *,
    limit: int | None = None,
    findings: list[Finding] | None = None,
) -> Iterator[RawRow]:
    """Yield (place, cells) for every row of a source.

    Parameters
    ----------
    source : str
        ``builtin:pii``, the path of a file, folder or pattern of files, the address of a file, or a Hugging Face hub id
        ``owner/name``; a part of it behind ``!/``.
    options : ReadingOptions, optional
        What the study says about reading it.
    limit : int, optional
        Stop after this many rows; for ``builtin:pii`` the number of rows to make (default 5,000).
    findings : list of Finding, optional
        Filled while rows are read: how the source was understood.

    Raises
    ------
    DataError
        When the source is not there or not readable, with the place.
    """
    options = options or ReadingOptions()
    noted = [] if findings is None else findings
    if source.startswith("builtin:"):
        rows = _read_builtin(source, limit, options)
    elif is_address(source):
        rows = _read_address(source, options, noted)
    elif is_on_this_machine(source):
        rows = read_path(source, options, noted)
    else:
        rows = read_hub(source, options, noted)
    return itertools.islice(rows, limit)


def _read_address(source: str, options: ReadingOptions, findings: list[Finding]) -> Iterator[RawRow]:
    file = fetched(source, options)
    _, part = with_part(source)
    text = (
        f"'{file.address}' was fetched at {file.fetched_at} ({file.n_bytes:,} bytes, SHA-256 {file.sha256[:16]}...) and is read from the "
        f"cache; to fetch it anew, delete {file.path.parent}"
    )
    findings.append(Finding("address-read", text, is_note=True))
    shown = file.address if file.address.endswith(f"/{file.name}") else str(file.path)
    yield from read_file(DataFile(shown, lambda: file.path.open("rb"), options, part, file.path), findings)


def _read_builtin(source: str, limit: int | None, options: ReadingOptions) -> Iterator[RawRow]:
    if source != BUILTIN_PII:
        raise DataError(f"unknown built-in data '{source}'; expected {BUILTIN_PII}")
    from tunecurve.data.synthetic_pii import generate_rows

    rows = generate_rows(5000 if limit is None else limit, seed=options.seed, language=options.language)
    return ((f"row {number}", row) for number, row in enumerate(rows, start=1))
