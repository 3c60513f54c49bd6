"""Texts in pieces, as SNIPS and Dialogflow write them: `[{"text": "play "}, {"text": "Ada", "entity": "artist"}]`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tunecurve.data.shapes.annotated import NO_TEXT, Annotated, AnnotatedShape, list_cell
from tunecurve.data.shapes.base import Asked, Cells, Match, NotReadError
from tunecurve.data.shapes.chat import columns_with
from tunecurve.formats.offsets import Counting, RawSpan

_LABELS = ("entity", "slot_name", "alias")
_KEYS = {"text", "meta", "userDefined", "user_defined", "role", "group", *_LABELS}


class TextChunks(AnnotatedShape):
    """A column with the pieces of a text; joined, they are the text, and those with a label its spans."""

    name = "text-chunks"
    title = "texts in pieces, some with a label (SNIPS)"
    option_names = ("target",)

    def matches(self, sample: Sequence[Cells], asked: Asked) -> Sequence[Match]:
        """Return a match for every column of such pieces, of which some have a label."""
        columns = [
            name
            for name in columns_with(sample, lambda cell: bool(_pieces(cell)))
            if asked.allows([name], [name]) and any(_label(piece) for row in sample for piece in _pieces(row.get(name)))
        ]
        return [Match(self.name, (name,), (name,)) for name in columns] if columns and self.fits_task(asked) else []

    def counting(self, asked: Asked) -> Counting | None:
        """Return that offsets count characters: they are those of the joined text."""
        return Counting()

    def annotation(self, cells: Cells, asked: Asked) -> Annotated:
        """Return the joined text, and where its labelled pieces stand."""
        text, spans = "", []
        for piece in _pieces(cells.get(asked.input_columns[0])):
            if _label(piece):
                spans.append(RawSpan(len(text), len(text) + len(piece["text"]), _label(piece)))
            text += piece["text"]
        if not text.strip():
            raise NotReadError(NO_TEXT)
        return Annotated(text, spans)


def _pieces(cell: Any) -> list[Mapping[str, Any]]:
    """Return the pieces that a cell holds; none where it holds something else."""
    pieces = list_cell(cell)
    are_pieces = isinstance(pieces, list) and all(
        isinstance(piece, Mapping) and isinstance(piece.get("text"), str) and set(piece) <= _KEYS for piece in pieces
    )
    return pieces if are_pieces else []


def _label(piece: Mapping[str, Any]) -> str:
    return next((piece[key].strip() for key in _LABELS if isinstance(piece.get(key), str) and piece[key].strip()), "")
