"""Lists and sets that a text spells out: as JSON, as Python and numpy print them, as PostgreSQL prints arrays."""

from __future__ import annotations

import ast
import csv
import json
import re
from typing import Any

LONGEST_SPELLED_OUT = 20_000
_ERRORS = (ValueError, SyntaxError, TypeError, RecursionError, MemoryError)
# numpy prints a list without commas: ['fire' 'water'].
_NO_COMMA = re.compile(r"(['\"])\s+(['\"])")


def list_of(text: str) -> list[Any] | None:
    """Return the list that a text spells out; None where it spells out none."""
    stripped = text.strip()
    if not (stripped.startswith("[") and stripped.endswith("]")) or len(stripped) > LONGEST_SPELLED_OUT:
        return None
    found: Any = None
    try:
        found = json.loads(stripped)
    except (ValueError, RecursionError):
        try:
            found = ast.literal_eval(_NO_COMMA.sub(r"\1, \2", stripped))
        except _ERRORS:
            return None
    return found if isinstance(found, list) else None


def set_of(text: str) -> list[str] | None:
    """Return the labels of ``{'a', 'b'}``, ``('a', 'b')``, ``set()`` or ``{a,"b c"}``; None where the text is none of these.

    Examples
    --------
    >>> set_of("{'b', 'a'}"), set_of("('a',)"), set_of("set()")
    (['a', 'b'], ['a'], [])
    >>> set_of('{fire,"no water"}'), set_of("(other)"), set_of("fire")
    (['fire', 'no water'], None, None)
    """
    stripped = text.strip()
    if not stripped.endswith(("}", ")")) or len(stripped) > LONGEST_SPELLED_OUT:
        return None
    inner = stripped.removeprefix("frozenset(").removesuffix(")") if stripped.startswith("frozenset(") else stripped
    try:
        found = ast.literal_eval(inner or "set()")
    except _ERRORS:
        return _array(stripped) if stripped.startswith("{") and stripped.endswith("}") else None
    if not isinstance(found, set | frozenset | tuple) or not all(isinstance(one, str) for one in found):
        return [] if stripped == "{}" else None
    return sorted(found) if isinstance(found, set | frozenset) else list(found)


def _array(text: str) -> list[str] | None:
    """Return the items of an array as PostgreSQL writes it (its manual, 8.15.6: array input and output syntax)."""
    try:
        (items,) = csv.reader([text[1:-1]], escapechar="\\", strict=True)
    except (ValueError, csv.Error):
        return None
    is_nested = any(sign in item for item in items for sign in "{}:")
    return None if is_nested else [item.strip() for item in items if item.strip() != "NULL"]
