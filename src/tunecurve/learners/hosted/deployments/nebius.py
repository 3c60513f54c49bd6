"""Adapters served by Nebius Token Factory: a checkpoint becomes a custom model, which is paid by the token and not by time.

Written from its API reference (``/v0/models``) and its page on deploying adapters, read in November 2026.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote, urlsplit

from tunecurve.errors import EnvironmentProblem
from tunecurve.learners.hosted.deployments.types import (
    Deployment,
    DeploymentBackend,
    DeploymentState,
    Hosting,
    state_by_word,
)
from tunecurve.learners.hosted.ledger.job_rows import OUR_PREFIX, Place
from tunecurve.learners.hosted.names import HostedName
from tunecurve.learners.hosted.transport.rest import JsonObject, JsonService, all_entries, told_object
from tunecurve.privacy.redact import redact

SOURCE = "no price by time: adapters are paid by the token (docs.tokenfactory.nebius.com, 2026-11)"
_STATES: dict[str, DeploymentState] = {"validating": "starting"}


class NebiusDeployments(DeploymentBackend):
    """Custom models of one account, adapters that a base model serves."""

    name, billed_seconds = "nebius", 1

    def __init__(self, name: HostedName, base_model: str) -> None:
        self.whose, self.base_model, self.base_url = name, base_model, name.base_url() or ""
        key = name.key()
        if key is None or not self.base_url:
            raise EnvironmentProblem(
                f"deploying for '{name.full_name}' needs {name.missing_key() or name.base_url_variable()}"
            )
        parts = urlsplit(self.base_url)
        self.service = JsonService(f"{parts.scheme}://{parts.netloc}/v0", key)

    def place(self) -> Place:
        """Return whose key and which address hold, and what serves."""
        whose = {"provider": self.whose.provider, "service": self.whose.service}
        return {"backend": self.name, **whose, "base_url": redact(self.base_url), "base_model": self.base_model}

    def _create(self, name: str, model: str) -> Deployment:
        """Create a custom model from a checkpoint, ``JOB:CHECKPOINT``."""
        body = {"name": name, "base_model": self.base_model, "source": model, "description": "made by tunecurve"}
        return _view(told_object(self.service.ask("POST", "/models", body=body), "custom model", "name"), name)

    def get(self, provider_id: str) -> Deployment:
        """Return one custom model."""
        found = told_object(self.service.ask("GET", f"/models/{quote(provider_id, safe='/')}"), "custom model")
        return _view({"name": provider_id, **found}, _our_name(provider_id))

    def _all(self) -> Iterable[Deployment]:
        answer = self.service.ask("GET", "/models")
        models = all_entries(lambda _: answer if isinstance(answer, dict) else {"data": answer}, "data")
        return [_view(model, name) for model in models if (name := _our_name(str(model.get("name") or "")))]

    def delete(self, provider_id: str) -> None:
        """Delete a custom model; its checkpoint stays with its job."""
        self.service.ask("DELETE", f"/models/{quote(provider_id, safe='/')}")

    def delete_command(self, provider_id: str) -> str:
        """Return a command that deletes it."""
        return f'curl -X DELETE -H "Authorization: Bearer $KEY" {redact(self.service.base_url)}/models/{provider_id}'


def nebius_hosting(name: HostedName, base_model: str) -> Hosting:
    """Return how adapters of a model are served; that costs nothing by time."""
    return Hosting(lambda model: NebiusDeployments(name, base_model), lambda: None, 0.0, 1, SOURCE)


def _our_name(told: str) -> str:
    """Return the name that we gave: Nebius makes ``BASE-LoRa:NAME-SUFFIX`` of it."""
    name = told.rpartition(":")[2]
    return name.rpartition("-")[0] if name.startswith(OUR_PREFIX) else ""


def _view(model: JsonObject, name: str) -> Deployment:
    raw = str(model.get("status") or "")
    state = _STATES.get(raw) or state_by_word(raw)
    return Deployment(
        provider_id=str(model["name"]),
        state=state,
        name=name,
        model=str(model.get("source") or ""),
        answers_as=str(model["name"]) if state == "ready" else None,
        raw_state=raw,
        error=redact(str(model.get("status_reason") or "")) or None,
    )
