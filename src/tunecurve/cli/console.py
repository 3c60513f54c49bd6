"""Progress on standard error: plain lines now and then, or above a panel that is redrawn in place where there is a terminal."""

from __future__ import annotations

import os
import shlex
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

import click

from tunecurve.cli.main import STOPPING, visible
from tunecurve.cli.wide import tell
from tunecurve.learners.base import TrainingProgress
from tunecurve.privacy.redact import shown
from tunecurve.spec.durations import duration
from tunecurve.study.plan import Trial
from tunecurve.study.progress import Progress
from tunecurve.study.run_state import RunState
from tunecurve.wording import counted

if TYPE_CHECKING:
    from tunecurve.cli.panel import Panel
    from tunecurve.metrics.base import Metric

SECONDS_BETWEEN_PLAIN_LINES = 20.0


def can_redraw() -> bool:
    """Return whether standard error is a terminal on which lines can be redrawn, and a person may be in front of it."""
    return (
        sys.stderr.isatty() and os.environ.get("TERM", "") not in ("", "dumb", "unknown") and not os.environ.get("CI")
    )


class ConsoleProgress(Progress):
    """Tells on standard error which trials run, their step, loss and speed, and when trial and study will end.

    On a terminal it is a context manager: leaving it takes the panel away. Several trials may run at once; a plain line is
    that of the trial heard of last.
    """

    def __init__(self) -> None:
        self.state = RunState()
        self._last_line_at = 0.0
        self._panel: Panel | None = None

    def __enter__(self) -> ConsoleProgress:
        return self

    def __exit__(self, *error: object) -> None:
        panel, self._panel = self._panel, None
        if panel is not None:
            panel.close()

    @property
    def told_failures(self) -> dict[Trial, str]:
        """Why trials failed, as it was told."""
        return self.state.failures

    @property
    def shows_stop(self) -> bool:
        """Whether the panel is open, which says by itself that a stop was asked for."""
        return self._panel is not None

    def message(self, line: str) -> None:
        """Print a line."""
        self._print(line)

    def study_started(self, n_trials: int, estimated_seconds: dict[Trial, float]) -> None:
        """Print how many trials are left and about how long they take."""
        self.state.begin(n_trials, estimated_seconds)
        n_finished = n_trials - len(estimated_seconds)
        found = f", {n_finished} of them finished" if n_finished else ""
        self._print(f"{counted(n_trials, 'trial')}{found}; about {duration(sum(estimated_seconds.values()))} to go")
        if estimated_seconds and can_redraw():
            from tunecurve.cli.panel import Panel  # what draws it takes a moment to load

            self._panel = Panel(self.state, self.cancellation)

    def scored_by(self, metric: Metric) -> None:
        """Keep the headline metric."""
        self.state.metric = metric

    def scored(self, trial: Trial, score: float) -> None:
        """Keep a score for the chart."""
        self.state.scores[trial] = score

    def paid(self, spent_usd: float, at_most_usd: float | None) -> None:
        """Keep what is paid."""
        self.state.paid_usd, self.state.at_most_usd = spent_usd, at_most_usd

    def trial_started(self, trial: Trial) -> None:
        """Remember when."""
        self.state.started(trial)
        self._show(f"{self._where(trial)}: loading", force=trial not in self.state.waits_for)

    def trained(self, trial: Trial, progress: TrainingProgress) -> None:
        """Show step, loss, speed and time left."""
        doing = self.state.stepped(trial, progress)
        self._show(f"{self._where(trial)}: {doing}{self._eta(trial)}")

    def answered(self, trial: Trial, n_done: int, n_all: int, tokens_per_second: float) -> None:
        """Show how many rows are answered."""
        doing = self.state.answered(trial, n_done, n_all, tokens_per_second)
        self._show(f"{self._where(trial)}: {doing}{self._eta(trial)}")

    def trial_finished(self, trial: Trial, score_line: str, seconds: float) -> None:
        """Print the trial's score and time."""
        line = f"{self._where(trial)}: {score_line}, in {duration(seconds)}"
        self.state.finished(trial, seconds)
        self._print(line)

    def trial_waits(self, trial: Trial, reason: str) -> None:
        """Show what it waits for, when that has changed."""
        line = f"{self._where(trial)}: {visible(reason)}"
        if self.state.waits(trial, reason):
            self._print(line)
        else:
            self._show(line)

    def trial_failed(self, trial: Trial, reason: str) -> None:
        """Print why."""
        line = f"{self._where(trial)}: FAILED: {visible(reason)}"
        self.state.failures[trial] = reason
        self.state.forget(trial)
        self._print(line)

    def trials_added(self, seconds: dict[Trial, float]) -> None:
        """Count them, too; why is a message."""
        self.state.added(seconds)

    def trials_dropped(self, trials: Sequence[Trial]) -> None:
        """Count them no longer; why is a message."""
        self.state.dropped(trials)

    def _where(self, trial: Trial) -> str:
        state = self.state
        number = state.n_trials - len(state.unfinished) + (trial in state.unfinished)
        others = len(state.running) - (trial in state.running)
        beside = f" (+{others} running)" if others else ""
        return f"[{number}/{state.n_trials}] {visible(trial.name)}{beside}"

    def _eta(self, trial: Trial) -> str:
        left = self.state.running[trial].left
        if left is None:
            return ""
        ends = f", trial ends in {duration(left)}"
        if len(self.state.running) > 1:  # what the others have left is but an estimate
            return ends
        return f"{ends}, study in {duration(self.state.study_seconds_left())}"

    def _show(self, line: str, *, force: bool = False) -> None:
        """Say what goes on: the panel draws it by itself; else it is a line now and then."""
        now = time.monotonic()
        if self._panel is None and (force or now - self._last_line_at > SECONDS_BETWEEN_PLAIN_LINES):
            self._last_line_at = now
            click.echo(shown(line), err=True)

    def _print(self, line: str) -> None:
        """Print a line that stays."""
        if self._panel is None:
            tell(line, err=True)
        else:
            self._panel.print_above(shown(line))


@contextmanager
def stopping_on_interrupt(progress: Progress) -> Iterator[None]:
    """Make the first Ctrl-C (or SIGTERM) end the work at the next step, the second one at once; afterwards they do what they did."""

    def ask_to_stop(number: int, frame: FrameType | None) -> None:
        if progress.cancellation.is_requested:
            raise KeyboardInterrupt
        progress.cancellation.request()
        if not (isinstance(progress, ConsoleProgress) and progress.shows_stop):
            click.echo(f"\n{STOPPING}", err=True)

    before = {number: signal.signal(number, ask_to_stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def this_command() -> str:
    """Return the command line that was given, to be pasted into a shell."""
    return "tunecurve " + shlex.join(sys.argv[1:])
