"""Answers as servers really send them, brought to the form that the SDKs expect, before the model layer reads them.

An answer that was paid for is kept even where its other fields are odd: no finish reason, content as a list of parts,
usage that is missing or no number. What no text can be read from is an `OddAnswer`, with the server's own words.
"""

from __future__ import annotations

import json
from typing import Any

from tunecurve.learners.hosted.failures import OddAnswer
from tunecurve.learners.hosted.usage import whole_number

_KNOWN_ENDS = frozenset({"stop", "length", "tool_calls", "content_filter", "function_call"})
_ENDS_BY_WORD = (("length", ("max", "length")), ("content_filter", ("filter", "safety", "block")))
_BAD_ENDS = ("error", "fail", "abort", "cancel", "insufficient")
_USAGE_OF_GEMINI = ("promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount", "cachedContentTokenCount")


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
        if hasattr(completion, "__aiter__"):  # a stream; its end is read by whoever takes it in
            return completion
        raise OddAnswer(f"the server answered with {str(completion)[:100]!r}, not with a chat completion")
    choices = completion.choices
    if not isinstance(choices, list) or not choices:
        raise _nothing_in(completion)
    for choice in choices:
        _mend_choice(choice)
    told = _told(completion.usage, "prompt_tokens", "completion_tokens")
    completion.usage = (
        None if told is None else CompletionUsage(prompt_tokens=told[0], completion_tokens=told[1], total_tokens=sum(told))
    )  # fmt: skip
    if not isinstance(completion.model, str):
        completion.model = ""
    if not isinstance(completion.id, str):
        completion.id = ""
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
        message.content = _joined(message.content)
    if not isinstance(getattr(choice, "index", None), int):
        choice.index = 0
    end = choice.finish_reason
    if end not in _KNOWN_ENDS:
        choice.finish_reason = _nearest_end(end, has_text=bool(message.content))
    if getattr(choice, "logprobs", None) is not None:
        choice.logprobs = None


def _joined(content: Any) -> str:
    """Return the text of content that comes as parts; thinking is no text."""
    parts = content if isinstance(content, list) else [content]
    texts = [part if isinstance(part, str) else part.get("text") for part in parts if isinstance(part, str | dict)]
    return "".join(text for text in texts if isinstance(text, str))


def _nearest_end(end: Any, *, has_text: bool) -> Any:
    words = str(end or "").lower()
    if any(word in words for word in _BAD_ENDS) or (not has_text and not words):
        return end or "unknown"
    for known, signs in _ENDS_BY_WORD:
        if any(sign in words for sign in signs):
            return known
    return "stop" if has_text else end


def _told(usage: Any, *names: str) -> tuple[int, int] | None:
    """Return (sent, answered) where both are counts."""
    values = usage if isinstance(usage, dict) else vars(usage) if hasattr(usage, "__dict__") else {}
    numbers = [whole_number(values.get(name)) for name in names]
    return None if None in numbers else (numbers[0] or 0, numbers[1] or 0)


def mend_response(response: Any) -> Any:
    """Return an answer of OpenAI's responses API, its usage dropped where it is no usage."""
    usage = getattr(response, "usage", None)
    if usage is not None and _told(usage, "input_tokens", "output_tokens") is None:
        response.usage = None
    return response


def mend_gemini(body: str) -> str:
    """Return the body of Gemini's answer, its usage dropped where it is none.

    Raises
    ------
    OddAnswer
        When it is no JSON object.
    """
    try:
        answer = json.loads(body)
    except ValueError:
        raise OddAnswer(f"the server answered with {body[:100]!r}, not with JSON") from None
    if not isinstance(answer, dict):
        raise OddAnswer(f"the server answered with {body[:100]!r}, not with an answer of Gemini")
    if "error" in answer and not answer.get("candidates"):
        error = answer["error"] if isinstance(answer["error"], dict) else {"message": str(answer["error"])}
        code = error.get("code")
        raise OddAnswer(
            f"the server answered 200 with an error: {error.get('message')}", code if isinstance(code, int) else None
        )
    if not answer.get("candidates") and "promptFeedback" not in answer:
        raise OddAnswer("the server answered 200 without a candidate")
    answer["usageMetadata"] = _gemini_usage(answer.get("usageMetadata"))
    if not isinstance(answer.get("modelVersion"), str):
        answer.pop("modelVersion", None)
    return json.dumps(answer)


def _gemini_usage(usage: Any) -> dict[str, int] | None:
    if not isinstance(usage, dict):
        return None
    numbers = {name: whole_number(usage.get(name) or 0) for name in _USAGE_OF_GEMINI}
    if any(number is None for number in numbers.values()):
        return None
    known = {name: number for name, number in numbers.items() if number is not None}
    prompt, answered, thought, _ = known.values()
    return {**known, "totalTokenCount": prompt + answered + thought}
