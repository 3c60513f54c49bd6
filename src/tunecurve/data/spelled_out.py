"""Lists and sets that a text spells out: as JSON, as Python and numpy print them, as PostgreSQL prints arrays."""

from __future__ import annotations

import ast
import csv
import io
import itertools
import json
import re
import tokenize
from typing import Any

LONGEST_SPELLED_OUT = 20_000
_ERRORS = (tokenize.TokenError, ValueError, SyntaxError, TypeError, RecursionError, MemoryError)
# numpy prints a list without commas: ['fire' 'water'], [{...} {...}].
_NO_COMMA = re.compile(r"['\"}\]]\s+[bru]?['\"{\[]")


class BracketedText(str):
    """A text in brackets out of a file that has no lists, as CSV files and workbooks have none: a list, where it spells one out.

    A text of JSON or Parquet, which have lists, is never one: there, brackets are part of the text.
    """

    __slots__ = ()


def as_bracketed(cell: Any) -> Any:
    """Return a text that is in brackets as a `BracketedText`, any other cell as it is."""
    if type(cell) is not str or "]" not in cell:
        return cell
    stripped = cell.strip()
    return BracketedText(cell) if stripped.startswith("[") and stripped.endswith("]") else cell


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
            found = ast.literal_eval(_with_commas(stripped) if _NO_COMMA.search(stripped) else stripped)
        except _ERRORS:
            return None
    return found if isinstance(found, list) else None


def _with_commas(text: str) -> str:
    """Return a list as numpy prints it with commas between its items; what stands within quotes stays."""
    pieces, place, is_item_before = [], 0, False
    starts = list(itertools.accumulate((len(line) + 1 for line in text.split("\n")), initial=0))
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.NL:
            continue
        begins_item = token.type == tokenize.STRING or token.string in ("{", "[")
        if is_item_before and begins_item:
            start = starts[token.start[0] - 1] + token.start[1]
            pieces += [text[place:start], ", "]
            place = start
        is_item_before = token.type == tokenize.STRING or token.string in ("}", "]")
    return "".join([*pieces, text[place:]])


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
