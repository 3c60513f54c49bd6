"""Deployments as providers tell them: what stands at a provider so that a tuned model answers, and costs by time meanwhile."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tunecurve.learners.hosted.ledger.job_rows import OUR_PREFIX, Place
from tunecurve.learners.hosted.transport.usage import whole_number
from tunecurve.learners.hosted.tuning.errors import creating

# "gone": deleted, or never there.
DeploymentState = Literal["starting", "ready", "failed", "stopped", "deleting", "gone", "unknown"]

# Every provider has its own words; the first that is found in one decides.
_WORDS: tuple[tuple[str, DeploymentState], ...] = (
    (r"fail|error|invalid|reject|cancel", "failed"),
    (r"deleting|terminating|undeploying", "deleting"),
    (r"deleted|terminated|expired|undeployed", "gone"),
    (r"stopped|stopping|paused|inactive|disabled", "stopped"),
    (r"succe|ready|started|running|active|inservice|deployed", "ready"),
    (r"pend|creat|start|accept|provision|queue|updat|moving|deploying|schedul|initiali|load|scal|degraded", "starting"),
)


def state_by_word(raw: Any) -> DeploymentState:
    """Return what a provider's word for a deployment's state means; ``unknown`` for a word that is not understood."""
    word = str(raw or "").lower().replace("_", " ")
    return next((state for pattern, state in _WORDS if re.search(pattern, word)), "unknown")


@dataclass(frozen=True)
class Deployment:
    """A deployment as the provider tells it."""

    provider_id: str
    """What the provider looks it up and deletes it by."""
    state: DeploymentState
    """One of `DeploymentState`."""
    name: str = ""
    """The name that we gave it."""
    model: str = ""
    """The tuned model."""
    answers_as: str | None = None
    """What calls name as their model, once it is known."""
    answers_at: str | None = None
    """The address that calls go to, where it is another one than the model's."""
    raw_state: str = ""
    """The provider's own word."""
    error: str | None = None
    """Why it failed."""
    usd_per_hour: float | None = None
    """What one replica of it costs while it stands, where the provider tells."""
    replicas: int = 1
    """How many of it may stand at once, as the provider tells; one is asked for."""
    times: float = 1.0
    """How many times the machine that was asked for one of them takes, as the provider tells."""


class DeploymentBackend:
    """A provider that answers from a tuned model only while a deployment of it stands; each says in its own way how it is asked.

    Attributes
    ----------
    name : str
        Which one.
    billed_seconds : int
        What time is billed in: a unit that has begun is billed whole.
    """

    name = ""
    billed_seconds = 1

    def place(self) -> Place:
        """Return what distinguishes this account and address from others; ``backend`` names this class."""
        raise NotImplementedError

    def check(self, seconds: float) -> None:
        """Raise EnvironmentProblem when something is missing that creating, and deleting after so long, needs; makes no network call."""

    def probe(self) -> None:
        """Ask for something that costs nothing, and raise what whoever may not make deployments is answered."""
        self.ours()

    def create(self, name: str, model: str) -> Deployment:
        """Create a deployment, in one attempt.

        Raises
        ------
        QuotaFull, TransientError
            When none was made, and asking again later may go well.
        NotCreated, TunecurveError
            When none was made, and none will be.
        CreationUnclear
            When one may have been made.
        """
        with creating():
            return self._create(name, model)

    def get(self, provider_id: str) -> Deployment:
        """Return one deployment; one that is not there raises an error with status 404."""
        raise NotImplementedError

    def find(self, name: str) -> Deployment | None:
        """Return the deployment of this name, None where there is none."""
        return next((found for found in self.ours() if found.name == name and found.state != "gone"), None)

    def ours(self) -> list[Deployment]:
        """Return the account's deployments whose names begin with `OUR_PREFIX`."""
        return [found for found in self._all() if found.name.startswith(OUR_PREFIX)]

    def delete(self, provider_id: str) -> None:
        """Ask for a deployment's end; one that is not there raises an error with status 404."""
        raise NotImplementedError

    def delete_command(self, provider_id: str) -> str:
        """Return the provider's own command that deletes it, for people."""
        raise NotImplementedError

    def _create(self, name: str, model: str) -> Deployment:
        raise NotImplementedError

    def _all(self) -> Iterable[Deployment]:
        raise NotImplementedError


@dataclass(frozen=True)
class Hosting:
    """How deployments for a model's tuned versions are made, and what one costs."""

    open: Callable[[str], DeploymentBackend]
    """Makes the backend for a tuned model; for the empty name, what can be asked before there is one."""
    check: Callable[[], None]
    """Raises EnvironmentProblem when something is not set that it needs; makes no network call."""
    usd_per_hour: float | None
    """From a table of our own; None: unknown."""
    billed_seconds: int
    """As of the backend."""
    source: str = ""
    """Where the price comes from, and when; what people should know of it."""


def most_told(values: Mapping[str, Any], *names: str) -> int:
    """Return the largest of these numbers that a provider tells, at least 1."""
    return max(1, *(whole_number(values.get(name)) or 1 for name in names))
