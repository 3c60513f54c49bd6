"""A deployment that has just been created may not be known yet to the address that answers: a 404 is asked again for a while."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Sequence

from tunecurve.learners.hosted.gateway import Failure, Gateway, Reply
from tunecurve.prompts import Message

# Azure says: within the last five minutes, please wait a moment.
SETTLING_SECONDS = 300.0
POLL_SECONDS = 5.0
_NOT_KNOWN_YET = re.compile(r"\(404\)|not (yet )?(ready|running|found)|DeploymentNotFound", re.IGNORECASE)


class NewDeploymentGateway:
    """A gateway to a new deployment.

    Parameters
    ----------
    inner : Gateway
        What sends.
    should_stop : callable
        Asked between two attempts.
    """

    def __init__(self, inner: Gateway, should_stop: Callable[[], bool]) -> None:
        self._inner, self._should_stop = inner, should_stop
        self._until = time.monotonic() + SETTLING_SECONDS

    async def send(self, messages: Sequence[Message], max_tokens: int, key: str) -> Reply | Failure:
        """Return the reply or the failure; a deployment that is not known is no failure before it has settled."""
        while True:
            outcome = await self._inner.send(messages, max_tokens, key)
            if isinstance(outcome, Reply):
                self._until = min(self._until, time.monotonic() + 10 * POLL_SECONDS)
                return outcome
            is_new = time.monotonic() < self._until and not self._should_stop()
            if not (
                outcome.is_fatal and not outcome.is_unreachable and is_new and _NOT_KNOWN_YET.search(outcome.reason)
            ):
                return outcome
            await asyncio.sleep(POLL_SECONDS)

    async def close(self) -> None:
        """Close connections."""
        await self._inner.close()
