"""Running the trials of a plan one after the other; a failing trial does not stop the others.

A trial that waits for a provider's tuning job goes to the end of the queue, so that other trials run meanwhile.
"""

from __future__ import annotations

import time
import traceback
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tunecurve.errors import Interrupted, MoneyError, TunecurveError, explain_os_error, find_os_error
from tunecurve.executors.leases import ClaimLost
from tunecurve.learners.base import Pending
from tunecurve.privacy.redact import redact
from tunecurve.study.plan import PlannedTrial, Trial
from tunecurve.study.progress import Progress
from tunecurve.study.trial import TrialContext, run_trial
from tunecurve.study.trial_folder import FAILURE

AfterEach = Callable[[dict[Trial, str]], None]


@dataclass
class Outcome:
    """What became of the plan: counts, and the reason of each failed trial."""

    n_run: int = 0
    n_found_finished: int = 0
    failures: dict[Trial, str] = field(default_factory=dict)

    def note(self, trial: Trial, ended: Ended, progress: Progress) -> None:
        """Count a trial that ran now, and tell."""
        if ended.kind == "failed":
            self.failures[trial] = ended.line
            progress.trial_failed(trial, ended.line)
        else:
            self.n_run += 1
            self.failures.pop(trial, None)
            progress.trial_finished(trial, ended.line, ended.seconds)


@dataclass(frozen=True)
class Ended:
    """How one trial ended.

    Attributes
    ----------
    kind : {"finished", "failed"}
        Whether it has a result.
    line : str
        The score in words, or the reason.
    seconds : float
        How long it ran now.
    """

    kind: Literal["finished", "failed"]
    line: str
    seconds: float = 0.0


def run_serially(context: TrialContext, progress: Progress, after_each: AfterEach) -> Outcome:
    """Run every trial that is not finished.

    Parameters
    ----------
    context : TrialContext
        The trials, in running order.
    progress : Progress
        Listener.
    after_each : callable
        Called with the failures so far whenever a trial ended, to bring results and report up to date.

    Raises
    ------
    Interrupted
        When a stop was asked for.
    MoneyError
        When the cap on spending is reached: no other paid trial could end well.
    EnvironmentProblem
        When the disk is full or not writable: no other trial could end well.
    """
    outcome = Outcome()
    queue, n_waiting = deque(context.planned), 0
    while queue:
        item = queue.popleft()
        if item.folder.is_finished:
            outcome.n_found_finished += 1
            continue
        progress.trial_started(item.trial)
        ended = run_one(item, context, progress)
        if isinstance(ended, Pending):
            queue.append(item)
            n_waiting += 1
            progress.trial_waits(item.trial, ended.reason)
            if n_waiting >= len(queue):  # every trial that is left waits for someone else
                sleep_unless_stopped(ended.seconds, progress)
                n_waiting = 0
            continue
        outcome.note(item.trial, ended, progress)
        n_waiting = 0
        after_each(outcome.failures)
        if progress.stop_requested:
            raise Interrupted("stopped between two trials")
    return outcome


def run_one(item: PlannedTrial, context: TrialContext, progress: Progress) -> Ended | Pending:
    """Run one trial, or what is left of it; what goes wrong with it is kept in its folder.

    Raises
    ------
    Interrupted, MoneyError, EnvironmentProblem, ClaimLost
        What concerns more than this trial.
    """
    started = time.perf_counter()
    try:
        result = run_trial(item, context, progress)
    except (Interrupted, MoneyError, ClaimLost):
        raise
    except Exception as error:
        _stop_for_environment(error)
        return Ended("failed", _record_failure(item, error), time.perf_counter() - started)
    if isinstance(result, Pending):
        return result
    item.folder.remove(FAILURE)
    headline = context.metrics[0]
    score = result["scores"][headline.name]
    remarks = result["answers"].remarks(headline.name, headline.title)
    line = "; ".join([f"{headline.title} {score:.2f}", *remarks])
    return Ended("finished", line, time.perf_counter() - started)


def sleep_unless_stopped(seconds: float, progress: Progress) -> None:
    """Sleep; a wish to stop ends it.

    Raises
    ------
    Interrupted
        When a stop was asked for.
    """
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        if progress.stop_requested:
            raise Interrupted("stopped while waiting for tuning jobs, which go on at the provider")
        time.sleep(min(left, 0.2))


def _stop_for_environment(error: Exception) -> None:
    """Raise the one-line error where the machine, not the trial, is to blame."""
    cause = find_os_error(error)
    problem = explain_os_error(cause) if cause is not None else None
    if problem is not None:
        raise problem from error


def _record_failure(item: PlannedTrial, error: Exception) -> str:
    """Keep the reason (and, for an internal error, its traceback) in the trial's folder; return it in one line."""
    reason = str(error) if isinstance(error, TunecurveError) else f"{type(error).__name__}: {error}"
    detail = "" if isinstance(error, TunecurveError) else "\n" + redact("".join(traceback.format_exception(error)))
    return record_failure(item, reason, detail)


def record_failure(item: PlannedTrial, reason: str, detail: str = "") -> str:
    """Keep in the trial's folder why it failed; return it in one line."""
    line = redact(" ".join(reason.split()))[:300]
    item.folder.keep_failure(line, detail)
    return line


def is_paid(config: Mapping[str, Any]) -> bool:
    """Return whether a trial's model is behind a provider's API: such trials stay with the process that has the ledger."""
    return bool(config["learner"].get("kind") == "hosted")
