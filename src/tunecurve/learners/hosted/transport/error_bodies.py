"""Parts of an error's body, whichever provider nests them how deep."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def dicts_in(value: Any) -> Iterator[dict[str, Any]]:
    """Yield all dicts within a body, outer ones first."""
    if isinstance(value, dict):
        yield value
    if isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from dicts_in(part)


def codes_in(body: Any) -> set[str]:
    """Return the words by which a body names its error."""
    return {
        part[key] for part in dicts_in(body) for key in ("code", "type", "status") if isinstance(part.get(key), str)
    }
