"""A text and a list of spans beside it: doccano, Label Studio's JSON-MIN, ai4privacy, presidio-research, spaCy, and plain lists.

A span is `[start, end, label]`, or an object with these under any usual name. The list may stand in an object, `{"entities": [...]}`, or be
spelled out as text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tunecurve.data.cells import is_missing, plain_value
from tunecurve.data.shapes.annotated import (
    NOT_LABELLED,
    Annotated,
    AnnotatedShape,
    counting_of,
    list_cell,
    tag_names,
    target_kind,
    text_cell,
)
from tunecurve.data.shapes.base import COLUMNS, Asked, Cells, Match, NotReadError, unreadable
from tunecurve.data.shapes.span_offsets import check_offsets
from tunecurve.errors import DataError
from tunecurve.formats.offsets import RawSpan, locate
from tunecurve.formats.span_cells import (
    SEVERAL,
    NumberAsLabelError,
    SpanError,
    is_span,
    read_spans,
    single_span_columns,
)

# Columns that hold the text, the surest first.
TEXT_COLUMNS = (
    *("text", "source_text", "full_text", "unmasked_text", "sentence", "content", "document", "data", "body"),
    *("input", "message"),
)
# Columns in which data sets of spans have the masked text, too.
MASKED_COLUMNS = ("target_text", "masked_text", "masked")
_OUTSIDE_LABELS = frozenset({"O", ""})
_ANNOTATORS = ("user", "annotator", "completed_by", "created_by")
_LISTS_INSIDE = ("entities", "spans", "ents", "annotations", "label", "labels")

MIN_ROWS_OF_SPANS = 5

NO_SPAN = unreadable(
    "a span that is none", "an item of their list has no offsets or no label", "mend the list of these rows"
)

_RELATIONS, _ANNOTATION = ("relations", "relation"), "annotation_id"


class Spans(AnnotatedShape):
    """A column of texts and a column of lists of spans."""

    name = "spans"
    title = "spans with offsets"
    rules: Mapping[str, str] = {
        "several annotators": "rows have spans of several annotators: those of the first are read",
        "relations": "rows have relations between spans, which are not read",
    }

    beside: tuple[str, ...] = (*_RELATIONS, _ANNOTATION)

    def matches(self, sample: Sequence[Cells], asked: Asked) -> Sequence[Match]:
        """Return a match for every text column in which the spans stand; the data's own masked text goes before."""
        found = [
            (text, column)
            for column in span_columns(sample)
            for text in text_columns(sample, column)
            if asked.allows([text], [column])
        ]
        pairs = self._different(found, sample, asked)
        if not pairs:
            refuse_single_spans(sample, asked)
            return []
        own = self._own_masked(pairs, sample, asked)
        if own:
            return own
        if not self.fits_task(asked):
            return []
        for text, column in pairs:
            check_offsets(self, sample, self._with(asked, text, column))
        return [Match(self.name, (text,), (column,), self.also(sample)) for text, column in pairs]

    def also(self, sample: Sequence[Cells]) -> tuple[str, ...]:
        """Return further columns that the shape accounts for."""
        return ()

    def annotation(self, cells: Cells, asked: Asked) -> Annotated:
        """Return the text and its spans."""
        text, column = text_cell(cells.get(asked.input_columns[0])), asked.target_columns[0]
        if is_missing(plain_value(cells.get(column))) or cells[column] == "":  # as CSV writes a list that is not there
            if self.means_nothing(cells):
                return Annotated(text, ())
            raise NotReadError(NOT_LABELLED)
        items = span_items(cells[column])
        if items is None:
            raise NotReadError(NO_SPAN)
        items, remarks = _of_one_annotator(items)
        spans, more = spans_of(items, asked)
        if any(list_cell(cells.get(name)) for name in _RELATIONS):
            remarks.append(("relations", ""))
        return Annotated(text, spans, (*remarks, *more))

    def means_nothing(self, cells: Cells) -> bool:
        """Return whether a row without a list of spans was labelled, and has none: so JSON-MIN of Label Studio writes it."""
        return plain_value(cells.get(_ANNOTATION)) not in (None, "")

    def _with(self, asked: Asked, text: str, column: str) -> Asked:
        return Asked(asked.task, (text,), (column,), options=asked.options, name=self.name)

    def _different(
        self, found: Sequence[tuple[str, str]], sample: Sequence[Cells], asked: Asked
    ) -> list[tuple[str, str]]:
        """Return the readings that fit, the first of those that read the same."""
        known: dict[Any, tuple[str, str]] = {}
        for text, column in found:
            with_columns = self._with(asked, text, column)
            readings, n_unlike = [], 0
            for cells in sample:
                try:
                    one = self.annotation(cells, with_columns)
                except NotReadError:
                    continue
                located = locate(one.text, one.spans, counting_of(asked))
                n_unlike += bool(located.problem)
                readings.append((one.text, located.spans))
            if readings and (2 * n_unlike <= len(readings) or (len(found) == 1 and text in TEXT_COLUMNS)):
                known.setdefault(tuple(readings), (text, column))
        return list(known.values())

    def _own_masked(self, pairs: Sequence[tuple[str, str]], sample: Sequence[Cells], asked: Asked) -> list[Match]:
        """Return the reading of the data's own masked texts, where masking is the task and they have some."""
        if target_kind(asked) != "masking" or asked.target_columns or asked.name != "auto":
            return []
        for text, column in pairs:
            for masked in MASKED_COLUMNS:
                both = [(cells.get(text), cells.get(masked)) for cells in sample]
                if masked != text and all(isinstance(one, str) and isinstance(other, str) for one, other in both):
                    said = f"columns '{text}' and '{masked}' are read: the masked text of the data; '{column}' holds the same as spans"
                    return [Match(COLUMNS, (text,), (masked,), (column,), said=said)]
        return []


