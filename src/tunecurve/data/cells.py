"""What a cell means: its text, or why it has none.

A cell comes from JSON, CSV, Parquet or the hub. Numbers, truth values and dates are text as soon as they are written, so they are
read as that text; the text of a cell depends on that cell alone, never on its neighbours. Shapes that hold more than one text (chat
turns, tokens, spans, objects) are recognised and named, never guessed at.
"""

from __future__ import annotations

import ast
import datetime
import decimal
import json
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from tunecurve.data.drops import Reason
from tunecurve.data.spelled_out import LONGEST_SPELLED_OUT, BracketedText, list_of, set_of
from tunecurve.formats.entities import parse_entities
from tunecurve.formats.json_objects import object_within
from tunecurve.formats.json_pairs import RepeatedKey, unique_keys

# Floating-point numbers below hold every whole number exactly.
_MAX_EXACT = 2**53
_TURN_KEYS = ({"role", "content"}, {"from", "value"})
_SPAN_KEYS = ({"start", "end"}, {"begin", "end"}, {"start_offset", "end_offset"}, {"offset", "length"})
_IOB_TAG = re.compile(r"O|[BIESLU][-_]\S+")

_DECODER = json.JSONDecoder(object_pairs_hook=unique_keys)
# What a cell says of a label whose column it stands in.
_YES, _NO = {"1", "1.0", "true", "yes", "y", "x", "t"}, {"", "0", "0.0", "false", "no", "n", "f", "-"}

Shape = Literal[
    "",
    "chat turns",
    "spans with offsets",
    "an object",
    "a list of objects",
    "a list of lists",
    "a list of texts",
    "several classes",
    "entities without a type",
    "tags of words",
]


@dataclass(frozen=True)
class Unreadable:
    """A cell of a row whose shape is read, but that itself cannot be: what is met, and why the row is dropped."""

    name: str
    reason: Reason


REPEATED_KEY = Unreadable(
    "a key with two values",
    Reason("their target is a JSON object that gives a key two values", "leave one of them, or name the keys apart"),
)


@dataclass(frozen=True)
class Reading:
    """What a cell was read as."""

    texts: tuple[str, ...] = ()
    """The texts in it: one, or several right targets; none where it is not usable."""
    kind: str = "text"
    """What stands in the cell: ``"text"``, ``"number"``, ``"truth value"``, ``"date"``, ``"empty"``, ``"list"``, ..."""
    problem: str = ""
    """Why the row cannot be used, e.g. ``"empty"``."""
    shape: Shape = ""
    """The name of a shape that holds more than a text, and is not read."""
    reason: Reason | None = None
    """The problem in words, where its shape knows more than its name."""
    is_spelled_out: bool = False
    """Whether a list of answers is a text of a file that has no lists, where brackets may be meant as they stand."""


@dataclass(frozen=True)
class TargetRule:
    """What a target cell means to a task."""

    list_is: Literal["one", "references", "entities", "classes", "labels", "object"] = "one"
    """What a list holds: nothing but one target, several targets that are all right, the entities of one text, several
    classes, a set of labels, or nothing, because targets are objects."""
    empty_is: str | None = None
    """The target that an empty cell stands for; without one, the row has no target."""


def read_input(cell: Any) -> Reading:
    """Return what an input cell holds."""
    cell = plain_value(cell)
    shape = shape_of(cell)
    if not shape:
        return _read_scalar(cell)
    if shape == "a list of texts" and len(cell) <= 1:
        return _read_scalar(plain_value(cell[0]) if cell else None)
    return Reading(kind="list" if isinstance(cell, list) else "object", shape=shape)


def read_target(cell: Any, rule: TargetRule) -> Reading:
    """Return what a target cell holds, as the task understands it."""
    cell = plain_value(cell)
    as_it_stands = cell
    if isinstance(cell, str):
        cell = (
            _answers_in_text(cell)
            if rule.list_is == "references"
            else list_in_text(cell, with_scalars=rule.list_is != "one")
        )
    if isinstance(cell, str) and rule.list_is == "labels":
        labels = set_of(cell)
        cell = cell if labels is None else labels
    if isinstance(cell, str) and rule.list_is in ("entities", "object"):
        cell = object_in_text(cell)
    kind = "text"
    if isinstance(cell, str) and rule.list_is == "object":
        found_within, how = object_within(cell)
        cell, kind = (cell, kind) if found_within is None else (found_within, f"JSON object {how}" if how else kind)
    if isinstance(cell, Mapping) and rule.list_is == "object":
        text = json.dumps(_plain_object(cell), ensure_ascii=False)
        return Reading((text,), kind=kind) if is_unicode(text) else Reading(problem="not valid Unicode")
    shape = shape_of(cell)
    if cell == {} or cell == []:
        found = Reading(kind="empty", problem="empty")
    elif not shape:
        found = _read_scalar(cell)
    elif shape == "a list of texts":
        found = _read_list(cell, rule)
    else:
        found = Reading(kind="list" if isinstance(cell, list) else "object", shape=shape)
    if found.problem == "empty" and rule.empty_is is not None:
        return Reading((rule.empty_is,), kind="empty")
    return replace(found, is_spelled_out=True) if rule.list_is == "references" and cell is not as_it_stands else found


