"""From a hosted model's name to its learner, tunable or not."""

from __future__ import annotations

import re
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

from tunecurve.errors import EnvironmentProblem
from tunecurve.learners.hosted.account import Account
from tunecurve.learners.hosted.chat import HostedLearner
from tunecurve.learners.hosted.job_types import TuningBackend
from tunecurve.learners.hosted.jobs import JobFlow
from tunecurve.learners.hosted.names import HostedName
from tunecurve.learners.hosted.prices import Price
from tunecurve.learners.hosted.tunable import TunableHostedLearner
from tunecurve.spec import AnswerSpec
from tunecurve.spec_hosted import BedrockSpec, FireworksSpec, HostedSpec, VertexSpec

# Tuning services that are used only where the study asks for them, and whose models they tune.
_ASKED_FOR = {"openai": "openai-api", "nebius": "openai-api", "bedrock": "bedrock", "fireworks": "fireworks"}
# Who has given tuning up, as their own pages say (docs.mistral.ai, docs.cohere.com; read in November 2026).
_GIVEN_UP = {
    "mistral": "Mistral's fine-tuning API is deprecated, and nothing replaces it",
    "cohere": "Cohere's fine-tuning has been deprecated since 2025-09-15",
}


def tuning_backend_of(name: HostedName, settings: HostedSpec) -> str | None:
    """Return which backend tunes a model, None when none does."""
    if settings.tuning == "none" or _who_gave_up(name) is not None:
        return None
    if name.provider == "google" and name.service == "vertex":
        return "vertex"
    if name.provider == "openai":
        return "openai"
    # Most servers only answer; which one also tunes, its user knows.
    return settings.tuning if _ASKED_FOR.get(settings.tuning) == name.provider else None


def why_not_tunable(name: HostedName) -> str:
    """Return in a sentence why only prompting of this model is measured."""
    gave_up = _who_gave_up(name)
    if gave_up is not None:
        return f"'{name.full_name}' is prompted only: {_GIVEN_UP[gave_up]}"
    if name.provider == "google":
        return (
            f"'{name.full_name}' cannot be tuned: the Gemini developer API has no tunable model; name it "
            f"google/vertex/{name.model} to tune it on Vertex AI"
        )
    settings = [tuning for tuning, provider in _ASKED_FOR.items() if provider == name.provider]
    if not settings:
        return f"'{name.full_name}' is prompted only: no tuning service of its provider is known here"
    return f"'{name.full_name}' is prompted only; where its server offers tuning, set hosted.tuning: {' or '.join(settings)}"


def _who_gave_up(name: HostedName) -> str | None:
    """Return which of those who gave tuning up a model is asked of, by provider, service or address."""
    host = urlsplit(name.base_url() or "").hostname or ""
    said = f"{name.provider}.{name.service or ''}.{host}".lower()
    return next((who for who in _GIVEN_UP if who in re.split(r"[^a-z]+", said)), None)


def build_hosted_learner(asked_as: str, name: HostedName, answers: AnswerSpec, account: Account) -> HostedLearner:
    """Return the learner of a hosted model; sends nothing.

    Raises
    ------
    EnvironmentProblem
        When the packages for hosted models are not installed.
    """
    if find_spec("inspect_ai") is None:
        raise EnvironmentProblem(
            f"model '{asked_as}' is behind a provider's API and needs the extra 'hosted'; run: pip install 'tunecurve[hosted]'"
        )
    backend = tuning_backend_of(name, account.settings)
    if backend is None:
        return HostedLearner(asked_as, name, answers, account)

    def open_backend() -> TuningBackend:
        return _open_backend(backend, name, account.settings)

    return TunableHostedLearner(asked_as, name, answers, account, open_backend, backend)


def _open_backend(backend: str, name: HostedName, settings: HostedSpec) -> TuningBackend:
    match backend:
        case "vertex":
            from tunecurve.learners.hosted.vertex_tuning import VertexTuning

            return VertexTuning(settings.vertex)
        case "nebius":
            from tunecurve.learners.hosted.nebius_tuning import NebiusTuning

            return NebiusTuning(name)
        case "bedrock":
            from tunecurve.learners.hosted.bedrock_tuning import BedrockTuning

            return BedrockTuning(settings.bedrock)
        case "fireworks":
            from tunecurve.learners.hosted.fireworks_tuning import FireworksTuning

            return FireworksTuning(name, settings.fireworks)
    from tunecurve.learners.hosted.openai_tuning import OpenAITuning

    return OpenAITuning(name, settings.tuning_fields)


def job_flow_of(row: dict[str, Any]) -> JobFlow:
    """Return what follows a job that the ledger knows, at the place where it was made."""
    place, detail = row["detail"]["place"], row["detail"]
    name = HostedName(place.get("provider", "google"), place.get("service", "vertex"), row["model"])
    price = Price(None, None, detail["training_usd"], "as quoted when the job was made")
    settings = HostedSpec(
        vertex=VertexSpec(project=place.get("project"), location=place.get("location")),
        bedrock=BedrockSpec(region=place.get("region")),
        fireworks=FireworksSpec(account=place.get("account")),
    )
    return JobFlow(_open_backend(place["backend"], name, settings), Account(settings, row["study"]), price)
