"""What all executors share: how a trial ended, the count of all ends, and what a coordinator asks of its workers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from tunecurve.executors.events import Event, TrialOutcome
from tunecurve.study.plan import PlannedTrial, Trial, is_paid, proposer_in
from tunecurve.study.progress import Progress

if TYPE_CHECKING:
    from tunecurve.metrics.base import Metric

AfterEach = Callable[[dict[Trial, str]], None]


@dataclass
class RunSummary:
    """How the trials of a plan ended: counts, and the reason of each failed trial."""

    n_run: int = 0
    n_found_finished: int = 0
    failures: dict[Trial, str] = field(default_factory=dict)


class Recorder:
    """Counts how trials end and tells it, whichever thread they end in.

    Parameters
    ----------
    progress : Progress
        Listener.
    after_each : callable
        Called with the failures so far whenever a trial ended, to bring results and report up to date.
    headline_metric : Metric, optional
        Under which scores are told of trials that are found finished; default: they are not told.
    """

    def __init__(self, progress: Progress, after_each: AfterEach, headline_metric: Metric | None = None) -> None:
        self.progress, self._after_each, self._headline_metric = progress, after_each, headline_metric
        if headline_metric is not None:
            progress.scored_by(headline_metric)
        self.summary = RunSummary()
        self._lock = threading.Lock()

    def found_finished(self, items: Sequence[PlannedTrial]) -> None:
        """Count trials that need no run, and tell their scores."""
        with self._lock:
            self.summary.n_found_finished += len(items)
        for item in items:
            score = None if self._headline_metric is None else item.folder.score(self._headline_metric.name)
            if score is not None:
                self.progress.scored(item.trial, score)

    def ended(self, trial: Trial, outcome: TrialOutcome) -> None:
        """Count a trial that ran now, and tell."""
        with self._lock:
            if outcome.is_finished:
                self.summary.n_run += 1
                self.summary.failures.pop(trial, None)
            else:
                self.summary.failures[trial] = outcome.line
            failures = dict(self.summary.failures)
        if outcome.score is not None:
            self.progress.scored(trial, outcome.score)
        if outcome.is_finished:
            self.progress.trial_finished(trial, outcome.line, outcome.seconds)
        else:
            self.progress.trial_failed(trial, outcome.line)
        self._after_each(failures)


class Workers(Protocol):
    """Where trials run, one trial a slot: processes of this machine, tasks on a Ray cluster, entries of a simulation."""

    def n_slots(self) -> int:
        """Return how many trials may be under way at once, now."""
        ...

    def start(self, item: PlannedTrial) -> None:
        """Start a trial."""
        ...

    def wait(self, seconds: float) -> Sequence[Event]:
        """Return what was told, waiting for it at most so long."""
        ...

    def ask_to_stop(self) -> None:
        """Tell all workers to end at the next point from which the work can be continued."""
        ...


def stays_here(item: PlannedTrial) -> bool:
    """Return whether a trial is run by the process that leads the study, never by a worker."""
    return item.trial.strategy == "floor" or is_paid(item.config) or bool(proposer_in(item.config))
