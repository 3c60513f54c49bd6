"""Answers as servers really send them, brought to the form that the SDKs expect, before the model layer reads them.

An answer that was paid for is kept even where its other fields are odd: no finish reason, content as a list of parts,
usage that is missing or no number. What no text can be read from is an `OddAnswer`, with the server's own words.
"""

from __future__ import annotations

import json
from typing import Any

from tunecurve.learners.hosted.transport.attempt import this_attempt
from tunecurve.learners.hosted.transport.odd_answers import OddAnswer
from tunecurve.learners.hosted.transport.rest import JsonObject
from tunecurve.learners.hosted.transport.usage import fields_of, told_usd, whole_number

_KNOWN_ENDS = frozenset({"stop", "length", "tool_calls", "content_filter", "function_call"})
_ENDS_BY_WORD = (("length", ("max", "length")), ("content_filter", ("filter", "safety", "block")))
_BAD_ENDS = ("error", "fail", "abort", "cancel", "insufficient")
_BLOCKS = frozenset(
    {
        "content_filter",
        "invalid_prompt",
        "content_policy_violation",
        "bio_policy",
        "cyber_policy",
        "context_length_exceeded",
    }
)
_USAGE_OF_GEMINI = (
    "promptTokenCount", "toolUsePromptTokenCount", "candidatesTokenCount", "thoughtsTokenCount", "totalTokenCount",
)  # fmt: skip


def mend_chat(completion: Any) -> Any:
    """Return a chat completion of OpenAI's SDK with odd fields set right.

    Raises
    ------
    OddAnswer
        When there is no answer in it.
    """
    from openai.types import CompletionUsage
    from openai.types.chat import ChatCompletion

    if not isinstance(completion, ChatCompletion):
        raise OddAnswer(_not_a(completion, "a chat completion"))
    choices = completion.choices
    if not isinstance(choices, list) or not choices:
        raise _nothing_in(completion)
    for choice in choices:
        _mend_choice(choice)
    told = told_usage(completion.usage, "prompt_tokens", "completion_tokens")
    completion.usage = (
        None if told is None else CompletionUsage(prompt_tokens=told[0], completion_tokens=told[1], total_tokens=sum(told))
    )  # fmt: skip
    if not isinstance(completion.model, str):
        completion.model = ""
    if not isinstance(completion.id, str):
        completion.id = ""
    if not isinstance(completion.created, int):
        completion.created = 0
    return completion


def _nothing_in(completion: Any) -> OddAnswer:
    error = (completion.model_extra or {}).get("error")
    if error is None:
        return OddAnswer("the server answered 200 without a choice")
    code = error.get("code") if isinstance(error, dict) else None
    words = error.get("message") if isinstance(error, dict) else None
    status = code if isinstance(code, int) and 400 <= code < 600 else None
    return OddAnswer(f"the server answered 200 with an error: {words or json.dumps(error, default=str)}", status)


def _mend_choice(choice: Any) -> None:
    from openai.types.chat import ChatCompletionMessage

    message = getattr(choice, "message", None)
    if message is None or isinstance(message, str | dict):  # the older form: the text beside the choice
        text = message if isinstance(message, str) else (choice.model_extra or {}).get("text")
        if not isinstance(text, str):
            raise OddAnswer("the server answered 200 with a choice without a message")
        message = choice.message = ChatCompletionMessage(role="assistant", content=text)
    if not isinstance(message.content, str | None):
        message.content = joined(message.content)
    if not isinstance(getattr(choice, "index", None), int):
        choice.index = 0
    end = choice.finish_reason
    if end not in _KNOWN_ENDS:
        choice.finish_reason = nearest_end(end, has_text=bool(message.content))
    if getattr(choice, "logprobs", None) is not None:
        choice.logprobs = None


def _not_a(body: Any, what: str) -> str:
    text = str(body)
    hint = "; it answers in a stream: set hosted.stream: true" if text.lstrip().startswith(("data:", "event:")) else ""
    return f"the server answered with {text[:100]!r}, not with {what}{hint}"


