"""How cells were understood, in words: numbers as text, nothing as `none`, a list as the entities of one text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tunecurve.data.cells import Reading
from tunecurve.data.drops import MAX_PLACES_KEPT
from tunecurve.findings import Finding
from tunecurve.formats.json_objects import AROUND

_READ_AS_TEXT = {"number": "numbers", "truth value": "truth values", "date": "dates or times", "bytes": "bytes"}


@dataclass
class Understood:
    """Counts of cells that are no plain text and were read all the same, by column and kind.

    Attributes
    ----------
    counts : Counter of (column, kind)
    places : dict of (column, kind) to list of str
    example : dict of (column, kind) to (object, str)
        The first cell, and the text it was read as.
    """

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    places: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    example: dict[tuple[str, str], tuple[Any, str]] = field(default_factory=dict)

    def count(
        self, inputs: Mapping[str, Reading], target_column: str, target: Reading, cells: Mapping[str, Any], place: str
    ) -> None:
        """Count the cells of one row."""
        for column, reading in [*inputs.items(), (target_column, target)]:
            if reading.kind == "text" or not reading.texts:
                continue
            key = (column, reading.kind)
            self.counts[key] += 1
            known = self.places.setdefault(key, [])
            if len(known) < MAX_PLACES_KEPT:
                known.append(place)
            cell = cells.get(column)
            # Of numbers, the one whose text looks unlike it is worth showing.
            if key not in self.example or (isinstance(cell, float) and not isinstance(self.example[key][0], float)):
                self.example[key] = (cell, reading.texts[0])

    def notes(self, n_rows: int) -> list[Finding]:
        """Return one note for each column and kind."""
        return [self._note(column, kind, n_rows) for column, kind in sorted(self.counts)]

    def _note(self, column: str, kind: str, n_rows: int) -> Finding:
        count, (cell, text) = self.counts[column, kind], self.example[column, kind]
        places = tuple(self.places[column, kind])
        which = f"{count} of {n_rows} cells of column '{column}'"
        shown = f"'{text[:60]}'"
        if kind == "empty":
            return Finding(
                "empty-target-read",
                f"{which} are empty and read as {shown}: there is nothing to find in these texts",
                "if they were not labelled, leave these rows out",
                places,
                is_note=True,
            )
        if kind == "flags" and isinstance(cell, Mapping):
            text = (
                f"{which} are objects of flags: each row has the labels whose key says 1, true, yes or x, as in {shown}"
            )
            return Finding("flags-read", text, "", places, is_note=True)
        if kind == "flags":
            text = f"columns {column} are read as flags: each row has the labels whose column says 1, true, yes or x, as in {shown}"
            return Finding("flags-read", text, "", places, is_note=True)
        if kind == "flags with gaps":
            text = (
                f"{count} of {n_rows} rows lack one or more of the columns {column}, which is read as no, as in {shown}"
            )
            return Finding("flags-missing", text, "write 0 where a label is known not to apply", places)
        if kind.startswith("JSON object "):
            how = kind.removeprefix("JSON object ")
            is_note = how != AROUND
            text = f"{which} hold JSON objects {how}, and the objects alone are read, as {shown}"
            remedy = "" if is_note else "for the whole text as target, give --task generation"
            return Finding("objects-within", text, remedy, places, is_note=is_note)
        if kind == "list":
            return Finding("lists-read", f"{which} are lists, read as the text {shown}", "", places, is_note=True)
        return Finding(
            "cells-as-text",
            f"{which} are {_READ_AS_TEXT.get(kind, kind)}, read as their text: {str(cell)[:40]} as {shown}",
            "",
            places,
            is_note=True,
        )
