"""What a key of the study file expects, in words: made from its JSON Schema, so that every key has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from tunecurve.spec.study import StudySpec

Node = Mapping[str, Any]


@cache
def _schema() -> dict[str, Any]:
    return StudySpec.model_json_schema()


def key_at(places: Sequence[str | int]) -> tuple[tuple[str, ...], tuple[str, ...] | None, Node]:
    """Return the key that a place of pydantic's means, without what it calls the members of a union.

    Parameters
    ----------
    places : sequence of str or int
        ``loc`` of an error.

    Returns
    -------
    key, union, node
        The key with its sections; of the first union on the way the key, or None; what the schema says of the key.
    """
    key: list[str] = []
    union, node = None, _resolved(_schema())
    for place in places:
        if place == "[key]":  # of a mapping, whose name stands before
            continue
        members = _members(node)
        if len(members) > 1:  # what follows is the member's name, of which no user knows
            union = tuple(key) if union is None else union
            node = _named(str(place), members)
            continue
        if "properties" in node:
            key.append(str(place))
            node = _resolved(node["properties"].get(place, {}))
        elif "items" in node and isinstance(place, int):
            key.append(str(place))
            node = _resolved(node["items"])
        elif isinstance(node.get("additionalProperties"), dict):
            key.append(str(place))
            node = _resolved(node["additionalProperties"])
    if len(_members(node)) > 1 and union is None:
        union = tuple(key)
    return tuple(key), union, node


def node_of(key: Sequence[str]) -> Node:
    """Return what the schema says of a key."""
    node = _resolved(_schema())
    for part in key:
        if "properties" in node:
            node = _resolved(node["properties"].get(part, {}))
        else:
            below = node.get("items") or node.get("additionalProperties")
            node = _resolved(below if isinstance(below, dict) else {})
    return node


def _resolved(node: Node) -> Node:
    """Return what a node stands for, where it is a reference or may only be null besides."""
    if "$ref" in node:
        return _resolved(_schema()["$defs"][str(node["$ref"]).rpartition("/")[2]])
    members = _members(node)
    return _resolved({**members[0], **_own(node)}) if len(members) == 1 else node


def _own(node: Node) -> dict[str, Any]:
    """Return what is said of the key itself, beside its members."""
    return {name: node[name] for name in ("examples", "description") if name in node}


def _members(node: Node) -> list[Node]:
    return [one for one in node.get("anyOf", node.get("oneOf", [])) if one.get("type") != "null"]


def _named(name: str, members: Sequence[Node]) -> Node:
    """Return the member of a union that pydantic calls so; only lists and mappings have something below them."""
    for prefix, kind in (("list", "array"), ("dict", "object")):
        found = [one for one in members if name.startswith(prefix) and one.get("type") == kind]
        if found:
            return _resolved(found[0])
    sections = [one for one in members if "$ref" in one]
    return _resolved(sections[0]) if sections and not name.startswith(("literal", "bool", "number")) else {}


def words_of(node: Node) -> str:
    """Return what is expected, e.g. ``a whole number of at least 1``."""
    members = _members(node)
    if len(members) > 1 and node.get("examples"):
        return f"an entry such as {_either(list(map(str, node['examples'])))}"
    parts = [_resolved(one) for one in members] or [node]
    if members or _values(node):
        return _either([word for one in parts for word in _values(one) or [words_of(one)]])
    kind = node.get("type")
    if kind in ("integer", "number"):
        return ("a whole number" if kind == "integer" else "a number") + _bounds(node)
    if kind == "array":
        return f"a list of {_several(_resolved(node.get('items', {})))}{', at least one' * ('minItems' in node)}"
    if kind == "object":
        return "keys below it" if "properties" in node else "a mapping, as {name: value}"
    if kind == "string":
        return "text" + (f" such as {_either(list(node['examples']))}" if node.get("examples") else "")
    return "another value"


def _values(node: Node) -> list[str]:
    """Return the values that a key may have, where they can be counted up; else nothing."""
    if "const" in node or "enum" in node:
        return [f"'{one}'" if isinstance(one, str) else str(one) for one in node.get("enum", [node.get("const")])]
    return ["true", "false"] if node.get("type") == "boolean" else []


def _several(node: Node) -> str:
    """Return what a list is of."""
    words = {"string": "texts", "integer": f"whole numbers{_bounds(node)}", "number": f"numbers{_bounds(node)}"}
    return words[node["type"]] if node.get("type") in words and "enum" not in node else words_of(node)


def _either(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _bounds(node: Node) -> str:
    said = [
        f"{words} {node[name]:g}"
        for name, words in (
            ("minimum", "of at least"),
            ("exclusiveMinimum", "above"),
            ("maximum", "of at most"),
            ("exclusiveMaximum", "below"),
        )
        if name in node
    ]
    return f" {' and '.join(said)}" if said else ""
