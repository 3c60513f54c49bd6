"""Tuning jobs as providers tell them, what is asked of a provider, and the words for how a job stands."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from tunecurve.prompts import TuningExample
from tunecurve.spec.study import stable_hash

# "unknown": a state that is not known here; "lost": the provider knows no such job any more.
JobState = Literal["waiting", "running", "succeeded", "failed", "cancelled", "expired", "unknown", "lost"]
ENDED = frozenset({"succeeded", "failed", "cancelled", "expired"})

_ENDING = r"cancell?ing|cancel requested|stopping|deleting|pausing"
# Every server has its own words for a job's states; the first that is found in one decides.
_WORDS: tuple[tuple[str, JobState], ...] = (
    (_ENDING, "running"),
    (r"unsuccess|incomplete|fail|error|invalid|reject", "failed"),
    (r"succe|complete|finished|done", "succeeded"),
    (r"cancel|stopped|abort|terminated|interrupted|deleted", "cancelled"),
    (r"expire|timed? ?out", "expired"),
    (r"running|train|progress|processing|updating|started|upload|compress", "running"),
    (r"queue|pend|valid|creat|wait|schedul|submitted|received|initiali", "waiting"),
)


def state_by_word(raw: Any) -> JobState:
    """Return what a provider's word for a job's state means; ``unknown`` for a word that is not understood."""
    word = _plain(raw)
    return next((state for pattern, state in _WORDS if re.search(pattern, word)), "unknown")


def is_ending(raw: Any) -> bool:
    """Return whether a provider's word says that somebody has told a job to stop, which still runs."""
    return bool(re.search(_ENDING, _plain(raw)))


def _plain(raw: Any) -> str:
    return str(getattr(raw, "value", raw) or "").lower().removeprefix("job_state_").replace("_", " ")


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
    raw_state : str
        The provider's own word.
    training_file : str or None
        What it is trained on, as the provider tells it.
    created_at : float or None
        In seconds since 1970.
    hyperparameters : dict
        Those that the provider tells in numbers: ``epochs``, ``batch_size``, ``learning_rate_multiplier``, ``adapter_size``.
    points : tuple of (int, str)
        Step and model of every checkpoint, where the provider counts in steps.
    tokens_are_most : bool
        Whether `tokens_billed` may be more than is billed, because what is told can be read in two ways.
    usd_billed : float or None
        What it costs, as the provider tells.
    has_not_run : bool
        Whether the provider says that one which has ended without a model has never been trained.
    passes_made : int or None
        Passes of one that has succeeded, where the provider tells them beside those that it was to make, and bills.
    examples : int or None
        Rows that it is trained on, where the provider tells.
    remarks : tuple of str
        In what else it is trained otherwise than asked, each as a phrase.
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
    raw_state: str = ""
    training_file: str | None = None
    created_at: float | None = None
    hyperparameters: dict[str, float] = field(default_factory=dict)
    points: tuple[tuple[int, str], ...] = ()
    usd_billed: float | None = None
    has_not_run: bool = False
    passes_made: int | None = None
    examples: int | None = None
    remarks: tuple[str, ...] = ()
    tokens_are_most: bool = False

    def is_of(self, key: str) -> bool:
        """Return whether this is the job with our key."""
        return self.key == key or (self.key is None and (self.suffix or "").endswith(suffix_of(key)))

    def to_json(self) -> dict[str, Any]:
        """Return the job as a JSON-able dict."""
        return {
            **vars(self),
            "checkpoints": [list(c) for c in self.checkpoints],
            "points": [list(p) for p in self.points],
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> ProviderJob:
        """Return the job that `to_json` gave."""
        pairs = {key: tuple((n, model) for n, model in values.get(key, ())) for key in ("checkpoints", "points")}
        return cls(**{**values, **pairs, "remarks": tuple(values.get("remarks", ()))})


def told_numbers(values: dict[str, Any]) -> dict[str, float]:
    """Return the hyperparameters that are told as numbers; ``auto`` and the like tell nothing."""
    numbers = {}
    for name, value in values.items():
        try:
            number = float(value)
        except (TypeError, ValueError):
            continue
        if not isinstance(value, bool) and 0 < number < 1e9:
            numbers[name] = int(number) if number.is_integer() else number
    return numbers


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
    attempt : int
        Which one; another attempt is another job, with another key.
    place : dict
        What distinguishes the account and address from others.
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


class NotReadyYet(Exception):
    """The provider has not finished reading the training file, or writing the model; nothing was made."""


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

    def training_file(self, request: JobRequest) -> bytes:
        """Return the rows as they are uploaded."""
        ...

    def upload(self, request: JobRequest) -> str:
        """Store the training file; return what the creation needs to find it."""
        ...

    def delete_file(self, training_file: str) -> None:
        """Delete a training file; one that is gone is no error."""
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


# How far the clocks of this machine and of the provider may differ.
CLOCK_SECONDS = 300.0


def find_ours(jobs: Sequence[ProviderJob], row: dict[str, Any]) -> ProviderJob | None:
    """Return the job that a claim in the ledger has made, by the first of these that any job carries: our key, our suffix,
    our training file; else the one job of this model that was made at that time and carries nothing of its own.

    Parameters
    ----------
    jobs : sequence of ProviderJob
        The account's jobs that the ledger does not know by another key.
    row : dict
        The claim.
    """
    key, detail = row["key"], row["detail"]
    for job in jobs:
        if job.is_of(key):
            return job
    bare = [job for job in jobs if job.key is None and not job.suffix]
    file = detail.get("training_file")
    for job in bare:
        if file and job.training_file == file:
            return job
    claimed = detail.get("claimed_at")
    made_then = [
        job
        for job in bare
        if claimed is not None
        and job.training_file is None
        and job.created_at is not None
        and abs(job.created_at - claimed) <= CLOCK_SECONDS
        and same_model(job.base_model, row["model"])
        and job.hyperparameters.get("epochs") in (None, detail["recipe"]["epochs"])
    ]
    return made_then[0] if len(made_then) == 1 else None


def doubles_of(jobs: Sequence[ProviderJob], row: dict[str, Any]) -> list[ProviderJob]:
    """Return the jobs beside a claim's own one that carry its mark: a server, or a proxy, made more than one of a creation.

    Parameters
    ----------
    jobs : sequence of ProviderJob
        The account's jobs that the ledger does not know.
    row : dict
        The claim, with the job that is followed. What was made before it is of an earlier study.
    """
    detail = row["detail"]
    file, since = (
        detail.get("training_file") or detail.get("deleted_file"),
        detail.get("claimed_at") or row["created_at"],
    )
    return [
        job
        for job in jobs
        if (job.is_of(row["key"]) or (job.key is None and not job.suffix and file and job.training_file == file))
        and (job.created_at is None or job.created_at >= since - CLOCK_SECONDS)
    ]


def same_model(told: str, asked: str) -> bool:
    """Return whether a provider's name of a model, often with a version or a path, is the one that was asked for."""
    return bool(told) and told.rsplit("/", 1)[-1].startswith(asked.rsplit("/", 1)[-1])
