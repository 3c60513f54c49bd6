"""Requests in OpenAI's form: what is asked, or what is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tunecurve.prompts import DEFAULT_TEMPLATE, Message, Prompt, PromptRenderer

if TYPE_CHECKING:
    from tunecurve.predictor import Predictor

# Said, and without an effect on one greedy answer.
_WITHOUT_EFFECT = frozenset(
    {
        "model", "messages", "prompt", "stream", "stream_options", "user", "seed", "store", "metadata", "top_p", "temperature", "n",
        "max_tokens", "max_completion_tokens", "stop", "safety_identifier", "prompt_cache_key", "service_tier",
    }
)  # fmt: skip
MOST_STOPS = 4
# Taken at these values alone.
_NEUTRAL: dict[str, tuple[object, ...]] = {
    "temperature": (None, 0, 0.0),
    "n": (None, 1),
    "presence_penalty": (None, 0),
    "frequency_penalty": (None, 0),
    "logprobs": (None, False),
    "tools": (None, []),
    "response_format": (None, {"type": "text"}),
    "echo": (None, False),
    "best_of": (None, 1),
    "suffix": (None, ""),
    "logit_bias": (None, {}),
}


class BadRequest(Exception):
    """A request that cannot be answered.

    Attributes
    ----------
    status : int
        HTTP's.
    parameter : str or None
        The key that is wrong.
    """

    def __init__(self, message: str, parameter: str | None = None, status: int = 400, code: str | None = None) -> None:
        super().__init__(message)
        self.parameter, self.status, self.code = parameter, status, code

    def to_json(self) -> dict[str, object]:
        """Return the error as OpenAI's clients read it."""
        kind = {401: "authentication_error", 403: "permission_error"}.get(self.status, "invalid_request_error")
        kind = "server_error" if self.status >= 500 else kind
        return {"error": {"message": str(self), "type": kind, "param": self.parameter, "code": self.code}}


@dataclass(frozen=True)
class Asked:
    """What one request asks for."""

    prompts: tuple[Prompt, ...]
    """One for a chat; for completions, as many as texts were given."""
    most_tokens: int | None = None
    """The longest answer, in tokens; None: as long as in the study."""
    stops: tuple[str, ...] = ()
    """Texts before which an answer ends."""
    is_stream: bool = False
    """Whether the answer is to come as events."""
    tells_usage: bool = False
    """Whether the last event is to tell how many tokens were read and written."""

    @classmethod
    def of(cls, values: Mapping[str, Any], prompts: Sequence[Prompt]) -> Asked:
        """Return prompts with how a request wants their answers."""
        usage = values.get("stream_options") or {}
        tells_usage = isinstance(usage, dict) and bool(usage.get("include_usage"))
        return cls(tuple(prompts), _most_tokens(values), _stops(values), bool(values.get("stream")), tells_usage)


