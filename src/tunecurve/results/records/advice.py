"""What results.json says beyond what was measured: forecasts, which labels need rows, what training needs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from tunecurve.atlas.answers import AtlasGains
from tunecurve.curve.answer import CurveAnswer, Interval, Word
from tunecurve.storage.records import Record
from tunecurve.wording import counted

DiagnosisWord = Literal["data-starved", "undertrained", "both", "neither"]


@dataclass(frozen=True)
class LabelAdvice(Record):
    """One label's own curve."""

    label: str
    n_gold: int
    recall: float
    """At the largest size."""
    word: Word
    flat_from: float | None
    expected_gain: float
    """Of the next doubling, in points."""
    sentence: str


@dataclass(frozen=True)
class Diagnosis(Record):
    """The score of the headline metric on training rows beside that on the test set."""

    learner: str
    train_size: int
    training_score: float
    test_score: float
    n_rows: int
    """Training rows scored."""
    word: DiagnosisWord
    sentence: str


@dataclass(frozen=True)
class LearnerForecast(CurveAnswer):
    """The forecast of one learner's curve; keys as in docs/forecasting.md."""

    borrowed: AtlasGains | None = None

    @property
    def word(self) -> Word | None:
        """The word of the verdict; None where there is none."""
        return self.verdict.word if self.verdict else None

    @property
    def said(self) -> str:
        """The verdict in words, or why there is none."""
        return self.verdict.sentence if self.verdict and not self.refusal else self.refusal or ""


@dataclass(frozen=True)
class Disagreement(Record):
    """A learner whose headline metric is flat while the second one still improves."""

    learner: str
    sentence: str


@dataclass(frozen=True)
class JudgedForecast(Record):
    """What had been forecast for a size that was measured later."""

    learner: str
    metric: str
    n: int
    """The size that was measured later."""
    measured: float
    """Mean of the runs at that size."""
    runs: int
    median: float
    interval_80: Interval
    """Of one run."""
    interval_90: Interval
    inside_80: bool
    inside_90: bool
    crps: float
    """Of the forecast; less is better."""
    crps_last: float | None
    """Of the last measured value, taken for the forecast; null where nothing was measured."""
    sizes: list[int]
    """That the forecast was made from."""
    made_at: str
    """UTC."""
    version: str
    borrowed: bool
    """Made from fewer than three sizes."""
    speculative: bool
    """More than 8 times the data."""
    sentence: str = field(init=False, compare=False)

    def __post_init__(self) -> None:
        """Say it in words: ``forecast 88.1 (85.2 to 90.4) from 4 sizes, measured 89.0``."""
        low, high = self.interval_80
        count = len(self.sizes)
        runs = f" (mean of {self.runs} runs)" if self.runs > 1 else ""
        sentence = (
            f"forecast {self.median:.1f} ({low:.1f} to {high:.1f}) from {counted(count, 'size')}"
            f"{''.join(f', {mark}' for mark in self.marks)}, measured {self.measured:.1f}{runs}"
        )
        object.__setattr__(self, "sentence", sentence)

    @property
    def marks(self) -> list[str]:
        """How far it could be trusted, where that is less than usual."""
        return [word for word, holds in (("borrowed", self.borrowed), ("speculative", self.speculative)) if holds]
