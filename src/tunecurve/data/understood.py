"""How cells were understood, in words: numbers as text, nothing as `none`, a list as the entities of one text."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tunecurve.data.cells import Reading
from tunecurve.data.counted import Counted
from tunecurve.findings import Finding
from tunecurve.formats import column_names
from tunecurve.formats.json_objects import AROUND

# Where fewer cells of a column than this share spell out lists, they may be texts that only look like lists.
SHARE_OF_LISTS = 0.5
_MEANT_AS_TEXT = "where brackets belong to the text, write the rows as JSON Lines, which tells texts from lists"
_READ_AS_TEXT = {"number": "numbers", "truth value": "truth values", "date": "dates or times", "bytes": "bytes"}

# The kind of lists that are several right answers.
ANSWERS = "answers"


@dataclass
class Understood:
    """Counts of cells that are no plain text and were read all the same, by column and kind."""

    found: defaultdict[tuple[str, str], Counted] = field(default_factory=lambda: defaultdict(Counted))
    example: dict[tuple[str, str], tuple[Any, str]] = field(default_factory=dict)
    """The first cell, and the text it was read as."""
    spelled_out: Counter[str] = field(default_factory=Counter)
    """By column, how many lists are texts of a file that has no lists."""

    def count(
        self, inputs: Mapping[str, Reading], target_column: str, target: Reading, cells: Mapping[str, Any], place: str
    ) -> None:
        """Count the cells of one row."""
        for column, reading in [*inputs.items(), (target_column, target)]:
            if reading.kind == "text" or not reading.texts:
                continue
            key = (column, ANSWERS if reading.kind == "list" and len(reading.texts) > 1 else reading.kind)
            self.found[key].add(place)
            self.spelled_out[column] += reading.is_spelled_out
            cell = cells.get(column)
            # Of numbers, the one whose text looks unlike it is worth showing.
            if key not in self.example or (isinstance(cell, float) and not isinstance(self.example[key][0], float)):
                self.example[key] = (cell, reading.texts[0])

    def notes(self, n_rows: int) -> list[Finding]:
        """Return one note for each column and kind."""
        return [self._note(column, kind, n_rows) for column, kind in sorted(self.found)]

    def _note(self, column: str, kind: str, n_rows: int) -> Finding:
        counted, (cell, text) = self.found[column, kind], self.example[column, kind]
        which, shown = f"{counted.n} of {n_rows} cells of column '{column}'", f"'{text[:60]}'"
        remedy, is_note = "", True
        if kind == "empty":
            code, text = (
                "empty-target-read",
                f"{which} are empty and read as {shown}: there is nothing to find in these texts",
            )
            remedy = "if they were not labelled, leave these rows out"
        elif kind == "flags":
            code = "flags-read"
            is_object = isinstance(cell, Mapping)
            said = f"{which} are objects of flags" if is_object else f"columns {column} are read as flags"
            text = f"{said}: each row has the labels whose {'key' if is_object else 'column'} says 1, true, yes or x, as in {shown}"
        elif kind == "flags with gaps":
            code, is_note = "flags-missing", False
            text = f"{counted.n} of {n_rows} rows lack one or more of the columns {column}, which is read as no, as in {shown}"
            remedy = "write 0 where a label is known not to apply"
        elif kind.startswith("JSON object "):
            how = kind.removeprefix("JSON object ")
            code, is_note = "objects-within", how != AROUND
            text = f"{which} hold JSON objects {how}, and the objects alone are read, as {shown}"
            remedy = "" if is_note else "for the whole text as target, give --task generation"
        elif kind == ANSWERS:
            code, is_note = "answers-read", not column_names.called([column], column_names.SETS)
            text = f"{which} are lists, read as answers of which any one is right; the first, {shown}, is trained on"
            remedy = "" if is_note else "if all of a list are wanted, write them as one text, joined with '; '"
        elif kind == "list":
            code, text = "lists-read", f"{which} are lists, each read as one text, such as {shown}"
        else:
            code = "cells-as-text"
            text = f"{which} are {_READ_AS_TEXT.get(kind, kind)}, read as their text: {str(cell)[:40]} as {shown}"
        if kind in ("list", ANSWERS) and 0 < self.spelled_out[column] < SHARE_OF_LISTS * n_rows:
            remedy, is_note = "; ".join(filter(None, [remedy, _MEANT_AS_TEXT])), False
        return Finding(code, text, remedy, tuple(counted.places), is_note=is_note)
