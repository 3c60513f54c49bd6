"""The model layer of inspect_ai as a gateway. Everything that changes what it does is here and in `batches`.

inspect_ai 0.3.280 to 0.3.x: request formats, stop reasons, usage, batches. Its repeats, its concurrency, its cache and
its hidden probe are switched off: those have one owner each (`sending`, `ledger`). No client within it follows a
redirect. What it would turn into an answer's text - a notice that the prompt was blocked, that there was no content, that
the context is full - is told apart from what a model has written.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

from tunecurve.errors import EnvironmentProblem, ModelError, TunecurveError, how_to_install, needing
from tunecurve.learners.hosted.names import HostedName
from tunecurve.learners.hosted.transport.answer_bodies import mend_chat, mend_gemini, mend_response
from tunecurve.learners.hosted.transport.answer_streams import CheckedStream, mend_chunk, mend_event
from tunecurve.learners.hosted.transport.anthropic_bodies import mend_anthropic
from tunecurve.learners.hosted.transport.attempt import (
    after_response,
    before_request,
    begin_attempt,
    count_requests,
    this_attempt,
)
from tunecurve.learners.hosted.transport.aws_access import send_once_to_aws
from tunecurve.learners.hosted.transport.batches import BatchBook
from tunecurve.learners.hosted.transport.failures import explain_failure, one_line
from tunecurve.learners.hosted.transport.gateway import Failure, GatewayOptions, Reply
from tunecurve.learners.hosted.transport.inspect_parts import as_outside_a_notebook, model_layer, provider_module
from tunecurve.learners.hosted.transport.layer_output import reply_of
from tunecurve.learners.hosted.transport.lighter_sdks import (
    chat_without_transform,
    compare_no_fields,
    find_proxy_once,
    remember_sockets,
)
from tunecurve.learners.hosted.transport.redirects import http_clients, refuse_redirects, refuse_redirects_of_google
from tunecurve.prompts import Message

# Its packages import one another in circles, and are patched: studies in several threads open their models in turn.
_one_at_a_time = threading.Lock()
# What a function of an SDK is called with.
Keywords = dict[str, Any]
# Gemini 2.5 Pro thinks with no smaller budget than this.
LEAST_BUDGET_OF_PRO = 128
# HTTP/2 remote calls know no redirects; Amazon's clients are made to follow none by `send_once_to_aws`.
_WITHOUT_REDIRECTS = frozenset({"grok", "bedrock"})
# The model layer makes a client a call for these, of a class that follows none by itself, or is told so below.
_CLIENT_A_CALL = frozenset({"mistral", "azureai"})


class InspectGateway:
    """The model layer of inspect_ai, one attempt at a time; made and used inside one event loop."""

    def __init__(self, name: HostedName, options: GatewayOptions, batch_book: BatchBook | None = None) -> None:
        self.name, self.options, self._batch_book = name, options, batch_book
        with _one_at_a_time:
            self._api, self._no_content = _open_model(name, options)
        self._reads_leniently = _is_of_openai(getattr(self._api, "client", None))

    async def send(self, messages: Sequence[Message], max_tokens: int, key: str = "") -> Reply | Failure:
        """Return the reply or the failure of one attempt."""
        started = time.perf_counter()
        wait = None if self.options.batch else self.options.timeout_seconds
        try:
            async with asyncio.timeout(wait):
                with self._batch_book.row(key) if self._batch_book else nullcontext():
                    output, is_free = await self._generate(messages, max_tokens)
                    told_usd = this_attempt().told_usd
            if isinstance(output, Exception):
                return self._failure(output)
            reply = reply_of(output, time.perf_counter() - started, self._no_content, is_free=is_free)
            return reply if told_usd is None else replace(reply, told_usd=told_usd)
        except TimeoutError:
            return Failure(f"no answer within {self.options.timeout_seconds:g} s", may_be_billed=True)
        except Exception as error:
            return self._failure(error)

    async def _generate(self, messages: Sequence[Message], max_tokens: int) -> tuple[Any, bool]:
        """Return the layer's output, and whether it stands for a refusal by status, which costs nothing."""
        kinds = model_layer().message_kinds
        if self.options.system_as_user:
            messages = _without_system_role(messages)
        # A name of their own: the layer would draw one of random bytes for each turn.
        turns = [kinds[turn.role](content=turn.content, id=f"turn {n}") for n, turn in enumerate(messages)]
        attempt = begin_attempt(is_counted=not self.options.batch)
        result = await self._api.generate(turns, [], "none", self._config(max_tokens))
        if not isinstance(result, tuple):
            return result, False
        output, call = result
        # An error that comes after a 200, within a stream or an answer, may stand for work that is billed.
        is_free = bool(call is not None and call.error) and (not self._reads_leniently or attempt.was_refused)
        return output, is_free

    def _config(self, max_tokens: int) -> Any:
        options = self.options
        given = {key: getattr(options, key) for key in ("temperature", "top_p", "top_k", "seed")}
        if self.name.provider == "google" and options.thinking == "minimal":
            # Flash models of generation 2.5 can switch thinking off; later ones and Pro only turn it down.
            family = options.family or self.name.model
            if "2.5-pro" in family:  # the layer's budget for "minimal" would be larger than most answer caps
                given["reasoning_tokens"] = LEAST_BUDGET_OF_PRO
            else:
                given["reasoning_effort"] = "none" if "2.5-flash" in family else "minimal"
        if options.reasoning_effort is not None:
            given.pop("reasoning_tokens", None)
            given["reasoning_effort"] = options.reasoning_effort
        if options.extra_body:
            given["extra_body"] = dict(options.extra_body)
        if options.batch:
            given["batch"] = True
        if self.name.provider == "bedrock":
            given["cache_prompt"] = False  # else the layer marks prompts to be kept, at a price of its own
        return model_layer().GenerateConfig(
            max_tokens=max_tokens,
            reasoning_summary="none",  # else the layer asks once, unseen and without a cap, whether summaries are allowed
            **{key: value for key, value in given.items() if value is not None},
        )

    def _failure(self, error: Exception) -> Failure:
        decision = self._api.should_retry(error)
        return explain_failure(error, self.name, getattr(decision, "retry_after", None))

    async def close(self) -> None:
        """Close connections; files of batches whose answers are all kept are deleted before."""
        if self._batch_book is not None:
            await self._batch_book.clean_up()
        await self._api.aclose()


