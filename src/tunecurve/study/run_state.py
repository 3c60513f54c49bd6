"""What is known of a running study from what it tells: which trials run and wait, when they end, what was scored, what was paid."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tunecurve.learners.base import TrainingProgress
from tunecurve.study.plan import Trial

if TYPE_CHECKING:
    from tunecurve.metrics.base import Metric

# A trial's estimate is corrected by how long its kind took so far, once so much was measured.
_SECONDS_TO_CORRECT_BY = 20.0


@dataclass
class RunningTrial:
    """A trial that runs now: when its parts began, what it does, and when it is expected to end."""

    started_at: float
    """When it, or its present phase, began."""
    training_started_at: float = 0.0
    phase: str = ""
    first_step: int = 0
    scoring_started_at: float | None = None
    """When the first answer of this start came; `first_answers`: with those that an earlier start has left."""
    first_answers: int = 0
    doing: str = "loading"
    """What it does, in words."""
    share: float = 0.0
    """How much of it is done, 0 to 1, as far as it tells."""
    ends_at: float | None = None
    """When it is expected to end, by its own speed."""

    @property
    def left(self) -> float | None:
        """Seconds until it ends, by its own speed; None: not known yet."""
        return None if self.ends_at is None else max(0.0, self.ends_at - time.monotonic())


@dataclass
class RunState:
    """The books of a listener; all of it comes from the listener's events."""

    n_trials: int = 0
    """Trials of the study, finished or not."""
    unfinished: dict[Trial, float] = field(default_factory=dict)
    """Trials that have not ended, and about how long each takes."""
    running: dict[Trial, RunningTrial] = field(default_factory=dict)
    """Those under way here."""
    waits_for: dict[Trial, str] = field(default_factory=dict)
    """What trials wait for that is done elsewhere."""
    failures: dict[Trial, str] = field(default_factory=dict)
    """Why trials failed, as it was told."""
    scores: dict[Trial, float] = field(default_factory=dict)
    """Under the headline metric."""
    metric: Metric | None = None
    """The headline metric, once it was told."""
    paid_usd: float | None = None
    at_most_usd: float | None = None
    """What the study has paid so far, and its cap; None: nothing is paid for, there is no cap."""
    # Estimated and measured seconds of what is done, by kind: training and mere scoring err differently.
    _done: dict[bool, tuple[float, float]] = field(default_factory=dict)
    _scoring_seconds: float = 0.0

    def begin(self, n_trials: int, estimated_seconds: dict[Trial, float]) -> None:
        """Note which trials are left."""
        self.n_trials, self.unfinished = n_trials, dict(estimated_seconds)

    def started(self, trial: Trial) -> None:
        """Note when."""
        self.running[trial] = RunningTrial(time.monotonic())

    def stepped(self, trial: Trial, step: TrainingProgress) -> str:
        """Note a step of training, or that it waits for one; return what the trial does."""
        now, own = time.monotonic(), self._own(trial)
        if not step.step:  # it waits
            own.doing, own.ends_at = step.phase, None
            return own.doing
        if own.phase != step.phase:
            own.phase, own.started_at, own.training_started_at = step.phase, now, 0.0
        if not own.training_started_at:  # no step of this part was timed yet: it may go on where an earlier start was
            own.training_started_at, own.first_step, own.ends_at = now, step.step, None
        if step.step > own.first_step:
            per_step = (now - own.training_started_at) / (step.step - own.first_step)
            own.ends_at = now + (step.n_steps - step.step) * per_step + self._scoring_seconds
        own.share = step.step / max(step.n_steps, 1)
        phase = f"{step.phase}, " if step.phase else ""
        own.doing = (
            f"{phase}step {step.step}/{step.n_steps}, loss {step.loss:.3f}, {step.tokens_per_second:.0f} tokens/s"
        )
        return own.doing

    def answered(self, trial: Trial, n_done: int, n_all: int, tokens_per_second: float) -> str:
        """Note how many rows are answered; return what the trial does."""
        now, own = time.monotonic(), self._own(trial)
        if own.scoring_started_at is None:
            own.scoring_started_at, own.first_answers = now, n_done
        elapsed = now - own.scoring_started_at
        if n_done > own.first_answers:
            own.ends_at = now + elapsed / (n_done - own.first_answers) * (n_all - n_done)
        own.share = max(own.share, n_done / n_all)
        own.doing = f"{n_done}/{n_all} rows answered, {tokens_per_second:.0f} tokens/s"
        if n_done == n_all:
            self._scoring_seconds = elapsed
        return own.doing

    def waits(self, trial: Trial, reason: str) -> bool:
        """Note what a trial waits for; return whether that is news."""
        self.running.pop(trial, None)
        what = reason.partition(",")[0]
        is_news = self.waits_for.get(trial) != what
        self.waits_for[trial] = what
        return is_news

    def finished(self, trial: Trial, seconds: float) -> None:
        """Note how long a trial took."""
        estimated, measured = self._done.get(trial.strategy == "fine-tune", (0.0, 0.0))
        self._done[trial.strategy == "fine-tune"] = (estimated + self.unfinished.get(trial, 0.0), measured + seconds)
        self.forget(trial)

    def forget(self, trial: Trial) -> None:
        """Note that a trial has ended."""
        self.unfinished.pop(trial, None)
        self.running.pop(trial, None)
        self.waits_for.pop(trial, None)

    def added(self, seconds: dict[Trial, float]) -> None:
        """Note that trials are planned in addition, and about how long each takes."""
        self.n_trials += len(seconds)
        self.unfinished |= seconds

    def dropped(self, trials: Sequence[Trial]) -> None:
        """Note that trials are no longer planned."""
        self.n_trials -= len(trials)
        for trial in trials:
            self.forget(trial)

    def _own(self, trial: Trial) -> RunningTrial:
        return self.running.setdefault(trial, RunningTrial(time.monotonic()))

    def seconds_left(self, trial: Trial) -> float:
        """Return about how long an unfinished trial still takes: by its own speed, else as estimated."""
        own = self.running.get(trial)
        if own is not None and own.left is not None:
            return own.left
        estimated, measured = self._done.get(trial.strategy == "fine-tune", (0.0, 0.0))
        correction = measured / estimated if estimated > _SECONDS_TO_CORRECT_BY else 1.0
        whole = self.unfinished.get(trial, 0.0) * correction
        return whole if own is None else max(0.0, whole - (time.monotonic() - own.started_at))

    def study_seconds_left(self) -> float:
        """Return about how long the study still takes: what is left, shared by as many trials as run at once."""
        left = [self.seconds_left(trial) for trial in list(self.unfinished)]
        return max([sum(left) / max(1, len(self.running)), *(self.seconds_left(trial) for trial in list(self.running))])

    def share_done(self) -> float:
        """Return how much of the study is done, 0 to 1, every trial counted alike."""
        running = sum(own.share for own in list(self.running.values()))
        return (self.n_trials - len(self.unfinished) + running) / max(1, self.n_trials)
