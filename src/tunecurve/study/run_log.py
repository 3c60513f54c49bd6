"""What a study told while it ran, for who looks on later or from elsewhere: run.log, and progress.json while trials are at work.

Neither is a result: nothing is read back, and a study does not end because its log cannot be written.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tunecurve.learners.base import TrainingProgress
from tunecurve.metrics.base import Metric
from tunecurve.privacy.redact import redact, shown
from tunecurve.storage.files import TEMPORARY
from tunecurve.storage.records import Record
from tunecurve.study.plan import Trial
from tunecurve.study.progress import Progress
from tunecurve.study.run_state import RunState

LOG, PROGRESS = "run.log", "progress.json"
SECONDS_BETWEEN = 2.0


@dataclass(frozen=True)
class TrialProgress(Record):
    """Where a trial is that runs now."""

    learner: str
    label: str
    phase: str


@dataclass(frozen=True)
class StudyProgress(Record):
    """progress.json: where a process is with a study."""

    at: float
    """Seconds since 1970."""
    process: int
    host: str
    n_trials: int
    seconds_left: float
    """As the terminal tells it: see `RunState.study_seconds_left`."""
    running: list[TrialProgress]
    spent_usd: float | None
    """What the study has paid so far; None where nothing costs money."""
    at_most_usd: float | None
    """Its cap."""


class RunLog(Progress):
    """Passes on what it hears, and keeps it in the run's folder."""

    def __init__(self, folder: Path, listener: Progress) -> None:
        self._folder, self._listener = folder, listener
        self.cancellation = listener.cancellation
        self._lock = threading.Lock()
        self._state, self._written_at = RunState(), 0.0
        self._phases: dict[Trial, str] = {}

    def message(self, line: str) -> None:
        """Hear of something that is not a trial's."""
        self._listener.message(line)
        self._log(line)

    def study_started(self, n_trials: int, estimated_seconds: dict[Trial, float]) -> None:
        """Hear how many trials there are, and about how long each takes that is not finished."""
        self._listener.study_started(n_trials, estimated_seconds)
        self._state.begin(n_trials, estimated_seconds)
        self._log(f"{n_trials} trials, {len(estimated_seconds)} of them to run")
        self._keep(None)

    def scored_by(self, metric: Metric) -> None:
        """Hear under which metric, the headline metric, `scored` tells scores."""
        self._listener.scored_by(metric)

    def scored(self, trial: Trial, score: float) -> None:
        """Hear the score of a trial that has ended now, or was found finished; undefined ones are not told."""
        self._listener.scored(trial, score)

    def paid(self, spent_usd: float, at_most_usd: float | None) -> None:
        """Hear what the study has paid so far, and its cap; told only where something costs money."""
        self._listener.paid(spent_usd, at_most_usd)
        self._state.paid_usd, self._state.at_most_usd = spent_usd, at_most_usd
        self._keep(None, is_often=True)

    def trial_started(self, trial: Trial) -> None:
        """Hear that a trial starts."""
        self._listener.trial_started(trial)
        with self._lock:
            self._state.started(trial)
        self._log(f"{trial.name}: starts")
        self._keep(trial, "loading")

    def trial_waits(self, trial: Trial, reason: str) -> None:
        """Hear that a trial waits for work done elsewhere; others run meanwhile."""
        self._listener.trial_waits(trial, reason)
        with self._lock:
            self._state.waits(trial, reason)
        self._keep(trial, redact(f"waits: {reason}"))

    def trained(self, trial: Trial, progress: TrainingProgress) -> None:
        """Hear that an optimizer step is done."""
        self._listener.trained(trial, progress)
        with self._lock:
            self._state.stepped(trial, progress)
        phase = f"{progress.phase}, " if progress.phase and progress.step else progress.phase
        step = f"step {progress.step} of {progress.n_steps}, loss {progress.loss:.3f}" if progress.step else ""
        self._keep(trial, f"{phase}{step}", is_often=True)

    def answered(self, trial: Trial, n_done: int, n_all: int, tokens_per_second: float) -> None:
        """Hear how many test rows have answers."""
        self._listener.answered(trial, n_done, n_all, tokens_per_second)
        with self._lock:
            self._state.answered(trial, n_done, n_all, tokens_per_second)
        self._keep(trial, f"{n_done} of {n_all} rows answered", is_often=True)

    def trial_finished(self, trial: Trial, score_line: str, seconds: float) -> None:
        """Hear that a trial is done, with its score in words."""
        self._listener.trial_finished(trial, score_line, seconds)
        with self._lock:
            self._state.finished(trial, seconds)
        self._log(f"{trial.name}: {score_line}, in {seconds:.0f} s")
        self._end(trial)

    def trial_failed(self, trial: Trial, reason: str) -> None:
        """Hear that a trial failed; the study goes on."""
        self._listener.trial_failed(trial, reason)
        self._log(f"{trial.name}: FAILED: {reason}")
        self._end(trial)

    def trials_added(self, seconds: dict[Trial, float]) -> None:
        """Hear that trials are planned in addition."""
        self._listener.trials_added(seconds)
        with self._lock:
            self._state.added(seconds)
        self._log(f"planned in addition: {', '.join(trial.name for trial in seconds)}")

    def trials_dropped(self, trials: Sequence[Trial]) -> None:
        """Hear that trials are no longer planned."""
        self._listener.trials_dropped(trials)
        with self._lock:
            self._state.dropped(trials)
        self._log(f"no longer planned: {', '.join(trial.name for trial in trials)}")

    def close(self) -> None:
        """Say that nothing runs here any more."""
        with suppress(OSError):
            (self._folder / PROGRESS).unlink(missing_ok=True)

    def _end(self, trial: Trial) -> None:
        with self._lock:
            self._phases.pop(trial, None)
            self._state.forget(trial)
        self._keep(None)

    def _log(self, line: str) -> None:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        text = f"{now} {redact(shown(' '.join(line.splitlines())))}\n"
        with suppress(OSError):
            descriptor = os.open(self._folder / LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                os.write(descriptor, text.encode("utf-8", "replace"))
            finally:
                os.close(descriptor)

    def _keep(self, trial: Trial | None, phase: str = "", *, is_often: bool = False) -> None:
        now = time.monotonic()
        with self._lock:
            if trial is not None:
                self._phases[trial] = phase
            if is_often and now - self._written_at < SECONDS_BETWEEN:
                return
            self._written_at = now
            with suppress(OSError):
                self._write()

    def _write(self) -> None:
        state = self._state
        running = [TrialProgress(one.learner, one.label, phase) for one, phase in self._phases.items()]
        told = StudyProgress(
            time.time(), os.getpid(), os.uname().nodename, state.n_trials, state.study_seconds_left(), running,
            state.paid_usd, state.at_most_usd,
        )  # fmt: skip
        path = self._folder / PROGRESS
        temporary = path.with_name(f"{path.name}.{os.getpid()}-0{TEMPORARY}")
        temporary.touch(mode=0o600)
        temporary.write_text(json.dumps(told.to_json()), encoding="utf-8")  # a power cut may cost it
        temporary.replace(path)


def progress_of(folder: Path) -> StudyProgress | None:
    """Return where a study is, as its process told it last; None where none does."""
    try:
        return StudyProgress.from_json(json.loads((folder / PROGRESS).read_text(encoding="utf-8")))
    except Exception:  # another version's, or cut by a power cut: it is told anew in seconds
        return None


def log_tail(folder: Path, most_bytes: int = 60_000) -> str:
    """Return the end of the run's log; empty where there is none."""
    try:
        with (folder / LOG).open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - most_bytes))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return text if size <= most_bytes else text.partition("\n")[2]
