"""What results.json says of prompting: the curves of similar examples, and what tuning is compared with."""

from __future__ import annotations

from dataclasses import dataclass

from tunecurve.results.records.advice import LearnerForecast
from tunecurve.results.records.points import Difference
from tunecurve.storage.records import Record
from tunecurve.study.plan import Strategy


@dataclass(frozen=True)
class PromptForecast(Record):
    """The forecast of the headline metric over the rows that similar examples are chosen from."""

    learner: str
    strategy: Strategy
    shots: int
    label: str
    """Name for people, e.g. ``8 similar``."""
    forecast: LearnerForecast


@dataclass(frozen=True)
class TunedAgainstPrompt(Record):
    """A tuned size against the best prompt, on the same test rows."""

    train_size: int
    difference: Difference
    """Tuned minus prompted, in the headline metric."""
    tokens_sent: float | None
    """Mean tokens of a prompt; null where tokens are not counted."""
    usd_per_1000: float | None
    """What 1,000 requests cost, calls alone; null where a price is unknown."""


@dataclass(frozen=True)
class BestPrompt(Record):
    """What tuning of a learner has to beat: the best of all that was measured without training, of any model of the study."""

    learner: str
    """That is tuned."""
    prompted: str
    """Whose prompt is the best."""
    strategy: Strategy
    shots: int
    train_size: int
    """Labelled rows that its examples are chosen from; 0 where they are not chosen."""
    label: str
    score: float
    n_prompts: int
    """It is the best of so many."""
    tokens_sent: float | None
    usd_per_1000: float | None
    sizes: list[TunedAgainstPrompt]
    """Empty where findings forbid a comparison; the sentence says which."""
    from_size: int | None
    """Smallest measured size from which on every one is shown to be better; null where there is none."""
    sentence: str
