"""JSON objects as text: read, compared without order and blanks, and taken apart into fields.

A field is a path with dots, ``slots.artist``, and a value. Lists are collections without order: their items have one path. A
field whose value is ``null`` is as if it were not there.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from tunecurve.formats.entities import normalise_whitespace
from tunecurve.formats.folding import compose
from tunecurve.formats.json_pairs import unique_keys

Leaf = tuple[str, str]
TWICE, FENCED, AROUND = "written as JSON twice", "in a code fence", "with words around them"
MOST_CHARACTERS = 100_000
_FENCE = re.compile(r"```[ \t]*\w*\s*\n?(.*?)\s*```", re.DOTALL)
EMPTY_KEY = '""'


def read_object(text: str) -> dict[str, object] | None:
    """Return the object that a text is; None where it is anything else: a list, an object with words around it.

    So is an object in which a key has two values: it says both, and which one counts would hang on the parser.
    """
    try:
        value = json.loads(text, parse_constant=_refuse, object_pairs_hook=unique_keys)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def object_within(text: str) -> tuple[dict[str, object] | None, str]:
    """Return the one object that a text holds, and how it is wrapped; None where there is none, or several.

    Answers of language models are objects in a code fence, or have words around them; JSON that was written twice is a text.

    Examples
    --------
    >>> object_within('{"a": 1}'), object_within('"{\\\\"a\\\\": 1}"')
    (({'a': 1}, ''), ({'a': 1}, 'written as JSON twice'))
    >>> object_within('Here: {"a": 1}.'), object_within('{"a": 1} or {"b": 2}')
    (({'a': 1}, 'with words around them'), (None, ''))
    """
    whole = read_object(text)
    if whole is not None:
        return whole, ""
    if "{" not in text:
        return None, ""
    if text.lstrip()[:1] == '"':
        try:
            inner = json.loads(text)
        except (ValueError, RecursionError):
            inner = None
        found = object_within(inner)[0] if isinstance(inner, str) else None
        return (found, TWICE) if found is not None else (None, "")
    fences = _FENCE.findall(text)
    if len(fences) == 1 and (found := read_object(fences[0])) is not None:
        return found, FENCED if _FENCE.fullmatch(text.strip()) else AROUND
    return _among_words(text)


def _among_words(text: str) -> tuple[dict[str, object] | None, str]:
    """Return the only object in a text that is no longer than it is worth trying."""
    found: list[dict[str, object]] = []
    place = text.find("{")
    while 0 <= place < MOST_CHARACTERS and len(found) < 2:
        try:
            value, place = _DECODER.raw_decode(text, place)
            found.append(value)
        except (ValueError, RecursionError):
            return None, ""  # a brace that opens no object: what else stands there is no matter of trying
        place = text.find("{", place)
    return (found[0], AROUND) if len(found) == 1 and place < 0 else (None, "")


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse, object_pairs_hook=unique_keys)


def write_object(value: Mapping[str, Any]) -> str:
    """Return an object as text, the keys in their order."""
    return json.dumps(value, ensure_ascii=False, default=str)


def same(first: Any, second: Any) -> bool:
    """Return whether two values are the same, whatever the order of keys and items, and the blanks in texts."""
    return _levelled(first) == _levelled(second)


def fields_of(value: Any) -> Counter[Leaf]:
    """Return how often each (path, value) is there; an empty list or object is a value of its own."""
    return Counter(_leaves(value, ""))


def paths_of(value: Any) -> list[str]:
    """Return the paths of the fields, each once."""
    return list(dict.fromkeys(path for path, _ in _leaves(value, "")))


def _leaves(value: Any, path: str) -> Iterator[Leaf]:
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            if item is not None:
                yield from _leaves(item, f"{path}.{_key(key)}" if path else _key(key))
    elif isinstance(value, list) and value:
        for item in value:
            yield from _leaves(item, path)
    elif path:
        yield path, _levelled(value)


def _key(key: str) -> str:
    """Return a key as a part of a path: a dot within it is no step, and an empty one is seen."""
    return str(key).replace(".", "\\.") or EMPTY_KEY


def _levelled(value: Any) -> str:
    """Return a text that is the same for values that count as the same."""
    if isinstance(value, Mapping):
        items = sorted((str(key), _levelled(item)) for key, item in value.items() if item is not None)
        return json.dumps(["object", items])
    if isinstance(value, list):
        return json.dumps(["list", sorted(map(_levelled, value))])
    if isinstance(value, str):
        return json.dumps(normalise_whitespace(compose(value)))
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value, default=str)
