"""Reading rows: built-in generator, files and folders, Hugging Face hub.

A source yields plain dicts and the place of each, and complains with file, line, value and next step. What the cells
mean is decided in `cleaning`.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

from tunecurve.data.files import is_on_this_machine, read_path
from tunecurve.data.hub import read_hub
from tunecurve.data.json_rows import RawRow
from tunecurve.data.options import ReadingOptions
from tunecurve.errors import DataError
from tunecurve.findings import Finding

__all__ = ["BUILTIN_PII", "RawRow", "is_on_this_machine", "read_rows"]

BUILTIN_PII = "builtin:pii"
_ADDRESS = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]+://")
_HUB_PAGE = re.compile(
    r"(?:https?://(?:huggingface\.co|hf\.co)/datasets/|hf://(?:datasets/)?)([^/]+/[^/?#]+)/?(?:viewer.*|tree/main/?)?"
)


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
        ``builtin:pii``, the path of a file, folder or pattern of files, or a Hugging Face hub id ``owner/name``; a part of it
        behind ``!/``.
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
    elif _ADDRESS.match(source):
        raise DataError(_address_in_words(source))
    elif is_on_this_machine(source):
        rows = read_path(source, options, noted)
    else:
        rows = read_hub(source, options, noted)
    return itertools.islice(rows, limit)


def _address_in_words(source: str) -> str:
    hub_page = _HUB_PAGE.fullmatch(source)
    if hub_page:
        return f"'{source}' is the address of a hub data set; give its id: --data {hub_page.group(1)}"
    if source.lower().startswith("file://"):
        return f"'{source}' is an address; give the path of the file itself"
    return (
        f"'{source}' is a web address, which is not read; download it first, e.g. curl -LO {source}, and give the file"
    )


def _read_builtin(source: str, limit: int | None, options: ReadingOptions) -> Iterator[RawRow]:
    if source != BUILTIN_PII:
        raise DataError(f"unknown built-in data '{source}'; expected {BUILTIN_PII}")
    from tunecurve.data.synthetic_pii import generate_rows

    rows = generate_rows(5000 if limit is None else limit, seed=options.seed, language=options.language)
    return ((f"row {number}", row) for number, row in enumerate(rows, start=1))
