"""What workers tell the process that leads the study."""

from __future__ import annotations

from dataclasses import dataclass

from tunecurve.errors import TunecurveError
from tunecurve.learners.base import TrainingProgress
from tunecurve.study.plan import Trial
from tunecurve.study.progress import Progress


@dataclass(frozen=True)
class Event:
    """Something about a trial."""

    trial: Trial


class ProgressEvent(Event):
    """Something that a listener hears; the trial goes on."""

    def tell(self, progress: Progress) -> None:
        """Call the listener's method."""
        match self:
            case Said(line=line):
                progress.message(line)
            case Trained(step=step):
                progress.trained(self.trial, step)
            case Answered():
                progress.answered(self.trial, self.n_done, self.n_all, self.tokens_per_second)


@dataclass(frozen=True)
class Said(ProgressEvent):
    """A line for people."""

    line: str


@dataclass(frozen=True)
class Trained(ProgressEvent):
    """A step of training is done."""

    step: TrainingProgress


@dataclass(frozen=True)
class Answered(ProgressEvent):
    """Test rows have answers."""

    n_done: int
    n_all: int
    tokens_per_second: float


@dataclass(frozen=True)
class TrialOutcome:
    """How one trial ended."""

    line: str
    """The score in words, or the reason of a failure."""
    seconds: float = 0.0
    """How long it ran now."""
    is_finished: bool = True
    """Whether it has a result."""
    score: float | None = None
    """Under the headline metric, where it is defined."""


@dataclass(frozen=True)
class Ended(Event):
    """The trial has a result or has failed."""

    outcome: TrialOutcome


@dataclass(frozen=True)
class Lost(Event):
    """The trial's worker is gone."""

    reason: str


@dataclass(frozen=True)
class Stopped(Event):
    """The trial left its worker because a stop was asked for."""


@dataclass(frozen=True)
class StudyFailed(Event):
    """The trial met an error that concerns the whole study."""

    error: TunecurveError
