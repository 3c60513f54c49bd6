"""One call to a provider, through the model layer of inspect_ai: what came back, or why not and whether to try again.

Retries, concurrency, money and caching are not done here and are switched off below: they have one owner each
(`sending`, `budget`, `ledger`). What the layer would turn into an answer's text - a notice that the prompt was blocked,
that there was no content, that the context is full - is told apart from what a model has written.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Protocol

from tunecurve.errors import EnvironmentProblem, ModelError
from tunecurve.learners.base import StopReason
from tunecurve.learners.hosted.batches import BatchBook
from tunecurve.learners.hosted.names import HostedName
from tunecurve.prompts import Message
from tunecurve.redact import redact

# Error texts that mean: no more today, whatever one waits; trying again would only cost time.
QUOTA_IS_GONE = re.compile(
    r"insufficient_quota|limit: 0\b|credit balance|billing|per ?day|exceeded your current quota, please check your plan",
    re.IGNORECASE,
)
_NOTHING_WAS_SENT = re.compile(
    r"connect(ion)? (call )?(failed|refused)|cannot connect|name resolution|getaddrinfo", re.I
)
LONGEST_RETRY_AFTER_SECONDS = 600.0


@dataclass(frozen=True)
class Reply:
    """What a provider answered.

    Attributes
    ----------
    text : str
        The answer; empty where there is none.
    stop_reason : str
        As in `Completion`.
    tokens_in, tokens_out : int
        As billed, thinking and cached tokens included.
    seconds : float
        From sending to receiving.
    detail : str or None
        Why it was blocked, refused or cut.
    model_version : str or None
        Which version answered, as the provider says.
    """

    text: str
    stop_reason: StopReason
    tokens_in: int
    tokens_out: int
    seconds: float
    detail: str | None = None
    model_version: str | None = None


@dataclass(frozen=True)
class Failure:
    """Why no answer came back.

    Attributes
    ----------
    reason : str
        In one line, without secrets.
    is_fatal : bool
        No other call to this model could end better.
    is_rate_limit : bool
        The provider wants fewer calls.
    retry_after_seconds : float or None
        What the provider asks to wait.
    may_be_billed : bool
        The request may have been worked on.
    """

    reason: str
    is_fatal: bool = False
    is_rate_limit: bool = False
    retry_after_seconds: float | None = None
    may_be_billed: bool = False


class Gateway(Protocol):
    """Sends one request, once."""

    async def send(self, messages: Sequence[Message], max_tokens: int, key: str) -> Reply | Failure:
        """Return the reply or the failure of one attempt at the call with this key; raises nothing."""
        ...

    async def close(self) -> None:
        """Close connections."""
        ...


@dataclass(frozen=True)
class GatewayOptions:
    """What is sent beside messages and answer cap; every value is part of a call's key."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    seed: int | None = None
    thinking: str = "minimal"
    safety: Any = "off"
    batch: bool = False
    timeout_seconds: float = 120.0
    # Family of a tuned model's base: an endpoint's name does not say that it is a Gemini.
    family: str | None = None
    project: str | None = None
    location: str | None = None


class InspectGateway:
    """The model layer of inspect_ai, one attempt at a time; made and used inside one event loop."""

    def __init__(self, name: HostedName, options: GatewayOptions, batch_book: BatchBook | None = None) -> None:
        self.name, self.options, self._batch_book = name, options, batch_book
        self._api, self._no_content = _open_model(name, options)

    async def send(self, messages: Sequence[Message], max_tokens: int, key: str = "") -> Reply | Failure:
        """Return the reply or the failure of one attempt."""
        started = time.perf_counter()
        wait = None if self.options.batch else self.options.timeout_seconds
        try:
            async with asyncio.timeout(wait):
                with self._batch_book.row(key) if self._batch_book else nullcontext():
                    output = await self._generate(messages, max_tokens)
        except TimeoutError:
            return Failure(f"no answer within {self.options.timeout_seconds:g} s", may_be_billed=True)
        except Exception as error:
            return self._failure(error)
        if isinstance(output, Exception):
            return self._failure(output)
        return _reply(output, time.perf_counter() - started, self._no_content)

    async def _generate(self, messages: Sequence[Message], max_tokens: int) -> Any:
        from inspect_ai.model import ChatMessageAssistant, ChatMessageSystem, ChatMessageUser

        kinds = {"system": ChatMessageSystem, "user": ChatMessageUser, "assistant": ChatMessageAssistant}
        turns = [kinds[message.role](content=message.content) for message in messages]
        config = self._config(max_tokens)
        result = await self._api.generate(turns, [], "none", config)
        return result[0] if isinstance(result, tuple) else result

    def _config(self, max_tokens: int) -> Any:
        from inspect_ai.model import GenerateConfig

        options = self.options
        given = {key: getattr(options, key) for key in ("temperature", "top_p", "top_k", "seed")}
        if self.name.provider == "google" and options.thinking == "minimal":
            # Flash models of generation 2.5 can switch thinking off; later ones and Pro only turn it down.
            can_be_off = "2.5-flash" in (options.family or self.name.model)
            given["reasoning_effort"] = "none" if can_be_off else "minimal"
        if options.batch:
            given["batch"] = True
        return GenerateConfig(
            max_tokens=max_tokens, **{key: value for key, value in given.items() if value is not None}
        )

    def _failure(self, error: Exception) -> Failure:
        return explain_failure(error, self._api.should_retry, self.name)

    async def close(self) -> None:
        """Close connections."""
        await self._api.aclose()


