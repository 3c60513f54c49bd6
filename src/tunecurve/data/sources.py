"""Reading rows: built-in generator, files and folders of JSON, CSV and Parquet, Hugging Face hub.

A source yields plain dicts and the place of each, and complains with file, line, value and next step. What the cells
mean is decided in `cleaning`.
"""

from __future__ import annotations

import itertools
import logging
import re
from collections.abc import Iterator
from pathlib import Path

from tunecurve.data.files import is_there, read_path
from tunecurve.data.json_rows import RawRow
from tunecurve.data.parquet_rows import class_names_of_features, named_classes, with_class_names
from tunecurve.data.streams import kind_of
from tunecurve.errors import DataError, EnvironmentProblem
from tunecurve.findings import Finding

__all__ = ["BUILTIN_PII", "RawRow", "read_rows"]

BUILTIN_PII = "builtin:pii"
_ADDRESS = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]+://")
_HUB_PAGE = re.compile(r"(?:https?://(?:huggingface\.co|hf\.co)/datasets/|hf://(?:datasets/)?)([^/]+/[^/?#]+)/?")


def read_rows(
    source: str,
    *,
    limit: int | None = None,
    revision: str | None = None,
    subset: str | None = None,
    hub_split: str = "train",
    language: str = "en",
    seed: int = 0,
    findings: list[Finding] | None = None,
) -> Iterator[RawRow]:
    """Yield (place, cells) for every row of a source.

    Parameters
    ----------
    source : str
        ``builtin:pii``, the path of a .jsonl, .json, .csv, .tsv or .parquet file or of a folder of such, or a Hugging Face
        hub id ``owner/name``.
    limit : int, optional
        Stop after this many rows; for ``builtin:pii`` the number of rows to make (default 5,000).
    revision, subset, hub_split : str, optional
        Commit, configuration and split of a hub data set.
    language : str, default "en"
        Language of ``builtin:pii``.
    seed : int, default 0
        Seed of ``builtin:pii``.
    findings : list of Finding, optional
        Filled while rows are read: how the source was understood.

    Raises
    ------
    DataError
        When the source is not there or not readable, with the place.
    """
    noted = [] if findings is None else findings
    if source.startswith("builtin:"):
        rows = _read_builtin(source, limit, language, seed)
    elif _ADDRESS.match(source):
        raise DataError(_address_in_words(source))
    elif is_on_this_machine(source):
        rows = read_path(Path(source), noted)
    else:
        rows = _read_hub(source, revision, subset, hub_split, noted)
    return itertools.islice(rows, limit)


def is_on_this_machine(source: str) -> bool:
    """Return whether a source is read as a file or folder, not as a hub id."""
    return bool(kind_of(Path(source))) or is_there(Path(source))


def _address_in_words(source: str) -> str:
    hub_page = _HUB_PAGE.fullmatch(source)
    if hub_page:
        return f"'{source}' is the address of a hub data set; give its id: --data {hub_page.group(1)}"
    if source.lower().startswith("file://"):
        return f"'{source}' is an address; give the path of the file itself"
    return (
        f"'{source}' is a web address, which is not read; download it first, e.g. curl -LO {source}, and give the file"
    )


def _read_builtin(source: str, limit: int | None, language: str, seed: int) -> Iterator[RawRow]:
    if source != BUILTIN_PII:
        raise DataError(f"unknown built-in data '{source}'; expected {BUILTIN_PII}")
    from tunecurve.data.synthetic_pii import generate_rows

    rows = generate_rows(5000 if limit is None else limit, seed=seed, language=language)
    return ((f"row {number}", row) for number, row in enumerate(rows, start=1))


def _read_hub(
    name: str, revision: str | None, subset: str | None, hub_split: str, findings: list[Finding]
) -> Iterator[RawRow]:
    if name.count("/") > 1 or name.startswith((".", "/", "~")) or not name.strip():
        raise DataError(f"data '{name}' is neither a file that exists nor a hub id (owner/name); check the path")
    try:
        import datasets
    except ImportError:
        raise EnvironmentProblem(
            f"reading the hub data set '{name}' needs the extra 'hub'; run: pip install 'tunecurve[hub]'"
        ) from None
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    try:
        rows = datasets.load_dataset(name, name=subset, split=hub_split, revision=revision)
    except Exception as error:  # the hub client raises dozens of kinds; all mean: it could not be loaded
        detail = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise DataError(
            f"cannot load '{name}' from the hub ({detail}); it is not a file here either: check the name, "
            "the network, or download it as .jsonl or .parquet"
        ) from None
    names = class_names_of_features(getattr(rows, "features", None) or {})
    findings += named_classes(names)
    return ((f"row {number}", with_class_names(cells, names)) for number, cells in enumerate(rows, start=1))
