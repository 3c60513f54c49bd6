"""One answer of a learner: its text, how it ended, and what it took."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from tunecurve.prompts import Prompt
from tunecurve.storage.records import Record

StopReason = Literal["end", "length", "blocked", "refused", "error"]


@dataclass(frozen=True)
class Completion:
    """One answer."""

    text: str
    """The answer, empty when it failed."""
    stop_reason: StopReason
    """``length``: cut at the cap; scored as it stands. ``blocked`` (by the provider's filter), ``refused`` (by the
    model) and ``error`` (no answer after all attempts): scored as the empty answer."""
    tokens_in: int = 0
    tokens_out: int = 0
    """Tokens of the prompt and of the answer."""
    seconds: float = 0.0
    """Time this answer took (its share of a batch)."""
    error: str | None = None
    """What failed, or why it was blocked."""
    model_version: str | None = None
    """The version that the provider says has answered."""
    cost_usd: float | None = None
    """What the answer cost; None: unknown, or nothing is paid."""
    thought: Literal["", "removed", "cut"] = ""
    """What was done with a thought before the answer: ``removed``; or ``cut``, never closed, so that no answer came."""
    unwrapped: str = ""
    wrapped: str = ""
    """Wrappers that were taken off the answer, and those that are still around it; see `wrappers`."""
    as_given: str | None = None
    """The answer with the wrappers that were taken off."""
    constraint_seconds: float = 0.0
    """What of it went into choosing tokens that a constraint allows."""
    is_closed: bool = False
    """Whether a constraint closed the answer just before the answer cap, where the model would have gone on."""


@dataclass(frozen=True)
class Decoder(Record):
    """Which implementation wrote answers."""

    name: str
    """Its name, such as ``packed``."""
    said: str
    """What it does, what its comparison with the reference showed, and why each faster one was passed over."""
    is_fastest: bool
    """Whether nothing faster was passed over."""


def unanswered(prompts: Sequence[Prompt], done: Collection[int]) -> Iterator[tuple[int, Prompt]]:
    """Yield (index, prompt) for every prompt whose index is not in `done`."""
    return ((index, prompt) for index, prompt in enumerate(prompts) if index not in done)
