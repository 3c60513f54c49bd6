"""A line on standard error now and then while something long is read."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")

SECONDS_BEFORE = 3.0
SECONDS_BETWEEN_LINES = 20.0
_ITEMS_BETWEEN_LOOKS = 5000


class Ticker:
    """Says how far something is: rewritten every second on a terminal, else in a line now and then; total 0: nobody knows."""

    def __init__(self, what: str, unit: str, total: float = 0) -> None:
        self._what, self._unit, self._total = what, unit, total
        self._is_terminal = sys.stderr.isatty()
        self._next_at = time.monotonic() + SECONDS_BEFORE
        self._is_open = False

    def at(self, count: float) -> None:
        """Say how many there are by now, if it is time."""
        now = time.monotonic()
        if now < self._next_at:
            return
        self._next_at = now + (1.0 if self._is_terminal else SECONDS_BETWEEN_LINES)
        of = f" of {self._total:,.0f}" if self._total else ""
        line = f"{self._what}: {count:,.0f}{of} {self._unit}"
        sys.stderr.write(f"\r\x1b[K{line[:100]}" if self._is_terminal else f"{line}\n")
        sys.stderr.flush()
        self._is_open = self._is_terminal

    def end(self) -> None:
        """Leave the terminal's line empty."""
        if self._is_open:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def with_ticker(items: Iterable[Item], what: str, unit: str) -> Iterator[Item]:
    """Yield the items, and say now and then how many these are by now."""
    ticker = Ticker(what, unit)
    try:
        for number, item in enumerate(items, start=1):
            if number % _ITEMS_BETWEEN_LOOKS == 0:
                ticker.at(number)
            yield item
    finally:
        ticker.end()
