"""Cells within objects, named with dots: ``translation.en`` is what stands under ``en`` in the object of the column ``translation``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from tunecurve.data.cells import object_in_text, plain_value, shape_of
from tunecurve.data.rows import RawRow

Cells = Mapping[str, Any]
DOT = "."
_DEEPEST = 3
_NOTHING = object()


def with_parts(rows: Iterable[RawRow], names: Iterable[str]) -> Iterator[RawRow]:
    """Yield the rows, beside their columns the parts of objects that are named; a column that is called so itself goes before."""
    parts = [name for name in dict.fromkeys(names) if DOT in name]
    for place, cells in rows:
        yield place, cells_with_parts(cells, parts) if parts else cells


def cells_with_parts(cells: Cells, names: Sequence[str]) -> Cells:
    """Return cells with the parts of these names that are there."""
    found = {name: part for name in names if name not in cells and (part := _part(cells, name)) is not _NOTHING}
    return {**cells, **found} if found else cells


def is_read_in_part(column: str, names: Iterable[str]) -> bool:
    """Return whether one of some names is that of a part of a column."""
    return any(name.startswith(f"{column}{DOT}") for name in names)


def part_names(cells: Cells, depth: int = 0) -> list[str]:
    """Return the names of the texts and numbers within the objects of a row."""
    names = []
    for column, cell in cells.items():
        inner = _object(cell)
        if inner is None or DOT in str(column):
            continue
        names += [f"{column}{DOT}{key}" for key, value in inner.items() if not shape_of(value)]
        if depth < _DEEPEST:
            names += [f"{column}{DOT}{name}" for name in part_names(inner, depth + 1)]
    return names


def _part(cells: Cells, name: str) -> object:
    """Return what stands under a name with dots; keys may have dots themselves."""
    head, dot, rest = name.partition(DOT)
    while dot:
        inner = _object(cells.get(head))
        if inner is not None:
            if rest in inner:
                return inner[rest]
            found = _part(inner, rest)
            if found is not _NOTHING:
                return found
        more, dot, rest = rest.partition(DOT)
        head = f"{head}{DOT}{more}"
    return _NOTHING


def _object(cell: object) -> Cells | None:
    """Return the object that a cell holds, also as the text that a CSV file has for it; None where it holds none."""
    cell = plain_value(cell)
    if isinstance(cell, str) and cell.lstrip().startswith("{"):
        cell = object_in_text(cell)
    return {str(key): value for key, value in cell.items()} if isinstance(cell, Mapping) else None