def _read_list(cells: list[Any], rule: TargetRule) -> Reading:
    readings = [_read_scalar(plain_value(item)) for item in cells]
    texts = tuple(text for reading in readings for text in reading.texts)
    if not texts:
        return Reading(kind="list", problem=readings[0].problem)
    if rule.list_is in ("references", "labels"):
        # How sets of labels are read is told of all their shapes alike, by their task.
        return Reading(texts, kind="list" if rule.list_is == "references" else "text")
    if rule.list_is == "entities":
        return _read_entities(texts)
    if len(set(texts)) == 1:
        return Reading(texts[:1], kind="list")
    return Reading(kind="list", shape="several classes" if rule.list_is == "classes" else "a list of texts")


def _plain_object(value: Any) -> Any:
    """Return an object of a file's own types as one of JSON's."""
    value = plain_value(value)
    if isinstance(value, Mapping):
        return {str(key): _plain_object(item) for key, item in value.items() if not is_missing(item)}
    if isinstance(value, list):
        return [_plain_object(item) for item in value]
    return value if isinstance(value, str | int | float | None) else _text_and_kind(value)[0]


def read_flags(cells: Mapping[str, Any], columns: Sequence[str], rule: TargetRule) -> Reading:
    """Return the names of the columns whose cell says yes, as the labels of a row."""
    said = {column: flag_of(cells.get(column)) for column in columns}
    if None in said.values():
        return Reading(kind="flags", problem="not 0 or 1")
    chosen = [column for column, is_yes in said.items() if is_yes]
    if not chosen and rule.empty_is is None:
        return Reading(kind="flags", problem="empty")
    kind = "flags" if all(column in cells for column in columns) else "flags with gaps"
    return Reading(tuple(chosen) or (str(rule.empty_is),), kind=kind)


def flag_of(cell: Any) -> bool | None:
    """Return what a cell says of the label whose column it stands in; None where it says neither yes nor no."""
    cell = plain_value(cell)
    word = "" if is_missing(cell) else str(_text_and_kind(cell)[0]).strip().casefold()
    return True if word in _YES else False if word in _NO else None


def _read_entities(texts: tuple[str, ...]) -> Reading:
    """Return a list of 'type: entity' as the one text that names them all."""
    if all(_IOB_TAG.fullmatch(text) for text in texts):
        return Reading(kind="list", shape="tags of words")
    if not all(kind for text in texts for kind, _ in parse_entities(text)):
        return Reading(kind="list", shape="entities without a type")
    joined = "; ".join(text.strip().rstrip(";") for text in texts)
    return Reading((joined,), kind="list")


def shape_of(cell: Any) -> Shape:
    """Return the name of a cell's shape; empty for one text, number, date or nothing."""
    cell = plain_value(cell)
    if isinstance(cell, Mapping):
        return _shape_of_object(cell)
    if not isinstance(cell, list):
        return ""
    items = [plain_value(item) for item in cell]
    if any(_is_span(item) for item in items):
        return "spans with offsets"
    if items and all(isinstance(item, Mapping) for item in items):
        return "chat turns" if all(_has_keys(item, _TURN_KEYS) for item in items) else "a list of objects"
    if any(isinstance(item, Mapping | list) for item in items):
        return "a list of lists"
    return "a list of texts"


def _shape_of_object(cell: Mapping[Any, Any]) -> Shape:
    if _has_keys(cell, _TURN_KEYS):
        return "chat turns"
    if _is_span(cell) or any(shape_of(value) == "spans with offsets" for value in cell.values()):
        return "spans with offsets"
    return "an object"


