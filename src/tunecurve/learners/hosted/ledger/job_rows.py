"""A tuning job as the ledger keeps it, and as its provider has told it last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from tunecurve.learners.hosted.prices import tokens_usd

# "unknown": a state that is not known here; "lost": the provider knows no such job any more.
JobState = Literal["waiting", "running", "succeeded", "failed", "cancelled", "expired", "unknown", "lost"]
ENDED = frozenset({"succeeded", "failed", "cancelled", "expired"})
# States of our own, before the provider is known to have the job.
QUEUED_HERE, PREPARING, CREATING, IN_DOUBT, FORGOTTEN = "queued here", "preparing", "creating", "in doubt", "forgotten"
NOT_MADE = "not made"
# Of these nothing is at the provider but a training file: the next start makes the job.
NOT_SENT = frozenset({QUEUED_HERE, PREPARING, NOT_MADE})
# What distinguishes an account and an address from others, and lets a backend be opened there again.
Place = dict[str, str | int | None]
# What the names of our jobs, files and deployments begin with at providers.
OUR_PREFIX = "tunecurve-"


def suffix_of(key: str) -> str:
    """Return the part of a key that is short enough for a tuned model's name."""
    return key[-8:]


@dataclass(frozen=True)
class ProviderJob:
    """A job as the provider tells it."""

    provider_id: str
    """Its name there."""
    state: JobState
    """One of `JobState`."""
    key: str | None = None
    """Our key, if the job carries one."""
    base_model: str = ""
    """What is tuned."""
    tuned_model: str | None = None
    """Model or endpoint that answers, once there is one."""
    checkpoints: tuple[tuple[int, str], ...] = ()
    """Pass and model of every checkpoint, in order."""
    tokens_billed: int | None = None
    steps: int | None = None
    """As the provider counts."""
    error: str | None = None
    """Why it ended without a model."""
    suffix: str | None = None
    """The end of the tuned model's name that we asked for; some servers keep this and drop our key."""
    raw_state: str = ""
    """The provider's own word."""
    training_file: str | None = None
    """What it is trained on, as the provider tells it."""
    created_at: float | None = None
    """In seconds since 1970."""
    hyperparameters: Mapping[str, float] = field(default_factory=dict)
    """Those that the provider tells in numbers: ``epochs``, ``batch_size``, ``learning_rate_multiplier``, ``adapter_size``."""
    points: tuple[tuple[int, str], ...] = ()
    """Step and model of every checkpoint, where the provider counts in steps."""
    usd_billed: float | None = None
    """What it costs, as the provider tells."""
    has_not_run: bool = False
    """Whether the provider says that one which has ended without a model has never been trained."""
    tokens_are_most: bool = False
    """Whether `tokens_billed` may be more than is billed, because what is told can be read in two ways."""
    epochs_made: int | None = None
    """Passes of one that has succeeded, where the provider tells them beside those that it was to make, and bills."""
    examples: int | None = None
    """Rows that it is trained on, where the provider tells."""
    remarks: tuple[str, ...] = ()
    """In what else it is trained otherwise than asked, each as a phrase."""

    def is_of(self, key: str) -> bool:
        """Return whether this is the job with our key."""
        return self.key == key or (self.key is None and (self.suffix or "").endswith(suffix_of(key)))


@dataclass(frozen=True)
class TuningRecipe:
    """How a job trains; None: the provider is not told, and does as it does by itself."""

    epochs: int
    name: str = "default"
    backend: str = ""
    n_steps: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    learning_rate_multiplier: float | None = None
    lora_rank: int | None = None
    adapter_size: int | None = None


@dataclass(frozen=True)
class JobRow:
    """A job in the ledger."""

    key: str
    study: str
    """Ours; whose money it is."""
    backend: str
    model: str
    label: str
    """The account and address; what is tuned; for people."""
    state: str
    """One of `JobState`, or ours."""
    attempt: int
    """Which one."""
    provider_id: str | None
    """Its name there, once it is known."""
    reserved_usd: float
    cost_usd: float | None
    """What is booked while the cost is not known, and the cost."""
    created_at: float
    updated_at: float
    """In seconds since 1970."""
    recipe: TuningRecipe
    place: Place = field(default_factory=dict)
    """How it trains; where it was made."""
    n_rows: int = 0
    tokens: int = 0
    most_tokens: int = 0
    """Training rows; about how many tokens they are in all epochs, and at most."""
    training_usd: float | None = None
    """A million trained tokens, as quoted."""
    training_file: str | None = None
    deleted_file: str | None = None
    file_not_deleted: str | None = None
    """What the provider has, what it had, why it may have it still."""
    keep_training_file: bool = False
    """Whether its user wants it left there."""
    owner: str | None = None
    """The process that makes it."""
    claimed_at: float | None = None
    looked_for_until: float = 0.0
    """When its creation was sent; until when a job without an answer is looked for."""
    is_given_up: str | None = None
    """Who has given it up for another one."""
    job: ProviderJob | None = None
    """As told last."""
    differences: tuple[str, ...] = ()
    """Where it trains otherwise than asked."""
    nameless_since: float | None = None
    unread_since: float | None = None
    """Since when it has succeeded without a model's name; since when its training file is not read yet."""
    has_run: bool = False
    is_estimated: bool = False
    """Whether it was ever seen training; whether its cost is no provider's word."""
    double_of: str | None = None
    """The job that was made of the same creation."""

    @property
    def booked_usd(self) -> float:
        """What the books hold for it: its cost, before that is known what is reserved."""
        return self.reserved_usd if self.cost_usd is None else self.cost_usd

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self.state in ENDED

    def usd_of(self, tokens: float) -> float | None:
        """Return the price of training on so many tokens, as quoted when the job was made; None: unknown."""
        return tokens_usd(tokens, self.training_usd)
