"""Prodigy: a text, its spans, and whether the annotator accepted them (`answer`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from tunecurve.data.shapes.annotated import Annotated
from tunecurve.data.shapes.base import Asked, Cells, Match, NotReadError, unreadable
from tunecurve.data.shapes.spans import Spans
from tunecurve.errors import DataError

_MARKS = ("answer", "_input_hash", "_task_hash", "_view_id")
_NOT_ACCEPTED = ("reject", "ignore")
_ANSWERS = frozenset({"accept", *_NOT_ACCEPTED})
# How Prodigy shows one suggestion at a time, for yes or no.
_ONE_BY_ONE = frozenset({"ner", "spans"})

REJECTED = unreadable(
    "rejected", "the annotator rejected them: what is right is not said", "nothing to do, or label them again"
)
IGNORED = unreadable("ignored", "the annotator ignored them", "nothing to do, or label them")


class Prodigy(Spans):
    """Rows that Prodigy wrote: those with `answer: accept` are read."""

    name = "prodigy"
    title = "spans with offsets of Prodigy"
    rules: Mapping[str, str] = {
        **Spans.rules,
        "one by one": "rows are answers to one suggestion each (_view_id 'ner'): what else is in their texts may not be labelled",
    }
    loud = Spans.loud | {"one by one"}
    beside = (*Spans.beside, *_MARKS)

    def matches(self, sample: Sequence[Cells], asked: Asked) -> Sequence[Match]:
        """Return the matches of spans where the rows carry Prodigy's marks."""
        marks = self.also(sample)
        answers = {cells["answer"] for cells in sample if isinstance(cells.get("answer"), str)}
        return super().matches(sample, asked) if marks and answers <= _ANSWERS else []

    def also(self, sample: Sequence[Cells]) -> tuple[str, ...]:
        """Return Prodigy's own columns."""
        return tuple(mark for mark in _MARKS if any(mark in cells for cells in sample))

    def annotation(self, cells: Cells, asked: Asked) -> Annotated:
        """Return the text and spans of an accepted row."""
        if cells.get("answer") in _NOT_ACCEPTED:
            raise NotReadError(REJECTED if cells["answer"] == "reject" else IGNORED)
        found = super().annotation(cells, asked)
        is_one = cells.get("_view_id") in _ONE_BY_ONE
        return Annotated(found.text, found.spans, (*found.remarks, *([("one by one", "")] if is_one else [])))

    def means_nothing(self, cells: Cells) -> bool:
        """Return whether a row without spans was labelled: accepted as it is."""
        return cells.get("answer") == "accept"


def accepted(rows: Iterable[tuple[str, Mapping[str, Any]]]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield rows of plain columns with a class or a choice of Prodigy's, and whether it is right in ``answer``.

    Raises
    ------
    DataError
        For a row that the annotator did not accept.
    """
    for place, cells in rows:
        if cells.get("answer") in _NOT_ACCEPTED:
            raise DataError(
                f"{place}: 'answer' is '{cells['answer']}', so the annotator did not say that this row is right; keep the accepted "
                "ones with --where answer=accept, or leave the column out of the file if it says something else"
            )
        yield place, cells
