"""Deployments of tuned models in an Azure AI Foundry resource, made and deleted by Azure's control plane.

Written from Microsoft's documents (Foundry's pages on deploying a fine-tuned model and on its costs, the control plane's
specification of 2024-10-01), as they were in November 2026.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable

from tunecurve.learners.hosted.deployments.types import (
    Deployment,
    DeploymentBackend,
    Hosting,
    state_by_word,
)
from tunecurve.learners.hosted.ledger.job_rows import OUR_PREFIX, Place
from tunecurve.learners.hosted.names import HostedName
from tunecurve.learners.hosted.transport.azure_access import ManagementToken, check_token, management_url, resource_path
from tunecurve.learners.hosted.transport.failures import plain_reason, quota_is_used_up
from tunecurve.learners.hosted.transport.rest import (
    HttpRefusal,
    JsonObject,
    JsonService,
    all_entries,
    part,
    told_object,
)
from tunecurve.learners.hosted.tuning.errors import refusal_of_creation
from tunecurve.learners.hosted.tuning.types import NotCreated, QuotaFull
from tunecurve.privacy.redact import redact
from tunecurve.spec.hosted import AzureSpec

# What is charged an hour, on top of the base model's price of tokens; the developer tier has none, and ends after a day.
HOSTING_USD = {"standard": 1.70, "globalstandard": 1.70, "developertier": 0.0}
HOSTING_SOURCE = "Microsoft's page on fine-tuning costs, 2026-03"
_SKU = {"standard": "Standard", "globalstandard": "GlobalStandard", "developertier": "DeveloperTier"}
_API_VERSION = {"standard": "2024-10-01", "globalstandard": "2024-10-01", "developertier": "2025-07-01-preview"}
# What a 404 says where not the deployment is missing, but what it would be in.
_OF_A_PARENT = re.compile(
    r"ParentResource|ResourceGroupNotFound|SubscriptionNotFound|InvalidSubscription|AccountNotFound"
)
# How long a model that its job has just made may be unknown to the control plane.
SETTLING_SECONDS = 300.0
# The documents speak of an hourly charge, and not of parts of an hour.
BILLED_SECONDS = 3600


class AzureDeployments(DeploymentBackend):
    """Deployments in one resource, its path as at the control plane; capacity is in thousands of tokens a minute."""

    name, billed_seconds = "azure", BILLED_SECONDS

    def __init__(self, path: str, deploy_as: str, capacity: int) -> None:
        self.path, self.deploy_as, self.capacity = path, deploy_as, capacity
        self._until = time.monotonic() + SETTLING_SECONDS
        version = {"api-version": _API_VERSION[deploy_as]}
        self.service = JsonService(management_url(), ManagementToken(), version)

    def place(self) -> Place:
        """Return the resource, and the kind of deployment."""
        return {"backend": "azure", "path": self.path, "deploy_as": self.deploy_as, "url": redact(management_url())}

    def check(self, seconds: float) -> None:
        """See that there is a token that outlasts a deployment."""
        check_token(seconds)

    def _create(self, name: str, model: str) -> Deployment:
        body = {
            "sku": {"name": _SKU[self.deploy_as], "capacity": self.capacity},
            "properties": {"model": {"format": "OpenAI", "name": model, "version": "1"}},
        }
        try:
            return _view(self.service.ask_for_object("PUT", self._of(name), body=body))
        except HttpRefusal as error:
            said = str(error.body or error).lower()
            if "deploymentmodelnotfound" in said and time.monotonic() < self._until:
                raise QuotaFull(f"the tuned model is not known there yet: {plain_reason(error)}") from None
            if error.status_code == 409 and not quota_is_used_up(error):  # it is busy with another one
                raise QuotaFull(plain_reason(error)) from None
            refusal = refusal_of_creation(error)
            if isinstance(refusal, NotCreated) and "quota" in said:
                raise NotCreated(f"{refusal}; hosted.azure.capacity asks for less") from None
            raise

    def get(self, provider_id: str) -> Deployment:
        """Return one deployment."""
        return _view(self.service.ask_for_object("GET", self._of(provider_id)))

    def find(self, name: str) -> Deployment | None:
        """Return the deployment of this name; at Azure the name is all there is."""
        try:
            return self.get(name)
        except HttpRefusal as error:
            if error.status_code == 404 and not _OF_A_PARENT.search(str(error.body)):
                return None
            raise

    def probe(self) -> None:
        """Ask for a deployment that there is not: the answer tells a login, a subscription or a resource that is wrong."""
        self.find(f"{OUR_PREFIX}probe")

    def _all(self) -> Iterable[Deployment]:
        return map(_view, all_entries(self._page, "value", "nextLink"))

    def _page(self, link: str | None) -> JsonObject:
        """Return a page of the list; a link must lead to the same address: the token goes nowhere else."""
        if link is None:
            return self.service.ask_for_object("GET", f"{self.path}/deployments")
        base = self.service.base_url
        if not link.startswith(base + "/"):
            raise ValueError("the list of deployments goes on at another address")
        path, _, query = link.removeprefix(base).partition("?")
        pairs = dict(part.split("=", 1) for part in query.split("&") if "=" in part)
        return self.service.ask_for_object("GET", path, query=pairs)

    def delete(self, provider_id: str) -> None:
        """Ask for a deployment's end; it is gone some time later."""
        self.service.ask("DELETE", self._of(provider_id))

    def delete_command(self, provider_id: str) -> str:
        """Return the command of Azure's command line that deletes it."""
        parts = self.path.split("/")
        return (
            f"az cognitiveservices account deployment delete --subscription {parts[2]} --resource-group {parts[4]} --name "
            f"{parts[-1]} --deployment-name {provider_id}"
        )

    def _of(self, name: str) -> str:
        return f"{self.path}/deployments/{part(name)}"


def _view(told: JsonObject) -> Deployment:
    """Return a deployment as the control plane tells it."""
    entry = told_object(told, "deployment", "name")
    properties = entry.get("properties") or {}
    raw = str(properties.get("provisioningState") or "")
    name = str(entry["name"]).rsplit("/", 1)[-1]
    return Deployment(
        provider_id=name,
        state=state_by_word(raw),
        name=name,
        model=str((properties.get("model") or {}).get("name") or ""),
        answers_as=name,
        raw_state=raw,
        error=plain_reason(str(properties.get("provisioningDetails") or "")) or None,
    )


def azure_hosting(name: HostedName, settings: AzureSpec) -> Hosting | None:
    """Return how tuned models answer at Azure; None where their user deploys them by hand."""
    if settings.deploy_as == "none":
        return None

    def open_deployments(model: str) -> AzureDeployments:
        return AzureDeployments(resource_path(name, settings), settings.deploy_as, settings.capacity)

    def check() -> None:
        resource_path(name, settings)
        management_url()
        check_token(0.0)

    remark = {
        "developertier": "; the developer tier hosts free of charge, for a day at most, and outside your region",
        "standard": "; a begun hour is counted whole; hosted.azure.deploy_as: developertier is free of it",
        "globalstandard": "; a begun hour is counted whole; hosted.azure.deploy_as: developertier is free of it",
    }[settings.deploy_as]
    return Hosting(open_deployments, check, HOSTING_USD[settings.deploy_as], BILLED_SECONDS, HOSTING_SOURCE + remark)
