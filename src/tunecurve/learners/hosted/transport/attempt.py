"""One attempt at a call is one request: an SDK, or the layer above it, that would go on by itself is stopped.

A request that follows an answered one within the same attempt would be paid for, and stand in no book. It is refused
before it is sent; the attempt is in doubt then. One that follows a refusal costs nothing, and goes through. What the model
layer drops of an answer, and the books need, is noted here.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tunecurve.learners.hosted.transport.gateway import Failure
from tunecurve.learners.hosted.transport.odd_answers import Explained


@dataclass
class Attempt:
    """What has happened in an attempt."""

    is_counted: bool = False
    """Whether it may send one request; those of a batch are no attempts."""
    is_answered: bool = False
    was_refused: bool = False
    """A success has come; a refusal by status, before a model saw the call."""
    told_usd: float | None = None
    """What the call costs, as a gateway tells it."""


_current: contextvars.ContextVar[Attempt] = contextvars.ContextVar("attempt of this task")


def begin_attempt(*, is_counted: bool) -> Attempt:
    """Begin an attempt in this task; one that is not counted may send what it likes."""
    attempt = Attempt(is_counted)
    _current.set(attempt)
    return attempt


def this_attempt() -> Attempt:
    """Return the attempt of this task; outside of any, one that nobody looks at."""
    return _current.get(Attempt())


def before_request() -> None:
    """Refuse a request of an attempt that has its answer already.

    Raises
    ------
    Explained
        With the line that ends the trial: the next call would do the same.
    """
    attempt = this_attempt()
    if attempt.is_counted and attempt.is_answered:
        raise Explained(
            Failure(
                "the model layer would ask on by itself after an answer that the provider calls unfinished; nothing more "
                "was sent; choose another model or interface",
                is_fatal=True,
                may_be_billed=True,
            )
        )


def after_response(status: int) -> None:
    """Remember an answer of this attempt."""
    if 200 <= status < 300:
        this_attempt().is_answered = True


def count_requests(client: Any, mend: Callable[[str], str] | None = None) -> None:
    """Have an asynchronous client of httpx refuse a second request after an answer, and its answers set right."""

    async def before(request: Any) -> None:
        before_request()

    async def after(response: Any) -> None:
        after_response(response.status_code)
        is_stream = "event-stream" in response.headers.get("content-type", "")
        if mend is not None and response.is_success and not is_stream:
            await response.aread()
            response._content = mend(response.text).encode("utf-8", "replace")

    hooks = client.event_hooks
    client.event_hooks = {
        "request": [*hooks.get("request", []), before],
        "response": [*hooks.get("response", []), after],
    }
