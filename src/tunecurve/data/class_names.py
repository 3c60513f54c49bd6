"""The names of classes that stand as numbers in the rows, where the data set has them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from tunecurve.data.rows import RawRow
from tunecurve.errors import DataError
from tunecurve.findings import Finding
from tunecurve.wording import first_of

ClassNames = Mapping[str, Sequence[str]]


def named_classes(names: ClassNames) -> list[Finding]:
    """Return a note for each column whose numbers are read as the names of their classes."""
    return [
        Finding(
            "class-names",
            f"the numbers of column '{column}' are read as the names that the data set gives them: "
            + first_of([f"{number} = {name}" for number, name in enumerate(known)], 4),
            is_note=True,
        )
        for column, known in names.items()
    ]


def with_class_names(cells: Mapping[str, Any], names: ClassNames, place: str) -> Mapping[str, Any]:
    """Return a row with the names of its classes; a negative number, as -1 or -100, stands for no class.

    Raises
    ------
    DataError
        For a number behind the last name: the names are those of other numbers.
    """
    if not names:
        return cells
    named = dict(cells)
    for column, known in names.items():
        if column not in cells:
            continue
        named[column] = _named(cells[column], known)
        if named[column] is _UNKNOWN:
            raise DataError(
                f"{place}: column '{column}' holds a class number above {len(known) - 1}, and the file names {len(known)} classes, "
                "from 0 on: these are the names of other numbers; write the file with all names, or with names for numbers"
            )
    return named


_UNKNOWN = object()


def _named(cell: Any, names: Sequence[str]) -> Any:
    """Return a cell with names in the place of numbers; `_UNKNOWN` for one with a number behind the last name."""
    if isinstance(cell, list):
        items = [_named(item, names) for item in cell]
        return _UNKNOWN if any(item is _UNKNOWN for item in items) else items
    if isinstance(cell, int):
        return _UNKNOWN if cell >= len(names) else names[cell] if cell >= 0 else None
    return cell


def rows_of_features(rows: Iterable[Mapping[str, Any]], features: Mapping[str, Any]) -> Iterator[RawRow]:
    """Yield (place, cells) for the rows of a data set of the library `datasets`, with the names of its classes.

    Numbers of single precision are as they are written: 0.1, not 0.10000000149011612.
    """
    names = class_names_of_features(features)
    singles = {column: feature for column, feature in features.items() if _holds_singles(feature)}
    for number, cells in enumerate(rows, start=1):
        short = {column: _shortest(cells[column], feature) for column, feature in singles.items() if column in cells}
        yield f"row {number}", with_class_names({**cells, **short} if short else cells, names, f"row {number}")


def _holds_singles(feature: Any) -> bool:
    if isinstance(feature, Mapping):
        return any(map(_holds_singles, feature.values()))
    inner = _feature_of_items(feature)
    return getattr(feature, "dtype", "") in ("float16", "float32") if inner is None else _holds_singles(inner)


def _feature_of_items(feature: Any) -> Any:
    """Return what the items of a list are; None where it is no list."""
    return feature[0] if isinstance(feature, list) else getattr(feature, "feature", None)


def _shortest(cell: Any, feature: Any) -> Any:
    if isinstance(cell, Mapping) and isinstance(feature, Mapping):
        return {key: _shortest(value, feature.get(key)) for key, value in cell.items()}
    if isinstance(cell, list):
        return [_shortest(value, _feature_of_items(feature)) for value in cell]
    is_short = isinstance(cell, float) and getattr(feature, "dtype", "") in ("float16", "float32")
    return float(str(np.dtype(feature.dtype).type(cell))) if is_short else cell


def class_names_of_features(features: Mapping[str, Any]) -> ClassNames:
    """Return the class names that the features of the library `datasets` know, by column."""
    found = {}
    for column, feature in features.items():
        whole = feature[0] if isinstance(feature, list) and feature else feature
        inner: Any = getattr(whole, "feature", whole)
        if type(inner).__name__ == "ClassLabel" and getattr(inner, "names", None):
            found[column] = [str(name) for name in inner.names]
    return found


def names_in_metadata(metadata: Mapping[bytes, bytes]) -> ClassNames:
    """Return the class names that the library `datasets` writes into a file, by column."""
    try:
        features = json.loads(metadata[b"huggingface"])["info"]["features"]
        return {column: names for column, feature in features.items() if (names := _names_of(feature))}
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return {}


def _names_of(feature: Any) -> list[str]:
    feature = feature[0] if isinstance(feature, list) and feature else feature
    inner = feature.get("feature", feature) if isinstance(feature, dict) else feature
    if not isinstance(inner, dict) or inner.get("_type") != "ClassLabel":
        return []
    return [str(name) for name in inner.get("names") or []]
