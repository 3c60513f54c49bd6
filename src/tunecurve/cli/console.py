"""Progress on a terminal: one line that is rewritten, or plain lines now and then where there is no terminal."""

from __future__ import annotations

import shlex
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

import click

from tunecurve.cli.main import visible
from tunecurve.learners.base import TrainingProgress
from tunecurve.privacy.redact import shown
from tunecurve.study.plan import Trial
from tunecurve.study.progress import Progress

SECONDS_BETWEEN_PLAIN_LINES = 20.0


def duration(seconds: float) -> str:
    """Return ``45 s``, ``3:05 min`` or ``2:10 h``."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02d} min"
    return f"{whole // 3600}:{whole % 3600 // 60:02d} h"


@dataclass
class _Clock:
    """When the parts of a running trial began."""

    started_at: float
    training_started_at: float = 0.0
    phase: str = ""
    first_step: int = 0
    scoring_started_at: float | None = None


class ConsoleProgress(Progress):
    """Tells on standard error which trials run, their step, loss and speed, and when trial and study will end.

    Several trials may run at once; the line that is rewritten is that of the trial heard of last.
    """

    def __init__(self) -> None:
        self._is_terminal = sys.stderr.isatty()
        self._last_line_at = 0.0
        self._waiting: dict[Trial, float] = {}
        self._n_trials = 0
        # Estimated and measured seconds of what is done, by kind: training and mere scoring err differently.
        self._done: dict[bool, tuple[float, float]] = {}
        self._running: dict[Trial, _Clock] = {}
        self._scoring_seconds = 0.0
        self._waits_for: dict[Trial, str] = {}
        self.told_failures: dict[Trial, str] = {}

    def message(self, line: str) -> None:
        """Print a line."""
        self._print(line)

    def study_started(self, n_trials: int, estimated_seconds: dict[Trial, float]) -> None:
        """Print how many trials are left and about how long they take."""
        self._waiting = dict(estimated_seconds)
        self._n_trials = n_trials
        n_finished = n_trials - len(estimated_seconds)
        found = f", {n_finished} of them finished" if n_finished else ""
        self._print(f"{n_trials} trials{found}; about {duration(sum(estimated_seconds.values()))} to go")

    def trial_started(self, trial: Trial) -> None:
        """Remember when."""
        self._running[trial] = _Clock(time.monotonic())
        self._show(f"{self._where(trial)}: loading", force=trial not in self._waits_for)

    def trained(self, trial: Trial, progress: TrainingProgress) -> None:
        """Show step, loss, speed and time left."""
        if not progress.step:  # it waits
            self._show(f"{self._where(trial)}: {progress.phase}")
            return
        now, clock = time.monotonic(), self._clock(trial)
        if clock.phase != progress.phase:
            clock.phase, clock.started_at, clock.training_started_at = progress.phase, now, 0.0
        if not clock.training_started_at:
            clock.training_started_at, clock.first_step = now, progress.step
            per_step = now - clock.started_at
        else:
            per_step = (now - clock.training_started_at) / max(1, progress.step - clock.first_step)
        left = (progress.n_steps - progress.step) * per_step + self._scoring_seconds
        phase = f"{progress.phase}, " if progress.phase else ""
        self._show(
            f"{self._where(trial)}: {phase}step {progress.step}/{progress.n_steps}, loss {progress.loss:.3f}, "
            f"{progress.tokens_per_second:.0f} tokens/s, {self._eta(trial, left)}"
        )

    def answered(self, trial: Trial, n_done: int, n_all: int, tokens_per_second: float) -> None:
        """Show how many rows are answered."""
        now, clock = time.monotonic(), self._clock(trial)
        if clock.scoring_started_at is None:
            clock.scoring_started_at = now
        elapsed = now - clock.scoring_started_at
        left = elapsed / n_done * (n_all - n_done)
        self._show(
            f"{self._where(trial)}: {n_done}/{n_all} rows answered, {tokens_per_second:.0f} tokens/s, {self._eta(trial, left)}"
        )
        if n_done == n_all:
            self._scoring_seconds = elapsed

    def trial_finished(self, trial: Trial, headline: str, seconds: float) -> None:
        """Print the trial's score and time."""
        estimated, measured = self._done.get(trial.strategy == "fine-tune", (0.0, 0.0))
        self._done[trial.strategy == "fine-tune"] = (estimated + self._waiting.get(trial, 0.0), measured + seconds)
        self._print(f"{self._where(trial)}: {headline}, in {duration(seconds)}")
        self._forget(trial)

    def trial_waits(self, trial: Trial, reason: str) -> None:
        """Show what it waits for, when that has changed."""
        self._running.pop(trial, None)
        if self._waits_for.get(trial) != reason.partition(",")[0]:
            self._waits_for[trial] = reason.partition(",")[0]
            self._print(f"{self._where(trial)}: {visible(reason)}")
        else:
            self._show(f"{self._where(trial)}: {visible(reason)}")

    def trial_failed(self, trial: Trial, reason: str) -> None:
        """Print why."""
        self._print(f"{self._where(trial)}: FAILED: {visible(reason)}")
        self.told_failures[trial] = reason
        self._forget(trial)

    def _clock(self, trial: Trial) -> _Clock:
        return self._running.setdefault(trial, _Clock(time.monotonic()))

    def _forget(self, trial: Trial) -> None:
        self._waiting.pop(trial, None)
        self._running.pop(trial, None)

    def _where(self, trial: Trial) -> str:
        number = self._n_trials - len(self._waiting) + (trial in self._waiting)
        others = len(self._running) - (trial in self._running)
        beside = f" (+{others} running)" if others else ""
        return f"[{number}/{self._n_trials}] {visible(trial.learner)} {trial.label}{beside}"

    def _eta(self, trial: Trial, trial_left: float) -> str:
        if len(self._running) > 1:  # what the others have left is not known here
            return f"trial ends in {duration(trial_left)}"
        others = sum(seconds * self._correction(other) for other, seconds in self._waiting.items() if other != trial)
        return f"trial ends in {duration(trial_left)}, study in {duration(trial_left + others)}"

    def _correction(self, trial: Trial) -> float:
        """How much longer than estimated trials of this kind took so far."""
        estimated, measured = self._done.get(trial.strategy == "fine-tune", (0.0, 0.0))
        return measured / estimated if estimated > 20.0 else 1.0

    def _show(self, line: str, *, force: bool = False) -> None:
        now = time.monotonic()
        if self._is_terminal:
            width = shutil.get_terminal_size().columns - 1
            sys.stderr.write("\r\x1b[2K" + line[:width])
            sys.stderr.flush()
        elif force or now - self._last_line_at > SECONDS_BETWEEN_PLAIN_LINES:
            self._last_line_at = now
            click.echo(line, err=True)

    def _print(self, line: str) -> None:
        line = shown(line)
        if self._is_terminal:
            sys.stderr.write("\r\x1b[2K")
        click.echo(line, err=True)


@contextmanager
def stopping_on_interrupt(progress: Progress) -> Iterator[None]:
    """Make the first Ctrl-C (or SIGTERM) end the work at the next step, the second one at once; afterwards they do what they did."""

    def ask_to_stop(number: int, frame: FrameType | None) -> None:
        if progress.cancellation.is_requested:
            raise KeyboardInterrupt
        progress.cancellation.request()
        click.echo("\nfinishing the current step; press Ctrl-C again to stop at once", err=True)

    before = {number: signal.signal(number, ask_to_stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def this_command() -> str:
    """Return the command line that was given, to be pasted into a shell."""
    return "tunecurve " + shlex.join(sys.argv[1:])
