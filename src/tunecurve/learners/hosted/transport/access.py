"""What a provider needs before it can be asked: a key or a login, an address, a project, a bucket. Makes no paid call."""

from __future__ import annotations

import os
import re
from importlib.util import find_spec
from urllib.parse import urlsplit

from tunecurve.errors import EnvironmentProblem
from tunecurve.findings import Finding
from tunecurve.learners.hosted.names import HostedName, is_endpoint, no_key_because
from tunecurve.learners.hosted.transport.aws_access import check_bedrock
from tunecurve.learners.hosted.transport.google_access import check_login, place_of, tuning_region
from tunecurve.privacy.redact import redact
from tunecurve.spec.hosted import FireworksSpec, HostedSpec, VertexSpec

# Where the model layer has a batch mode; elsewhere it would send one by one, at the full price.
WITH_BATCH_MODE = frozenset({"google", "openai", "anthropic", "grok", "together"})


def check_access(name: HostedName, asked_as: str, settings: HostedSpec, *, will_tune: bool) -> None:
    """See that all is set that the calls of a model need.

    Raises
    ------
    EnvironmentProblem
        With the variable or the setting that is missing.
    """
    if settings.batch and (name.provider not in WITH_BATCH_MODE or name.service == "vertex"):
        raise EnvironmentProblem(
            f"'{asked_as}' has no batch mode here; drop --batch (there is one for google/gemini-..., openai/..., "
            "anthropic/..., grok/..., together/...)"
        )
    if settings.batch and name.provider == "together" and find_spec("together") is None:
        raise EnvironmentProblem(
            f"batches of '{asked_as}' need the package together, which is not among the extras; run: pip install together, or "
            "drop --batch"
        )
    if settings.batch and settings.stream:
        raise EnvironmentProblem("a batch has no streams; drop hosted.stream, or --batch")
    _check_no_other_place(name, asked_as)
    missing = name.missing_key()
    if missing:
        raise EnvironmentProblem(f"model '{asked_as}' needs a key in the environment: set {missing}")
    for variable in name.key_variables():
        check_key(variable, os.environ.get(variable, ""))
    address = name.base_url()
    if address is not None:
        _check_address(name, address)
    if name.provider == "openai-api" and not name.base_url():
        raise EnvironmentProblem(
            f"model '{asked_as}' needs its server's address in the environment: set {name.base_url_variable()}"
        )
    if name.service == "vertex":
        place_of(name.model, settings.vertex.project, settings.vertex.location)
        check_login(asked_as)
        if will_tune:
            _check_tuning_at_vertex(asked_as, settings.vertex)
    if name.provider == "bedrock" and will_tune:
        check_bedrock(asked_as, settings.bedrock)
        if settings.bedrock.bucket:
            _check_bucket("hosted.bedrock.bucket", settings.bedrock.bucket)
    if name.provider == "fireworks" and will_tune:
        check_fireworks(asked_as, settings.fireworks)


def _check_tuning_at_vertex(asked_as: str, vertex: VertexSpec) -> None:
    """Raise EnvironmentProblem where the region or the bucket that a tuning needs is not set."""
    tuning_region(vertex.project, vertex.location, vertex.tuning_location)
    if not vertex.bucket:
        raise EnvironmentProblem(
            f"tuning '{asked_as}' needs a Cloud Storage bucket for its training files; set hosted.vertex.bucket, or "
            "hosted.tuning: none to measure prompting alone"
        )
    _check_bucket("hosted.vertex.bucket", vertex.bucket)


def _check_bucket(setting: str, bucket: str) -> None:
    """Raise EnvironmentProblem for what no bucket is called, a placeholder of an example above all."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]*", bucket):
        raise EnvironmentProblem(
            f"{setting} is '{bucket}', and no bucket has such a name; write yours: small letters, digits, dots and dashes, "
            "without gs:// or s3://"
        )


def _check_no_other_place(name: HostedName, asked_as: str) -> None:
    """Raise EnvironmentProblem where a variable of the model layer or an SDK would send the calls elsewhere than the name says."""
    if os.environ.get("INSPECT_EVAL_MODEL_BASE_URL") and not name.base_url():
        raise EnvironmentProblem(
            f"INSPECT_EVAL_MODEL_BASE_URL is set, and would send the calls of '{asked_as}' to that address; unset it, or set "
            f"{name.base_url_variable()} if that is meant"
        )
    is_gemini_api = name.provider == "google" and name.service is None
    if is_gemini_api and os.environ.get("GOOGLE_GENAI_USE_VERTEXAI", "").lower() in ("true", "1"):
        raise EnvironmentProblem(
            f"GOOGLE_GENAI_USE_VERTEXAI is set, so that '{asked_as}' would be asked on Vertex AI; name it "
            f"google/vertex/{name.model}, or unset the variable"
        )


def unsent_settings(name: HostedName, asked_as: str, settings: HostedSpec) -> list[Finding]:
    """Return which settings do not reach a model, because its provider's format has no field for them."""
    unsent = []
    if is_endpoint(name) and settings.vertex.endpoint_of is None and settings.thinking == "minimal":
        return [
            Finding(
                "endpoint-unknown",
                f"'{asked_as}' does not say which model answers, so that nothing is sent to keep it from thinking",
                "set hosted.vertex.endpoint_of, e.g. gemini-3.5-flash",
            )
        ]
    if name.provider in ("openai", "openai-api") and settings.top_k is not None:
        unsent.append("top_k")
    if name.provider in ("openai", "openai-api") and settings.api == "responses" and settings.seed is not None:
        unsent.append("seed")
    if name.provider == "google" and settings.extra_body:
        unsent.append("extra_body")
    return [
        Finding(
            "setting-unsent",
            f"hosted.{key} is not sent to '{asked_as}': the format of its calls has no field for it",
            "leave it unset"
            if key == "extra_body"
            else "leave it unset, or give it under hosted.extra_body if the server takes it",
        )
        for key in unsent
    ]


def check_key(variable: str, key: str) -> None:
    """Raise EnvironmentProblem for a key that no HTTP header can hold: a line break, a blank, a letter from a text program."""
    problem = no_key_because(variable, key)
    if problem is not None:
        raise EnvironmentProblem(problem)


def _check_address(name: HostedName, address: str) -> None:
    variable = "GOOGLE_VERTEX_BASE_URL" if name.service == "vertex" else name.base_url_variable()
    try:
        parts = urlsplit(address)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        is_address = False
    if not is_address:
        raise EnvironmentProblem(
            f"{variable} is no address of a server: '{redact(address)}'; it begins with https:// and a host"
        )


def fireworks_account(where: FireworksSpec) -> str | None:
    """Return the account that the study or the environment names."""
    return where.account or os.environ.get("FIREWORKS_ACCOUNT_ID") or None


def check_fireworks(asked_as: str, where: FireworksSpec) -> None:
    """Raise EnvironmentProblem where the account is not named."""
    if fireworks_account(where) is None:
        raise EnvironmentProblem(
            f"tuning '{asked_as}' at Fireworks needs the account's id: set hosted.fireworks.account, or FIREWORKS_ACCOUNT_ID"
        )