def _open_model(name: HostedName, options: GatewayOptions) -> tuple[Any, str]:
    try:
        from inspect_ai._util.constants import NO_CONTENT
        from inspect_ai.model import ModelInfo, get_model, set_model_info
    except ImportError as error:
        raise EnvironmentProblem(
            f"model '{name.full_name}' needs the extra 'hosted' ({error.name or error} is missing); "
            "run: pip install 'tunecurve[hosted]'"
        ) from None
    # The layer warns at length about things that are handled here.
    logging.getLogger("inspect_ai").setLevel(logging.ERROR)
    arguments: dict[str, Any] = {}
    if name.provider == "google":
        arguments |= _google_arguments(name, options)
    # The SDKs' own retries would be a second owner.
    elif name.provider == "grok":
        arguments["disable_retry"] = True
    elif name.provider in ("openai", "openai-api", "anthropic", "groq", "ollama", "vllm"):
        arguments["max_retries"] = 0
    if name.provider == "openai" and options.family:
        arguments["responses_api"] = False
    if options.family:
        set_model_info(name.full_name, ModelInfo(family=options.family))
        set_model_info(name.full_name.partition("/")[2], ModelInfo(family=options.family))
    try:
        api: Any = get_model(name.full_name, memoize=False, **arguments).api
        if name.provider == "google":
            from tunecurve.learners.hosted.google_access import send_once, share_one_client

            send_once(api)
            share_one_client(api)
            if options.safety == "provider":
                api.safety_settings = []  # type: ignore[attr-defined]  # none sent: the layer's own default is to switch the filters off
        client: Any = getattr(api, "client", None)
        if hasattr(client, "max_retries"):  # every SDK made after OpenAI's
            client.max_retries = 0
        return api, NO_CONTENT
    except Exception as error:
        raise ModelError(f"cannot use model '{name.full_name}': {one_line(error)}") from None


def _google_arguments(name: HostedName, options: GatewayOptions) -> dict[str, Any]:
    arguments: dict[str, Any] = {}
    if isinstance(options.safety, dict):
        arguments["safety_settings"] = options.safety
    if name.service == "vertex":
        from tunecurve.learners.hosted.google_access import credentials_from_environment, place_of

        project, location = place_of(name.model, options.project, options.location)
        arguments |= {"project": project, "location": location}
        credentials = credentials_from_environment()
        if credentials is not None:
            arguments["credentials"] = credentials
    return arguments


def _reply(output: Any, seconds: float, no_content: str) -> Reply:
    """Return the model layer's output as what it is."""
    usage, choice = output.usage, output.choices[0] if output.choices else None
    tokens_in = tokens_out = 0
    if usage is not None:
        tokens_in = usage.input_tokens + (usage.input_tokens_cache_read or 0) + (usage.input_tokens_cache_write or 0)
        tokens_out = usage.output_tokens
    stop_reason, detail = _stop_reason(choice, output)
    text = output.completion if stop_reason in ("end", "length") else ""
    if text == no_content:
        text = ""
    return Reply(text, stop_reason, tokens_in, tokens_out, seconds, detail, output.model or None)


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


def explain_failure(error: Exception, should_retry: Any, name: HostedName) -> Failure:
    """Return what an exception of an SDK means.

    Parameters
    ----------
    error : Exception
        As raised.
    should_retry : callable
        The provider's own judgement, with the wait that it asks for.
    name : HostedName
        For the message.
    """
    status = _status_of(error)
    text = one_line(error)
    if status == 429 and QUOTA_IS_GONE.search(text):
        return Failure(f"the quota of '{name.full_name}' is used up (429): {text}", is_fatal=True)
    if 400 <= status < 500 and status not in (408, 409, 425, 429):
        return Failure(_clear_line(status, text, name), is_fatal=True)
    decision = should_retry(error)
    wait = getattr(decision, "retry_after", None)
    if wait is not None and wait > LONGEST_RETRY_AFTER_SECONDS:
        return Failure(f"'{name.full_name}' asks to come back in {wait:.0f} s ({status})", is_fatal=True)
    if status:
        return Failure(f"{status}: {text}", is_rate_limit=status == 429, retry_after_seconds=wait)
    return Failure(text, may_be_billed=not _NOTHING_WAS_SENT.search(text))


def _status_of(error: Exception) -> int:
    for code in (getattr(error, "status_code", None), getattr(error, "code", None)):
        if isinstance(code, int) and 100 <= code < 600:
            return code
    return 0


def _clear_line(status: int, text: str, name: HostedName) -> str:
    if status in (401, 403):
        keys = " or ".join(name.key_variables()) or "the login (gcloud auth application-default login)"
        return f"'{name.full_name}' refuses the key or the account ({status}): {text}; check {keys}"
    if status == 404:
        return (
            f"the provider knows no model '{name.full_name}' at this address ({status}): {text}; check the model's name"
        )
    return f"'{name.full_name}' rejects the request ({status}): {text}"


def one_line(error: BaseException) -> str:
    """Return an exception's text in one line, without secrets and not longer than people read."""
    return redact(" ".join(f"{type(error).__name__}: {error}".split()))[:300]
