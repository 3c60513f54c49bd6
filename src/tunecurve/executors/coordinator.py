"""Leading a study whose trials run in other processes: hand out, listen, hand out again what was lost."""

from __future__ import annotations

from dataclasses import replace

from tunecurve.errors import Interrupted
from tunecurve.executors.base import Recorder, Workers, stays_here
from tunecurve.executors.events import Ended, Event, Lost, ProgressEvent, Stopped, StudyFailed, TrialOutcome
from tunecurve.executors.in_process import InProcessTrials
from tunecurve.executors.scheduler import Schedule
from tunecurve.executors.serial import record_failure
from tunecurve.study.plan import PlannedTrial
from tunecurve.study.trial import TrialContext

WAIT_SECONDS = 0.5


def run_on_workers(context: TrialContext, workers: Workers, recorder: Recorder) -> None:
    """Run the trials that are not finished on workers; what must stay here runs beside them in this process.

    Raises
    ------
    Interrupted, MoneyError, EnvironmentProblem
        As `run_serially`.
    """
    here = [item for item in context.planned if stays_here(item)]
    there = [item for item in context.planned if not stays_here(item)]
    finished = {item.trial for item in there if item.folder.is_finished}
    left = [item for item in there if item.trial not in finished]
    recorder.found_finished([item for item in there if item.trial in finished])
    schedule = Schedule(left, context.seconds, is_proven=len(left) < len(there))
    with InProcessTrials(replace(context, planned=here), recorder) as in_process:
        dispatch(schedule, workers, recorder, in_process)


def dispatch(
    schedule: Schedule, workers: Workers, recorder: Recorder, in_process: InProcessTrials | None = None
) -> None:
    """Keep all slots busy until nothing is left."""
    progress = recorder.progress
    items: dict[object, PlannedTrial] = {}
    is_stopping = False
    while schedule.n_left:
        while not is_stopping and schedule.n_running < workers.n_slots() and (item := schedule.take()) is not None:
            items[item.trial] = item
            progress.trial_started(item.trial)
            workers.start(item)
        if is_stopping and not schedule.n_running:
            raise Interrupted("stopped; trials that had begun are kept as they are")
        for event in workers.wait(WAIT_SECONDS):
            _hear(event, items[event.trial], schedule, recorder)
        if in_process is not None:
            in_process.raise_error()
        if progress.cancellation.is_requested and not is_stopping:
            is_stopping = True
            workers.ask_to_stop()


def _hear(event: Event, item: PlannedTrial, schedule: Schedule, recorder: Recorder) -> None:
    match event:
        case ProgressEvent():
            event.tell(recorder.progress)
        case Ended(outcome=outcome):
            schedule.ended(item, well=outcome.is_finished)
            recorder.ended(item.trial, outcome)
        case Lost(reason=reason) if schedule.lost(item):
            recorder.progress.message(f"{item.name}: {reason}; it is started again")
        case Lost(reason=reason):
            line = record_failure(item, f"{reason}, {schedule.most_losses + 1} times")
            recorder.ended(item.trial, TrialOutcome(line, is_finished=False))
        case Stopped():
            schedule.lost(item)
        case StudyFailed(error=error):
            raise error
