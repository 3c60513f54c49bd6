"""Parts of an error's body, whichever provider nests them how deep."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

from tunecurve.learners.hosted.transport.rest import JsonObject

_ASKED_WAIT = re.compile(r"(?:again|retry) (?:in|after) ((?:[\d.]+ ?(?:ms|seconds?|s|minutes?|m|hours?|h)\b ?)+)", re.I)
_UNIT_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def dicts_in(value: Any) -> Iterator[JsonObject]:
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


def wait_in_details(body: Any) -> float | None:
    """Return google.rpc.RetryInfo's delay."""
    delays = [str(part["retryDelay"]) for part in dicts_in(body) if "retryDelay" in part]
    found = [float(delay[:-1]) for delay in delays if re.fullmatch(r"\d+(\.\d+)?s", delay)]
    return max(found, default=None)


def wait_in_words(text: str) -> float | None:
    """Return for how long a text asks to wait, in seconds."""
    found = _ASKED_WAIT.search(text)
    if not found:
        return None
    parts = re.findall(r"(\d+(?:\.\d+)?) ?(ms|s|m|h)", found.group(1), re.IGNORECASE)
    seconds = sum(float(number) * _UNIT_SECONDS[unit.lower()] for number, unit in parts)
    return seconds if seconds > 0 and math.isfinite(seconds) else None
