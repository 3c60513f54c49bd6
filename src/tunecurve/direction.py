"""Whether more or less of a score is better: decided here, for metrics, curves and tables alike."""

from __future__ import annotations

from typing import Literal, TypeVar

Direction = Literal["max", "min"]
T = TypeVar("T")


def sign_of(direction: str) -> float:
    """Return 1 where more is better, -1 where less is: of scores times the sign, the largest is the best."""
    return 1.0 if direction == "max" else -1.0


def better_in_words(direction: str) -> str:
    """Return ``more is better`` or ``less is better``."""
    return "more is better" if direction == "max" else "less is better"


def better_end(ends: tuple[T, T], direction: str) -> T:
    """Return the better one of a range's ends, given as (low, high)."""
    low, high = ends
    return high if direction == "max" else low
