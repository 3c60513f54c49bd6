"""Tuning jobs at a provider: submitted once, whatever happens to this process, and followed for as long as they take.

The order of a job's life: limits are checked; the provider is asked whether the account may tune at all; the training
file is uploaded; the claim is on the disk (state ``creating``); the job is created; its id is on the disk. Our key
travels with the job. Whoever finds a claim without an id looks for a job with that key and adopts it; only when none
has shown up for a while is another one created.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from tunecurve.errors import ModelError
from tunecurve.learners.base import StillWaiting
from tunecurve.learners.hosted.account import Account
from tunecurve.learners.hosted.prices import Price
from tunecurve.learners.hosted.trouble import asking
from tunecurve.prompts import TuningExample
from tunecurve.spec import stable_hash

JobState = Literal["waiting", "running", "succeeded", "failed", "cancelled", "expired"]
ENDED = frozenset({"succeeded", "failed", "cancelled", "expired"})
# OpenAI's documented minimum of rows in a training file, by backend; Vertex AI documents none.
FEWEST_ROWS = {"openai": 10}
# Ours, before the provider knows of the job.
CREATING, QUEUED_HERE = "creating", "queued here"


@dataclass(frozen=True)
class ProviderJob:
    """A job as the provider tells it.

    Attributes
    ----------
    provider_id : str
        Its name there.
    state : str
        One of `JobState`.
    key : str or None
        Our key, if the job carries one.
    base_model : str
        What is tuned.
    tuned_model : str or None
        Model or endpoint that answers, once there is one.
    checkpoints : tuple of (int, str)
        Pass and model of every checkpoint, in order.
    tokens_billed, steps : int or None
        As the provider counts.
    error : str or None
        Why it ended without a model.
    suffix : str or None
        The end of the tuned model's name that we asked for; some servers keep this and drop our key.
    """

    provider_id: str
    state: JobState
    key: str | None = None
    base_model: str = ""
    tuned_model: str | None = None
    checkpoints: tuple[tuple[int, str], ...] = ()
    tokens_billed: int | None = None
    steps: int | None = None
    error: str | None = None
    suffix: str | None = None

    def is_of(self, key: str) -> bool:
        """Return whether this is the job with our key."""
        return self.key == key or (self.key is None and (self.suffix or "").endswith(suffix_of(key)))


def suffix_of(key: str) -> str:
    """Return the part of a key that is short enough for a tuned model's name."""
    return key[-8:]


