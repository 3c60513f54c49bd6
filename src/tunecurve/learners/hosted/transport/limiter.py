"""How many calls may be in flight, and when the next one starts."""

from __future__ import annotations

import asyncio
from collections import deque

# Well under the whole of a call's time, so that the spreading itself holds nothing up.
_SPREAD_OVER = 0.6


class ConcurrencyLimit:
    """How many calls may be in flight: halved when most are refused, a quarter more after a round without refusals.

    A round is as many outcomes as calls may be in flight. That some calls are refused while most are answered is how a
    provider's quota looks when it is used well: the refused ones wait by themselves and cost nothing. Only a round in
    which refusals outweigh answers asks for fewer calls (the rule of client-side throttling with K = 2 in Google's
    "Site Reliability Engineering", chapter 21).

    Parameters
    ----------
    most : int
        Upper bound, and where it starts.
    """

    def __init__(self, most: int) -> None:
        self.most, self.limit, self.in_flight = most, most, 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._n_refused = self._n_outcomes = 0

    async def enter(self) -> None:
        """Wait for a slot."""
        while self.in_flight >= self.limit:
            slot = asyncio.get_running_loop().create_future()
            self._waiting.append(slot)
            await slot
        self.in_flight += 1

    def leave(self, *, was_refused: bool) -> None:
        """Give the slot back and learn from how it went."""
        self.in_flight -= 1
        self._n_outcomes += 1
        self._n_refused += was_refused
        if self._n_outcomes >= self.limit:
            self._end_round()
        for _ in range(min(self.limit - self.in_flight, len(self._waiting))):
            self._waiting.popleft().set_result(None)

    def _end_round(self) -> None:
        if self._n_refused * 2 > self._n_outcomes:
            self.limit = max(1, self.limit // 2)
        elif not self._n_refused:
            self.limit = min(self.most, self.limit + max(1, self.limit // 4))
        self._n_refused = self._n_outcomes = 0


class Pace:
    """Spreads the starts of calls evenly over the time that a call takes.

    Calls that start together come back together and then queue for the processor together, again and again: at 64 calls
    in flight that alone made the whole half as long again.
    """

    def __init__(self) -> None:
        self._call_seconds = self._next_start = 0.0

    async def next_start(self, in_flight: int) -> None:
        """Wait for this call's turn."""
        now = asyncio.get_running_loop().time()
        start = max(now, self._next_start)
        self._next_start = start + _SPREAD_OVER * self._call_seconds / in_flight
        if start > now:
            await asyncio.sleep(start - now)

    def learn(self, call_seconds: float) -> None:
        """Take in how long a call took."""
        weight = 0.1 if self._call_seconds else 1.0
        self._call_seconds += weight * (call_seconds - self._call_seconds)
