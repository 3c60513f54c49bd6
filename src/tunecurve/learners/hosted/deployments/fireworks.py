"""Deployments of tuned models at Fireworks: dedicated accelerators, paid by the second for as long as a replica runs.

Written from its API reference, its SDK's types and its page on deploying fine-tuned models ("live merge": a deployment of the
adapter itself), read in November 2026. A deployment carries the time of its own end, in case nobody is left to delete it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from tunecurve.learners.hosted.deployments.types import Deployment, DeploymentBackend, Hosting, most_told, state_by_word
from tunecurve.learners.hosted.ledger.job_rows import Place
from tunecurve.learners.hosted.names import HostedName
from tunecurve.learners.hosted.transport.access import check_fireworks, fireworks_account
from tunecurve.learners.hosted.transport.failures import plain_reason
from tunecurve.learners.hosted.transport.rest import HttpRefusal, JsonObject, part, told_object
from tunecurve.learners.hosted.transport.usage import whole_number
from tunecurve.learners.hosted.tuning.errors import refusal_of_creation
from tunecurve.learners.hosted.tuning.fireworks import control_service, fireworks_entries
from tunecurve.learners.hosted.tuning.types import NotCreated
from tunecurve.privacy.redact import redacted
from tunecurve.spec.hosted import FireworksSpec

# US dollars an hour of one accelerator. The price page itself could not be read; the documents' own calculator has these.
USD_PER_HOUR = {"NVIDIA_H100_80GB": 7.0, "NVIDIA_H200_141GB": 7.0, "NVIDIA_B200_180GB": 10.0, "NVIDIA_B300_288GB": 12.0}
SOURCE = "Fireworks' documents, cost comparison, 2026"
# A deployment that nobody deletes ends by itself after this; one that answers for longer would end in the middle.
LONGEST_LIFE = timedelta(hours=24)


class FireworksDeployments(DeploymentBackend):
    """On-demand deployments of one account."""

    name, billed_seconds = "fireworks", 1

    def __init__(self, name: HostedName, where: FireworksSpec) -> None:
        check_fireworks(name.full_name, where)
        self.where, self.account, self.base_url = where, str(fireworks_account(where)), name.base_url()
        self.service = control_service(name, self.account)

    def place(self) -> Place:
        """Return account, address and what a deployment runs on."""
        return {
            "backend": self.name,
            "account": self.account,
            "base_url": redacted(self.base_url),
            "accelerator": self.where.accelerator,
            "accelerators": self.where.accelerators,
        }

    def _create(self, name: str, model: str) -> Deployment:
        """Create a deployment under an id of its own, since a deleted one keeps its id for a while; our name is displayed."""
        end = datetime.now(UTC) + LONGEST_LIFE
        body = {
            "baseModel": model,
            "displayName": name,
            "description": "made by tunecurve",
            "acceleratorType": self.where.accelerator,
            "acceleratorCount": self.where.accelerators,
            "minReplicaCount": 1,
            "maxReplicaCount": 1,
            "expireTime": end.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        query = {"deploymentId": f"{name}-{uuid4().hex[:8]}"}
        try:
            made = self.service.ask("POST", "/deployments", body=body, query=query)
        except HttpRefusal as error:
            refusal = refusal_of_creation(error)
            if isinstance(refusal, NotCreated) and "accelerator" in str(refusal).lower():
                settings = "hosted.fireworks.accelerator and hosted.fireworks.accelerators"
                raise NotCreated(f"{refusal}; set {settings}") from None
            raise
        return _view(told_object(made, "deployment", "name"), self.where)

    def get(self, provider_id: str) -> Deployment:
        """Return one deployment."""
        found = told_object(self.service.ask("GET", self._of(provider_id)), "deployment", "baseModel")
        return _view({**found, "name": provider_id}, self.where)

    def _all(self) -> Iterable[Deployment]:
        return [_view(entry, self.where) for entry in fireworks_entries(self.service, "deployments")]

    def delete(self, provider_id: str) -> None:
        """Delete a deployment, also one that has answered a moment ago."""
        self.service.ask("DELETE", self._of(provider_id), query={"ignoreChecks": "true"})

    def delete_command(self, provider_id: str) -> str:
        """Return the command of Fireworks' command line that deletes it."""
        return f"firectl deployment delete {provider_id} --ignore-checks"

    def _of(self, provider_id: str) -> str:
        return f"/deployments/{part(provider_id.rpartition('/')[2])}"


def _view(told: JsonObject, asked: FireworksSpec) -> Deployment:
    raw, name, model = str(told.get("state") or ""), str(told.get("name") or ""), str(told.get("baseModel") or "")
    status = told.get("status")
    error = status.get("message") if isinstance(status, dict) and status.get("code") not in (None, "OK") else None
    return Deployment(
        provider_id=name,
        state=state_by_word(raw),
        name=str(told.get("displayName") or ""),
        model=model,
        answers_as=f"{model}#{name}" if model and name else None,
        raw_state=raw,
        error=plain_reason(error) if error else None,
        usd_per_hour=usd_per_hour(told.get("acceleratorType"), told.get("acceleratorCount")),
        replicas=most_told(told, "minReplicaCount", "maxReplicaCount", "replicaCount", "desiredReplicaCount"),
        times=_times(told, asked),
    )


def _times(told: JsonObject, asked: FireworksSpec) -> float:
    """Return how many times the accelerators that were asked for one replica takes."""
    count = most_told(told, "acceleratorCount") / asked.accelerators if told.get("acceleratorCount") else 1.0
    one, usual = USD_PER_HOUR.get(str(told.get("acceleratorType"))), USD_PER_HOUR.get(asked.accelerator)
    return count * one / usual if one and usual else count


def usd_per_hour(accelerator: object, count: object) -> float | None:
    """Return what so many accelerators cost an hour; None where the kind is in no table, or nothing is told."""
    one, number = USD_PER_HOUR.get(str(accelerator)), whole_number(count)
    return one * number if one is not None and number else None


def fireworks_hosting(name: HostedName, where: FireworksSpec) -> Hosting:
    """Return how tuned models are deployed, and what that costs an hour."""
    price = usd_per_hour(where.accelerator, where.accelerators)
    return Hosting(
        lambda model: FireworksDeployments(name, where),
        lambda: check_fireworks(name.full_name, where),
        price,
        1,
        SOURCE,
    )
