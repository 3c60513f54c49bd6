"""A text and its entities as words, without offsets: `[{"entity": "Ada", "types": ["name"]}]`, `{"name": ["Ada"]}`, `[["name", "Ada"]]`.

Pairs may also begin with the entity: what stands in the texts tells.
Each entity is looked for in its text as whole words. For ner it is listed once, where it stands first; for masking it is replaced
wherever it stands, because nothing says where it does not hold.
"""

from __future__ import annotations

import itertools
import math
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
from tunecurve.errors import DataError
from tunecurve.formats.offsets import RawSpan
from tunecurve.formats.segmentation import is_edge

_VALUES = ("entity", "value", "text", "word", "mention", "surface", "span", "name")
_TYPES = ("types", "type", "label", "labels", "entity_type", "tag", "class", "category")
# Where the task is not known, only a column with such a name is meant: lists of words of the text may be answers, too.
_ENTITY_NAMES = re.compile(r"entit|\bner\b|pii|mention|privacy|mask", re.IGNORECASE)
SHARE_FOUND = 0.5
# What the two texts of a pair are, in their order.
LABEL_FIRST, ENTITY_FIRST = ORDERS = ("label, entity", "entity, label")

NOT_FOUND = unreadable(
    "entities not in the text",
    "a listed entity does not stand in the text as whole words",
    "list each as it is written there",
)

NO_ENTITY = unreadable(
    "an entity that is none", "an item of their list has no text or no label", "mend the list of these rows"
)

Entity = tuple[str, str]


class EntityValues(AnnotatedShape):
    """A column of texts and a column of entities without offsets."""

    name = "entity-values"
    title = "entities without offsets"
    option_names = ("target", "pairs")
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
        ]
        orders = [(text, column, _orders(sample, text, column, asked)) for text, column in found]
        fitting = [(text, column, shares) for text, column, shares in orders if shares]
        if not fitting or not self.fits_task(asked):
            return []
        return [
            Match(self.name, (text,), (column,), options=_as_option(column, shares)) for text, column, shares in fitting
        ]

    def annotation(self, cells: Cells, asked: Asked) -> Annotated:
        """Return the text, and where its entities stand."""
        text, cell = text_cell(cells.get(asked.input_columns[0])), cells.get(asked.target_columns[0])
        if is_missing(plain_value(cell)):
            raise NotReadError(NOT_LABELLED)
        entities = entities_in(cell, asked.options.get("pairs", LABEL_FIRST))
        if entities is None:
            raise NotReadError(NOT_LABELLED)
        if not all(label and value for label, value in entities):
            raise NotReadError(NO_ENTITY)
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
        order = asked.options.get("pairs")
        pairs = f", each pair is {' and '.join(order.split(', '))}" if order else ""
        return f"{super().said(met, asked)}; entities are looked for in the text as whole words, {where}{pairs}"


def entities_in(cell: Any, order: str = LABEL_FIRST) -> list[Entity] | None:
    """Return the label and the text of the entities that a cell lists, either may be empty; None where it lists none of this kind."""
    cell = list_cell(cell)
    if isinstance(cell, Mapping):
        lists = [(label, plain_value(values)) for label, values in cell.items()]
        if not all(isinstance(values, list) and all(isinstance(one, str) for one in values) for _, values in lists):
            return None
        return [(str(label), one) for label, values in lists for one in values if one.strip()]
    if not isinstance(cell, list):
        return None
    found = [_entity(item, order) for item in cell]
    entities = [one for one in found if one is not None]
    return entities if len(entities) == len(found) else None


def _entity(item: Any, order: str) -> Entity | None:
    if _is_pair(item):
        first, second = (part.strip() for part in item)
        return (first, second) if order == LABEL_FIRST else (second, first)
    if not isinstance(item, Mapping):
        return None
    texts = [item[key].strip() for key in _VALUES if isinstance(item.get(key), str)]
    labels = [item[key] for key in _TYPES if key in item]
    if not texts or not labels:
        return None
    label = next((plain_value(one) for one in labels if one), "")
    label = label[0] if isinstance(label, list | tuple) else label
    return (label.strip(), texts[0]) if isinstance(label, str) else None


def _is_pair(item: Any) -> bool:
    return isinstance(item, list | tuple) and len(item) == 2 and all(isinstance(part, str) for part in item)


def _orders(sample: Sequence[Cells], text: str, column: str, asked: Asked) -> dict[str, float]:
    """Return the orders of pairs in which most entities stand in their texts, and which share; without pairs the first order alone.

    Raises
    ------
    DataError
        When the study file names an order that is none.
    """
    said = asked.options.get("pairs")
    if said is not None and said not in ORDERS:
        raise DataError(f"data.shape_options: pairs is '{said}', expected '{LABEL_FIRST}' or '{ENTITY_FIRST}'")
    cells = [list_cell(row.get(column)) for row in sample]
    has_pairs = any(isinstance(cell, list) and any(map(_is_pair, cell)) for cell in cells)
    tried = (said,) if said else ORDERS if has_pairs else ORDERS[:1]
    shares = {order: _share_found(sample, text, column, order) for order in tried}
    return {order: share for order, share in shares.items() if share >= SHARE_FOUND}


def _as_option(column: str, fitting: Mapping[str, float]) -> Mapping[str, str]:
    """Return the order of pairs where it is another than usual.

    Raises
    ------
    DataError
        Where both fit.
    """
    if len(fitting) > 1:
        choices = ", or ".join(f'{{pairs: "{order}"}}' for order in fitting)
        raise DataError(
            f"the pairs in column '{column}' can be read both ways: of the entities {_percent(fitting[LABEL_FIRST])} stand in their "
            f"texts where the second of a pair is the entity, and {_percent(fitting[ENTITY_FIRST])} where the first is; say in the study "
            f"file (tunecurve init) which holds: data.shape_options: {choices}"
        )
    (order,) = fitting
    return {} if order == LABEL_FIRST else {"pairs": order}


def _percent(share: float) -> str:
    return f"{math.floor(100 * share)} %"  # 100 % are all


def _places(text: str, value: str) -> Iterator[int]:
    """Yield where a value stands in a text as whole words; nowhere where it is empty."""
    place = text.find(value) if value else -1
    while place >= 0:
        if is_edge(text, place) and is_edge(text, place + len(value)):
            yield place
        place = text.find(value, place + len(value))


def _share_found(sample: Sequence[Cells], text: str, column: str, order: str) -> float:
    """Return which share of the entities of a sample stand in their texts, those without text or label apart; 0 where cells list none."""
    n_all = n_found = 0
    for cells in itertools.islice(sample, 50):
        source, entities = plain_value(cells.get(text)), entities_in(cells.get(column), order)
        if entities is None and not is_missing(plain_value(cells.get(column))):
            return 0.0
        for label, value in entities or ():
            if not (label and value):
                continue
            n_all += 1
            n_found += isinstance(source, str) and any(True for _ in _places(source, value))
    return n_found / n_all if n_all else 0.0
