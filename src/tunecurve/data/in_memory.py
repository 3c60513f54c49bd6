"""Rows that a Python caller has in memory: a data frame, pairs, mappings, an array, a `datasets.Dataset`, or several as sides."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tunecurve.data.arrow_rows import plain_rows
from tunecurve.data.cells import in_double_precision
from tunecurve.data.class_names import names_in_metadata, rows_of_features, with_class_names
from tunecurve.data.folders import SPLITS
from tunecurve.errors import DataError
from tunecurve.storage.files import make_folder, write_text

FILE = "given-rows.jsonl"
# Keys of the data section that take rows in memory, and the files that they are written to.
FILES = {"source": FILE, "test_source": "given-test-rows.jsonl", "dev_source": "given-dev-rows.jsonl"}
FOLDER = "given-rows"
PAIR = ("source_text", "target_text")
_EXPECTED = "a pandas DataFrame, a datasets.Dataset, a list of (input, target) pairs or a list of mappings"
# Numbers of less than double precision, as pandas names their kinds, and as numpy does.
_SHORT_NUMBERS = {
    "float16": "float16",
    "float32": "float32",
    "Float32": "float32",
    "halffloat[pyarrow]": "float16",
    "float[pyarrow]": "float32",
}
_SIDES_BY_NAME = 'give each side: data={"source": splits["train"], "test_source": splits["test"]}'


def is_given(value: object) -> bool:
    """Return whether a value is rows, and no name of a file or a study's content."""
    if value is None or isinstance(value, str | Path):
        return False
    if isinstance(value, Mapping):
        return are_splits(value)
    return not (
        isinstance(value, list | tuple) and all(isinstance(one, str | Path) for one in value) and len(value) > 0
    )


def are_splits(value: object) -> bool:
    """Return whether a value holds rows by split: a `datasets.DatasetDict`, or a mapping like ``{"train": rows, "test": rows}``."""
    if not isinstance(value, Mapping):
        return False
    if type(value).__name__ in ("DatasetDict", "IterableDatasetDict"):
        return True
    has_split = any(str(name).lower() in SPLITS for name in value)
    return has_split and all(is_given(rows) and not isinstance(rows, Mapping) for rows in value.values())


def rows_of(value: Any) -> list[dict[str, object]]:
    """Return rows in memory as plain mappings; missing values are None, pairs have the usual columns.

    Raises
    ------
    DataError
        For what is no rows, with the first value that is not.

    Examples
    --------
    >>> rows_of([("Call Ann", "Call [NAME]")])
    [{'source_text': 'Call Ann', 'target_text': 'Call [NAME]'}]
    """
    rows = [_row(record, number) for number, record in enumerate(_records(value), start=1)]
    if not rows:
        raise DataError("data: there is no row; give rows to measure on")
    return rows


def write_given(value: Any, folder: Path, key: str = "source") -> Path:
    """Write rows in memory into a study's folder, private, as JSON Lines; return the file, or the folder of the splits' files.

    Raises
    ------
    DataError
        For what is no rows, and for splits that are not clearly the sides of a study.
    """
    if not are_splits(value):
        return _write_rows(value, make_folder(folder) / FILES[key])
    if key != "source":
        raise DataError(
            f"data: {key} is {_splits_in_words(value)}, expected the rows of one side; give one of its splits"
        )
    if len(value) == 1:
        return _write_rows(next(iter(value.values())), make_folder(folder) / FILE)
    sides = {SPLITS.get(str(name).lower(), ""): rows for name, rows in value.items()}
    if len(sides) < len(value) or "" in sides or not {"train", "test"} <= sides.keys():
        raise DataError(f"data: {_splits_in_words(value)} does not say which split is which side; {_SIDES_BY_NAME}")
    inner = make_folder(folder / FOLDER)
    for file in inner.glob("*.jsonl"):  # of a call with other splits
        file.unlink()
    for name, rows in value.items():
        _write_rows(rows, inner / f"{str(name).lower()}.jsonl")
    return inner


@contextmanager
def given_undone_on_error(folder: Path) -> Iterator[Callable[[], None]]:
    """Leave a folder's files of given rows as they were where an error is raised before the rows are accepted: call what is yielded.

    Files and folders that were not there are removed, with what was written of rows; what others have put there stays.
    """
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    inner = folder / FOLDER
    kept = {path: path.read_bytes() for path in _files_of_given(folder)}
    had_inner, accepted = inner.exists(), False

    def accept() -> None:
        nonlocal accepted
        accepted = True

    try:
        yield accept
    except BaseException:
        if not accepted:
            for path in set(_files_of_given(folder)) - kept.keys():
                path.unlink()
            for path, content in kept.items():
                if not path.exists() or path.read_bytes() != content:
                    write_text(path, content.decode())
            with suppress(OSError):  # others have put something there
                for path in [*([] if had_inner else [inner]), *missing]:
                    if path.exists():
                        path.rmdir()
        raise


