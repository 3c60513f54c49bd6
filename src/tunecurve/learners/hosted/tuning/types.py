"""Tuning jobs as providers tell them, what is asked of a provider, and the words for how a job stands."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tunecurve.learners.hosted.ledger.job_rows import OUR_PREFIX, JobState, Place, TuningRecipe
from tunecurve.prompts import TuningExample
from tunecurve.spec.study import stable_hash

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
    return next((state for pattern, state in _WORDS if re.search(pattern, _plain(raw))), "unknown")


def is_ending(raw: Any) -> bool:
    """Return whether a provider's word says that somebody has told a job to stop, which still runs."""
    return bool(re.search(_ENDING, _plain(raw)))


def _plain(raw: Any) -> str:
    return str(getattr(raw, "value", raw) or "").lower().removeprefix("job_state_").replace("_", " ")


def told_numbers(values: Mapping[str, Any]) -> dict[str, float]:
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


def told_time(told: object) -> float | None:
    """Return a time as told in words, in seconds since 1970; None for what is none."""
    try:
        return datetime.fromisoformat(str(told).replace("Z", "+00:00")).timestamp()
    except ValueError:
        return None


@dataclass(frozen=True)
class JobRequest:
    """What is to be tuned, on what, how."""

    base_model: str
    """The provider's name of the model."""
    label: str
    """For people, e.g. ``fine-tune-n50-seed0``."""
    examples: Sequence[TuningExample]
    """Training rows."""
    recipe: TuningRecipe
    """How it is trained."""
    seed: int
    """Of the training, where the provider takes one."""
    tokens: int = 0
    """About how many tokens are trained on, all epochs together."""
    attempt: int = 1
    """Which one; another attempt is another job, with another key."""
    place: Place = field(default_factory=dict)
    """What distinguishes the account and address from others."""

    @property
    def key(self) -> str:
        """Hash of everything that makes the job; travels with it."""
        rows = [[[m.role, m.content] for m in example.prompt.messages] + [example.answer] for example in self.examples]
        parts = {
            "model": self.base_model,
            "recipe": vars(self.recipe),
            "seed": self.seed,
            "rows": stable_hash(rows, 64),
        }
        return OUR_PREFIX + stable_hash({**parts, "place": self.place, "attempt": self.attempt}, 20)


class QuotaFull(Exception):
    """The provider runs no further job now."""


class NotReadyYet(Exception):
    """The provider has not finished reading the training file, or writing the model; nothing was made."""


class NotCreated(Exception):
    """The provider said no; no job was made."""


class CreationUnclear(Exception):
    """No answer came to the creation; a job may have been made."""
