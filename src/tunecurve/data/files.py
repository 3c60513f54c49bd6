"""Reading a data file, or a folder of them that hold one data set in parts."""

from __future__ import annotations

import lzma
import re
import zlib
from collections.abc import Iterator
from pathlib import Path

from tunecurve.data.csv_rows import read_csv
from tunecurve.data.json_rows import RawRow, read_json
from tunecurve.data.parquet_rows import read_parquet
from tunecurve.data.streams import EXPECTED, check_beginning, data_suffix, kind_of, not_utf8, refuse_other_file
from tunecurve.errors import DataError, TunecurveError
from tunecurve.findings import Finding

_SIDES = {
    "train": "train",
    "training": "train",
    "test": "test",
    "eval": "test",
    "dev": "dev",
    "val": "dev",
    "valid": "dev",
    "validation": "dev",
}
# What the library `datasets` and the hub write beside the rows.
_NOT_ROWS = {"dataset_info.json", "dataset_infos.json", "state.json", "dataset_dict.json", "metadata.json"}


def is_there(path: Path) -> bool:
    """Return whether a path exists; a name longer than one can be does not."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def read_path(path: Path, findings: list[Finding]) -> Iterator[RawRow]:
    """Yield (place, cells) for every row of a file or folder, and note how it was understood.

    Raises
    ------
    DataError
        With what the file is, the place in it, and the next step.
    """
    if not is_there(path):
        raise DataError(f"data file '{path}' does not exist; give the path of a .jsonl, .csv or .parquet file")
    yield from _read_folder(path, findings) if path.is_dir() else _read_file(path, findings)


def _read_file(path: Path, findings: list[Finding]) -> Iterator[RawRow]:
    kind = kind_of(path)
    if kind is None:
        raise refuse_other_file(path)
    try:
        check_beginning(path)
        if kind == "json":
            yield from read_json(path)
        else:
            yield from (read_csv if kind == "csv" else read_parquet)(path, findings)
    except TunecurveError:
        raise
    except UnicodeDecodeError:
        raise not_utf8(path) from None
    except (EOFError, zlib.error, lzma.LZMAError) as error:
        raise DataError(f"'{path}' is not a whole {path.suffix} file ({error}); fetch or pack it again") from None
    except OSError as error:
        raise DataError(f"cannot read '{path}': {error.strerror or error}") from None


def _read_folder(folder: Path, findings: list[Finding]) -> Iterator[RawRow]:
    files = _parts_in(folder)
    if len(files) > 1:
        names = ", ".join(path.name for path in files[:6]) + (", ..." if len(files) > 6 else "")
        text = f"the {len(files)} files of '{folder}' are read as one, in the order of their names: {names}"
        findings.append(Finding("folder-read", text, is_note=True))
    known: list[Finding] = []
    for path in files:
        for place, cells in _read_file(path, known):
            yield f"{path.name}, {place}", cells
    findings += dict.fromkeys(known)


def _parts_in(folder: Path) -> list[Path]:
    """Return the data files of a folder, where they are parts of one data set."""
    try:
        found = sorted(path for path in folder.iterdir() if not path.name.startswith((".", "_")))
    except OSError as error:
        raise DataError(f"cannot read '{folder}': {error.strerror or error}") from None
    if any(path.name in ("state.json", "dataset_dict.json") for path in found):
        raise DataError(
            f"'{folder}' is a folder of datasets.save_to_disk; write its rows with: python -c \"import datasets; "
            f"datasets.load_from_disk('{folder}').to_json('rows.jsonl')\" (of several splits, name one: ['train'])"
        )
    files = [path for path in found if path.is_file() and kind_of(path) and path.name not in _NOT_ROWS]
    if not files:
        below = ", ".join(path.name for path in found if path.is_dir())
        raise DataError(
            f"'{folder}' is a folder without a data file; expected {EXPECTED} files in it"
            + (f", or name one of its folders: {below[:200]}" if below else "")
        )
    suffixes = sorted({data_suffix(path) for path in files})
    if len(suffixes) > 1:
        raise DataError(f"'{folder}' is a folder with files of several kinds ({', '.join(suffixes)}); name one of them")
    if len({_side_of(path) for path in files}) > 1:
        names = ", ".join(path.name for path in files[:8])
        raise DataError(
            f"'{folder}' is a folder with files of several splits ({names}); name the one to take rows from with --data"
        )
    return files


def _side_of(path: Path) -> str:
    """Return the split that a file's name says: ``train-00000-of-00002.parquet``."""
    words = re.split(r"[^a-z]+", path.name.lower())
    return next((_SIDES[word] for word in words if word in _SIDES), "")