def _files_of_given(folder: Path) -> list[Path]:
    return [
        path
        for path in (*(folder / name for name in FILES.values()), *(folder / FOLDER).glob("*.jsonl"))
        if path.exists()
    ]


def _write_rows(value: Any, path: Path) -> Path:
    write_text(path, "".join(json.dumps(row) + "\n" for row in rows_of(value)))
    return path


def _splits_in_words(value: Mapping[Any, Any]) -> str:
    return f"a {type(value).__name__} with the splits {', '.join(map(str, value)) or 'none'}"


def _records(value: Any) -> Iterable[Any]:
    """Return the rows of a table or a sequence, one by one."""
    if hasattr(value, "to_dict") and hasattr(value, "columns") and hasattr(value, "index"):
        return _records_of_frame(value)
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        return _records_of_array(value)
    if hasattr(value, "to_pylist") and hasattr(value, "schema"):  # a table of pyarrow
        names = names_in_metadata(value.schema.metadata or {})
        return (with_class_names(row, names, f"row {number}") for number, row in enumerate(plain_rows(value), start=1))
    if hasattr(value, "to_dicts"):  # a data frame of polars
        return list(value.to_dicts())
    if isinstance(features := getattr(value, "features", None), Mapping):  # a data set of `datasets`
        return (row for _, row in rows_of_features(value, features))
    if are_splits(value):
        raise DataError(f"data: rows are {_splits_in_words(value)}, expected the rows of one side; {_SIDES_BY_NAME}")
    if isinstance(value, Mapping) or not isinstance(value, Iterable):
        raise DataError(f"data: rows are a {type(value).__name__}, expected {_EXPECTED}")
    if isinstance(value, tuple) and len(value) == len(PAIR) and all(_is_column(one) for one in value):
        raise DataError(
            f"data: rows are two columns, of {len(value[0])} and {len(value[1])} values, expected {_EXPECTED}; give "
            "list(zip(inputs, targets))"
        )
    return value


def _is_column(value: Any) -> bool:
    """Return whether a value is many texts or numbers, as the inputs or the targets of all rows are."""
    if isinstance(value, str) or not hasattr(value, "__len__") or isinstance(value, Mapping):
        return False
    return len(value) > len(PAIR) or hasattr(value, "dtype")


def _records_of_frame(value: Any) -> Iterable[Any]:
    """Return the rows of a data frame of pandas, which is not imported for it."""
    if any(name is not None for name in value.index.names):  # a column that was made the index is a column still
        value = value.reset_index(allow_duplicates=True)
    names = [str(name) for name in value.columns]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(
            f"the data frame has {len(twice)} column name(s) more than once ({', '.join(twice)}); rename them"
        )
    value = value.copy(deep=False)
    for name, kind in value.dtypes.items():
        if numpy_kind := _SHORT_NUMBERS.get(str(kind)):
            value[name] = in_double_precision(value[name].to_numpy(numpy_kind, na_value=math.nan))
    records: Iterable[Any] = value.to_dict("records")
    return records


def _records_of_array(value: Any) -> Iterable[Any]:
    """Return the rows of a numpy array: of two columns, or with names for its columns.

    Raises
    ------
    DataError
        For any other array, and for one column of a data frame.
    """
    if (names := getattr(value.dtype, "names", None)) and len(value.shape) == 1:
        return [dict(zip(names, record, strict=True)) for record in value]
    if len(value.shape) == 2 and value.shape[1] == len(PAIR):
        return list(value.tolist())
    shape = " x ".join(map(str, value.shape)) or "no shape"
    raise DataError(
        f"data: rows are a {type(value).__name__} ({shape}), expected two columns, input and target; give list(zip(inputs, targets)), "
        "or a DataFrame with names for more columns"
    )


def _row(record: Any, number: int) -> dict[str, object]:
    if isinstance(record, Mapping):
        return {str(name): _plain(value) for name, value in record.items()}
    if isinstance(record, list | tuple) and len(record) == len(PAIR):
        return dict(zip(PAIR, map(_plain, record), strict=True))
    shown = f"a {type(record).__name__}" + (f" of {len(record)}" if isinstance(record, list | tuple) else "")
    raise DataError(f"data: row {number} is {shown}, expected {_EXPECTED}")


def _plain(value: Any) -> object:
    """Return a value as JSON has it: numpy's as Python's, dates as ISO, NaN and NaT as missing."""
    value = in_double_precision(value)
    if hasattr(value, "item") and getattr(value, "shape", None) == ():
        value = value.item()
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return None if math.isnan(value) else value
    if isinstance(value, Mapping):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset) or hasattr(value, "tolist"):
        return [_plain(inner) for inner in (value.tolist() if hasattr(value, "tolist") else value)]
    if type(value).__name__ in ("NaTType", "NAType"):
        return None
    if isinstance(value, bytes | bytearray | memoryview) or hasattr(value, "columns"):
        raise DataError(
            f"data: a cell is a {type(value).__name__}, expected a text, a number, a list or a mapping; decode or convert it first"
        )
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
