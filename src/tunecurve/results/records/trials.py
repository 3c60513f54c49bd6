"""A trial in results.json: what was run, how its answers ended, what it scored; and the losses of points."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tunecurve.learners.base import TrainingRecord
from tunecurve.learners.losses import LossUnit
from tunecurve.storage.records import LEFT_OUT_IF_NONE, Record
from tunecurve.study.answer_report import AnswerSummary
from tunecurve.study.found_instruction import Optimisation
from tunecurve.study.losses import TrialLoss
from tunecurve.study.plan import OfPoint, Strategy

State = Literal["finished", "failed", "started", "waiting"]


@dataclass(frozen=True)
class MeanLoss(Record):
    """The loss of a point on the test rows, over those that have one in all trials of the learner."""

    mean: float
    low: float | None
    high: float | None
    level: float
    method: str
    by_seed: list[float]
    per_row: float
    """Nats per row."""
    n_rows: int
    left_out: dict[str, int]
    """How many rows have no loss, by the reason."""


@dataclass(frozen=True)
class MeanTrainingLoss(Record):
    """The loss of a point on rows that its models were tuned on."""

    mean: float
    by_seed: list[float]
    per_row: float
    n_rows: int
    """Rows measured in one trial: all it was tuned on, or a random sample of them."""
    left_out: dict[str, int]


@dataclass(frozen=True)
class PointLoss(Record):
    """Mean loss of the right answers."""

    unit: LossUnit
    """Means are nats per token of the answers, word of the inputs, or row."""
    note: str
    """What else a reader must know, such as whose loss it is."""
    test: MeanLoss
    train: MeanTrainingLoss | None


@dataclass(frozen=True)
class CheckpointResult(Record):
    """A tuned model as it was after a pass over its rows."""

    epoch: int
    scores: dict[str, float | None]
    answers: AnswerSummary


@dataclass(frozen=True)
class TrialResult(Record, OfPoint):
    """A trial that is not finished."""

    learner: str
    strategy: Strategy
    shots: int
    train_size: int
    seed: int
    label: str
    folder: str
    """Below the run's folder."""
    config_sha256: str
    config: dict[str, Any]
    """Everything that determines the trial."""
    state: State
    failure: str | None

    @property
    def columns(self) -> dict[str, object]:
        """What distinguishes it in a table of all trials."""
        return {name: getattr(self, name) for name in ("learner", "strategy", "shots", "train_size", "seed")}

    @property
    def name(self) -> str:
        """Learner and label: what is not ambiguous."""
        return f"{self.learner}/{self.label}"

    @property
    def identity(self) -> dict[str, Any]:
        """What determines the answers of its learner."""
        return dict(self.config["learner"])

    @property
    def answers_by_label_names(self) -> bool:
        """Whether a model answered that knows labels by their names alone: it has neither a prompt nor a row, as `tagger:warm`."""
        return self.strategy == "zero-shot" and "labels" in self.config and "prompts_sha256" not in self.config

    @property
    def is_hosted(self) -> bool:
        """Whether its model is behind a provider's API."""
        return self.identity.get("kind") == "hosted"


@dataclass(frozen=True)
class FinishedTrial(TrialResult):
    """A trial with its answers and scores."""

    answers: AnswerSummary
    training: TrainingRecord | None
    answer_seconds: float
    cost_usd: float | None
    """0 for models that are not paid for, None where a price is unknown."""
    loss: TrialLoss | None
    """Of the right answers, over the rows that this trial could measure; rows stand in losses.jsonl of its folder."""
    checkpoints: list[CheckpointResult]
    scores: dict[str, float | None]
    optimisation: Optimisation | None = field(default=None, kw_only=True, metadata=LEFT_OUT_IF_NONE)
    """The instruction that it asked with, and how it was found; null where it is the study's own."""

    @property
    def job(self) -> Mapping[str, Any]:
        """The provider's tuning job; empty where there was none."""
        return (self.training.job if self.training else None) or {}

    def tidy_rows(self) -> list[dict[str, Any]]:
        """Return one row for every metric, losses as if they were metrics, with how the model was trained."""
        losses = {} if self.loss is None else {"test": self.loss.test, "train": self.loss.train}
        means = {f"target_loss_{side}": loss.mean for side, loss in losses.items() if loss is not None}
        training = self.training
        trained = {
            "steps": training.steps if training else None,
            "epochs": training.epochs if training else None,
            "train_seconds": training.train_seconds if training else None,
        }
        return [
            self.columns | {"metric": name, "score": score} | trained
            for name, score in {**self.scores, **means}.items()
        ]
