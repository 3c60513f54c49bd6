"""What the SDKs' errors mean: by their status, their codes and their causes, and by words only where there is nothing else."""

from __future__ import annotations

import http
import json
import re
import socket
import ssl
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from tunecurve.learners.hosted.names import HostedName
from tunecurve.learners.hosted.transport.error_bodies import codes_in, dicts_in, wait_in_details, wait_in_words
from tunecurve.learners.hosted.transport.gateway import Failure
from tunecurve.learners.hosted.transport.odd_answers import Explained, OddAnswer
from tunecurve.learners.hosted.transport.proxies import proxy_in_words
from tunecurve.privacy.redact import redact

LONGEST_RETRY_AFTER_SECONDS = 600.0
LONGEST_REASON = 300
# Codes with which servers of OpenAI's format say that there is no money left; more calls would only cost time.
_NO_MONEY_CODES = frozenset(
    {"insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "insufficient_balance"}
)
_NO_MONEY_WORDS = re.compile(r"insufficient[_ ](quota|balance|credit)|credit balance|out of credits", re.IGNORECASE)
_LIMIT_OF_ZERO = re.compile(r"\blimit: 0\b")
_PER_DAY = re.compile(r"per[ _-]?day|\((RPD|TPD)\)|daily", re.IGNORECASE)
_PER_MINUTE = re.compile(r"per[ _-]?(minute|second)|\((RPM|TPM)\)", re.IGNORECASE)
# What a server says of a request in a form that it does not take, and the setting that changes the form.
_SETTINGS_BY_WORDS = (
    (re.compile(r"max_completion_tokens", re.I), "set hosted.max_tokens_field: max_completion_tokens"),
    (re.compile(r"max_tokens.{0,40}(required|missing)|use 'max_tokens'", re.I), "set hosted.max_tokens_field: max_tokens"),
    (re.compile(r"v1/responses|responses api|not a chat model", re.I), "set hosted.api: responses"),
    (re.compile(r"v1/chat/completions", re.I), "set hosted.api: chat"),
    (re.compile(r"\bstream(ing)?\b", re.I), "set hosted.stream: true"),
    (re.compile(r"system (role|message|instruction)|role.{0,20}system|developer instruction", re.I),
     "set hosted.system_as_user: true"),
    (re.compile(r"reasoning[_ .]?effort|thinking", re.I), "set hosted.reasoning_effort, or leave it unset"),
    (re.compile(r"temperature|top_p|top_k|\bseed\b", re.I), "leave this hosted setting unset, or set what the server takes"),
)  # fmt: skip
# Names of exceptions that SDKs and HTTP clients raise before a byte of the request has left.
_NOT_CONNECTED = re.compile(
    r"^(ConnectError|ConnectTimeout|PoolTimeout|ProxyError|ClientConnector\w*Error|ClientProxyConnectionError)$"
)
_NEVER_SENT = re.compile(
    r"^(UnsupportedProtocol|InvalidURL\w*|NonHttpUrl\w*|LocalProtocolError|UnicodeEncodeError|"
    r"ImportError|ModuleNotFoundError|NoCredentialsError|PartialCredentialsError|CredentialRetrievalError|ProfileNotFound|NoRegionError|ParamValidationError)$"
)
_CLOCK_IS_OFF = re.compile(r"RequestTimeTooSkewed|Signature (expired|not yet current)|RequestExpired", re.IGNORECASE)
AWS_LOGIN_HINT = (
    "log in to AWS (AWS_PROFILE, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or aws configure) and name a region"
)
# Beside 429: a timeout, a conflict, an error within the model (Amazon's 424), too early, cancelled (Google's 499).
_MAY_PASS = frozenset({408, 409, 424, 425, 499})
_BROKEN = re.compile(r"Connect|Timeout|Transport|Protocol|Network|Payload|Disconnected|ReadError|WriteError")


def explain_failure(error: BaseException, name: HostedName, retry_after: float | None = None) -> Failure:
    """Return what an exception of an SDK means; the wait is that of the response's headers."""
    for cause in causes(error):  # SDKs wrap what is raised beneath them
        if isinstance(cause, Explained):
            return cause.failure
        if isinstance(cause, OddAnswer):
            error = cause
            break
    if isinstance(error, OddAnswer) and error.may_be_billed:
        return replace(_explain(error, name, retry_after), may_be_billed=True)
    return _explain(error, name, retry_after)


def _explain(error: BaseException, name: HostedName, retry_after: float | None) -> Failure:
    status = status_of(error)
    if status is None:
        return _without_status(error, name)
    text, body = reason_of(error), _body_of(error)
    if 300 <= status < 400:
        return Failure(_redirect_line(status, error, name), is_fatal=True)
    wait = max(filter(None, (retry_after, wait_in_details(body), wait_in_words(text))), default=None)
    if status == 429:
        used_up = quota_is_used_up(error)
        if used_up:
            return Failure(f"the quota of '{name.full_name}' is used up (429): {text}", is_fatal=True)
    elif 400 <= status < 500 and status not in _MAY_PASS:
        line = _clear_line(status, text, body, name)
        return Failure(line, is_fatal=True, is_of_one_call=_is_of_one_call(status, body))
    if wait is not None and wait > LONGEST_RETRY_AFTER_SECONDS:
        return Failure(f"'{name.full_name}' asks to come back in {wait:.0f} s ({status}): {text}", is_fatal=True)
    return Failure(
        f"{status}: {text}",
        is_rate_limit=status == 429,
        retry_after_seconds=wait,
        may_be_billed=(status >= 500 or status in (424, 499)) and not _was_turned_away(status, retry_after, body),
    )


def _is_of_one_call(status: int, body: Any) -> bool:
    """Return whether a refusal may be due to what this call holds: its length, its words, or a firewall's idea of them."""
    if status == 403:
        words = [str(part.get("message", "")) for part in dicts_in(body)]
        return not words or words[0].lstrip().startswith("<")  # a page is no provider's
    return status in (400, 413, 422) and "API_KEY_INVALID" not in json.dumps(body, default=str)


def _was_turned_away(status: int, retry_after: float | None, body: Any) -> bool:
    """Return whether the provider itself says that it did not take the call on.

    A gateway's own 5xx, a page without a provider's error in it, says nothing of that: it also comes when a model has
    answered too late for the gateway.
    """
    is_the_providers_own = any(key in part for part in dicts_in(body) for key in ("error", "code", "type"))
    return status == 529 or (status == 503 and (retry_after is not None or is_the_providers_own))


def is_quota_of_jobs(error: BaseException) -> bool:
    """Return whether Amazon says that an account's own limit is reached, which it does with a status of 400."""
    return bool(codes_in(_body_of(error)) & {"ServiceQuotaExceededException", "LimitExceededException"})


def quota_is_used_up(error: BaseException) -> bool:
    """Return whether a 429 will last for the day or for good, rather than for a moment."""
    body = _body_of(error)
    whole = f"{json.dumps(body, ensure_ascii=False, default=str)} {error}"
    if codes_in(body) & _NO_MONEY_CODES or _NO_MONEY_WORDS.search(whole) or _LIMIT_OF_ZERO.search(whole):
        return True
    violations = [str(part.get("quotaId") or "") for part in dicts_in(body) if "quotaId" in part]
    if violations:
        zero = any(str(part.get("quotaValue")) == "0" for part in dicts_in(body) if "quotaId" in part)
        return zero or any(_PER_DAY.search(quota) for quota in violations)
    if wait_in_details(body) is not None:
        return False
    if _PER_DAY.search(whole) and not _PER_MINUTE.search(whole):
        return wait_in_words(whole) is None
    return False


def _without_status(error: BaseException, name: HostedName) -> Failure:
    text = reason_of(error)
    for cause in causes(error):
        kind = type(cause).__name__
        if _NEVER_SENT.match(kind):
            return Failure(_unsendable_line(cause, name), is_fatal=True, is_unreachable=True)
        if _NOT_CONNECTED.match(kind) or isinstance(cause, ConnectionRefusedError | socket.gaierror):
            return Failure(_unreachable_line(error, name), is_fatal=_is_for_good(error), is_unreachable=True)
    spoilt = next((cause for cause in causes(error) if type(cause).__name__ == "DecodingError"), None)
    if spoilt is not None:
        text = f"its compression is broken: {one_line(spoilt)}"
    elif any(_is_a_broken_connection(cause) for cause in causes(error)):
        why = next((one_line(cause) for cause in causes(error) if cause is not error and str(cause)), text)
        return Failure(f"the connection to {host_of(name)} broke: {why}", may_be_billed=True)
    return Failure(f"the answer of '{name.full_name}' cannot be read: {text}", may_be_billed=True, is_unreadable=True)


def _is_a_broken_connection(error: BaseException) -> bool:
    if isinstance(error, OSError | TimeoutError):
        return True
    return any(_BROKEN.search(kind.__name__) for kind in type(error).__mro__[:-2])


def _is_for_good(error: BaseException) -> bool:
    """Return whether no later connection could go better: a certificate, or another protocol at that port."""
    return any(isinstance(cause, ssl.SSLError) for cause in causes(error))


def _unreachable_line(error: BaseException, name: HostedName) -> str:
    return f"cannot reach {host_of(name)}: {why_unreachable(error)}; nothing was sent; {_address_hint(name)}"


def why_unreachable(error: BaseException) -> str:
    """Return in words why there is no connection, by the deepest cause that says so."""
    for cause in causes(error):
        if isinstance(cause, ConnectionRefusedError):
            return "connection refused"
        if isinstance(cause, socket.gaierror):
            return "no such host"
        if isinstance(cause, ssl.SSLError):
            return f"TLS: {redact(str(cause))}"
    return _because_in_words(list(causes(error))[-1])


def _because_in_words(error: BaseException) -> str:
    text = redact(" ".join(str(error).split()))[:200] or type(error).__name__
    lowered = text.lower()
    if "refused" in lowered or "all connection attempts failed" in lowered:
        return "connection refused"
    if "name or service not known" in lowered or "getaddrinfo" in lowered or "name resolution" in lowered:
        return "no such host"
    return text


def _unsendable_line(error: BaseException, name: HostedName) -> str:
    if isinstance(error, UnicodeEncodeError) or "header" in str(error).lower():
        keys = " or ".join(name.key_variables()) or "the login"
        return f"no request to '{name.full_name}' can be made: {keys} holds characters that no key has; copy it again"
    return f"no request to {host_of(name)} can be made: {redact(str(error))[:200]}; {_address_hint(name)}"


def _address_hint(name: HostedName) -> str:
    if name.provider == "bedrock":
        return AWS_LOGIN_HINT
    proxy = proxy_in_words(name.base_url() or "https://a-provider.example")
    if proxy:
        return f"calls go by {proxy}: is it right?"
    variable = "GOOGLE_VERTEX_BASE_URL" if name.service == "vertex" else name.base_url_variable()
    return f"is {variable} right?" if name.base_url() else "is this machine online, and is a proxy set?"


def host_of(name: HostedName) -> str:
    """Return the address that a model's calls go to, without credentials; in words where it is the provider's own."""
    return redact(name.base_url() or "") or f"the provider of '{name.full_name}'"


def redirect_target(error: BaseException) -> str:
    """Return where a redirect leads, without credentials and path."""
    response = getattr(error, "response", None)
    headers = getattr(response, "headers", None) or _of_aws(error, "HTTPHeaders") or {}
    there = urlsplit(str(headers.get("location") or headers.get("Location") or ""))
    return f"{there.scheme}://{there.netloc.rpartition('@')[2]}" if there.netloc else "another path of its own"


def _redirect_line(status: int, error: BaseException, name: HostedName) -> str:
    address = redirect_target(error)
    variable = "GOOGLE_VERTEX_BASE_URL" if name.service == "vertex" else name.base_url_variable()
    return (
        f"{host_of(name)} sends calls on to {address} ({status}); nothing was sent there; set {variable} to that address "
        "if you trust it"
    )


def _clear_line(status: int, text: str, body: Any, name: HostedName) -> str:
    who = f"'{name.full_name}'"
    login = "the AWS credentials" if name.provider == "bedrock" else "the login (gcloud auth application-default login)"
    keys = " or ".join(name.key_variables()) or login
    if status in (401, 403) or "API_KEY_INVALID" in json.dumps(body, default=str):
        return f"{who} refuses the key or the account ({status}): {text}; check {keys}"
    hint = next((setting for pattern, setting in _SETTINGS_BY_WORDS if pattern.search(text)), None)
    if hint is not None:
        return f"{who} rejects the request ({status}): {text}; {hint}"
    if status == 404:
        return f"the provider knows no model {who} at this address ({status}): {text}; check the model's name"
    return f"{who} rejects the request ({status}): {text}"


def status_of(error: BaseException) -> int | None:
    """Return the HTTP status that an SDK's error carries, None where there is none."""
    told = (getattr(error, "status_code", None), getattr(error, "code", None), _of_aws(error, "HTTPStatusCode"))
    return next((code for code in told if isinstance(code, int) and 300 <= code < 600), None)


def _of_aws(error: BaseException, field: str) -> Any:
    """Return what botocore keeps of an answer beside its body; None for other SDKs' errors."""
    response = getattr(error, "response", None)
    metadata = response.get("ResponseMetadata") if isinstance(response, dict) else None
    return metadata.get(field) if isinstance(metadata, dict) else None


def reason_of(error: BaseException) -> str:
    """Return an error's reason in one line, without secrets: the provider's own words where it has some."""
    body = _body_of(error)
    words = next(
        (part[key] for part in dicts_in(body) for key in ("message", "detail") if isinstance(part.get(key), str)), None
    )
    if words is None and isinstance(body, dict) and body:
        words = json.dumps(body, ensure_ascii=False, default=str)
    status = status_of(error)
    if words is None and status is not None and re.search(rf"Error code: {status}$|^$", str(error)):
        words = _phrase(status)  # the SDK has nothing but the number
    if words is None:
        words = str(error) if isinstance(error, OddAnswer) else f"{type(error).__name__}: {error}"
    return shorten(words)


def plain_reason(error: Any) -> str:
    """Return a provider's reason in one line, without secrets; of a redirect, where it leads."""
    if not isinstance(error, BaseException):
        return shorten(str(error))
    status = status_of(error)
    region = (_of_aws(error, "HTTPHeaders") or {}).get("x-amz-bucket-region")
    if region and status is not None and 300 <= status <= 400:
        return f"the bucket is in {region} ({status}), and nothing was sent there; name one in the region that models are tuned in"
    if status is not None and 300 <= status < 400:
        return f"the server sends calls on to {redirect_target(error)} ({status}); nothing was sent there"
    if _CLOCK_IS_OFF.search(f"{codes_in(_body_of(error))} {error}"):
        return f"{status}: {reason_of(error)}; is the clock of this machine right?"
    if status is None and re.search("Connect", type(error).__name__):
        return f"no connection: {why_unreachable(error)}"
    return reason_of(error) if status is None else f"{status}: {reason_of(error)}"


def _phrase(status: int) -> str:
    """Return what a status means, where a server says no more."""
    try:
        return f"{http.HTTPStatus(status).phrase.lower()}; the server says no more"
    except ValueError:
        return "the server says no more"


def one_line(error: BaseException) -> str:
    """Return an exception's text in one line, without secrets and not longer than people read."""
    return shorten(f"{type(error).__name__}: {error}")


def shorten(text: str) -> str:
    """Return a text in one line, without secrets; a long one ends after a word, with dots."""
    line = redact(" ".join(text.split()))
    return line if len(line) <= LONGEST_REASON else line[:LONGEST_REASON].rsplit(" ", 1)[0] + " ..."


def causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and what caused it, each once."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        inner = getattr(current, "os_error", None)  # how aiohttp hands on the system's error
        if isinstance(inner, BaseException) and id(inner) not in seen:
            yield inner
        current = current.__cause__ or current.__context__


def _body_of(error: BaseException) -> Any:
    """Return the response's body as far as the SDK has parsed it: OpenAI's and its like in `body`, Google's in `details`,
    that of Amazon's in `response`."""
    for part in (getattr(error, "body", None), getattr(error, "details", None)):
        if isinstance(part, dict | list) and part:
            return part
    said = error.response.get("Error") if _of_aws(error, "HTTPStatusCode") else None  # type: ignore[attr-defined]
    return {"message": str(said.get("Message") or said.get("Code")), "code": str(said.get("Code"))} if said else None
