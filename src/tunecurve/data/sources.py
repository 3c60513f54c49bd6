"""Reading rows: built-in generator, JSON Lines, CSV, Parquet, Hugging Face hub.

A source yields plain dicts and the place of each, and complains with file, line, value and next step. What the cells
mean is decided in `cleaning`.
"""

from __future__ import annotations

import codecs
import csv
import itertools
import json
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tunecurve.errors import DataError, EnvironmentProblem, TunecurveError

RawRow = tuple[str, Mapping[str, Any]]
BUILTIN_PII = "builtin:pii"
MAX_FIELD_CHARACTERS = 50_000_000
MAX_LINE_CHARACTERS = 100_000_000
_SUFFIXES = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
}


def read_rows(
    source: str,
    *,
    limit: int | None = None,
    revision: str | None = None,
    subset: str | None = None,
    hub_split: str = "train",
    language: str = "en",
    seed: int = 0,
) -> Iterator[RawRow]:
    """Yield (place, cells) for every row of a source.

    Parameters
    ----------
    source : str
        ``builtin:pii``, the path of a .jsonl, .csv, .tsv or .parquet file, or a Hugging Face hub id ``owner/name``.
    limit : int, optional
        Stop after this many rows; for ``builtin:pii`` the number of rows to make (default 5,000).
    revision, subset, hub_split : str, optional
        Commit, configuration and split of a hub data set.
    language : str, default "en"
        Language of ``builtin:pii``.
    seed : int, default 0
        Seed of ``builtin:pii``.

    Raises
    ------
    DataError
        When the source is not there or not readable, with the place.
    """
    if source.startswith("builtin:"):
        rows = _read_builtin(source, limit, language, seed)
    elif Path(source).suffix.lower() in _SUFFIXES or _is_there(Path(source)):
        rows = _read_file(Path(source))
    else:
        rows = _read_hub(source, revision, subset, hub_split)
    return itertools.islice(rows, limit)


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # longer than a name can be
        return False


def _read_builtin(source: str, limit: int | None, language: str, seed: int) -> Iterator[RawRow]:
    if source != BUILTIN_PII:
        raise DataError(f"unknown built-in data '{source}'; expected {BUILTIN_PII}")
    from tunecurve.data.synthetic_pii import generate_rows

    rows = generate_rows(5000 if limit is None else limit, seed=seed, language=language)
    return ((f"row {number}", row) for number, row in enumerate(rows, start=1))


def _read_file(path: Path) -> Iterator[RawRow]:
    if not _is_there(path):
        raise DataError(f"data file '{path}' does not exist; give the path of a .jsonl, .csv or .parquet file")
    if path.is_dir():
        raise DataError(f"'{path}' is a folder; expected a .jsonl, .csv or .parquet file in it")
    kind = _SUFFIXES.get(path.suffix.lower())
    if kind is None:
        raise DataError(f"'{path}' has an unknown ending '{path.suffix}'; expected .jsonl, .csv, .tsv or .parquet")
    reader = {"jsonl": _read_jsonl, "csv": _read_csv, "parquet": _read_parquet}[kind]
    try:
        yield from reader(path)
    except TunecurveError:
        raise
    except UnicodeDecodeError as error:
        place = _first_undecodable_byte(path)
        raise DataError(
            f"'{path}' is not UTF-8 text (byte {place}: 0x{error.object[error.start]:02x}); save it as UTF-8"
        ) from None
    except OSError as error:
        raise DataError(f"cannot read '{path}': {error.strerror or error}") from None


def _first_undecodable_byte(path: Path) -> int:
    """Return the offset in the file; the error of a streaming decoder counts from its own chunk."""
    n_read = 0
    decoder = codecs.getincrementaldecoder(_encoding(path))()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            held = len(decoder.getstate()[0])
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError as error:
                return n_read - held + error.start
            n_read += len(chunk)
    return n_read


def _encoding(path: Path) -> str:
    """Return the encoding that the file's byte-order mark names; UTF-8 without one."""
    with path.open("rb") as file:
        start = file.read(4)
    return "utf-16" if start[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"


def _read_jsonl(path: Path) -> Iterator[RawRow]:
    with path.open(encoding=_encoding(path), newline="\n") as file:
        for number in itertools.count(1):
            line = file.readline(MAX_LINE_CHARACTERS + 1)
            if not line:
                return
            if len(line) > MAX_LINE_CHARACTERS:
                raise DataError(
                    f"{path}, line {number}: longer than {MAX_LINE_CHARACTERS:,} characters; a .jsonl file holds one row a line"
                )
            if not line.strip():
                continue
            try:
                cells = json.loads(line)
            except (ValueError, RecursionError) as error:
                detail = getattr(error, "msg", str(error))
                hint = (
                    "a .json file must hold one object a line (JSON Lines)"
                    if line.strip() in ("[", "{")
                    else "mend or delete the line"
                )
                raise DataError(f"{path}, line {number}: not JSON ({detail}): {line.strip()[:60]!r}; {hint}") from None
            if not isinstance(cells, dict):
                raise DataError(
                    f"{path}, line {number}: expected a JSON object with columns, got {type(cells).__name__}; "
                    "write one object a line"
                )
            yield f"line {number}", cells


def _read_csv(path: Path) -> Iterator[RawRow]:
    csv.field_size_limit(MAX_FIELD_CHARACTERS)
    with path.open(encoding=_encoding(path), newline="") as file:
        reader = csv.reader(file, delimiter="\t" if path.suffix.lower() == ".tsv" else ",", strict=True)
        try:
            header = next(reader, None)
            if header is None:
                return
            for cells in reader:
                if not cells:
                    continue
                if len(cells) != len(header):
                    raise DataError(
                        f"{path}, line {reader.line_num}: {len(cells)} cells, expected {len(header)} as in the header; "
                        "put texts with commas or line breaks in double quotes"
                    )
                yield f"line {reader.line_num}", dict(zip(header, cells, strict=True))
        except csv.Error as error:
            raise DataError(f"{path}, line {reader.line_num}: not CSV ({error}); check the quotes there") from None


def _read_parquet(path: Path) -> Iterator[RawRow]:
    import pyarrow
    import pyarrow.parquet

    try:
        file = pyarrow.parquet.ParquetFile(path)
        number = 0
        for batch in file.iter_batches(batch_size=1000):
            for cells in batch.to_pylist():
                number += 1
                yield f"row {number}", cells
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(f"'{path}' is not a readable Parquet file ({str(error).splitlines()[0][:120]})") from None


def _read_hub(name: str, revision: str | None, subset: str | None, hub_split: str) -> Iterator[RawRow]:
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
    return ((f"row {number}", cells) for number, cells in enumerate(rows, start=1))
