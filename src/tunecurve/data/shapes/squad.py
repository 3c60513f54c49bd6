"""Questions on a text, as SQuAD and its kin have them: ``context``, ``question``, ``answers`` with the places where they begin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tunecurve.data.cells import plain_value
from tunecurve.data.shapes.base import Asked, Cells, Match, Met, Plain, Shape, unreadable

CONTEXT, QUESTION, ANSWERS = "context", "question", "answers"

NO_ANSWER = unreadable(
    "question without an answer",
    "their question has no answer in the text (SQuAD 2)",
    "to learn that, too, write an answer for them, such as 'none', in a column of its own",
)


class Squad(Shape):
    """A text, a question, and its answers; several right answers are all compared with."""

    name = "squad"
    title = "SQuAD"

    def matches(self, sample: Sequence[Cells], asked: Asked) -> Sequence[Match]:
        """Return the match where answers know where they begin."""
        fits = all({CONTEXT, QUESTION} <= row.keys() and _texts(row.get(ANSWERS)) is not None for row in sample)
        if not fits or not asked.allows([CONTEXT, QUESTION], [ANSWERS]):
            return []
        return [Match(self.name, asked.input_columns or (CONTEXT, QUESTION), (ANSWERS,))]

    def read(self, cells: Cells, asked: Asked) -> Plain:
        """Return text and question, or the one that is named, and the answers, each once."""
        answers = _texts(cells.get(ANSWERS))
        if not answers:
            return Plain(NO_ANSWER, NO_ANSWER)
        parts = [str(cells.get(column) or "") for column in asked.input_columns]
        source = "\n".join(part for part in parts if part.strip())
        return Plain(source, answers, (("several answers", ""),) if len(answers) > 1 else ())

    def said(self, met: Met, asked: Asked) -> str:
        """Return what is the input, and how many rows have several answers."""
        n_several = met.counts["several answers"]
        more = f", {n_several} {'rows have' if n_several > 1 else 'row has'} several right answers" if n_several else ""
        inputs = " and ".join(f"'{column}'" for column in asked.input_columns)
        return f"{inputs} {'are' if len(asked.input_columns) > 1 else 'is'} the input, the answer is the target{more}"


def _texts(cell: Any) -> list[str] | None:
    """Return the different answers of a cell in their order; None where it holds no answers with their places."""
    cell = plain_value(cell)
    if isinstance(cell, Mapping):
        texts = plain_value(cell.get("text")) if "answer_start" in cell else None
    elif isinstance(cell, list) and all(
        isinstance(item, Mapping) and {"text", "answer_start"} <= item.keys() for item in cell
    ):
        texts = [item["text"] for item in cell]
    else:
        texts = None
    return list(dict.fromkeys(str(text) for text in texts if str(text).strip())) if isinstance(texts, list) else None
