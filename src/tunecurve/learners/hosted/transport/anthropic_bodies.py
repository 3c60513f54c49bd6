"""Answers of Anthropic's messages API as servers really send them, brought to the form that its SDK expects."""

from __future__ import annotations

import json
from typing import Any

from tunecurve.learners.hosted.transport.answer_bodies import json_object, nearest_end
from tunecurve.learners.hosted.transport.odd_answers import OddAnswer
from tunecurve.learners.hosted.transport.rest import JsonObject
from tunecurve.learners.hosted.transport.usage import whole_number

_KNOWN_ENDS = frozenset({"end_turn", "max_tokens", "stop_sequence", "tool_use", "refusal"})
# A pause is one of the provider's own tools, which nobody asked for: what is written by then is all there is.
_CUT = frozenset({"pause_turn", "model_context_window_exceeded"})
_ENDS = {"length": "max_tokens", "content_filter": "refusal", "stop": "end_turn"}
_USAGE = ("input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
_STATUS_OF_ERROR = {
    "invalid_request_error": 400, "authentication_error": 401, "billing_error": 402, "permission_error": 403,
    "not_found_error": 404, "request_too_large": 413, "rate_limit_error": 429, "api_error": 500, "timeout_error": 504,
    "overloaded_error": 529,
}  # fmt: skip


def mend_anthropic(body: str) -> str:
    """Return the body of an answer with odd fields set right; usage that is none becomes zero, which is then estimated.

    Raises
    ------
    OddAnswer
        When there is no answer in it.
    """
    answer = json_object(body, "a message")
    if answer.get("error") is not None and not answer.get("content"):
        raise _error_in(answer["error"])
    if "content" not in answer and "usage" not in answer:  # another kind of answer than a message's
        return body
    blocks = answer.get("content")
    blocks = [{"type": "text", "text": blocks}] if isinstance(blocks, str) else blocks
    answer["content"] = [block for block in blocks if isinstance(block, dict)] if isinstance(blocks, list) else []
    answer["stop_reason"] = _end_of(answer)
    answer["usage"] = _usage_in(answer.get("usage"))
    for name in ("id", "model"):
        if not isinstance(answer.get(name), str):
            answer[name] = ""
    return json.dumps(answer)


def _usage_in(told: Any) -> JsonObject:
    """Return the counts that are told; zeros where one of them is no count."""
    values = told if isinstance(told, dict) else {}
    numbers = {name: whole_number(values.get(name) or 0) for name in _USAGE}
    return dict.fromkeys(_USAGE, 0) if None in numbers.values() else numbers


def _end_of(answer: JsonObject) -> Any:
    end = answer.get("stop_reason")
    if end in _KNOWN_ENDS:
        return end
    if end in _CUT:
        return "max_tokens"
    has_text = any(block.get("type") == "text" and block.get("text") for block in answer["content"])
    known = nearest_end(end, has_text=has_text)
    return _ENDS.get(known, known)


def _error_in(error: Any) -> OddAnswer:
    said = error.get("message") if isinstance(error, dict) else None
    kind = error.get("type") if isinstance(error, dict) else None
    return OddAnswer(
        f"the server answered 200 with an error: {said or json.dumps(error)}", _STATUS_OF_ERROR.get(kind or "")
    )
