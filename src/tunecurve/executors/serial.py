"""Running the trials of a plan one after the other; a failing trial does not stop the others.

A trial that waits for a provider's tuning job goes to the end of the queue, so that other trials run meanwhile.
"""

from __future__ import annotations

import math
import time
import traceback
from collections import deque

from tunecurve.errors import Interrupted, MoneyError, TunecurveError, explain_os_error, find_os_error
from tunecurve.executors.base import Recorder
from tunecurve.executors.events import TrialOutcome
from tunecurve.executors.leases import LeaseLost
from tunecurve.executors.scheduler import cheapest_first
from tunecurve.learners.base import Pending
from tunecurve.privacy.redact import redact
from tunecurve.study.plan import PlannedTrial
from tunecurve.study.progress import Progress
from tunecurve.study.trial import TrialContext, run_trial
from tunecurve.study.trial_folder import FAILURE

WAITING = "while waiting for tuning jobs, which go on at the provider"


def run_serially(context: TrialContext, recorder: Recorder) -> None:
    """Run every trial that is not finished, the cheapest first.

    Raises
    ------
    Interrupted
        When a stop was asked for.
    MoneyError
        When the cap on spending is reached: no other paid trial could end well.
    EnvironmentProblem
        When the disk is full or not writable: no other trial could end well.
    """
    progress = recorder.progress
    recorder.found_finished([item for item in context.planned if item.folder.is_finished])
    in_order = cheapest_first(context.planned, context.seconds, context.trainings())
    queue, n_waiting = deque(item for item in in_order if not item.folder.is_finished), 0
    while queue:
        item = queue.popleft()
        if item.folder.is_finished:  # meanwhile, by another process
            recorder.found_finished([item])
            continue
        progress.trial_started(item.trial)
        outcome = run_one(item, context, progress)
        if isinstance(outcome, Pending):
            queue.append(item)
            n_waiting += 1
            progress.trial_waits(item.trial, outcome.reason)
            if n_waiting >= len(queue):  # every trial that is left waits for someone else
                progress.cancellation.sleep(outcome.seconds, WAITING)
                n_waiting = 0
            continue
        if context.time is not None:
            change = context.time.after(item, outcome.seconds, is_finished=outcome.is_finished)
            queue = deque(one for one in [*queue, *change.added] if one.trial not in change.dropped)
        recorder.ended(item.trial, outcome)
        n_waiting = 0
        progress.cancellation.check("between two trials")


def run_one(item: PlannedTrial, context: TrialContext, progress: Progress) -> TrialOutcome | Pending:
    """Run one trial, or what is left of it; what goes wrong with it is kept in its folder.

    Raises
    ------
    Interrupted, MoneyError, EnvironmentProblem, LeaseLost
        What concerns more than this trial.
    """
    started = time.perf_counter()
    try:
        result = run_trial(item, context, progress)
    except (Interrupted, MoneyError, LeaseLost):
        raise
    except Exception as error:
        _stop_for_environment(error)
        return TrialOutcome(_record_error(item, error), time.perf_counter() - started, is_finished=False)
    if isinstance(result, Pending):
        return result
    item.folder.remove(FAILURE)
    headline_metric = context.metrics[0]
    score = result.scores[headline_metric.name]
    remarks = result.answers.remarks(headline_metric.name, headline_metric.title)
    line = "; ".join([f"{headline_metric.title} {score:.2f}", *remarks])
    return TrialOutcome(
        line, time.perf_counter() - started, score=score if score is not None and math.isfinite(score) else None
    )


def _stop_for_environment(error: Exception) -> None:
    """Raise the one-line error where the machine, not the trial, is to blame."""
    cause = find_os_error(error)
    problem = explain_os_error(cause) if cause is not None else None
    if problem is not None:
        raise problem from error


def _record_error(item: PlannedTrial, error: Exception) -> str:
    """Keep the reason (and, for an internal error, its traceback) in the trial's folder; return it in one line."""
    reason = str(error) if isinstance(error, TunecurveError) else f"{type(error).__name__}: {error}"
    detail = "" if isinstance(error, TunecurveError) else "\n" + redact("".join(traceback.format_exception(error)))
    return record_failure(item, reason, detail)


def record_failure(item: PlannedTrial, reason: str, detail: str = "") -> str:
    """Keep in the trial's folder why it failed; return it in one line."""
    line = redact(" ".join(reason.split()))[:300]
    item.folder.keep_failure(line, detail)
    return line
