"""Prodigy's choices: a text, the options that were shown, and those that the annotator accepted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tunecurve.data.cells import plain_value
from tunecurve.data.shapes.annotated import list_cell
from tunecurve.data.shapes.base import Asked, Cells, Match, Met, Plain, Shape
from tunecurve.data.shapes.chat import columns_with, is_column_with
from tunecurve.data.shapes.prodigy import IGNORED, REJECTED
from tunecurve.data.shapes.spans import TEXT_COLUMNS

OPTIONS, ACCEPTED, ANSWER = "options", "accept", "answer"
_NOT_READ = {"reject": REJECTED, "ignore": IGNORED}


class ProdigyChoice(Shape):
    """Rows of Prodigy's choice interface: the accepted options are the target."""

    name = "prodigy-choice"
    title = "choices of Prodigy"
    beside = (OPTIONS, ANSWER, "_input_hash", "_task_hash", "_view_id", "config")

    def matches(self, sample: Sequence[Cells], asked: Asked) -> Sequence[Match]:
        """Return a match for the text beside the options, where all rows have the same ones."""
        has_options = is_column_with(sample, OPTIONS, lambda cell: bool(_options(cell)))
        has_both = has_options and any(isinstance(list_cell(row.get(ACCEPTED)), list) for row in sample)
        if not has_both or len({tuple(_options(row.get(OPTIONS))) for row in sample if row.get(OPTIONS)}) != 1:
            return []
        texts = columns_with(sample, lambda cell: isinstance(plain_value(cell), str))
        texts = [name for name in asked.input_columns or TEXT_COLUMNS if name in texts][:1]
        also = tuple(name for name in (OPTIONS, ANSWER) if any(name in row for row in sample))
        return [Match(self.name, (text,), (ACCEPTED,), also) for text in texts if asked.allows([text], [ACCEPTED])]

    def read(self, cells: Cells, asked: Asked) -> Plain:
        """Return the text and the accepted options; one by itself, several as a list."""
        refused = _NOT_READ.get(str(cells.get(ANSWER)))
        if refused is not None:
            return Plain(refused, refused)
        names = _options(cells.get(OPTIONS))
        chosen = list_cell(cells.get(ACCEPTED))
        chosen = chosen if isinstance(chosen, list) else [chosen]
        targets = [names.get(str(one), one) for one in chosen if one is not None]
        target = targets[0] if len(targets) == 1 else targets
        return Plain(cells.get(asked.input_columns[0]), target, () if targets else (("nothing", ""),))

    def said(self, met: Met, asked: Asked) -> str:
        """Return what is input and target."""
        said = f"'{asked.input_columns[0]}' is the input, the accepted options are the target"
        n_nothing = met.counts["nothing"]
        return said + (f"; in {n_nothing} rows none is accepted" if n_nothing else "")


def _options(cell: Any) -> dict[str, str]:
    """Return the name of each option by its id: the id itself, or its text where ids are numbers, which name nothing."""
    options = list_cell(cell)
    if not isinstance(options, list) or not options:
        return {}
    if not all(isinstance(one, Mapping) and "id" in one for one in options):
        return {}
    are_numbers = all(str(one["id"]).strip().isdecimal() for one in options)
    return {
        str(one["id"]): str(one["text"] if are_numbers and isinstance(one.get("text"), str) else one["id"])
        for one in options
    }
