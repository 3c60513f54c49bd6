"""Rows that a Python caller has in memory: a data frame, pairs, mappings, or a `datasets.Dataset`."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tunecurve.errors import DataError
from tunecurve.storage.files import make_folder, write_text

FILE = "given-rows.jsonl"
PAIR = ("source_text", "target_text")
_EXPECTED = "a pandas DataFrame, a datasets.Dataset, a list of (input, target) pairs or a list of mappings"


def is_given(value: object) -> bool:
    """Return whether a value is rows, and no name of a file or a study's content."""
    if value is None or isinstance(value, str | Path | Mapping):
        return False
    return not (
        isinstance(value, list | tuple) and all(isinstance(one, str | Path) for one in value) and len(value) > 0
    )


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
    if hasattr(value, "to_dict") and hasattr(value, "columns"):  # a data frame, without importing pandas
        if any(name is not None for name in value.index.names):  # a column that was made the index is a column still
            value = value.reset_index(allow_duplicates=True)
        names = [str(name) for name in value.columns]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise DataError(
                f"the data frame has {len(twice)} column name(s) more than once ({', '.join(twice)}); rename them"
            )
        records: Iterable[Any] = value.to_dict("records")
    elif isinstance(value, Iterable):
        records = _with_class_names(value)
    else:
        raise DataError(f"data: rows are a {type(value).__name__}, expected {_EXPECTED}")
    rows = [_row(record, number) for number, record in enumerate(records, start=1)]
    if not rows:
        raise DataError("data: there is no row; give rows to measure on")
    return rows


def write_given(value: Any, folder: Path) -> Path:
    """Write rows in memory into a study's folder, private, as JSON Lines; return the file."""
    path = make_folder(folder) / FILE
    write_text(path, "".join(json.dumps(row) + "\n" for row in rows_of(value)))
    return path


def _with_class_names(value: Iterable[Any]) -> Iterable[Any]:
    """Return the rows of a `datasets.Dataset` with the names of its classes for their numbers, -1 as missing; other rows as they are."""
    features = getattr(value, "features", None)
    if not isinstance(features, Mapping):
        return value
    named = {name: kind.names for name, kind in features.items() if getattr(kind, "names", None)}
    return [
        {name: _class_name(cell, named[name]) if name in named else cell for name, cell in record.items()}
        for record in value
    ]


def _class_name(cell: Any, names: Sequence[str]) -> Any:
    return None if cell == -1 else names[cell] if isinstance(cell, int) else cell


def _row(record: Any, number: int) -> dict[str, object]:
    if isinstance(record, Mapping):
        return {str(name): _plain(value) for name, value in record.items()}
    if isinstance(record, list | tuple) and len(record) == len(PAIR):
        return dict(zip(PAIR, map(_plain, record), strict=True))
    shown = f"a {type(record).__name__}" + (f" of {len(record)}" if isinstance(record, list | tuple) else "")
    raise DataError(f"data: row {number} is {shown}, expected {_EXPECTED}")


def _plain(value: Any) -> object:
    """Return a value as JSON has it: numpy's as Python's, dates as ISO, NaN and NaT as missing."""
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