def read_json(body: bytes) -> dict[str, Any]:
    """Return a request's body as a mapping."""
    try:
        values = json.loads(body)
    except (ValueError, RecursionError):
        raise BadRequest("the body is not JSON; expected a JSON object") from None
    try:
        json.dumps(values, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise BadRequest("the body holds half of a surrogate pair (\\ud800 to \\udfff), which is no text") from None
    if not isinstance(values, dict):
        raise BadRequest("the body is no JSON object; expected one with 'model' and 'messages'")
    return values


def read_chat(values: Mapping[str, Any], model: str, predictor: Predictor) -> Asked:
    """Return what a chat asks for.

    Without a system message the study's instruction, template and, where its prompts had such ones, similar examples are put around
    the user's texts; with one, the messages are taken as they are.
    """
    _check(values, model)
    messages = [_message(one, number) for number, one in enumerate(_list(values, "messages"))]
    if not messages or messages[-1].role != "user":
        raise BadRequest("the last message must be the user's: the text to answer", "messages")
    told = [message for message in messages if message.role == "system"]
    takes_prompts = predictor.learner.takes_prompts
    if not takes_prompts and (len(messages) > 1 and not (len(messages) == 2 and told)):
        raise BadRequest("this model reads one text alone; expected one user message", "messages")
    if any(message.role == "system" for message in messages[1:]):
        raise BadRequest("a system message must be the first one", "messages")
    if told and takes_prompts and told[0].content != predictor.renderer.system_text:
        prompt = _as_given(messages, predictor.renderer)
    else:
        prompt = _as_measured([message for message in messages if message.role != "system"], predictor)
    return Asked.of(values, [prompt])


def read_completion(values: Mapping[str, Any], model: str, predictor: Predictor) -> Asked:
    """Return what a completion asks for: each text is an input of the study, put into its prompt."""
    _check(values, model)
    given = values.get("prompt")
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise BadRequest("'prompt' must be a text or a list of texts", "prompt")
    if not all(text.strip() for text in texts):
        raise BadRequest("'prompt' holds an empty text; there is nothing to answer", "prompt")
    if values.get("stream"):
        raise BadRequest("completions do not stream here; use chat completions, or leave 'stream' out", "stream")
    return Asked.of(values, predictor.prompts(texts))


def _check(values: Mapping[str, Any], model: str) -> None:
    asked = values.get("model")
    if not isinstance(asked, str):
        raise BadRequest(f"'model' is missing; there is '{model}'", "model")
    if asked != model:
        raise BadRequest(f"the model '{asked}' does not exist; there is '{model}'", "model", 404, "model_not_found")
    for key, value in values.items():
        if key in _NEUTRAL and value not in _NEUTRAL[key]:
            raise BadRequest(
                f"'{key}' is {json.dumps(value)[:60]}; this model answers as it was measured, one greedy answer: leave '{key}' out",
                key,
            )
        if key not in _NEUTRAL and key not in _WITHOUT_EFFECT:
            raise BadRequest(f"unknown key '{key}'; leave it out", key)


def _list(values: Mapping[str, Any], key: str) -> list[Any]:
    found = values.get(key)
    if not isinstance(found, list):
        raise BadRequest(f"'{key}' must be a list of messages, each with 'role' and 'content'", key)
    return found


def _message(given: Any, number: int) -> Message:
    role = given.get("role") if isinstance(given, dict) else None
    if role not in ("system", "developer", "user", "assistant"):
        raise BadRequest(f"messages[{number}] has the role {role!r}; expected system, user or assistant", "messages")
    content = given.get("content")
    if isinstance(content, list) and all(isinstance(part, dict) and part.get("type") == "text" for part in content):
        content = "".join(str(part.get("text", "")) for part in content)
    if not isinstance(content, str):
        raise BadRequest(f"messages[{number}] has no text; expected 'content' as text", "messages")
    if role == "user" and not content.strip():
        raise BadRequest(f"messages[{number}] is empty; there is nothing to answer", "messages")
    return Message("system" if role == "developer" else role, content)


def _as_given(messages: list[Message], renderer: PromptRenderer) -> Prompt:
    source = messages[-1].content
    bare = PromptRenderer("", DEFAULT_TEMPLATE, renderer.labels, renderer.numbered, renderer.form, renderer.shape)
    return Prompt(tuple(messages), source, bare.labels, bare.numbered, bare.form, bare.shape)


def _as_measured(messages: list[Message], predictor: Predictor) -> Prompt:
    """Return the study's prompt, earlier turns as its examples are, behind those that it has."""
    [prompt] = predictor.prompts([messages[-1].content])
    turns = [
        Message("user", predictor.renderer.user_text(message.content)) if message.role == "user" else message
        for message in messages[:-1]
    ]
    return replace(prompt, messages=(*prompt.messages[:-1], *turns, prompt.messages[-1]))


def _most_tokens(values: Mapping[str, Any]) -> int | None:
    given = [(key, values[key]) for key in ("max_completion_tokens", "max_tokens") if values.get(key) is not None]
    for key, value in given:
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise BadRequest(f"'{key}' is {json.dumps(value)[:60]}; expected a whole number from 1", key)
    return min((value for _, value in given), default=None)


def _stops(values: Mapping[str, Any]) -> tuple[str, ...]:
    given = values.get("stop") or []
    stops = [given] if isinstance(given, str) else given
    if (
        not isinstance(stops, list)
        or not all(isinstance(stop, str) and stop for stop in stops)
        or len(stops) > MOST_STOPS
    ):
        raise BadRequest(f"'stop' must be a text, or a list of at most {MOST_STOPS} texts", "stop")
    return tuple(stops)