def joined(content: Any) -> str:
    """Return the text of content that comes as parts, or as a number; thinking is no text."""
    if isinstance(content, int | float) and not isinstance(content, bool):
        return str(content)
    parts = content if isinstance(content, list) else [content]
    texts = [part if isinstance(part, str) else part.get("text") for part in parts if isinstance(part, str | dict)]
    return "".join(text for text in texts if isinstance(text, str))


def nearest_end(end: Any, *, has_text: bool) -> Any:
    """Return the end among OpenAI's that a server's own word means; a word that says of a fault stays as it is."""
    words = str(end or "").lower()
    if any(word in words for word in _BAD_ENDS) or (not has_text and not words):
        return end or "unknown"
    for known, signs in _ENDS_BY_WORD:
        if any(sign in words for sign in signs):
            return known
    return "stop" if has_text else end


def told_usage(usage: Any, *names: str) -> tuple[int, int] | None:
    """Return (sent, answered) where both are counts; what a total has beyond them was thought, and is billed as answered.

    A price that stands beside them is noted for the attempt.
    """
    values = fields_of(usage)
    cost = told_usd(usage)
    if cost is not None:
        this_attempt().told_usd = cost
    sent, answered = (whole_number(values.get(name)) for name in names)
    if sent is None or answered is None:
        return None
    return sent, max(answered, (whole_number(values.get("total_tokens")) or 0) - sent)


def mend_response(response: Any) -> Any:
    """Return an answer of OpenAI's responses API with odd fields set right.

    Raises
    ------
    OddAnswer
        When there is no answer in it: an error that is no filter's, or a response that is not finished.
    """
    from openai.types.responses import Response
    from openai.types.responses.response_usage import InputTokensDetails, OutputTokensDetails, ResponseUsage

    if not isinstance(response, Response):
        raise OddAnswer(_not_a(response, "a response"))
    error = getattr(response, "error", None)
    if error is not None and not is_told_as_an_answer(error):
        raise _failed(response, error)
    if error is None:
        _check_status(response)
        response.output = [_mend_item(item) for item in _without_comments(response.output or []) if item is not None]
    told = told_usage(getattr(response, "usage", None), "input_tokens", "output_tokens")
    response.usage = None
    if told is not None:
        response.usage = ResponseUsage(
            input_tokens=told[0],
            output_tokens=told[1],
            total_tokens=sum(told),
            input_tokens_details=InputTokensDetails.construct(cached_tokens=0),
            output_tokens_details=OutputTokensDetails.construct(reasoning_tokens=0),
        )
    if not isinstance(getattr(response, "model", None), str):
        response.model = ""
    return response


def is_told_as_an_answer(error: Any) -> bool:
    """Return whether the model layer turns an error into an answer that says so: a filter's verdict, too long a prompt."""
    return _code_of(error) in _BLOCKS


def _code_of(error: Any) -> str:
    return str(error.get("code") if isinstance(error, dict) else getattr(error, "code", None))


def _failed(response: Any, error: Any) -> OddAnswer:
    said = error.get("message") if isinstance(error, dict) else getattr(error, "message", None)
    code = {"rate_limit_exceeded": "429", "server_error": "500"}.get(_code_of(error), _code_of(error))
    status = int(code) if code.isdigit() and 400 <= int(code) < 600 else 500
    reason = f"the server answered 200 with an error: {said or error}"
    return OddAnswer(reason, status, may_be_billed=getattr(response, "output", None) is not None)


def _check_status(response: Any) -> None:
    """Raise for a response that is no answer; one that is not complete for a reason of its own counts as cut."""
    from openai.types.responses.response import IncompleteDetails

    status = getattr(response, "status", None)
    if status in ("failed", "cancelled", "queued", "in_progress"):
        raise OddAnswer(f"the server answered with a response that is '{status}'", 500, may_be_billed=True)
    if not isinstance(getattr(response, "output", None), list):
        raise OddAnswer("the server answered 200 without an output")
    reason = getattr(getattr(response, "incomplete_details", None), "reason", None)
    if status == "incomplete" and reason not in ("max_output_tokens", "content_filter"):
        is_filter = nearest_end(reason, has_text=True) == "content_filter"
        response.incomplete_details = IncompleteDetails(reason="content_filter" if is_filter else "max_output_tokens")
    elif status != "incomplete" and reason is None:
        response.incomplete_details = None


