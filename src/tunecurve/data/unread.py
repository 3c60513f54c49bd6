"""Cells that hold more than a text: one true line about each shape, and the way on."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tunecurve.data.cells import Reading, plain_value, shape_of
from tunecurve.data.counted import Counted
from tunecurve.errors import DataError
from tunecurve.formats.tags import are_pieces

_DOCS = "docs/data.md has the lines of Python"
_SPANS = "see 'Texts with labelled spans' in docs/data.md"
WAYS_ON: dict[str, str] = {
    "chat turns": "chats are read, the last answer as target, where most rows are chats of one form: leave out --shape columns, or "
    "name the chat's column as input and target: docs/data.md, Chats",
    "tokens and tags": "these are read for --task ner and --task masking, one tag for each token: " + _SPANS,
    "tags of words": "these are read beside a column of tokens, one for each tag: " + _SPANS,
    "spans with offsets": "these are read for --task masking, as a text with [LABEL]s, and for --task ner, as 'PERSON: Ada; CITY: "
    "London', beside a column of the text: " + _SPANS,
    "an object": "for JSON objects as answers, give --task extraction; else write it as JSON text with json.dumps(..., "
    "ensure_ascii=False, sort_keys=True), or name one of its keys with a dot (--target-column COLUMN.KEY): " + _DOCS,
    "a list of objects": 'for JSON as answers put each list under a key, {"items": [...]}, and give --task extraction; else write each '
    "row's as one text: " + _DOCS,
    "a list of lists": "write each row's as one text: " + _DOCS,
    "several classes": "classification measures one class a row: for sets of labels, give --task multilabel; else keep the one "
    "that matters: " + _DOCS,
    "entities without a type": "write each as 'type: entity', e.g. 'person: Ada Lovelace': " + _DOCS,
    "a list of texts": "write one text a row; for sets of labels, give --task multilabel; several right targets are read in "
    "summarization and generation only: " + _DOCS,
}
# Where the task or the side of a shape makes another way on the right one.
_ENTITIES = "write the target as 'PER: Ada Lovelace; LOC: London': " + _DOCS
_OF_ENTITIES = dict.fromkeys(("an object", "a list of objects", "a list of lists"), _ENTITIES)
_OF_CLASSES = {"an object": "name the key that holds the class with a dot: --target-column COLUMN.KEY (docs/data.md)"}
_OF_OBJECTS = {
    "a list of objects": 'a target of extraction is one object: put the list under a key, {"items": [...]}',
    "a list of texts": 'a target of extraction is one object: put the list under a key, {"items": [...]}',
}
_OF_LABELS = dict.fromkeys(
    ("a list of objects", "an object"),
    'a set of labels is a list of their names, ["fire", "water"], or an object that says 0 or 1 of each: take them out of the objects',
)
_OF_INPUTS = {
    "a list of texts": "an input is one text: join them, e.g. ' '.join(tokens), or '\\n'.join(sentences): " + _DOCS,
    "an object": "name the key that holds the text with a dot: --input-column COLUMN.KEY (docs/data.md)",
}
_OF_TARGETS = {"entities": _OF_ENTITIES, "classes": _OF_CLASSES, "labels": _OF_LABELS, "object": _OF_OBJECTS}


def _way_on(shape: str, is_input: bool, list_is: str) -> str:
    special = _OF_INPUTS if is_input else _OF_TARGETS.get(list_is, {})
    return special.get(shape, WAYS_ON[shape])


@dataclass
class ShapeCounts:
    """How many rows hold which shape, and where."""

    found: defaultdict[tuple[str, str], Counted] = field(default_factory=lambda: defaultdict(Counted))
    """By column and shape."""

    def count(self, inputs: Mapping[str, Reading], target_column: str, target: Reading, place: str) -> None:
        """Count the shapes of one row."""
        shapes = {column: reading.shape for column, reading in inputs.items() if reading.shape}
        words = [column for column, shape in shapes.items() if shape == "a list of texts"]
        if words and target.kind == "list":
            self.found[f"{words[0]}' and '{target_column}", "tokens and tags"].add(place)
            return
        for column, shape in shapes.items():
            self.found[column, shape].add(place)
        if target.shape and target_column not in shapes:
            self.found[target_column, target.shape].add(place)

    def refuse(self, n_rows: int, target_column: str = "", list_is: str = "one") -> None:
        """Raise where a shape was met.

        Parameters
        ----------
        n_rows : int
            All rows.
        target_column, list_is : str
            What is the target, and what a list in it means to the task.

        Raises
        ------
        DataError
            Naming the most frequent shape, its places, and what to make of it.
        """
        if not self.found:
            return
        (column, shape), counted = max(self.found.items(), key=lambda item: item[1].n)
        places = ", ".join([*counted.places, "..."] if counted.n > len(counted.places) else counted.places)
        way = _way_on(shape, column != target_column, list_is).replace("COLUMN.KEY", f"{column}.KEY")
        raise DataError(f"{counted.n} of {n_rows} rows have {shape} (column '{column}': {places}); {way}")


def columns_in_words(cells: Mapping[str, Any]) -> str:
    """Return the names of columns, each with its shape where it holds more than a text."""
    named = []
    for name, cell in list(cells.items())[:12]:
        shape = shape_of(cell)
        named.append(f"{name} ({shape})" if shape else str(name))
    return ", ".join(named)


# Marks of models' chat templates, and the heads of Alpaca's.
_TEMPLATE_MARKS = (
    "<|im_start|>",
    "<|start_header_id|>",
    "<start_of_turn>",
    "[INST]",
    "<|user|>",
    "### Response:",
    "### Assistant:",
    "\nASSISTANT:",
    "\n\nAssistant:",
)


# Columns that hold chats wherever their name is met.
_CHAT_NAMES = ("messages", "conversation", "conversations", "contents", "dialog", "dialogue", "chat", "turns", "data")


def _is_list(cell: Any) -> bool:
    cell = plain_value(cell)
    return isinstance(cell, list) or (isinstance(cell, str) and cell.lstrip()[:2] in ("[{", "['", '["'))


_OFFSET_KEY = re.compile(r"(?:start|begin|end)(?:_?(?:offset|pos|position|char|index))?|offsets?", re.IGNORECASE)
_DEEPEST = 6
_LISTED = re.compile(r"texts?|tokens|words|sentences|source|document|article|paragraphs", re.IGNORECASE)


def _way_on_annotated(cells: Mapping[str, Any]) -> str:
    """Return what to do where columns hold labelled spans or tokens in a form that no shape reads."""
    marked = [name for name, cell in cells.items() if holds_offsets(cell)]
    if marked:
        return (
            f"column '{marked[0]}' seems to hold labelled spans in a form that is not read; expected a column with the text, and beside it "
            "a list of [start, end, label], or of objects with such keys"
        )
    lists = {name: cell for name, cell in cells.items() if isinstance(cell, list) and len(cell) > 1}
    pieces = [name for name, cell in lists.items() if are_pieces([item for item in cell if isinstance(item, str)])]
    if pieces:
        return (
            f"the tokens of column '{pieces[0]}' are pieces of a model's vocabulary (##ing), which are no text; give whole words with "
            "their tags, or the text and its spans"
        )
    if len(lists) > 1 and len(set(map(len, lists.values()))) == 1:
        tokens, tags = list(lists)[:2]
        return (
            f"columns '{tokens}' and '{tags}' look like tokens and their tags, but these are not written as tags are: expected B-PER, "
            "I-PER and O, labels and O, or numbers with data.shape_options.tag_names"
        )
    return ""


def holds_offsets(cell: Any, depth: int = 0) -> bool:
    """Return whether there are numbers under keys such as start and end somewhere in a cell that is no text."""
    if depth > _DEEPEST:
        return False
    if isinstance(cell, Mapping):
        own = [value for key, value in cell.items() if _OFFSET_KEY.fullmatch(str(key))]
        return any(map(_are_numbers, own)) or any(holds_offsets(value, depth + 1) for value in cell.values())
    return isinstance(cell, list) and any(holds_offsets(item, depth + 1) for item in cell[:5])


def _are_numbers(value: Any) -> bool:
    if isinstance(value, list):
        return bool(value) and all(map(_are_numbers, value))
    return isinstance(value, int) and not isinstance(value, bool)


def way_on(cells: Mapping[str, Any]) -> str:
    """Return what to do where a column holds what is a whole row: chat turns, or a chat in a model's template."""
    chats = [name for name, cell in cells.items() if shape_of(cell) == "chat turns"]
    if chats:
        return f"column '{chats[0]}' holds chat turns; {WAYS_ON['chat turns']}"
    filled = [
        name for name, cell in cells.items() if isinstance(cell, str) and any(mark in cell for mark in _TEMPLATE_MARKS)
    ]
    if filled:
        return (
            f"column '{filled[0]}' holds whole chats written in a model's template, question and answer in one text; give the turns "
            "themselves, e.g. a column messages: docs/data.md, Chats"
        )
    lists = [
        name
        for name, cell in cells.items()
        if str(name).casefold() in _CHAT_NAMES and _is_list(cell) and not holds_offsets(cell)
    ]
    if lists:
        return (
            f"column '{lists[0]}' holds a list, but no turns with a role and a text each; write them as "
            '[{"role": "user", "content": ...}, {"role": "assistant", "content": ...}]: docs/data.md, Chats'
        )
    annotated = _way_on_annotated(cells)
    if annotated:
        return f"{annotated}: {_SPANS.removeprefix('see ')}"
    words = [
        name
        for name, cell in cells.items()
        if shape_of(cell) == "a list of texts" and len(cell) > 1 and _LISTED.fullmatch(str(name))
    ]
    if words:
        return f"column '{words[0]}' holds a list of texts; {_OF_INPUTS['a list of texts']}"
    if len(cells) == 1:
        return "a study needs an input and a target, each in a column of its own"
    return ""
