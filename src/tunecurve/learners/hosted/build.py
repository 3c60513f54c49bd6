"""From a hosted model's name to its learner, tunable or not."""

from __future__ import annotations

import re
from importlib.util import find_spec
from urllib.parse import urlsplit

from tunecurve.errors import EnvironmentProblem, ModelError, TunecurveError, how_to_install
from tunecurve.learners.hosted.account import Account
from tunecurve.learners.hosted.deployments.azure import AzureDeployments, azure_hosting
from tunecurve.learners.hosted.deployments.bedrock import BedrockDeployments, bedrock_hosting
from tunecurve.learners.hosted.deployments.fireworks import FireworksDeployments, fireworks_hosting
from tunecurve.learners.hosted.deployments.lifecycle import DeploymentFlow
from tunecurve.learners.hosted.deployments.nebius import NebiusDeployments, nebius_hosting
from tunecurve.learners.hosted.deployments.together import TogetherDeployments, together_hosting
from tunecurve.learners.hosted.deployments.together_endpoints import TogetherEndpoints
from tunecurve.learners.hosted.deployments.types import DeploymentBackend, Hosting
from tunecurve.learners.hosted.learner import HostedLearner
from tunecurve.learners.hosted.ledger.deployments import DeploymentRow
from tunecurve.learners.hosted.ledger.job_rows import JobRow, Place
from tunecurve.learners.hosted.names import HostedName
from tunecurve.learners.hosted.transport.azure_access import is_at_azure
from tunecurve.learners.hosted.tunable import TunableHostedLearner, TuningService
from tunecurve.learners.hosted.tuning.backend import TuningBackend
from tunecurve.learners.hosted.tuning.errors import TransientError
from tunecurve.learners.hosted.tuning.jobs import JobFlow
from tunecurve.spec.hosted import BedrockSpec, FireworksSpec, HostedSpec, VertexSpec
from tunecurve.spec.prompt import AnswerSpec

# Tuning services that are used only where the study asks for them, and whose models they tune.
_ASKED_FOR = {
    "openai": "openai-api", "azure": "openai-api", "nebius": "openai-api", "bedrock": "bedrock", "fireworks": "fireworks",
}  # fmt: skip
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
    if name.provider in ("openai", "together"):
        return name.provider
    # Most servers only answer; which one also tunes, its user knows.
    asked_for = settings.tuning if _ASKED_FOR.get(settings.tuning) == name.provider else None
    return "azure" if asked_for == "openai" and is_at_azure(name) else asked_for


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
            f"model '{asked_as}' is behind a provider's API and needs the extra 'hosted'; run: "
            f"{how_to_install('hosted')}"
        )
    backend = tuning_backend_of(name, account.settings)
    if backend is None:
        return HostedLearner(asked_as, name, answers, account)

    hosting = hosting_of(name, account.settings, backend)
    tuning = TuningService(backend, lambda: _open_backend(backend, name, account.settings), hosting)
    return TunableHostedLearner(asked_as, name, answers, account, tuning)


def hosting_of(name: HostedName, settings: HostedSpec, backend: str) -> Hosting | None:
    """Return how deployments for a model's tuned versions are made; None where they answer without one."""
    match backend:
        case "azure":
            return azure_hosting(name, settings.azure)
        case "together":
            return together_hosting(name, settings.together)
        case "nebius":
            return nebius_hosting(name, settings.deployments.get(name.model, name.model))
        case "bedrock":
            return bedrock_hosting(settings.bedrock)
        case "fireworks":
            return fireworks_hosting(name, settings.fireworks)
    return None


def _open_deployments(place: Place, settings: HostedSpec) -> DeploymentBackend:
    """Return the backend of deployments at the place where one was made."""
    told = {name: str(value) for name, value in place.items() if value is not None}
    match place.get("backend"):
        case "azure":
            return AzureDeployments(told["path"], told["deploy_as"], settings.azure.capacity)
        case "together v1":
            return TogetherEndpoints(HostedName("together", None, ""), told["gpu"], int(told["gpus"]))
        case "together":
            there = settings.together.model_copy(update={"project": told.get("project")})
            return TogetherDeployments(HostedName("together", None, ""), there)
        case "nebius":
            return NebiusDeployments(HostedName(told["provider"], told.get("service"), ""), told["base_model"])
        case "bedrock":
            return BedrockDeployments(BedrockSpec(region=told["region"]))
        case "fireworks":
            where = FireworksSpec(
                account=told["account"], accelerator=told["accelerator"], accelerators=int(told["accelerators"])
            )
            return FireworksDeployments(HostedName("fireworks", None, ""), where)
    raise ModelError(f"deployments of '{place.get('backend')}' are of another version of tunecurve")


def deployment_flow_of(row: DeploymentRow, account: Account | None = None) -> DeploymentFlow:
    """Return what follows a deployment that the ledger knows, at the place where it was made."""
    account = account or Account(HostedSpec(), row.study)
    return DeploymentFlow(_open_deployments(row.place, account.settings), account, row.usd_per_hour)


def remove_left_overs(account: Account) -> None:
    """Delete the deployments that processes which are gone have left standing; what hinders it is said, and ends nothing."""
    if not account.ledger_path.exists():
        return
    for row in account.ledger.left_over_deployments():
        account.on_message(f"deployment {row.name} of '{row.model}' was left over; deletes it")
        try:
            deployment_flow_of(row, account).remove(row)
        except (TunecurveError, TransientError) as error:
            account.on_message(f"WARNING: deployment {row.name} may still stand and cost: {error}")


def _open_backend(backend: str, name: HostedName, settings: HostedSpec) -> TuningBackend:
    match backend:
        case "vertex":
            from tunecurve.learners.hosted.tuning.vertex import VertexTuning

            return VertexTuning(settings.vertex)
        case "nebius":
            from tunecurve.learners.hosted.tuning.nebius import NebiusTuning

            return NebiusTuning(name)
        case "bedrock":
            from tunecurve.learners.hosted.tuning.bedrock import BedrockTuning

            return BedrockTuning(settings.bedrock)
        case "fireworks":
            from tunecurve.learners.hosted.tuning.fireworks import FireworksTuning

            return FireworksTuning(name, settings.fireworks)
        case "together":
            from tunecurve.learners.hosted.tuning.together import TogetherTuning

            return TogetherTuning(name)
        case "azure":
            from tunecurve.learners.hosted.tuning.azure import AzureTuning

            return AzureTuning(name, settings.tuning_fields, settings.azure.training_type)
    from tunecurve.learners.hosted.tuning.openai import OpenAITuning

    return OpenAITuning(name, settings.tuning_fields)


def job_flow_of(row: JobRow) -> JobFlow:
    """Return what follows a job that the ledger knows, at the place where it was made."""
    place = {name: str(value) for name, value in row.place.items() if value is not None}
    service = place.get("service") if "provider" in place else "vertex"
    name = HostedName(place.get("provider", "google"), service, row.model)
    settings = HostedSpec(
        vertex=VertexSpec(project=place.get("project"), location=place.get("location")),
        bedrock=BedrockSpec(region=place.get("region")),
        fireworks=FireworksSpec(account=place.get("account")),
    )
    return JobFlow(_open_backend(place["backend"], name, settings), Account(settings, row.study), row.training_usd)
