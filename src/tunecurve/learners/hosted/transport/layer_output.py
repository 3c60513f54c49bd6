"""What the model layer of inspect_ai makes of an answer, told apart: text, refusal, filter, cap, usage."""

from __future__ import annotations

from typing import Any

from tunecurve.learners.base import StopReason
from tunecurve.learners.hosted.transport.gateway import Reply
from tunecurve.learners.hosted.transport.usage import whole_number
from tunecurve.privacy.redact import redact


def reply_of(output: Any, seconds: float, no_content: str, *, is_free: bool) -> Reply:
    """Return the model layer's output as what it is."""
    usage, choice = output.usage, output.choices[0] if output.choices else None
    tokens_in = tokens_out = None
    if usage is not None:
        cached = (usage.input_tokens_cache_read or 0) + (usage.input_tokens_cache_write or 0)
        tokens_in, tokens_out = whole_number(usage.input_tokens + cached), whole_number(usage.output_tokens)
    elif is_free:
        tokens_in = tokens_out = 0
    stop_reason, detail = _stop_reason(choice, output)
    text = _text_of(choice) if stop_reason in ("end", "length") else ""
    if text == no_content:
        text = ""
    return Reply(text, stop_reason, tokens_in, tokens_out, seconds, detail, output.model or None, is_free)


def _text_of(choice: Any) -> str:
    """Return an answer's text; its parts follow one another without a break, as every provider writes them."""
    content = choice.message.content
    if isinstance(content, str):
        return content
    return "".join(part.text for part in content if part.type == "text")


def _stop_reason(choice: Any, output: Any) -> tuple[StopReason, str | None]:
    if choice is None:
        return "error", redact(str(output.error or "the provider sent no answer"))
    details = choice.stop_details
    because = redact(details.explanation or details.category or details.type or "") if details is not None else ""
    content = choice.message.content
    refused = not isinstance(content, str) and any(getattr(part, "refusal", None) for part in content)
    # The layer calls a filter's verdict on the prompt a refusal, too; a filter says content_filter.
    if refused or (details is not None and details.type == "refusal" and choice.stop_reason != "content_filter"):
        return "refused", because or "the model refused"
    called = [str(call.function) for call in choice.message.tool_calls or []]
    if called and not _text_of(choice):
        return "refused", redact(
            f"the model called a tool that it does not have ({', '.join(called)}) instead of answering"
        )
    match choice.stop_reason:
        case "stop" | "tool_calls":
            return "end", None
        case "max_tokens":
            return "length", None
        case "content_filter":
            return "blocked", because or "blocked by the provider's filter"
        case "model_length":
            return "error", "longer than the model's context"
        case other:
            return "error", f"the provider ended the answer for another reason ({because or other})"
