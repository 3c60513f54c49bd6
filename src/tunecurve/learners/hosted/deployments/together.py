"""Dedicated deployments at Together AI, in the second version of its interface; the first takes no new ones any more.

Written from Together's documents as they were in November 2026 (its pages on dedicated model inference, its own Python SDK).
An endpoint costs nothing; the deployment within it costs by the minute while a replica runs. It is asked to stop by itself
after half an hour without a call, in case nobody can.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable
from contextlib import suppress

from tunecurve.errors import EnvironmentProblem, ModelError
from tunecurve.learners.hosted.deployments.together_endpoints import TogetherEndpoints
from tunecurve.learners.hosted.deployments.types import (
    Deployment,
    DeploymentBackend,
    Hosting,
    most_told,
    state_by_word,
)
from tunecurve.learners.hosted.ledger.job_rows import OUR_PREFIX, Place
from tunecurve.learners.hosted.names import HostedName
from tunecurve.learners.hosted.transport.failures import plain_reason, status_of
from tunecurve.learners.hosted.transport.rest import (
    HttpRefusal,
    JsonObject,
    JsonService,
    all_entries,
    part,
    told_object,
)
from tunecurve.learners.hosted.tuning.errors import asking, refusal_of_creation
from tunecurve.learners.hosted.tuning.together import together_service
from tunecurve.learners.hosted.tuning.types import NotCreated
from tunecurve.privacy.redact import redacted
from tunecurve.spec.hosted import TogetherSpec

ANSWERS_AT = "https://api-inference.together.ai/v1"
# US dollars an hour of one GPU; docs.together.ai on dedicated endpoints, read in November 2026.
GPU_USD = {"h100": 3.99, "h200": 5.49, "b200": 9.95}
_SOURCE = "docs.together.ai on dedicated endpoints, 2026-11"
BILLED_SECONDS = 60
# Its deployment may be on its way out for a moment.
ENDPOINT_DELETIONS, PAUSE_SECONDS = 4, 1.0
_REFUSES_TO_STOP = frozenset({400, 409, 412, 422})
# The fewest that Together takes.
IDLE_MINUTES = 30
MOST_A_PAGE = 500


class TogetherDeployments(DeploymentBackend):
    """Deployments of one project.

    Parameters
    ----------
    name : HostedName
        Says whose key and address hold.
    where : TogetherSpec
        The project, None for the one that the key belongs to; how the model is run, where there are several ways; the machine.
    """

    name, billed_seconds = "together", BILLED_SECONDS

    def __init__(self, name: HostedName, where: TogetherSpec) -> None:
        self.whose, self.where, self._project = name, where, where.project
        self.service: JsonService = together_service(name, "v2")

    @property
    def project(self) -> str:
        """The project's id."""
        if self._project is None:
            try:
                told = together_service(self.whose).ask_for_object("GET", "/whoami")
                self._project = str(told["project_id"])
            except (KeyError, ValueError, HttpRefusal) as error:
                if status_of(error) not in (None, 404):
                    raise
                raise EnvironmentProblem(
                    "Together does not say which project the key belongs to; set hosted.together.project (tg whoami shows it)"
                ) from None
        return self._project

    def is_there(self) -> bool:
        """Return whether the address knows the second version at all."""
        try:
            self._endpoints()
        except EnvironmentProblem:
            return False
        except Exception as error:
            return status_of(error) != 404
        return True

    def place(self) -> Place:
        """Return address and project."""
        return {"backend": "together", "project": self._project, "base_url": redacted(self.whose.base_url())}

    def check(self, seconds: float) -> None:
        """See that there is a key, which does not end."""
        together_service(self.whose)

    def probe(self) -> None:
        """Ask for the project's endpoints."""
        self._endpoints()

    def _create(self, name: str, model: str) -> Deployment:
        """Create an endpoint, which costs nothing, and the deployment in it."""
        with asking("cannot deploy the tuned model"):
            config, usd_per_hour = self._way_to_run(model)
            endpoint = self._endpoint(name) or self._new_endpoint(name)
        body = {
            "name": name,
            "model": f"projects/{self.project}/models/{model}",
            "config": config,
            "autoscaling": {"minReplicas": 1, "maxReplicas": 1},
            "inactiveTimeout": IDLE_MINUTES,
        }
        path = self._of(endpoint["id"]) + "/deployments"
        try:
            return self._view(endpoint, self.service.ask_for_object("POST", path, body=body), usd_per_hour)
        except Exception as error:
            if isinstance(refusal_of_creation(error), NotCreated):
                with suppress(Exception):  # an empty endpoint costs nothing
                    self.service.ask("DELETE", self._of(endpoint["id"]))
            raise

    def _way_to_run(self, model: str) -> tuple[str, float | None]:
        """Return the config to run a model by, the one with the fewest GPUs, and what it costs an hour.

        Raises
        ------
        ModelError
            When there is none, or several of that size.
        """
        reference = f"projects/{self.project}/models/{model}"
        answer = self.service.ask_for_object(
            "GET", f"/projects/{part(self.project)}/configs", query={"referenceModel": reference}
        )
        configs = {
            f"projects/{entry.get('projectId') or self.project}/configs/{entry['id']}": _hardware(entry)
            for entry in answer.get("data") or []
            if isinstance(entry, dict) and entry.get("id")
        }
        config = self.where.config
        if config:
            chosen = next((path for path in configs if config in (path, path.rsplit("/", 1)[-1])), None)
            if chosen is None:
                raise ModelError(
                    f"hosted.together.config '{config}' is none of this model's: {', '.join(configs) or 'none'}"
                )
        else:
            fewest = min((count for count, _ in configs.values()), default=0)
            small = [path for path, (count, _) in configs.items() if count == fewest]
            if len(small) != 1:
                said = (
                    f"there are several ways to run it ({', '.join(small)})" if small else "it cannot be deployed there"
                )
                raise ModelError(
                    f"model '{model}': {said}; choose by hosted.together.config (tg beta models configs {model})"
                )
            chosen = small[0]
        return chosen, self._usd_per_hour(configs[chosen][1])

    def _usd_per_hour(self, hardware: str) -> float | None:
        """Return what hardware costs, as the provider tells it; None where it does not."""
        with suppress(Exception):
            entries = self.service.ask("GET", "/public/inference-instance-types")["data"]
            cents = next(entry["priceCentsPerHour"] for entry in entries if entry.get("name") == hardware)
            return float(cents) / 100
        return None

    def _new_endpoint(self, name: str) -> JsonObject:
        """Create an endpoint; since it costs nothing and its name is ours alone, one without an answer is looked for."""
        path = f"/projects/{part(self.project)}/endpoints"
        try:
            return self.service.ask_for_object("POST", path, body={"name": name})
        except Exception as error:
            found = self._endpoint(name) if (status_of(error) or 500) >= 408 else None
            if found is None:
                raise
            return found

    def _endpoints(self) -> list[JsonObject]:
        """Return the project's endpoints."""
        entries = all_entries(self._page, "data", "nextCursor", "next_cursor")
        return [entry for entry in entries if entry.get("id")]

    def _page(self, mark: str | None) -> JsonObject:
        query = {"limit": MOST_A_PAGE, **({"after": mark} if mark else {})}
        return self.service.ask_for_object("GET", f"/projects/{part(self.project)}/endpoints", query=query)

    def _endpoint(self, name: str) -> JsonObject | None:
        return next((entry for entry in self._endpoints() if _bare(entry) == name), None)

    def get(self, provider_id: str) -> Deployment:
        """Return one deployment."""
        endpoint, _, deployment = provider_id.partition("/")
        found = self.service.ask_for_object("GET", f"{self._of(endpoint)}/deployments/{part(deployment)}")
        return self._view({"id": endpoint}, found)

    def find(self, name: str) -> Deployment | None:
        """Return the deployment within our endpoint of this name."""
        endpoint = self._endpoint(name)
        if endpoint is None:
            return None
        answer = self.service.ask_for_object("GET", f"{self._of(endpoint['id'])}/deployments")
        entries = answer.get("data") or []
        return self._view(endpoint, entries[0]) if entries else None

    def _all(self) -> Iterable[Deployment]:
        """Endpoints with our mark that hold a deployment."""
        names = [_bare(entry) for entry in self._endpoints() if _bare(entry).startswith(OUR_PREFIX)]
        return [found for found in map(self.find, names) if found is not None]

    def ours(self) -> list[Deployment]:
        """Return the deployments in endpoints with our mark, whatever they are called themselves."""
        return list(self._all())

    def delete(self, provider_id: str) -> None:
        """Stop a deployment, and delete it with its endpoint; one that has not stopped yet is deleted when asked again."""
        endpoint, _, deployment = provider_id.partition("/")
        path = f"{self._of(endpoint)}/deployments/{part(deployment)}"
        try:
            if self.get(provider_id).state not in ("stopped", "failed"):
                stop = {"autoscaling": {"minReplicas": 0, "maxReplicas": 0}}
                try:
                    self.service.ask("PATCH", path, body=stop, query={"updateMask": "autoscaling"})
                except HttpRefusal as error:
                    if error.status_code not in _REFUSES_TO_STOP:
                        raise  # else it may be deleted all the same
            try:
                self.service.ask("DELETE", path)
            except Exception as error:
                if status_of(error) not in (400, 409):  # it still stops
                    raise
                return
        except Exception as error:
            if status_of(error) not in (404, 410):
                raise
            self._delete_endpoint(endpoint)
            raise
        self._delete_endpoint(endpoint)

    def _delete_endpoint(self, endpoint: str) -> None:
        for _ in range(ENDPOINT_DELETIONS):
            try:
                self.service.ask("DELETE", self._of(endpoint))
                return
            except Exception as error:  # without a deployment it costs nothing
                if status_of(error) != 409:
                    return
                time.sleep(PAUSE_SECONDS)

    def delete_command(self, provider_id: str) -> str:
        """Return the command of Together's command line that deletes endpoint and deployment."""
        return f"tg beta endpoints rm {provider_id.partition('/')[0]} --force"

    def _of(self, endpoint: str) -> str:
        return f"/projects/{part(self.project)}/endpoints/{part(endpoint)}"

    def _view(self, endpoint: JsonObject, told: JsonObject, usd_per_hour: float | None = None) -> Deployment:
        """Return a deployment as told: whole, or in short within a list."""
        entry = told_object(told, "deployment", "id")
        status = entry.get("status")
        told = status if isinstance(status, dict) else {}
        raw = str(told.get("state") or entry.get("state") or "")
        name = str(entry.get("name") or "")
        message = plain_reason(str(told.get("message") or "")) or None
        return Deployment(
            provider_id=f"{endpoint['id']}/{entry['id']}",
            state=state_by_word(re.sub("^deployment_state_", "", raw.lower())),
            name=name.rsplit("/", 1)[-1],
            model=str(entry.get("model") or ""),
            # Asked by this name, it answers without a share of the endpoint's traffic.
            answers_as=name if "/" in name else None,
            answers_at=self.whose.base_url() or ANSWERS_AT,
            raw_state=raw,
            error=message,
            usd_per_hour=usd_per_hour,
            replicas=max(
                most_told(told, "readyReplicas", "scheduledReplicas"),
                most_told(entry, "desiredReplicas"),
                most_told(scaling if isinstance(scaling := entry.get("autoscaling"), dict) else {}, *_REPLICAS),
            ),
            times=times_the_machine(str(entry.get("hardware") or ""), self.where),
        )


