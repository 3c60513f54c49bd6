"""The names of classes that stand as numbers in the rows, where the data set has them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tunecurve.findings import Finding

ClassNames = Mapping[str, Sequence[str]]


def named_classes(names: ClassNames) -> list[Finding]:
    """Return a note for each column whose numbers are read as the names of their classes."""
    return [
        Finding(
            "class-names",
            f"the numbers of column '{column}' are read as the names that the data set gives them: "
            + ", ".join(f"{number} = {name}" for number, name in enumerate(list(known)[:4]))
            + (", ..." if len(known) > 4 else ""),
            is_note=True,
        )
        for column, known in names.items()
    ]


def with_class_names(cells: Mapping[str, Any], names: ClassNames) -> Mapping[str, Any]:
    """Return a row with the names of its classes; a number without a name, as -1, stands for no class."""
    if not names:
        return cells
    return {column: _named(cell, names[column]) if column in names else cell for column, cell in cells.items()}


def _named(cell: Any, names: Sequence[str]) -> Any:
    if isinstance(cell, list):
        return [_named(item, names) for item in cell]
    if isinstance(cell, int):
        return names[cell] if 0 <= cell < len(names) else None
    return cell


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
