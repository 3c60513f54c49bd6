"""Tuning at Fireworks: datasets and supervised fine-tuning jobs of its own interface, under names that are our key.

Written from its API reference and its SDK's types (docs.fireworks.ai, fw-ai-external/python-sdk; read in November 2026). A
name is given to dataset, job and tuned model at their creation, so that what got no answer is found by it.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from tunecurve.errors import EnvironmentProblem
from tunecurve.learners.hosted.ledger.job_rows import JobState, Place, ProviderJob
from tunecurve.learners.hosted.names import HostedName
from tunecurve.learners.hosted.transport.access import check_fireworks, fireworks_account
from tunecurve.learners.hosted.transport.failures import plain_reason, status_of
from tunecurve.learners.hosted.transport.rest import JsonObject, JsonService, all_entries, part, told_object
from tunecurve.learners.hosted.transport.usage import whole_number
from tunecurve.learners.hosted.tuning.backend import TuningBackend, our_key
from tunecurve.learners.hosted.tuning.errors import asking
from tunecurve.learners.hosted.tuning.types import JobRequest, state_by_word, told_numbers, told_time
from tunecurve.privacy.redact import redacted
from tunecurve.spec.hosted import FireworksSpec

OWN_ADDRESS = "https://api.fireworks.ai"
MOST_A_PAGE = 200
_JOBS = "supervisedFineTuningJobs"
# Words that `state_by_word` would read otherwise: training that ends early has a model, files are written while it runs.
_STATES: dict[str, JobState] = {
    "JOB_STATE_EARLY_STOPPED": "succeeded",
    "JOB_STATE_WRITING_RESULTS": "running",
    "JOB_STATE_RE_QUEUEING": "waiting",
    "JOB_STATE_UNSPECIFIED": "unknown",
}


def control_service(name: HostedName, account: str) -> JsonService:
    """Return what sends requests to an account's own resources; the address is that of the answers without their path."""
    key = os.environ.get("FIREWORKS_API_KEY")
    if not key:
        raise EnvironmentProblem(f"tuning '{name.full_name}' needs a key in the environment: set FIREWORKS_API_KEY")
    address = name.base_url() or OWN_ADDRESS
    parts = urlsplit(address)
    return JsonService(f"{parts.scheme}://{parts.netloc}/v1/accounts/{part(account)}", key)


def fireworks_entries(service: JsonService, name: str) -> list[JsonObject]:
    """Return all entries of one of an account's lists, page by page."""
    return all_entries(lambda mark: _page(service, name, mark), name, "nextPageToken", may_lack=True)


def _page(service: JsonService, name: str, mark: str | None, size: int = MOST_A_PAGE) -> Any:
    return service.ask("GET", f"/{name}", query={"pageSize": size, **({"pageToken": mark} if mark else {})})