def _without_comments(items: list[Any]) -> list[Any]:
    """Return the items of an output; where one is marked as the final answer, the others' texts are remarks on the way."""
    phases = [getattr(item, "phase", None) for item in items]
    if "final_answer" not in phases:
        return items
    return [item for item, phase in zip(items, phases, strict=True) if phase in (None, "final_answer")]


def _mend_item(item: Any) -> Any:
    """Return an item of a response's output; texts in other forms than OpenAI's become texts."""
    from openai.types.responses import ResponseOutputMessage, ResponseOutputRefusal, ResponseOutputText

    if getattr(item, "type", None) != "message":
        return item
    content = getattr(item, "content", None)
    parts = [content] if isinstance(content, str) else content if isinstance(content, list) else []
    texts: list[Any] = []
    for part in parts:
        if isinstance(part, ResponseOutputRefusal):
            texts.append(part)
            continue
        text = (
            part
            if isinstance(part, str)
            else part.get("text")
            if isinstance(part, dict)
            else getattr(part, "text", None)
        )
        if isinstance(text, str):
            texts.append(ResponseOutputText(type="output_text", text=text, annotations=[]))
    name = getattr(item, "id", None)
    return ResponseOutputMessage(
        id=name if isinstance(name, str) else "", type="message", role="assistant", status="completed", content=texts
    )


def json_object(body: str, what: str) -> JsonObject:
    """Return the object that a body is.

    Raises
    ------
    OddAnswer
        When it is none; `what` is expected in its place.
    """
    try:
        answer = json.loads(body.removeprefix("\ufeff"))
    except ValueError:
        raise OddAnswer(f"the server answered with {body[:100]!r}, not with JSON") from None
    if not isinstance(answer, dict):
        raise OddAnswer(f"the server answered with {body[:100]!r}, not with {what}")
    return answer


def mend_gemini(body: str) -> str:
    """Return the body of Gemini's answer, its usage dropped where it is none.

    Raises
    ------
    OddAnswer
        When it is no JSON object.
    """
    answer = json_object(body, "an answer of Gemini")
    if "error" in answer and not answer.get("candidates"):
        error = answer["error"] if isinstance(answer["error"], dict) else {"message": str(answer["error"])}
        code = error.get("code")
        raise OddAnswer(
            f"the server answered 200 with an error: {error.get('message')}", code if isinstance(code, int) else None
        )
    if not answer.get("candidates") and "promptFeedback" not in answer:
        raise OddAnswer("the server answered 200 without a candidate")
    for candidate in answer.get("candidates") or []:
        _mend_candidate(candidate)
    answer["usageMetadata"] = _gemini_usage(answer.get("usageMetadata"))
    if not isinstance(answer.get("modelVersion"), str):
        answer.pop("modelVersion", None)
    return json.dumps(answer)


def _mend_candidate(candidate: Any) -> None:
    """Give a candidate whose end is a word that the SDK does not know the one that is meant, where it has a text."""
    from google.genai.types import FinishReason

    if not isinstance(candidate, dict) or candidate.get("finishReason") in {None, *(end.value for end in FinishReason)}:
        return
    content = candidate.get("content")
    parts = content.get("parts") if isinstance(content, dict) else None
    has_text = any(isinstance(part, dict) and part.get("text") and not part.get("thought") for part in parts or [])
    end = nearest_end(candidate["finishReason"], has_text=has_text)
    candidate["finishReason"] = {"stop": "STOP", "length": "MAX_TOKENS", "content_filter": "SAFETY"}.get(end, "OTHER")


def _gemini_usage(usage: Any) -> dict[str, int] | None:
    """Return the counts by kind; cached tokens are part of the prompt's, and a total's rest is billed as answered."""
    if not isinstance(usage, dict):
        return None
    prompt, tools, answered, thought, total = (whole_number(usage.get(name) or 0) for name in _USAGE_OF_GEMINI)
    if prompt is None or tools is None or answered is None or thought is None:
        return None
    prompt += tools
    thought = max(thought, (total or 0) - prompt - answered)
    return {
        "promptTokenCount": prompt,
        "candidatesTokenCount": answered,
        "thoughtsTokenCount": thought,
        "totalTokenCount": prompt + answered + thought,
    }
