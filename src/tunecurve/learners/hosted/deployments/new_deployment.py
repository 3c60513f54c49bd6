"""A deployment or a tuned model that has just been made may not be known yet to the address that answers: a 404 is asked again."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from tunecurve.cancellation import Cancellation
from tunecurve.learners.hosted.transport.gateway import Failure, Gateway, Reply
from tunecurve.prompts import Message

# Azure says: within the last five minutes, please wait a moment. OpenAI: a new model may take some minutes to be ready.
SETTLING_SECONDS = 300.0
POLL_SECONDS = 5.0
_NOT_KNOWN_YET = re.compile(r"\(404\)|not (yet )?(ready|running|found)|DeploymentNotFound", re.IGNORECASE)


class NewDeploymentGateway:
    """A gateway to a new deployment, or a new tuned model.

    Parameters
    ----------
    inner : Gateway
        What sends.
    cancellation : Cancellation
        Looked at between two attempts.
    age : float
        Seconds since it was made.
    on_message : callable
        Told once that it is waited for.
    is_gone : callable, optional
        Asked where it is not known: returns why it will not be known any more, None where it may be.
    named : (str, str), optional
        The name that a deployment answers under, which is one for every deployment, and the name of its model.
    """

    def __init__(
        self,
        inner: Gateway,
        cancellation: Cancellation,
        age: float = 0.0,
        on_message: Callable[[str], None] | None = None,
        is_gone: Callable[[], str | None] = lambda: None,
        named: tuple[str, str] = ("", ""),
    ) -> None:
        self._inner, self._cancellation, self._on_message = inner, cancellation, on_message
        self._is_gone, self._named = is_gone, named
        self._until = time.monotonic() + SETTLING_SECONDS - age

    async def send(self, messages: Sequence[Message], max_tokens: int, key: str) -> Reply | Failure:
        """Return the reply or the failure; a deployment that is not known is no failure before it has settled."""
        while True:
            outcome = await self._inner.send(messages, max_tokens, key)
            if isinstance(outcome, Reply):
                self._until = min(self._until, time.monotonic() + 10 * POLL_SECONDS)
                deployment, model = self._named
                return replace(outcome, model_version=model) if outcome.model_version == deployment != "" else outcome
            is_new = time.monotonic() < self._until and not self._cancellation.is_requested
            if not (
                outcome.is_fatal and not outcome.is_unreachable and is_new and _NOT_KNOWN_YET.search(outcome.reason)
            ):
                return outcome
            reason = await asyncio.to_thread(self._is_gone)
            if reason is not None:
                return replace(outcome, reason=reason)
            if self._on_message is not None:
                self._on_message(
                    f"waits up to {max(0.0, self._until - time.monotonic()):.0f} s for the new model: {outcome.reason}"
                )
                self._on_message = None
            await asyncio.sleep(POLL_SECONDS)

    async def close(self) -> None:
        """Close connections."""
        await self._inner.close()
