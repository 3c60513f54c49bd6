"""Dedicated endpoints at Together AI, in the first version of its interface: for models that its jobs name, and give no id to.

Together's pages of November 2026 keep it until the end of 2026, and its newest ones say that it takes no new endpoints any
more; a refusal says so in the provider's own words. Written from its reference (``/endpoints``, ``/hardware``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress

from tunecurve.learners.hosted.deployments.types import Deployment, DeploymentBackend, most_told, state_by_word
from tunecurve.learners.hosted.ledger.job_rows import Place
from tunecurve.learners.hosted.names import HostedName
from tunecurve.learners.hosted.transport.failures import plain_reason
from tunecurve.learners.hosted.transport.rest import JsonObject, all_entries, part, told_object
from tunecurve.learners.hosted.tuning.together import together_service
from tunecurve.privacy.redact import redacted

BILLED_SECONDS, IDLE_MINUTES = 60, 30
_REPLICAS = ("min_replicas", "max_replicas")
# As the reference spells machines.
_MEMORY = {"h100": "80gb_sxm", "h200": "140gb_sxm", "b200": "180gb_sxm"}


class TogetherEndpoints(DeploymentBackend):
    """Endpoints of the account that a key belongs to."""

    name, billed_seconds = "together v1", BILLED_SECONDS

    def __init__(self, name: HostedName, gpu: str, gpus: int) -> None:
        self.whose, self.gpu, self.gpus = name, gpu, gpus
        self.service = together_service(name)

    @property
    def hardware(self) -> str:
        """The machine, as the reference calls it."""
        return f"{self.gpus}x_nvidia_{self.gpu}_{_MEMORY[self.gpu]}"

    def place(self) -> Place:
        """Return address and machine."""
        there = redacted(self.whose.base_url())
        return {"backend": self.name, "base_url": there, "gpu": self.gpu, "gpus": self.gpus}

    def check(self, seconds: float) -> None:
        """See that there is a key, which does not end."""
        together_service(self.whose)

    def _create(self, name: str, model: str) -> Deployment:
        body = {
            "model": model,
            "display_name": name,
            "hardware": self.hardware,
            "autoscaling": {"min_replicas": 1, "max_replicas": 1},
            "inactive_timeout": IDLE_MINUTES,
            "state": "STARTED",
        }
        usd_per_hour = self._usd_per_hour(model)
        return self._view(self.service.ask_for_object("POST", "/endpoints", body=body), usd_per_hour)

    def _usd_per_hour(self, model: str) -> float | None:
        """Return what the machine costs, as the provider tells it; None where it does not."""
        with suppress(Exception):
            entries = self.service.ask("GET", "/hardware", query={"model": model})["data"]
            cents = next(entry["pricing"]["cents_per_minute"] for entry in entries if entry.get("id") == self.hardware)
            return float(cents) * 60 / 100
        return None

    def get(self, provider_id: str) -> Deployment:
        """Return one endpoint."""
        return self._view(self.service.ask_for_object("GET", f"/endpoints/{part(provider_id)}"))

    def _all(self) -> Iterable[Deployment]:
        """Return the dedicated endpoints; a list leaves names out, so that each is looked at."""
        answer = self.service.ask("GET", "/endpoints", query={"type": "dedicated"})
        entries = all_entries(lambda _: answer if isinstance(answer, dict) else {"data": answer}, "data")
        dedicated = [entry for entry in entries if entry.get("type") == "dedicated"]
        return [self._view(entry) if "display_name" in entry else self.get(entry["id"]) for entry in dedicated]

    def find(self, name: str) -> Deployment | None:
        """Return our endpoint of this name."""
        return next((found for found in self.ours() if found.name == name), None)

    def delete(self, provider_id: str) -> None:
        """Delete an endpoint, which ends it."""
        self.service.ask("DELETE", f"/endpoints/{part(provider_id)}")

    def delete_command(self, provider_id: str) -> str:
        """Return the command of Together's command line that deletes it."""
        return f"together endpoints delete {provider_id}"

    def _view(self, told: JsonObject, usd_per_hour: float | None = None) -> Deployment:
        """Return an endpoint as told."""
        entry = told_object(told, "endpoint", "id")
        raw = str(entry.get("state") or "")
        return Deployment(
            provider_id=str(entry["id"]),
            state=state_by_word(raw),
            name=str(entry.get("display_name") or ""),
            model=str(entry.get("model") or ""),
            answers_as=str(entry["name"]) if entry.get("name") else None,
            raw_state=raw,
            error=plain_reason(str(entry.get("error") or "")) or None,
            usd_per_hour=usd_per_hour,
            replicas=most_told(scaling if isinstance(scaling := entry.get("autoscaling"), dict) else {}, *_REPLICAS),
            times=self._times(str(entry.get("hardware") or "")),
        )

    def _times(self, hardware: str) -> float:
        """Return how many times the GPUs that were asked for a machine has (``2x_nvidia_h100_80gb_sxm``)."""
        count = re.match(r"(\d+)x", hardware)
        return int(count[1]) / self.gpus if count else 1.0