def _open_model(name: HostedName, options: GatewayOptions) -> tuple[Any, str]:
    with needing("hosted", f"model '{name.full_name}'"):
        layer = model_layer()
    # The layer warns at length about things that are handled here.
    for name_of_logger in ("inspect_ai", "google_genai"):
        logging.getLogger(name_of_logger).setLevel(logging.ERROR)
    if options.family:
        info = layer.ModelInfo(family=options.family)
        layer.set_model_info(name.full_name, info)
        layer.set_model_info(name.full_name.partition("/")[2], info)
    try:
        arguments = _arguments(name, options)
        with as_outside_a_notebook():
            api: Any = layer.get_model(name.full_name, base_url=options.base_url, memoize=False, **arguments).api
        if name.provider == "google":
            _tame_google(api, options)
        else:
            _tame(api, name, options)
        return api, layer.NO_CONTENT
    except TunecurveError:
        raise
    except Exception as error:
        raise ModelError(f"cannot use model '{name.full_name}': {one_line(error)}") from None


def _arguments(name: HostedName, options: GatewayOptions) -> Keywords:
    if name.provider == "google":
        return _google_arguments(name, options)
    arguments: Keywords = {}
    # The SDKs' own retries would be a second owner.
    if name.provider == "grok":
        arguments["disable_retry"] = True
    elif name.provider in ("openai", "openai-api", "anthropic", "groq", "ollama", "vllm"):
        arguments["max_retries"] = 0
    if name.provider == "openai" and options.family:
        arguments["responses_api"] = False
    if name.service == "vllm" and name.provider == "openai-api" and not os.environ.get("VLLM_API_KEY"):
        arguments["api_key"] = "none"
    if name.provider == "bedrock" and options.aws_region:
        arguments["region_name"] = options.aws_region
    if name.provider in ("openai", "openai-api"):
        if options.api != "auto":
            arguments["responses_api"] = options.api == "responses"
        if options.stream:
            arguments["streaming" if name.provider == "openai" else "stream"] = True
    return arguments


def _tame_google(api: Any, options: GatewayOptions) -> None:
    from tunecurve.learners.hosted.transport.google_access import send_once, share_one_client

    compare_no_fields()
    provider_module(
        "google"
    ).MAX_TOOL_CALLING_ATTEMPTS = 1  # a broken function call, which nobody asked for, is no reason to ask again
    send_once(api)
    make = api.model_client

    def make_tame(http_options: Any = None) -> Any:
        """Return a client that follows no redirect and whose answers are set right before they are read."""
        client = refuse_redirects_of_google(make(http_options))
        request = client._api_client.async_request

        async def readable(*arguments: Any, **named: Any) -> Any:
            """Send a request as the client does, counted; mend what Gemini's answer lacks."""
            before_request()
            response = await request(*arguments, **named)
            after_response(200)
            if str(arguments[1] if len(arguments) > 1 else named.get("path")).endswith(":generateContent"):
                response.body = mend_gemini(response.body or "")
            return response

        client._api_client.async_request = readable
        find_proxy_once(client, str(client._api_client._http_options.base_url))
        return client

    api.model_client = make_tame
    share_one_client(api)
    if options.safety == "provider":
        api.safety_settings = []  # none sent: the layer's own default is to switch the filters off


