"""Points in results.json: what all seeds of one learner, strategy and size scored, and how points differ."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from tunecurve.direction import Direction, better_end, sign_of
from tunecurve.metrics.recall import BY_LABEL
from tunecurve.results.records.trials import PointLoss
from tunecurve.storage.records import Record
from tunecurve.study.plan import OfPoint, Strategy
from tunecurve.study.trial_record import TrainingScores

T = TypeVar("T")


@dataclass(frozen=True)
class MetricResult(Record):
    """A metric as it was used; the first of the study is the headline metric."""

    name: str
    title: str
    direction: Direction
    """Whether more or less is better."""
    range: tuple[float | None, float | None]
    """Smallest and largest possible score; None: no bound."""
    signature: str
    """Everything that makes two scores comparable: tool, version, settings."""

    @property
    def sign(self) -> float:
        """1 where more is better, -1 where less is."""
        return sign_of(self.direction)

    @property
    def score_range(self) -> tuple[float, float]:
        """The range with infinities where there is no bound."""
        low, high = self.range
        return -math.inf if low is None else low, math.inf if high is None else high

    @property
    def width(self) -> float:
        """Largest minus smallest possible score."""
        low, high = self.score_range
        return high - low

    @property
    def best(self) -> float | None:
        """The best possible score; None where there is no bound."""
        return better_end(self.range, self.direction)

    @property
    def is_by_label(self) -> bool:
        """Whether it is the recall of each label, which has a table of its own."""
        return self.name in BY_LABEL

    @property
    def arrow(self) -> str:
        """An arrow to the better side."""
        return "↑" if self.sign > 0 else "↓"


def best_of(items: Iterable[T], score_of: Callable[[T], float | None], metric: MetricResult) -> T | None:
    """Return the item with the best score of a metric, of equals the first; None where no score is defined."""
    scored = [(score, item) for item in items if (score := score_of(item)) is not None]
    return max(scored, key=lambda pair: metric.sign * pair[0], default=(0.0, None))[1]


@dataclass(frozen=True)
class Score(Record):
    """One metric at one point, all seeds together."""

    estimate: float | None
    low: float | None
    high: float | None
    bound: float | None
    """One-sided bound at the level on the bad side: the score is hardly worse than this."""
    level: float
    method: str
    by_seed: list[float | None]
    seed_sd: float | None
    above_floor: float | None
    """(score - floor) / (best - floor), in per cent."""


@dataclass(frozen=True)
class Point(Record, OfPoint):
    """All seeds of one learner, strategy and size together."""

    learner: str
    strategy: Strategy
    shots: int
    train_size: int
    label: str
    """Name for people, e.g. ``3-shot`` or ``tuned on 200``."""
    n_seeds: int
    scores: dict[str, Score]
    """By metric."""
    training_scores: TrainingScores | None
    """None where none was taken."""
    loss: PointLoss | None
    """Mean loss of the right answers; null where no loss is known."""

    @property
    def name(self) -> str:
        """Learner and label, as the columns of `Results.labels` are named."""
        return f"{self.learner}: {self.label}"


def is_beyond_noise(low: float | None, high: float | None, sign: float) -> bool:
    """Return whether a whole interval of a difference lies on the side of a sign."""
    return low is not None and high is not None and min(sign * low, sign * high) > 0


@dataclass(frozen=True)
class Difference(Record):
    """A paired difference of two scores on the same rows."""

    difference: float | None
    low: float | None
    high: float | None
    p_better: float | None
    """Probability that the second is better."""

    def is_shown(self, sign: float) -> bool:
        """Return whether it lies on the side of a sign for certain: all of its interval does."""
        return is_beyond_noise(self.low, self.high, sign)

    @property
    def is_real(self) -> bool:
        """Whether it is told from none, in whichever direction."""
        return self.is_shown(1.0) or self.is_shown(-1.0)


@dataclass(frozen=True)
class Comparison(Record):
    """Two points on the same rows: second minus first."""

    learner: str
    from_: str
    to: str
    other_learner: str
    """Of the first point."""
    differences: dict[str, Difference]
    """By metric."""


@dataclass(frozen=True)
class LabelRecall(Record):
    """How much of one label is found, by point."""

    n_gold: int
    recall: dict[str, float | None]
