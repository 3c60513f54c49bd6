"""The wish to stop: one token that everything at work on a study looks at."""

from __future__ import annotations

import time
from collections.abc import Callable

from tunecurve.errors import Interrupted

POLL_SECONDS = 0.2


class Cancellation:
    """Whether the work is to end at the next point from which it can be continued without loss.

    Parameters
    ----------
    *sources : callable
        Each returns whether the work is to end for a reason of its own, beside `request`.
    """

    def __init__(self, *sources: Callable[[], bool]) -> None:
        self._sources, self._was_requested = sources, False

    @property
    def is_requested(self) -> bool:
        """Whether the work is to end."""
        return self._was_requested or any(source() for source in self._sources)

    def request(self) -> None:
        """Ask for the end; takes no lock, so that a signal handler may call it."""
        self._was_requested = True

    def check(self, when: str) -> None:
        """Raise Interrupted, saying when, if the work is to end."""
        if self.is_requested:
            raise Interrupted(f"stopped {when}")

    def sleep(self, seconds: float, when: str) -> None:
        """Sleep; raise Interrupted, saying when, as soon as the work is to end."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.check(when)
            time.sleep(min(left, POLL_SECONDS))