def _tame(api: Any, name: HostedName, options: GatewayOptions) -> None:
    client: Any = getattr(api, "client", None)
    if hasattr(client, "max_retries"):  # every SDK made after OpenAI's
        client.max_retries = 0
    if name.provider == "azureai":
        azureai = provider_module("azureai")
        made = azureai.ChatCompletionsClient
        if not isinstance(made, functools.partial):
            azureai.ChatCompletionsClient = functools.partial(made, permit_redirects=False)
    if name.provider == "bedrock":
        send_once_to_aws(api)
    refuse_redirects(api)
    clients = http_clients(api)
    for one in clients:
        if hasattr(one, "aclose"):
            count_requests(one, mend_anthropic if name.provider == "anthropic" and not options.batch else None)
    if not clients and name.provider not in _WITHOUT_REDIRECTS | _CLIENT_A_CALL:
        raise EnvironmentProblem(
            f"model '{name.full_name}' cannot be used: its client cannot be kept from following redirects; install the "
            f"versions that pyproject.toml names: {how_to_install('hosted')}"
        )
    if _is_of_openai(client):
        remember_sockets()
        client.chat.completions.create = chat_without_transform(client)
        _read_leniently(client.chat.completions, mend_chat, mend_chunk, _named_cap(options.max_tokens_field))
        _read_leniently(client.responses, mend_response, mend_event, _with_body(options.extra_body))


def _is_of_openai(client: Any) -> bool:
    return hasattr(client, "chat") and type(client).__module__.partition(".")[0] == "openai"


def _without_system_role(messages: Sequence[Message]) -> list[Message]:
    """Return the turns with the instruction before the first user turn."""
    instruction = [message.content for message in messages if message.role == "system"]
    turns = [message for message in messages if message.role != "system"]
    if not instruction or not turns:
        return turns
    return [replace(turns[0], content="\n\n".join([*instruction, turns[0].content])), *turns[1:]]


def _named_cap(field: str) -> Callable[[Keywords], Keywords]:
    """Return what gives the answer cap of a chat completion the name that the server knows."""

    def change(named: Keywords) -> Keywords:
        """Give the cap its one name."""
        if field == "auto":
            return named
        caps = [named.pop(other) for other in ("max_tokens", "max_completion_tokens") if other in named]
        return {**named, **({field: caps[0]} if caps else {})}

    return change


def _with_body(fields: Mapping[str, Any]) -> Callable[[Keywords], Keywords]:
    """Return what adds fields to a response's request; the layer drops those that it does not know."""
    return lambda named: {**named, "extra_body": {**(named.get("extra_body") or {}), **fields}} if fields else named


def _read_leniently(
    owner: Any, mend: Callable[[Any], Any], mend_part: Callable[[Any], bool], change: Callable[[Keywords], Keywords]
) -> None:
    """Have an SDK's `create` send what `change` makes of its arguments, and its answers set right before they are read."""
    from openai import APIStatusError, AsyncStream

    create, is_unknown = owner.create, {"stream_options": False}

    async def readable(*arguments: Any, **named: Any) -> Any:
        """Create as the SDK does; a server that refuses `stream_options` is asked without them from then on."""
        named = change(named)
        try:
            if is_unknown["stream_options"]:
                named.pop("stream_options", None)
            answer = await create(*arguments, **named)
        except APIStatusError as error:
            is_about_it = error.status_code in (400, 422) and "stream_options" in str(error)
            if not is_about_it or named.pop("stream_options", None) is None:
                this_attempt().was_refused = True
                raise
            is_unknown["stream_options"] = True  # an older server; where it tells no usage, an estimate is booked
            answer = await create(*arguments, **named)
        return CheckedStream(answer, mend_part) if isinstance(answer, AsyncStream) else mend(answer)

    owner.create = readable


def _google_arguments(name: HostedName, options: GatewayOptions) -> Keywords:
    arguments: Keywords = {}
    if isinstance(options.safety, dict):
        arguments["safety_settings"] = options.safety
    if name.service == "vertex":
        from tunecurve.learners.hosted.transport.google_access import credentials_from_environment, place_of

        project, location = place_of(name.model, options.project, options.location)
        arguments |= {"project": project, "location": location}
        credentials = credentials_from_environment()
        if credentials is not None:
            arguments["credentials"] = credentials
    return arguments
