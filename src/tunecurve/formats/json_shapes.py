"""What JSON objects look like: keys, types, nesting, and closed sets of values, as rows show them.

Few rows show little. That a key is always there, or that a field has no other values than those seen, is taken for granted
only from `ENOUGH` rows on, and values only where none was seen just once: the share of values not seen yet is about that of
values seen once (Good 1953, https://doi.org/10.1093/biomet/40.3-4.237).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from tunecurve.formats.json_objects import EMPTY_KEY, read_object

Kind = Literal["object", "list", "text", "number", "truth", "null"]

# Twenty without an exception: more than 14 % of exceptions are ruled out at 95 %.
ENOUGH = 20
# A closed set is small beside the rows that use it.
MOST_VALUES_A_ROW = 0.2
_DOT = re.compile(r"(?<!\\)\.")


@dataclass(frozen=True)
class JsonShape:
    """What a value may be."""

    kinds: frozenset[Kind] = frozenset()
    """Its types."""
    fields: Mapping[str, JsonShape] = field(default_factory=dict, hash=False)
    """What stands under the keys of an object."""
    needed: frozenset[str] = frozenset()
    """Keys without which an object is not whole."""
    items: JsonShape | None = None
    """What a list holds; None: nothing."""
    values: tuple[str, ...] = ()
    """The texts that it can be; empty: any text."""

    def has(self, value: Any) -> bool:
        """Return whether a value is of this shape."""
        kind = kind_of(value)
        if kind not in self.kinds:
            return False
        if kind == "object":
            fits = all(key in self.fields and self.fields[key].has(item) for key, item in value.items())
            return fits and self.needed <= value.keys()
        if kind == "list":
            return all(self.items is not None and self.items.has(item) for item in value)
        return kind != "text" or not self.values or value in self.values

    def to_json(self) -> dict[str, object]:
        """Return the shape as plain values; what is empty is left out."""
        parts = {
            "kinds": sorted(self.kinds),
            "fields": {key: shape.to_json() for key, shape in self.fields.items()},
            "needed": sorted(self.needed),
            "items": self.items and self.items.to_json(),
            "values": list(self.values),
        }
        return {name: part for name, part in parts.items() if part}

    @classmethod
    def from_json(cls, parts: Mapping[str, Any]) -> JsonShape:
        """Return the shape that `to_json` wrote."""
        return cls(
            frozenset(parts.get("kinds", ())),
            {key: cls.from_json(shape) for key, shape in parts.get("fields", {}).items()},
            frozenset(parts.get("needed", ())),
            cls.from_json(parts["items"]) if "items" in parts else None,
            tuple(parts.get("values", ())),
        )


ANY_SCALAR = JsonShape(frozenset({"text", "number", "truth", "null"}))


def kind_of(value: Any) -> Kind:
    """Return the JSON type of a value."""
    if isinstance(value, Mapping):
        return "object"
    if isinstance(value, list):
        return "list"
    if isinstance(value, bool):
        return "truth"
    if isinstance(value, str):
        return "text"
    return "null" if value is None else "number"


def shape_of_values(found: Sequence[tuple[Any, str]]) -> JsonShape:
    """Return the shape of all of these values together.

    Parameters
    ----------
    found : sequence of (value, str)
        Each with the text that it was found in: what mostly stands there is copied, and no closed set.
    """
    objects = [(value, source) for value, source in found if isinstance(value, Mapping)]
    under: dict[str, list[tuple[Any, str]]] = {}
    for value, source in objects:
        for key, item in value.items():
            under.setdefault(key, []).append((item, source))
    items = [(item, source) for value, source in found if isinstance(value, list) for item in value]
    always = {key for key, values in under.items() if len(values) == len(objects) >= ENOUGH}
    return JsonShape(
        frozenset(kind_of(value) for value, _ in found),
        {key: shape_of_values(values) for key, values in under.items()},
        frozenset(always),
        shape_of_values(items) if items else None,
        _closed_set([(value, source) for value, source in found if isinstance(value, str)]),
    )


def _closed_set(found: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    counts = Counter(value for value, _ in found)
    n_copied = sum(bool(value) and value.casefold() in source.casefold() for value, source in found)
    is_closed = (
        len(found) >= ENOUGH
        and len(counts) <= MOST_VALUES_A_ROW * len(found)
        and min(counts.values()) > 1
        and n_copied <= len(found) / 2
    )
    return tuple(sorted(counts)) if is_closed else ()


def shape_of_targets(found: Iterable[tuple[str, str]]) -> JsonShape:
    """Return the shape of (target, source) pairs; targets that are no objects show none."""
    objects = [(value, source) for target, source in found if (value := read_object(target)) is not None]
    return shape_of_values(objects)


def shape_of_paths(paths: Iterable[str]) -> JsonShape:
    """Return the shape of objects with these fields at most, whose values may be anything; a dot leads into an object or a list of such."""
    under: dict[str, list[str]] = {}
    for path in paths:
        key, *rest = _DOT.split(path, maxsplit=1)
        under.setdefault("" if key == EMPTY_KEY else key.replace("\\.", "."), []).extend(rest)
    return JsonShape(frozenset({"object"}), {key: _shape_below(rest) for key, rest in under.items()})


def _shape_below(paths: Sequence[str]) -> JsonShape:
    within = shape_of_paths(paths) if paths else JsonShape()
    item = JsonShape(within.kinds | ANY_SCALAR.kinds, within.fields)
    return JsonShape(item.kinds | {"list"}, within.fields, items=item)


def joined_fields(shape: JsonShape, more: JsonShape) -> JsonShape:
    """Return a shape that has the fields of another one, too; of fields that both have, what the first one allows."""
    common = shape.fields.keys() & more.fields.keys()
    fields = {
        **more.fields,
        **shape.fields,
        **{key: joined_fields(shape.fields[key], more.fields[key]) for key in common},
    }
    items = joined_fields(shape.items, more.items) if shape.items and more.items else shape.items
    return replace(shape, fields=fields, items=items)


def spellings(text: str) -> list[bytes]:
    """Return how JSON writes a text: with its letters as they are, and with those beyond ASCII as ``\\uXXXX``."""
    return list(dict.fromkeys(json.dumps(text, ensure_ascii=is_ascii).encode() for is_ascii in (False, True)))
