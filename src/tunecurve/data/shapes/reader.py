"""Rows of any shape as plain cells, one after the other, and the line that says how they were read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tunecurve.data.inputs import DEFAULT_COLUMN, DEFAULT_TARGET
from tunecurve.data.shapes.base import Asked, Met, few
from tunecurve.data.shapes.registry import shape_of_name
from tunecurve.errors import DataError
from tunecurve.findings import Finding

RawRow = tuple[str, Mapping[str, Any]]


class PlainRows:
    """Reads rows of one shape; all columns of a row are kept beside its input and target.

    Attributes
    ----------
    input_columns, target_columns : tuple of str
        Columns of the plain cells.
    """

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.shape = shape_of_name(asked.name)
        self._met: dict[str, Met] = {}
        is_plain = self.shape is None
        self.input_columns = (asked.input_columns if is_plain else ()) or (DEFAULT_COLUMN,)
        self.target_columns = (asked.target_columns if is_plain else ()) or (DEFAULT_TARGET,)

    @property
    def named(self) -> frozenset[str]:
        """Columns that are the input, the target, or in the template."""
        asked = self.asked
        found = (*asked.input_columns, *asked.target_columns, *asked.template_columns)
        return frozenset((*found, *self.input_columns, *self.target_columns))

    def knows(self, column: str) -> bool:
        """Return whether a column is the shape's own, the input, the target, or in the template."""
        return self.shape is not None or column in self.named

    def read(self, raw_rows: Iterable[RawRow], source: str = "") -> Iterator[RawRow]:
        """Yield (place, plain cells) for every row of a source; one that is read again is counted anew.

        Raises
        ------
        DataError
            For a row that the shape refuses, with its place.
        """
        if self.shape is None:
            yield from raw_rows
            return
        met = self._met[source] = Met()
        for place, cells in raw_rows:
            try:
                plain = self.shape.read(cells, self.asked)
            except DataError as error:
                raise DataError(f"{place}: {error}") from None
            met.add(plain, place, cells)
            yield place, {**cells, DEFAULT_COLUMN: plain.input, DEFAULT_TARGET: plain.target}

    def findings(self) -> list[Finding]:
        """Return the line that says how rows were read; nothing for plain columns."""
        if self.shape is None:
            return []
        met = Met()
        for one in self._met.values():
            met.join(one)
        read = {*self.asked.input_columns, *self.asked.target_columns, *self.shape.beside}
        others = [str(name) for name in met.columns if name not in read]
        text = f"read as {self.shape.title}: {self.shape.said(met, self.asked)}"
        text += f"; not read: {few(others)}" if others else ""
        compared = self.shape.compared(self._met)
        return [Finding("shape-read", text, is_note=True), *compared, *self.shape.findings(met, self.asked)]
