"""What to do next, as results.json opens with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tunecurve.storage.records import Record

Action = Literal["more rows", "stop", "change", "cannot tell"]
StepKind = Literal["test set", "training rows", "training", "seeds", "size", "finding"]
RiskKind = Literal["leaks", "better untuned", "drop", "test rows", "seeds", "failed trials", "finding"]


@dataclass(frozen=True)
class ExpectedGain(Record):
    """What the labels are expected to bring, over what the fitted curve says of the largest measured size."""

    metric: str
    """The headline metric, or the second one where only that still improves."""
    n: float
    """Training rows in all."""
    score: float
    """What one run at that size is expected to score."""
    gain: float
    """Positive is better, also where less of the metric is."""
    low: float
    high: float
    level: float
    start: float | None = None
    """The fitted score at the largest measured size, from which the gain counts: `score` less `gain`. None in older results."""


@dataclass(frozen=True)
class NextStep(Record):
    """The step against what keeps it from being told, or the change to try."""

    kind: StepKind
    what: str
    more_labels: float | None = None
    more_runs: int | None = None
    cost: float | None = None
    """As far as there are prices; None where nothing has one."""


@dataclass(frozen=True)
class Risk(Record):
    """The one thing that matters most before the decision is followed."""

    kind: RiskKind
    text: str


@dataclass(frozen=True)
class StudyDecision(Record):
    """What to do: of the learner with the best fine-tuned score, from its forecast, verdict and the study's findings."""

    action: Action
    """Train on more rows; stop labelling; change the model, the recipe or the kind of rows; cannot be told yet."""
    sentence: str
    reason: str
    is_provisional: bool
    """Whether trials are left to run or have failed."""
    learner: str | None
    more_rows: int | None
    """Training rows beyond the largest measured size; None where the action is another."""
    rows_to_label: int | None
    """Those of them that are not labelled yet."""
    expected: ExpectedGain | None
    """Of these rows, or else of twice the rows; None where there is no forecast."""
    cost: float | None
    """Of the labels and one training, as far as there are prices; None where nothing has one."""
    unknown_prices: list[str]
    """What the cost leaves out."""
    next_step: NextStep | None
    risk: Risk | None