class FireworksTuning(TuningBackend):
    """Supervised fine-tuning of LoRA adapters at Fireworks."""

    name, most_file_bytes = "fireworks", 150_000_000

    def __init__(self, name: HostedName, where: FireworksSpec) -> None:
        check_fireworks(name.full_name, where)
        self.account = str(fireworks_account(where))
        self.whose, self.base_url = name, name.base_url()
        self.service = control_service(name, self.account)

    def place(self) -> Place:
        """Return account and address."""
        return {
            "backend": self.name,
            "provider": "fireworks",
            "service": None,
            "account": self.account,
            "base_url": redacted(self.base_url),
        }

    def preflight(self, base_model: str) -> None:
        """See whether this key may list the account's jobs; costs nothing."""
        with asking(f"this key cannot tune '{base_model}' in the account '{self.account}'"):
            all_entries(lambda _: _page(self.service, _JOBS, None, 1), _JOBS, may_lack=True)

    def _upload(self, request: JobRequest, content: bytes) -> str:
        """Store the rows in a dataset under our key."""
        name = request.key
        there = self._dataset(name)
        if there is not None and whole_number(there.get("exampleCount")) not in (None, 0, len(request.examples)):
            self.service.ask("DELETE", f"/datasets/{part(name)}")  # of an upload that was cut, or of somebody else
            there = None
        if there is None:
            dataset = {"userUploaded": {}, "exampleCount": str(len(request.examples)), "displayName": name}
            self._make("/datasets", {"datasetId": name, "dataset": dataset})
            there = self._dataset(name)
        if there is None or there.get("state") != "READY":
            self.service.ask("POST", f"/datasets/{part(name)}:upload", file=(f"{name}.jsonl", content))
        return f"accounts/{self.account}/datasets/{name}"

    def _make(self, path: str, body: JsonObject) -> None:
        """Create something under a name of ours; where an earlier attempt has, that is what is wanted."""
        try:
            self.service.ask("POST", path, body=body)
        except Exception as error:
            if status_of(error) != 409:
                raise

    def _dataset(self, name: str) -> JsonObject | None:
        try:
            return self.service.ask_for_object("GET", f"/datasets/{part(name)}")
        except Exception as error:
            if status_of(error) == 404:
                return None
            raise

    def delete_file(self, training_file: str) -> None:
        """Delete the dataset."""
        self.service.ask("DELETE", f"/datasets/{part(training_file.rpartition('/')[2])}")

    def _create(self, request: JobRequest, training_file: str) -> ProviderJob:
        """Fireworks makes no second job under the same name."""
        recipe = request.recipe
        body = {
            "displayName": request.key,
            "dataset": training_file,
            "baseModel": request.base_model,
            "outputModel": f"accounts/{self.account}/models/{request.key}",
            "epochs": recipe.epochs,
            "batchSizeSamples": recipe.batch_size,
            "earlyStop": False,
            "evalAutoCarveout": False,
            **({"loraRank": recipe.adapter_size} if recipe.adapter_size else {}),
        }
        query = {"supervisedFineTuningJobId": request.key}
        made = self.service.ask("POST", f"/{_JOBS}", body=body, query=query)
        return _view(told_object(made, "fine-tuning job", "name"))

    def jobs(self) -> list[ProviderJob]:
        """Return the account's supervised fine-tuning jobs."""
        return [_view(job) for job in fireworks_entries(self.service, _JOBS)]

    def get(self, provider_id: str) -> ProviderJob:
        """Return one job."""
        job = self.service.ask("GET", f"/{_JOBS}/{part(provider_id.rpartition('/')[2])}")
        return replace(_view(job), provider_id=provider_id)

    def cancel(self, provider_id: str) -> None:
        """Ask for a job's end; where this interface knows no such request (only its command line is documented), delete it."""
        path = f"/{_JOBS}/{part(provider_id.rpartition('/')[2])}"
        try:
            self.service.ask("POST", f"{path}:cancel", body={})
        except Exception as error:
            if status_of(error) not in (404, 405, 501):
                raise
            self.service.ask("DELETE", path)


def _view(job: JsonObject) -> ProviderJob:
    name, raw = str(job.get("name") or ""), str(job.get("state") or "")
    state = _STATES.get(raw) or state_by_word(raw)
    status = job.get("status") if isinstance(job.get("status"), dict) else {}
    told = {"epochs": job.get("epochs"), "batch_size": job.get("batchSizeSamples"), "adapter_size": job.get("loraRank")}
    return ProviderJob(
        provider_id=name,
        state=state,
        raw_state=raw,
        key=our_key(name.rpartition("/")[2]),
        base_model=str(job.get("baseModel") or ""),
        tuned_model=job.get("outputModel") if state == "succeeded" else None,
        error=plain_reason(status["message"]) if status and status.get("message") else None,
        training_file=job.get("dataset"),
        created_at=told_time(job.get("createTime")),
        hyperparameters=told_numbers(told),
        usd_billed=_usd(job.get("estimatedCost")),
        remarks=("training ended early",) if raw == "JOB_STATE_EARLY_STOPPED" else (),
    )


def _usd(money: Any) -> float | None:
    """Return Google's form of an amount in US dollars; None for another currency, and for what is no amount."""
    if not isinstance(money, dict) or money.get("currencyCode", "USD") != "USD":
        return None
    try:
        usd = float(money.get("units") or 0) + float(money.get("nanos") or 0) / 1e9
    except (TypeError, ValueError):
        return None
    return usd if 0 < usd < 1e6 else None
