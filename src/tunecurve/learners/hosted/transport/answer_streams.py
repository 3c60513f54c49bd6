"""Streamed answers of OpenAI's format, checked while they come: a stream that stops before its end is no answer.

The model layer takes what has come for the whole when the connection ends. A stream is whole when it says so: by a finish
reason, by ``[DONE]``, by one of the last events of the responses API. A server's error within it is told as what it is.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

from tunecurve.learners.hosted.transport.answer_bodies import (
    is_told_as_an_answer,
    joined,
    mend_response,
    nearest_end,
    told_usage,
)
from tunecurve.learners.hosted.transport.failures import shorten
from tunecurve.learners.hosted.transport.gateway import Failure
from tunecurve.learners.hosted.transport.odd_answers import Explained, OddAnswer

_LAST_EVENTS = frozenset({"response.completed", "response.incomplete", "response.failed"})
# What servers call their errors where there is no status any more, and the status that this would have been.
_STATUS_OF_WORD = (
    (("rate_limit", "ratelimit", "too_many", "resource_exhausted"), 429),
    (("context_length", "invalid", "badrequest", "bad_request", "not_found", "unsupported"), 400),
    (("auth", "permission"), 401),
    (("server", "overloaded", "unavailable", "timeout", "internal"), 500),
)


class BrokenStream(ConnectionError):
    """The stream stopped before its end."""


class CheckedStream:
    """A stream of OpenAI's SDK whose parts are mended, the last one told; raises where it is not whole."""

    def __init__(self, stream: Any, mend: Callable[[Any], bool]) -> None:
        self._stream, self._mend = stream, mend
        self._is_done = self._has_ended = False
        self._n_parts = 0
        self._last: Any = None
        self._usage: Any = None
        events = stream._iter_events

        async def noticing() -> AsyncIterator[Any]:
            async for event in events():
                self._is_done = self._is_done or event.data.startswith("[DONE]")
                yield event

        stream._iter_events = noticing

    async def __aenter__(self) -> CheckedStream:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stream.close()

    async def __aiter__(self) -> AsyncIterator[Any]:
        async for part in self._parts():
            self._n_parts += 1
            self._has_ended = self._mend(part) or self._has_ended
            self._last = part if _has_text(part) else self._last
            if hasattr(part, "choices"):  # a later part takes no usage back
                self._usage = part.usage = part.usage or self._usage
            yield part
        if not self._n_parts:
            raise self._nothing_came()
        if self._has_ended:
            return
        if not self._is_done or self._last is None:
            raise BrokenStream(f"the stream stopped after {self._n_parts} parts, before its end")
        yield _end_after(self._last, self._usage)

    async def _parts(self) -> AsyncIterator[Any]:
        try:
            async for part in self._stream:
                yield part
        except Exception as error:
            if self._has_ended:  # what goes wrong behind the end takes nothing of the answer back
                return
            meaning = _meaning_of(error)
            if meaning is error:
                raise
            raise meaning from None

    def _nothing_came(self) -> Exception:
        kind = self._stream.response.headers.get("content-type", "")
        if self._is_done or "event-stream" in kind:
            return BrokenStream("the stream ended without a part of an answer")
        return Explained(
            Failure(
                f"the server answers with {kind or 'no content type'}, not with a stream; leave hosted.stream unset",
                is_fatal=True,
                may_be_billed=True,
            )
        )


def _meaning_of(error: Exception) -> Exception:
    """Return what an SDK's exception within a stream says."""
    from openai import APIConnectionError, APIError, APIStatusError

    if isinstance(error, APIError) and not isinstance(error, APIStatusError | APIConnectionError):
        return error if is_told_as_an_answer(error.body) else error_within(error.body or str(error))
    if isinstance(error, ValueError):  # an event that is no JSON
        return BrokenStream(f"the stream holds what is no JSON: {shorten(str(error))}")
    return error


def _words_of(body: Any) -> str:
    parts = [body.get("code"), body.get("type")] if isinstance(body, dict) else [body]
    return " ".join(str(part) for part in parts if part is not None).lower()


def error_within(body: Any) -> Exception:
    """Return what a server's error means that comes after its 200: the model may have worked by then."""
    said = body.get("message") if isinstance(body, dict) else None
    code = body.get("code") if isinstance(body, dict) else None
    words = _words_of(body)
    status = code if isinstance(code, int) and 400 <= code < 600 else None
    if isinstance(code, str) and code.isdigit() and 400 <= int(code) < 600:
        status = int(code)
    if status is None:
        status = next((status for signs, status in _STATUS_OF_WORD if any(sign in words for sign in signs)), None)
    reason = f"the server broke its answer off with an error: {shorten(str(said or body))}"
    return OddAnswer(reason, status or 500, may_be_billed=True)


def mend_chunk(chunk: Any) -> bool:
    """Set right the odd fields of a chunk of a chat completion; return whether it names an end."""
    from openai.types import CompletionUsage
    from openai.types.chat.chat_completion_chunk import ChoiceDelta

    told = told_usage(getattr(chunk, "usage", None), "prompt_tokens", "completion_tokens")
    chunk.usage = (
        None if told is None else CompletionUsage(prompt_tokens=told[0], completion_tokens=told[1], total_tokens=sum(told))
    )  # fmt: skip
    chunk.choices = [
        choice for choice in (chunk.choices if isinstance(chunk.choices, list) else []) if choice is not None
    ]
    for name in ("model", "id"):
        if not isinstance(getattr(chunk, name, None), str):
            setattr(chunk, name, "")
    has_ended = False
    for choice in chunk.choices:
        if not isinstance(getattr(choice, "index", None), int):
            choice.index = 0
        if not isinstance(getattr(choice, "delta", None), ChoiceDelta):
            choice.delta = ChoiceDelta()
        if not isinstance(choice.delta.content, str | None):
            choice.delta.content = joined(choice.delta.content)
        choice.logprobs = None
        end = getattr(choice, "finish_reason", None)
        choice.finish_reason = nearest_end(end, has_text=True) if end else None
        has_ended = has_ended or bool(choice.finish_reason)
    return has_ended


def mend_event(event: Any) -> bool:
    """Set right the last event of a response's stream; return whether it was the last."""
    kind = getattr(event, "type", None)
    if kind == "error":
        body = {"message": getattr(event, "message", None), "code": getattr(event, "code", None)}
        if body["message"] is None:
            body = (event.model_extra or {}).get("error") or body
        if not is_told_as_an_answer(body):
            raise error_within(body)
    if kind in _LAST_EVENTS:
        event.response = mend_response(event.response)
    return kind in _LAST_EVENTS


def _has_text(chunk: Any) -> bool:
    return any(getattr(choice, "delta", None) is not None for choice in getattr(chunk, "choices", None) or [])


def _end_after(chunk: Any, usage: Any) -> Any:
    """Return a chunk that ends an answer whose server names no reason: it has said ``[DONE]``."""
    from openai.types.chat.chat_completion_chunk import ChoiceDelta

    last = chunk.model_copy(deep=True)
    last.usage = usage
    for choice in last.choices:
        choice.delta, choice.finish_reason = ChoiceDelta(), "stop"
    return last
