"""One attempt is one request: an SDK, or the layer above it, that would go on by itself is stopped.

A request that follows an answered one within the same attempt would be paid for, and stand in no book. It is refused
before it is sent; the attempt is in doubt then. One that follows a refusal costs nothing, and goes through.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from typing import Any

from tunecurve.learners.hosted.transport.gateway import Failure
from tunecurve.learners.hosted.transport.odd_answers import Explained

# The statuses that were answered in the attempt of this task; None: a batch, whose requests are no attempts.
_answered: contextvars.ContextVar[list[int] | None] = contextvars.ContextVar("answered in this attempt", default=None)


def begin_attempt(*, is_counted: bool) -> None:
    """Begin an attempt in this task; one that is not counted may send what it likes."""
    _answered.set([] if is_counted else None)


def before_request() -> None:
    """Refuse a request of an attempt that has its answer already.

    Raises
    ------
    Explained
        With the line that ends the trial: the next call would do the same.
    """
    if _answered.get():
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
    seen = _answered.get()
    if seen is not None and 200 <= status < 300:
        seen.append(status)


def count_requests(client: Any, mend: Callable[[str], str] | None = None) -> None:
    """Have an asynchronous client of httpx refuse a second request after an answer, and its answers set right.

    Parameters
    ----------
    client : httpx.AsyncClient
        Its hooks are added to.
    mend : callable, optional
        From a body of JSON to the body that the SDK reads.
    """

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
