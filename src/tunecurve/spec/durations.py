"""Times as people write them: ``90s``, ``30 min``, ``1h30m``, ``2 hours``, and as they are shown."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field

# How each unit may be written, and its seconds.
_UNITS = {"d|days?": 86400, "h|hrs?|hours?": 3600, "m|mins?|minutes?": 60, "s|secs?|seconds?": 1}
_DURATION = re.compile("".join(rf"(?:(\d+(?:\.\d+)?)(?:{unit}))?" for unit in _UNITS), re.ASCII)
MOST_SECONDS = 365 * 86400.0


def seconds_of(text: str) -> float:
    """Return the seconds of a duration such as ``90s``, ``30m``, ``30 min``, ``1.5h``, ``2 hours`` or ``1h30m``.

    Raises
    ------
    ValueError
        Where it is none, or none that a study can have.
    """
    found = _DURATION.fullmatch(text.strip().lower().replace(" ", ""))
    parts = found.groups() if found else ()
    seconds = sum(float(part) * unit for part, unit in zip(parts, _UNITS.values(), strict=False) if part)
    if not any(parts):
        raise ValueError(
            f"'{text}' is not a time; expected days, hours, minutes or seconds, each a number with its unit, e.g. 30m, "
            "30 min, 2h, 1h30m or 90s"
        )
    if not 1.0 <= seconds <= MOST_SECONDS:
        raise ValueError(f"'{text}' is no time for a study; expected a second to a year, e.g. 30m or 2h")
    return seconds


def duration(seconds: float) -> str:
    """Return ``45 s``, ``3:05 min`` or ``2:10 h``."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02d} min"
    return f"{whole // 3600}:{whole % 3600 // 60:02d} h"


def _is_duration(text: str) -> str:
    seconds_of(text)
    return text


Duration = Annotated[str, AfterValidator(_is_duration), Field(examples=["30m", "2h", "1h30m"])]