def span_columns(sample: Sequence[Cells]) -> list[str]:
    """Return the columns that hold lists of spans, and nothing else in most rows."""
    found = []
    for column in dict.fromkeys(str(column) for cells in sample for column in cells):
        lists = [span_items(cells[column]) for cells in sample if not is_missing(plain_value(cells.get(column)))]
        n_spans = sum(bool(items) and all(map(is_span, items or ())) for items in lists)
        n_empty = sum(items == [] for items in lists)
        if n_spans and 2 * (n_spans + n_empty) > len(lists):
            found.append(column)
    return found


def span_items(cell: Any) -> list[Any] | None:
    """Return the items of a list of spans, wherever in its cell it stands; None where there is no list."""
    cell = list_cell(cell)
    if isinstance(cell, Mapping):
        by_columns = _by_columns(cell)
        if by_columns is not None:
            return by_columns
        inside = next(
            (cell[key] for key in _LISTS_INSIDE if isinstance(plain_value(cell.get(key)), list | Mapping)), None
        )
        return None if inside is None else span_items(inside)
    if not isinstance(cell, list):
        return None
    return [item for item in cell if not _is_outside(item)]


def _by_columns(cell: Mapping[str, Any]) -> list[Any] | None:
    """Return the spans of lists of starts, ends and labels, as `datasets` writes a list of objects; None for anything else."""
    lists = {key: plain_value(value) for key, value in cell.items()}
    if not lists or not all(isinstance(value, list) for value in lists.values()):
        return None
    if len({len(value) for value in lists.values()}) != 1:
        return None
    items = [dict(zip(lists, values, strict=True)) for values in zip(*lists.values(), strict=True)]
    return items if all(map(is_span, items)) and (items or len(lists) > 1) else None


def _is_outside(item: Any) -> bool:
    """Return whether an item is a stretch without a label, as some data sets list them beside spans."""
    return isinstance(item, list) and len(item) == 3 and isinstance(item[2], str) and item[2] in _OUTSIDE_LABELS


def text_columns(sample: Sequence[Cells], besides: str) -> Iterator[str]:
    """Yield the columns that hold texts, those with the name of one first; else those that are not the span column."""
    rows = [cells for cells in sample if cells]
    names = dict.fromkeys(str(column) for cells in rows for column in cells)
    texts = [
        name
        for name in names
        if name != besides
        and all(isinstance(plain_value(cells.get(name)), str | None) for cells in rows)
        and any(cells.get(name) for cells in rows)
        and not any(isinstance(list_cell(cells.get(name)), list) for cells in rows[:5])
    ]
    usual = [name for name in TEXT_COLUMNS if name in texts]
    yield from usual[:1] or texts


def spans_of(items: Sequence[Any], asked: Asked) -> tuple[list[RawSpan], list[tuple[str, str]]]:
    """Return the spans of a list, and remarks.

    Raises
    ------
    NotReadError
        For an item that is no span.
    DataError
        For a label that is a number, and has no name.
    """
    try:
        spans, remarks = read_spans(items, tag_names(asked))
    except NumberAsLabelError as error:
        raise DataError(
            f"spans {error}: numbers are no labels; say in the study file (tunecurve init) what they stand for, from 0 on: "
            "data.shape_options: {tag_names: [PERSON, CITY]}"
        ) from None
    except SpanError:
        raise NotReadError(NO_SPAN) from None
    return spans, [("several labels", "") for remark in remarks if remark == SEVERAL]


def _of_one_annotator(items: Sequence[Any]) -> tuple[list[Any], list[tuple[str, str]]]:
    """Return the spans of the first annotator, where a list holds those of several."""
    owners = [
        next((str(item[key]) for key in _ANNOTATORS if key in item), "") if isinstance(item, Mapping) else ""
        for item in items
    ]
    known = list(dict.fromkeys(owners))
    if len(known) < 2:
        return list(items), []
    first = min(known)
    return [item for item, owner in zip(items, owners, strict=True) if owner == first], [("several annotators", "")]


def refuse_single_spans(sample: Sequence[Cells], asked: Asked) -> None:
    """Refuse rows that are single spans, each with its text or without: all spans of a text must stand in its row.

    Raises
    ------
    DataError
        With the columns, and the way on.
    """
    if asked.task not in ("", "masking", "ner") or asked.input_columns or asked.target_columns:
        return
    named = single_span_columns(list(sample[0]))
    if named is None or len(sample) < MIN_ROWS_OF_SPANS:
        return
    start, end, label = named
    texts = [name for name in TEXT_COLUMNS if all(isinstance(cells.get(name), str) for cells in sample)]
    places = [(str(plain_value(cells.get(start))), str(plain_value(cells.get(end)))) for cells in sample]
    if not all(first.isdecimal() and last.isdecimal() and int(first) <= int(last) for first, last in places):
        return
    if texts and not all(int(last) <= len(cells[texts[0]]) for cells, (_, last) in zip(sample, places, strict=True)):
        return
    if not texts and not asked.task:
        return
    beside = f"of the text in '{texts[0]}'" if texts else "whose texts stand in another file"
    raise DataError(
        f"rows are single spans (columns '{start}', '{end}' and '{label}') {beside}; all spans of a text must stand in one row, as a list "
        "beside it: docs/data.md has the lines of Python"
    )
