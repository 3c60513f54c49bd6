"""Amazon's clients: one attempt a call, no redirect, the region and the login from the study or the environment."""

from __future__ import annotations

import functools
import os
from importlib.util import find_spec
from typing import Any

from tunecurve.errors import EnvironmentProblem, how_to_install
from tunecurve.learners.hosted.transport.rest import JsonObject
from tunecurve.spec.hosted import BedrockSpec

# What S3 answers for a bucket that lies elsewhere; its client would send the rows on to the address that it is told.
_ELSEWHERE = frozenset({"PermanentRedirect", "TemporaryRedirect", "Redirect", "AuthorizationHeaderMalformed"})


def region_of(where: BedrockSpec) -> str | None:
    """Return the region that the study or the environment names; a profile may name another."""
    return where.region or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")


def bedrock_url() -> str | None:
    """Return the address of the control plane that the environment names instead of Amazon's own."""
    return os.environ.get("AWS_ENDPOINT_URL_BEDROCK") or os.environ.get("AWS_ENDPOINT_URL")


def check_bedrock(asked_as: str, where: BedrockSpec) -> None:
    """Raise EnvironmentProblem with what tuning on Bedrock still needs: the extra, a bucket, a role, a region."""
    need_boto3(asked_as)
    missing = [
        words
        for value, words in (
            (where.bucket, "a bucket for its training files (hosted.bedrock.bucket)"),
            (where.role_arn, "the role that reads it (hosted.bedrock.role_arn)"),
            (region_of(where) or _region_of_profile(), "a region (hosted.bedrock.region, or AWS_REGION)"),
        )
        if not value
    ]
    if missing:
        raise EnvironmentProblem(
            f"tuning '{asked_as}' on Amazon Bedrock needs {', '.join(missing)}; or set hosted.tuning: none to measure "
            "prompting alone"
        )
    if not str(where.role_arn).startswith("arn:") or ":role/" not in str(where.role_arn):
        raise EnvironmentProblem(
            f"hosted.bedrock.role_arn is no role: '{where.role_arn}', expected arn:aws:iam::ACCOUNT:role/NAME"
        )


def need_boto3(asked_as: str) -> None:
    """Raise EnvironmentProblem where the extra is not installed."""
    if find_spec("boto3") is None:
        raise EnvironmentProblem(
            f"tuning '{asked_as}' on Amazon Bedrock needs the extra 'bedrock' (boto3 is missing); run: "
            f"{how_to_install('bedrock')}"
        )


def _region_of_profile() -> str | None:
    import botocore.session

    return botocore.session.get_session().get_config_variable("region")


def aws_client(service: str, where: BedrockSpec) -> Any:
    """Return a client for one of Amazon's services, which tries once and goes nowhere else."""
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    config = Config(
        retries={"total_max_attempts": 1, "mode": "standard"},
        connect_timeout=20,
        read_timeout=60,
        parameter_validation=True,
    )
    try:
        client = _session().client(service, region_name=region_of(where), config=config)
    except (BotoCoreError, ValueError) as error:
        raise EnvironmentProblem(f"Amazon's {service} cannot be asked: {error}") from None
    client.meta.events.register_first(f"needs-retry.{service}", _go_nowhere_else)
    return client


@functools.cache
def _session() -> Any:
    """Return what holds the login and Amazon's service descriptions, which take a while to read."""
    import boto3

    return boto3.session.Session()


def _go_nowhere_else(response: Any = None, **_: Any) -> None:
    """Raise on an answer that leads to another address, before a handler of the SDK follows it."""
    from botocore.exceptions import ClientError

    if not response:
        return
    http, parsed = response
    code = (parsed.get("Error") or {}).get("Code")
    if 300 <= http.status_code < 400 or code in _ELSEWHERE:
        raise ClientError(parsed, "redirected")


def send_once_to_aws(api: Any) -> None:
    """Make the model layer's clients of Bedrock try once and follow no redirect.

    Its own repeats would be a second owner, and not on the books; its HTTP library would send the rows on to any host.
    """
    make = api.session.create_client
    api.session.register("after-call.bedrock-runtime.Converse", _mend_converse)

    def make_once(*arguments: Any, **named: Any) -> Any:
        from aiobotocore.config import AioConfig

        once = AioConfig(retries={"total_max_attempts": 1, "mode": "standard"})
        config = named["config"].merge(once) if named.get("config") is not None else once
        config.http_session_cls = _without_redirects(config.http_session_cls)
        return make(*arguments, **{**named, "config": config})

    api.session.create_client = make_once


def _mend_converse(parsed: JsonObject | None = None, **_: Any) -> None:
    """Complete an answer that tells no usage, or no end: the text has been paid for. No tokens are told as 0, and estimated."""
    if not parsed or "output" not in parsed:
        return
    usage = parsed.get("usage") or {}
    fields = ("inputTokens", "outputTokens", "totalTokens")
    parsed["usage"] = {**usage, **{field: usage.get(field) or 0 for field in fields}}
    parsed["metrics"] = parsed.get("metrics") or {"latencyMs": 0}
    parsed["stopReason"] = parsed.get("stopReason") or "end_turn"


@functools.cache
def _without_redirects(base: Any) -> Any:
    if not hasattr(base, "_get_session"):
        raise EnvironmentProblem(
            "this version of aiobotocore cannot be kept from following redirects; install those that pyproject.toml names: "
            f"{how_to_install('bedrock')}"
        )

    class StraightSession(base):  # type: ignore[misc]
        async def _get_session(self, proxy_url: Any) -> Any:
            session = await super()._get_session(proxy_url)
            if not isinstance(session.request, functools.partial):
                session.request = functools.partial(session.request, allow_redirects=False)
            return session

    return StraightSession


def as_told(answer: JsonObject) -> JsonObject:
    """Return an answer that Amazon's own service has given.

    Raises
    ------
    ValueError
        For a page of a gateway's, of which the SDK makes an answer without any field: it must not be read as an empty list.
    """
    headers = answer["ResponseMetadata"].get("HTTPHeaders") or {}
    if "json" not in headers.get("content-type", ""):
        raise ValueError("the address answers with something that is no answer of Amazon's")
    return answer