@dataclass(frozen=True)
class JobRequest:
    """What is to be tuned, on what, how.

    Attributes
    ----------
    base_model : str
        The provider's name of the model.
    label : str
        For people, e.g. ``fine-tune-n50-seed0``.
    examples : sequence of TuningExample
        Training rows.
    recipe : dict
        Resolved recipe.
    seed : int
        Of the training, where the provider takes one.
    tokens : int
        About how many tokens are trained on, all passes together.
    """

    base_model: str
    label: str
    examples: Sequence[TuningExample]
    recipe: dict[str, Any]
    seed: int
    tokens: int = 0
    attempt: int = 1
    place: dict[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Hash of everything that makes the job; travels with it."""
        rows = [[[m.role, m.content] for m in example.prompt.messages] + [example.answer] for example in self.examples]
        parts = {"model": self.base_model, "recipe": self.recipe, "seed": self.seed, "rows": stable_hash(rows, 64)}
        return "tunecurve-" + stable_hash({**parts, "place": self.place, "attempt": self.attempt}, 20)


class QuotaFull(Exception):
    """The provider runs no further job now."""


class NotCreated(Exception):
    """The provider said no; no job was made."""


class CreationUnclear(Exception):
    """No answer came to the creation; a job may have been made."""


class TuningBackend(Protocol):
    """A provider that tunes."""

    name: str

    def place(self) -> dict[str, Any]:
        """Return what distinguishes this account and address from others."""
        ...

    def check_limits(self, request: JobRequest) -> None:
        """Raise ModelError for rows or files that the provider does not take."""
        ...

    def preflight(self, base_model: str) -> None:
        """Raise ModelError when this account or model cannot be tuned; costs nothing."""
        ...

    def upload(self, request: JobRequest) -> str:
        """Store the training file; return what the creation needs to find it. Doing it again does no harm."""
        ...

    def create(self, request: JobRequest, training_file: str) -> ProviderJob:
        """Create the job, in one attempt; raises QuotaFull, NotCreated or CreationUnclear."""
        ...

    def jobs(self) -> list[ProviderJob]:
        """Return the account's jobs, newest first."""
        ...

    def get(self, provider_id: str) -> ProviderJob:
        """Return one job."""
        ...

    def cancel(self, provider_id: str) -> None:
        """Ask the provider to end a job."""
        ...


class JobFlow:
    """Takes jobs from nothing to a tuned model, one look at a time.

    Parameters
    ----------
    backend : TuningBackend
        The provider.
    account : Account
        Ledger, budget, settings.
    price : Price
        Of training.
    """

    def __init__(self, backend: TuningBackend, account: Account, price: Price) -> None:
        self.backend, self.account, self.price = backend, account, price

    def advance(self, request: JobRequest) -> tuple[dict[str, Any], ProviderJob]:
        """Do what can be done now; return the ledger's row and the job once it has succeeded.

        Raises
        ------
        StillWaiting
            When the provider has not finished; ask again later.
        ModelError
            When the job failed, was cancelled or expired, or cannot be made.
        MoneyError
            When it would pass the cap.
        """
        request, row = self._latest_attempt(request)
        if row is None or row["state"] == QUEUED_HERE:
            row = self._submit(request)
        elif row["state"] == CREATING:
            row = self._adopt_or_submit(request, row)
        job = self.look(row)
        if job.state == "succeeded":
            return row, job
        if job.state in ENDED:
            raise ModelError(
                f"tuning job {job.provider_id} {job.state}: {job.error or 'the provider gives no reason'}; "
                f"to pay for another one: tunecurve jobs retry {row['key']}"
            )
        minutes = (time.time() - row["created_at"]) / 60
        raise StillWaiting(f"tuning job {job.provider_id} is {job.state}, {minutes:.0f} min so far", self._poll)

    @property
    def _poll(self) -> float:
        return self.account.settings.poll_seconds

    def _latest_attempt(self, request: JobRequest) -> tuple[JobRequest, dict[str, Any] | None]:
        """Return the newest attempt at this job and its row; `retry` leaves a mark on the one before it."""
        while (row := self.account.ledger.job(request.key)) is not None and row["detail"].get("is_given_up"):
            request = JobRequest(**{**vars(request), "attempt": request.attempt + 1})
        return request, row

    def look(self, row: dict[str, Any]) -> ProviderJob:
        """Ask the provider how a job stands and write it down; an ended job is not asked about again."""
        if row["state"] in ENDED and row["detail"].get("job"):
            stored = row["detail"]["job"]
            return ProviderJob(**{**stored, "checkpoints": tuple((e, m) for e, m in stored["checkpoints"])})
        with asking(f"cannot look at tuning job {row['provider_id']}"):
            job = self.backend.get(row["provider_id"])
        self._save(row, job)
        return job

    def _save(self, row: dict[str, Any], job: ProviderJob) -> None:
        row["state"], row["provider_id"] = job.state, job.provider_id
        row["detail"] = {**row["detail"], "job": {**vars(job), "checkpoints": [list(c) for c in job.checkpoints]}}
        if job.state in ENDED and row["cost_usd"] is None:
            tokens = job.tokens_billed
            if tokens is None:
                tokens = row["detail"]["tokens"] if job.state == "succeeded" else 0
            row["cost_usd"] = self.price.training_cost_usd(tokens)
            if job.state != "succeeded" and not tokens:
                row["cost_usd"] = 0.0
            self.account.budget.settle(row["reserved_usd"], row["cost_usd"])
            row["reserved_usd"] = 0.0
        self.account.ledger.save_job(row)

    def _submit(self, request: JobRequest) -> dict[str, Any]:
        self._wait_for_a_place(request.key)
        self.backend.check_limits(request)
        self.backend.preflight(request.base_model)
        found = self._find(request.key)
        row = self._row(request)
        if found is not None:
            self._save(row, found)
            return row
        training_file = self.backend.upload(request)
        reserved = self.account.budget.reserve(
            self.price.training_cost_usd(request.tokens),
            f"tuning '{request.base_model}' on {len(request.examples)} rows",
        )
        row |= {"state": CREATING, "reserved_usd": reserved}
        self.account.ledger.save_job(row)
        return self._create(request, training_file, row)

    def _create(self, request: JobRequest, training_file: str, row: dict[str, Any]) -> dict[str, Any]:
        try:
            job = self.backend.create(request, training_file)
        except QuotaFull as error:
            self._unclaim(row, QUEUED_HERE)
            raise StillWaiting(f"the provider runs no further job now ({error})", self._poll) from None
        except NotCreated as error:
            self._unclaim(row, QUEUED_HERE)
            raise ModelError(f"no tuning job was made: {error}") from None
        except CreationUnclear as error:
            wait = self.account.settings.adopt_wait_seconds
            raise StillWaiting(
                f"no answer to the job's creation ({error}); looking for it", min(wait, self._poll)
            ) from None
        self._save(row, job)
        return row

    def _unclaim(self, row: dict[str, Any], state: str) -> None:
        self.account.budget.settle(row["reserved_usd"], 0.0)
        self.account.ledger.save_job({**row, "state": state, "reserved_usd": 0.0})

    def _adopt_or_submit(self, request: JobRequest, row: dict[str, Any]) -> dict[str, Any]:
        """Adopt the job of a creation that got no answer; make another one only after looking for long enough."""
        found = self._find(request.key)
        if found is not None:
            self._save(row, found)
            return row
        left = row["updated_at"] + self.account.settings.adopt_wait_seconds - time.time()
        if left > 0:
            raise StillWaiting(
                f"no answer came to the job's creation; looking for it for {left:.0f} s more", min(left, self._poll)
            )
        self._unclaim(row, QUEUED_HERE)
        return self._submit(request)

    def _find(self, key: str) -> ProviderJob | None:
        with asking("cannot list the tuning jobs"):
            return next((job for job in self.backend.jobs() if job.is_of(key)), None)

    def _wait_for_a_place(self, key: str) -> None:
        where = "WHERE backend = ? AND key != ? AND state IN ('creating', 'waiting', 'running')"
        others = self.account.ledger.jobs(where, (self._backend_id(), key))
        if len(others) >= self.account.settings.jobs_at_once:
            waiting_for = others[0]["provider_id"] or others[0]["key"]
            raise StillWaiting(f"waits for job {waiting_for}: {len(others)} at once are allowed", self._poll)

    def _backend_id(self) -> str:
        return f"{self.backend.name} {stable_hash(self.backend.place())}"

    def _row(self, request: JobRequest) -> dict[str, Any]:
        now = time.time()
        detail = {
            "tokens": request.tokens,
            "n_rows": len(request.examples),
            "recipe": request.recipe,
            "place": self.backend.place(),
            "training_usd": self.price.training_usd,
        }
        return {
            "key": request.key,
            "study": self.account.study,
            "backend": self._backend_id(),
            "model": request.base_model,
            "label": request.label,
            "state": QUEUED_HERE,
            "attempt": request.attempt,
            "provider_id": None,
            "detail": detail,
            "reserved_usd": 0.0,
            "cost_usd": None,
            "created_at": now,
            "updated_at": now,
        }

    def sync(self, row: dict[str, Any]) -> dict[str, Any]:
        """Bring a row up to date without submitting anything; a claim without an id adopts its job if there is one."""
        if row["provider_id"] is None:
            found = self._find(row["key"])
            if found is not None:
                self._save(row, found)
        else:
            self.look(row)
        return row

    def retry(self, row: dict[str, Any]) -> None:
        """Give a job up that ended without a model, so that the study makes another one."""
        self.account.ledger.save_job({**row, "detail": {**row["detail"], "is_given_up": True}})