def _is_span(item: Any) -> bool:
    if isinstance(item, Mapping):
        return _has_keys(item, _SPAN_KEYS) or (isinstance(item.get("value"), Mapping) and _is_span(item["value"]))
    if not isinstance(item, list) or len(item) < 3:
        return False
    numbers = [part for part in item[:3] if isinstance(part, int) and not isinstance(part, bool)]
    # What ends where it begins is none, as a column and a comparison by their numbers in WikiSQL's conditions.
    return len(numbers) == 2 and numbers[0] < numbers[1] and sum(isinstance(part, str) for part in item[:3]) == 1


def _has_keys(item: Mapping[Any, Any], known: tuple[set[str], ...]) -> bool:
    return any(keys <= item.keys() for keys in known)


def plain_value(value: Any) -> Any:
    """Return arrow's, numpy's and other containers' values as Python's own."""
    if type(value) is str:
        return value
    if hasattr(value, "as_py"):
        value = value.as_py()
    if hasattr(value, "dtype") and hasattr(value, "tolist"):
        value = in_double_precision(value).tolist()
    return list(value) if isinstance(value, tuple | set | frozenset) else value


def in_double_precision(value: Any) -> Any:
    """Return numpy's numbers of less precision as they are written: 0.1, not 0.10000000149011612; anything else as it is."""
    return value.astype(str).astype(float) if str(getattr(value, "dtype", "")) in ("float16", "float32") else value


def list_in_text(text: str, *, with_scalars: bool) -> Any:
    """Return the list that a text spells out, as a CSV file holds it, else the text."""
    found = list_of(text)
    return text if found is None or not (with_scalars or shape_of(found) != "a list of texts") else found


def _answers_in_text(text: str) -> Any:
    """Return the answers that a cell of a file without lists spells out; else the text: JSON is what many a model should write."""
    found = list_of(text) if isinstance(text, BracketedText) else None
    return text if found is None or shape_of(found) != "a list of texts" else found


def object_in_text(text: str) -> Any:
    """Return the object that a text spells out as JSON or as Python does, else the text."""
    stripped = text.strip()
    if not (stripped.startswith("{") and stripped.endswith("}")) or len(stripped) > LONGEST_SPELLED_OUT:
        return text
    for parse in (_DECODER.decode, ast.literal_eval):
        try:
            found = parse(stripped)
        except RepeatedKey:
            return REPEATED_KEY
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            continue
        return found if isinstance(found, dict) else text
    return text


def _read_scalar(value: Any) -> Reading:
    if isinstance(value, Unreadable):
        return Reading(kind="empty", problem=value.name, reason=value.reason)
    if is_missing(value):
        return Reading(kind="empty", problem="empty")
    text, kind = _text_and_kind(value)
    if text is None:
        return Reading(kind=kind, problem="not text")
    if not text.strip():
        return Reading(kind="empty", problem="empty")
    if not is_unicode(text):
        return Reading(kind=kind, problem="not valid Unicode")
    return Reading((text,), kind=kind)


def is_missing(value: Any) -> bool:
    """Return whether a value stands for nothing: None, NaN, NaT, NA."""
    if type(value) is str:
        return False
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    if isinstance(value, decimal.Decimal):
        return value.is_nan()
    return isinstance(value, float) and value != value


def is_json_text(text: str) -> bool:
    """Return whether a text is a JSON object or array."""
    if text.strip()[:1] not in ("{", "["):
        return False
    try:
        return isinstance(json.loads(text), dict | list)
    except (ValueError, RecursionError):
        return False


def _text_and_kind(value: Any) -> tuple[str | None, str]:
    if isinstance(value, str):
        return str(value), "text"
    if isinstance(value, bool):
        return ("true" if value else "false"), "truth value"
    if isinstance(value, int | float | decimal.Decimal):
        return _number_text(value), "number"
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat(), "date"
    if isinstance(value, datetime.timedelta | uuid.UUID):
        return str(value), "date" if isinstance(value, datetime.timedelta) else "text"
    if isinstance(value, bytes):
        try:
            return value.decode(), "bytes"
        except UnicodeDecodeError:
            return None, "bytes"
    return None, type(value).__name__


def _number_text(value: int | float | decimal.Decimal) -> str | None:
    """Return the number as it is written; 404.0 as 404, because a column of whole numbers with a gap has only such."""
    try:
        if isinstance(value, float):
            return str(int(value)) if value.is_integer() and abs(value) < _MAX_EXACT else repr(value)
        return format(value, "f") if isinstance(value, decimal.Decimal) else str(value)
    except ValueError:  # more digits than Python writes
        return None


def is_unicode(text: str) -> bool:
    """Whether the text can be encoded; half a surrogate pair, as from a cut emoji, cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
