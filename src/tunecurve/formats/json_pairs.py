"""Keys that stand twice in one JSON object: parsers keep the last value, and nobody would know of the first."""

from __future__ import annotations

from typing import Any

from tunecurve.wording import cut


class RepeatedKey(ValueError):
    """A key stands twice in one object, with different values."""


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the object of its pairs, as ``object_pairs_hook`` of `json` takes them; a pair may come again as it is.

    Raises
    ------
    RepeatedKey
        When a key has two values.
    """
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    for key, value in pairs:
        if repr(value) != repr(found[key]):
            raise RepeatedKey(
                f"'{key[:60]}' stands twice in one object, as {cut(repr(value), 40)} and as {cut(repr(found[key]), 40)}; leave one, or "
                "give each a name of its own (jq -c . would keep the last)"
            )
    return found
