"""A text and its entities as words, without offsets: `[{"entity": "Ada", "types": ["name"]}]`, `{"name": ["Ada"]}`, `[["name", "Ada"]]`.

Each entity is looked for in its text as whole words. For ner it is listed once, where it stands first; for masking it is replaced
wherever it stands, because nothing says where it does not hold.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tunecurve.data.cells import is_missing, plain_value
from tunecurve.data.shapes.annotated import (
    MASKING,
    NOT_LABELLED,
    Annotated,
    AnnotatedShape,
    list_cell,
    target_kind,
    text_cell,
)
from tunecurve.data.shapes.base import Asked, Cells, Match, Met, NotReadError, unreadable
from tunecurve.data.shapes.spans import span_columns, text_columns
from tunecurve.formats.offsets import RawSpan
from tunecurve.formats.segmentation import is_edge

_VALUES = ("entity", "value", "text", "word", "mention", "surface", "span", "name")
_TYPES = ("types", "type", "label", "labels", "entity_type", "tag", "class", "category")
# Where the task is not known, only a column with such a name is meant: lists of words of the text may be answers, too.
_ENTITY_NAMES = re.compile(r"entit|\bner\b|pii|mention|privacy|mask", re.IGNORECASE)
SHARE_FOUND = 0.5

NOT_FOUND = unreadable(
    "entities not in the text",
    "a listed entity does not stand in the text as whole words",
    "list each as it is written there",
)

Entity = tuple[str, str]


class EntityValues(AnnotatedShape):
    """A column of texts and a column of entities without offsets."""

    name = "entity-values"
    title = "entities without offsets"
    option_names = ("target",)
    rules: Mapping[str, str] = {
        "many places": "entities stand in several places of their text, and count in all of them"
    }

    def matches(self, sample: Sequence[Cells], asked: Asked) -> Sequence[Match]:
        """Return a match for every column of entities most of which stand in their text."""
        with_offsets = span_columns(sample)
        if with_offsets and not asked.target_columns:
            return []
        found = [
            (text, column)
            for column in dict.fromkeys(str(name) for cells in sample for name in cells)
            for text in text_columns(sample, column)
            if column not in with_offsets
            and asked.allows([text], [column])
            and (asked.task or _ENTITY_NAMES.search(column))
            and _share_found(sample, text, column) >= SHARE_FOUND
        ]
        return (
            [Match(self.name, (text,), (column,)) for text, column in found] if found and self.fits_task(asked) else []
        )

    def annotation(self, cells: Cells, asked: Asked) -> Annotated:
        """Return the text, and where its entities stand."""
        text, cell = text_cell(cells.get(asked.input_columns[0])), cells.get(asked.target_columns[0])
        if is_missing(plain_value(cell)):
            raise NotReadError(NOT_LABELLED)
        entities = entities_in(cell)
        if entities is None:
            raise NotReadError(NOT_LABELLED)
        spans, remarks = [], []
        for label, value in dict.fromkeys(entities):
            places = list(_places(text, value))
            if not places:
                raise NotReadError(NOT_FOUND)
            remarks += [("many places", "")] if len(places) > 1 and target_kind(asked) == MASKING else []
            wanted = places if target_kind(asked) == MASKING else places[:1]
            spans += [RawSpan(place, place + len(value), label) for place in wanted]
        return Annotated(text, spans, tuple(remarks))

    def said(self, met: Met, asked: Asked) -> str:
        """Return what is input and target, and where entities were looked for."""
        where = "wherever they stand" if target_kind(asked) == MASKING else "each where it stands first"
        return f"{super().said(met, asked)}; entities are looked for in the text as whole words, {where}"


def entities_in(cell: Any) -> list[Entity] | None:
    """Return the entities that a cell lists, each with its label; None where it lists none of this kind."""
    cell = list_cell(cell)
    if isinstance(cell, Mapping):
        lists = [(label, plain_value(values)) for label, values in cell.items()]
        if not all(isinstance(values, list) and all(isinstance(one, str) for one in values) for _, values in lists):
            return None
        return [(str(label), one) for label, values in lists for one in values if one.strip()]
    if not isinstance(cell, list):
        return None
    found = [_entity(item) for item in cell]
    return None if None in found else [one for one in found if one]


def _entity(item: Any) -> Entity | None:
    if isinstance(item, list | tuple) and len(item) == 2 and all(isinstance(part, str) for part in item):
        return item[0].strip(), item[1].strip()
    if not isinstance(item, Mapping):
        return None
    value = next((item[key] for key in _VALUES if isinstance(item.get(key), str)), "").strip()
    label = next((item[key] for key in _TYPES if item.get(key)), None)
    label = label[0] if isinstance(label, list | tuple) and label else label
    return (label.strip(), value) if isinstance(label, str) and label.strip() and value else None


def _places(text: str, value: str) -> Iterator[int]:
    """Yield where a value stands in a text as whole words."""
    place = text.find(value)
    while place >= 0:
        if is_edge(text, place) and is_edge(text, place + len(value)):
            yield place
        place = text.find(value, place + len(value))


def _share_found(sample: Sequence[Cells], text: str, column: str) -> float:
    """Return which share of the entities of a sample stand in their texts; 0 where cells list none."""
    n_all = n_found = 0
    for cells in itertools.islice(sample, 50):
        source, entities = plain_value(cells.get(text)), entities_in(cells.get(column))
        if entities is None and not is_missing(plain_value(cells.get(column))):
            return 0.0
        for _, value in entities or ():
            n_all += 1
            n_found += isinstance(source, str) and any(True for _ in _places(source, value))
    return n_found / n_all if n_all else 0.0
