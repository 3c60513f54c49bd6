"""Leading a study whose trials run in other processes: hand out, listen, hand out again what was lost.

What a worker is (a process of this machine, a task on a Ray cluster, an entry of a simulation) is behind `Workers`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from tunecurve.errors import Interrupted, TunecurveError
from tunecurve.executors.base import AfterEach, Ended, Outcome, record_failure
from tunecurve.executors.events import Event
from tunecurve.executors.in_process import Aside, stays_here
from tunecurve.executors.scheduler import Schedule
from tunecurve.study.plan import PlannedTrial
from tunecurve.study.progress import Progress
from tunecurve.study.trial import TrialContext

WAIT_SECONDS = 0.5


class Workers(Protocol):
    """Places where trials run, one trial a place."""

    def n_places(self) -> int:
        """Return how many trials may be under way at once, now."""
        ...

    def start(self, item: PlannedTrial) -> None:
        """Start a trial."""
        ...

    def wait(self, seconds: float) -> Sequence[Event]:
        """Return what was told, waiting for it at most so long."""
        ...

    def ask_to_stop(self) -> None:
        """Tell all places to end at the next point from which the work can be continued."""
        ...


def run_on_workers(context: TrialContext, workers: Workers, progress: Progress, after_each: AfterEach) -> Outcome:
    """Run the trials that are not finished on workers; what must stay here runs beside them in this process.

    Parameters
    ----------
    context, progress, after_each
        As for `run_serially`.
    workers : Workers
        Ready to start trials.

    Raises
    ------
    Interrupted, MoneyError, EnvironmentProblem
        As `run_serially`.
    """
    here = [item for item in context.planned if stays_here(item)]
    there = [item for item in context.planned if not stays_here(item)]
    left = [item for item in there if not item.folder.is_finished]
    outcome = Outcome(n_found_finished=len(there) - len(left))
    schedule = Schedule(left, context.seconds, is_proven=len(left) < len(there))
    with Aside(here, replace(context, planned=here), progress, after_each) as aside:
        dispatch(schedule, workers, progress, after_each, outcome, aside)
    outcome.n_run += aside.outcome.n_run
    outcome.n_found_finished += aside.outcome.n_found_finished
    outcome.failures.update(aside.outcome.failures)
    return outcome


def dispatch(
    schedule: Schedule,
    workers: Workers,
    progress: Progress,
    after_each: AfterEach,
    outcome: Outcome,
    aside: Aside | None = None,
) -> None:
    """Keep all places busy until nothing is left."""
    items: dict[object, PlannedTrial] = {}
    is_stopping = False
    while schedule.n_left:
        while not is_stopping and schedule.n_running < workers.n_places() and (item := schedule.take()) is not None:
            items[item.trial] = item
            progress.trial_started(item.trial)
            workers.start(item)
        if is_stopping and not schedule.n_running:
            raise Interrupted("stopped; trials that had begun are kept as they are")
        for event in workers.wait(WAIT_SECONDS):
            _hear(event, items[event.trial], schedule, progress, after_each, outcome)
        if aside is not None:
            aside.raise_error()
        if progress.stop_requested and not is_stopping:
            is_stopping = True
            workers.ask_to_stop()


def _hear(
    event: Event,
    item: PlannedTrial,
    schedule: Schedule,
    progress: Progress,
    after_each: AfterEach,
    outcome: Outcome,
) -> None:
    if event.kind == "ended":
        (how,) = event.values
        schedule.ended(item, well=how.kind == "finished")
        outcome.note(item.trial, how, progress)
        after_each(outcome.failures)
    elif event.kind == "lost":
        (reason,) = event.values
        if schedule.lost(item):
            progress.message(f"{item.trial.learner} {item.trial.label}: {reason}; it is started again")
        else:
            line = record_failure(item, f"{reason}, {schedule.most_losses + 1} times")
            outcome.note(item.trial, Ended("failed", line), progress)
            after_each(outcome.failures)
    elif event.kind == "stopped":
        schedule.lost(item)
    elif event.kind == "stops-all":
        (error,) = event.values
        assert isinstance(error, TunecurveError)
        raise error
    else:
        event.tell(progress)
