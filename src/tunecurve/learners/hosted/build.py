"""From a hosted model's name to its learner, tunable or not."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from tunecurve.errors import EnvironmentProblem
from tunecurve.learners.hosted.account import Account
from tunecurve.learners.hosted.chat import HostedLearner
from tunecurve.learners.hosted.job_types import TuningBackend
from tunecurve.learners.hosted.jobs import JobFlow
from tunecurve.learners.hosted.names import HostedName
from tunecurve.learners.hosted.prices import Price
from tunecurve.learners.hosted.tunable import TunableHostedLearner
from tunecurve.spec import AnswerSpec
from tunecurve.spec_hosted import HostedSpec, VertexSpec


def tuning_backend_of(name: HostedName, settings: HostedSpec) -> str | None:
    """Return which backend tunes a model, None when none does."""
    if settings.tuning == "none":
        return None
    if name.provider == "google" and name.service == "vertex":
        return "vertex"
    if name.provider == "openai":
        return "openai"
    # Most servers of this format only answer; which one also tunes, its user knows.
    return "openai" if name.provider == "openai-api" and settings.tuning == "openai" else None


def why_not_tunable(name: HostedName) -> str:
    """Return in a sentence why only prompting of this model is measured."""
    if name.provider == "google":
        return (
            f"'{name.full_name}' cannot be tuned: the Gemini developer API has no tunable model; name it "
            f"google/vertex/{name.model} to tune it on Vertex AI"
        )
    return f"'{name.full_name}' is prompted only; where its server offers fine-tuning jobs, set hosted.tuning: openai"


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
    if backend == "vertex":
        from tunecurve.learners.hosted.vertex_tuning import VertexTuning

        return VertexTuning(settings.vertex)
    from tunecurve.learners.hosted.openai_tuning import OpenAITuning

    return OpenAITuning(name, settings.tuning_fields)


def job_flow_of(row: dict[str, Any]) -> JobFlow:
    """Return what follows a job that the ledger knows, at the place where it was made."""
    place, detail = row["detail"]["place"], row["detail"]
    name = HostedName(place.get("provider", "google"), place.get("service", "vertex"), row["model"])
    where = VertexSpec(project=place.get("project"), location=place.get("location"))
    price = Price(None, None, detail["training_usd"], "as quoted when the job was made")
    settings = HostedSpec(vertex=where)
    return JobFlow(_open_backend(place["backend"], name, settings), Account(settings, row["study"]), price)
