"""Cells that hold more than a text: one true line about each shape, and the way on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tunecurve.data.cells import Reading, shape_of
from tunecurve.data.drops import MAX_PLACES_KEPT
from tunecurve.errors import DataError

_DOCS = "docs/data.md has the lines of Python"
WAYS_ON: dict[str, str] = {
    "chat turns": "make two texts of them, the last answer as target and the turn before it as input: " + _DOCS,
    "tokens and tags": "join the tokens by blanks, and write the target as 'PER: Ada Lovelace; LOC: London': " + _DOCS,
    "tags of words": "write the target as 'PER: Ada Lovelace; LOC: London': " + _DOCS,
    "spans with offsets": "write the text with [LABEL]s in their place for masking, or 'PERSON: Ada; CITY: London' for ner: "
    + _DOCS,
    "an object": "write it as JSON text with json.dumps(..., ensure_ascii=False, sort_keys=True), or name one of its keys as a "
    "column of its own: " + _DOCS,
    "a list of objects": "write each row's as one text: " + _DOCS,
    "a list of lists": "write each row's as one text: " + _DOCS,
    "several classes": "tunecurve measures one class a row: keep the one that matters, or make a study of each class with "
    "yes and no as targets: " + _DOCS,
    "entities without a type": "write each as 'type: entity', e.g. 'person: Ada Lovelace': " + _DOCS,
    "a list of texts": "write one text a row; several right targets are read in summarization and generation only: "
    + _DOCS,
}


@dataclass
class ShapeCounts:
    """How many rows hold which shape, and where.

    Attributes
    ----------
    counts : Counter of (column, shape)
    places : dict of (column, shape) to list of str
    """

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    places: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    def count(self, inputs: Mapping[str, Reading], target_column: str, target: Reading, place: str) -> None:
        """Count the shapes of one row."""
        shapes = {column: reading.shape for column, reading in inputs.items() if reading.shape}
        words = [column for column, shape in shapes.items() if shape == "a list of texts"]
        if words and target.kind == "list":
            self._add((f"{words[0]}' and '{target_column}", "tokens and tags"), place)
            return
        for column, shape in shapes.items():
            self._add((column, shape), place)
        if target.shape and target_column not in shapes:
            self._add((target_column, target.shape), place)

    def _add(self, key: tuple[str, str], place: str) -> None:
        self.counts[key] += 1
        known = self.places.setdefault(key, [])
        if len(known) < MAX_PLACES_KEPT:
            known.append(place)

    def refuse(self, n_rows: int) -> None:
        """Raise where a shape was met.

        Raises
        ------
        DataError
            Naming the most frequent shape, its places, and what to make of it.
        """
        if not self.counts:
            return
        (column, shape), count = self.counts.most_common(1)[0]
        known = self.places[column, shape]
        places = ", ".join([*known, "..."] if count > len(known) else known)
        raise DataError(f"{count} of {n_rows} rows have {shape} (column '{column}': {places}); {WAYS_ON[shape]}")


def columns_in_words(cells: Mapping[str, Any]) -> str:
    """Return the names of columns, each with its shape where it holds more than a text."""
    named = []
    for name, cell in list(cells.items())[:12]:
        shape = shape_of(cell)
        named.append(f"{name} ({shape})" if shape else str(name))
    return ", ".join(named)


def way_on(cells: Mapping[str, Any]) -> str:
    """Return what to do where a column holds a shape that is a whole row: chat turns."""
    chats = [name for name, cell in cells.items() if shape_of(cell) == "chat turns"]
    return f"column '{chats[0]}' holds chat turns; {WAYS_ON['chat turns']}" if chats else ""