_REPLICAS = ("minReplicas", "maxReplicas")


def times_the_machine(told: str, asked: TogetherSpec) -> float:
    """Return how many times the GPUs that were asked for a machine has, by its name (``2xnvidia-h200``); 1 where it tells nothing."""
    count = re.match(r"(\d+)x", told)
    if not count:
        return 1.0
    gpu = next((kind for kind in GPU_USD if kind in told.lower()), asked.gpu)
    return int(count[1]) * GPU_USD[gpu] / (asked.gpus * GPU_USD[asked.gpu])


def _bare(endpoint: JsonObject) -> str:
    return str(endpoint.get("name") or "").rsplit("/", 1)[-1]


def _hardware(config: JsonObject) -> tuple[int, str]:
    """Return the number of GPUs of a config, and the name of the machine that has them."""
    selectors = {
        entry.get("key"): entry.get("value") for entry in config.get("selectors") or [] if isinstance(entry, dict)
    }
    count = str(selectors.get("accelerator_count") or "")
    return int(count) if count.isdigit() else 1, f"{count}x{selectors.get('accelerator_type')}"


def together_hosting(name: HostedName, settings: TogetherSpec) -> Hosting:
    """Return how tuned models answer at Together."""

    def open_deployments(model: str) -> DeploymentBackend:
        """Since its second version, jobs give their models an id; where they give none, there is only the first."""
        if model and not model.startswith("ml_"):
            return TogetherEndpoints(name, settings.gpu, settings.gpus)
        project = settings.project or os.environ.get("TOGETHER_PROJECT_ID")
        second = TogetherDeployments(name, settings.model_copy(update={"project": project}))
        if not model and not second.is_there():
            return TogetherEndpoints(name, settings.gpu, settings.gpus)
        return second

    def check() -> None:
        together_service(name)

    source = f"{settings.gpus} x {settings.gpu.upper()}, {_SOURCE}; what Together tells at the creation is booked where it is more"
    return Hosting(open_deployments, check, settings.gpus * GPU_USD[settings.gpu], BILLED_SECONDS, source)
