"""Running the trials of a plan one after the other; a failing trial does not stop the others.

A trial that waits for a provider's tuning job goes to the end of the queue, so that other trials run meanwhile.
"""

from __future__ import annotations

import time
import traceback
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tunecurve.errors import Interrupted, MoneyError, TunecurveError, explain_os_error, find_os_error
from tunecurve.learners.base import Learner, StillWaiting
from tunecurve.metrics.base import Metric
from tunecurve.redact import redact
from tunecurve.study.dataset import StudyData
from tunecurve.study.plan import Trial, training_key
from tunecurve.study.progress import Progress
from tunecurve.study.storage import make_folder, write_text
from tunecurve.study.trials import CONFIG, is_finished, run_trial

FAILURE = "failure.txt"


@dataclass(frozen=True)
class PlannedTrial:
    """A trial with its config and its folder."""

    trial: Trial
    config: dict[str, Any]
    folder: Path


@dataclass
class Outcome:
    """What became of the plan: counts, and the reason of each failed trial."""

    n_run: int = 0
    n_found_finished: int = 0
    failures: dict[Trial, str] = field(default_factory=dict)


def run_serially(
    planned: Sequence[PlannedTrial],
    data: StudyData,
    learners: Mapping[str, Learner],
    metrics: Sequence[Metric],
    progress: Progress,
    after_each: Callable[[dict[Trial, str]], None],
    *,
    training_score_rows: int = 0,
) -> Outcome:
    """Run every trial that is not finished.

    Parameters
    ----------
    planned : sequence of PlannedTrial
        In running order.
    after_each : callable
        Called with the failures so far whenever a trial ended, to bring results and report up to date.
    training_score_rows : int, default 0
        As for `run_trial`.

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
    same_training = _folders_by_training(planned, learners)
    queue, n_waiting = deque(planned), 0
    while queue:
        item = queue.popleft()
        if is_finished(item.folder):
            outcome.n_found_finished += 1
            continue
        progress.trial_started(item.trial)
        started = time.perf_counter()
        learner = learners[item.trial.learner]
        try:
            result = run_trial(
                item.trial,
                item.config,
                data,
                learner,
                metrics,
                item.folder,
                progress,
                [folder for folder in same_training[training_key(item.config, learner)] if folder != item.folder],
                training_score_rows=training_score_rows,
            )
        except Interrupted:
            raise
        except StillWaiting as waiting:
            queue.append(item)
            n_waiting += 1
            progress.trial_waits(item.trial, str(waiting))
            if n_waiting >= len(queue):  # every trial that is left waits for someone else
                _sleep(waiting.seconds, progress)
                n_waiting = 0
            continue
        except MoneyError:
            raise
        except Exception as error:
            _stop_for_environment(error)
            outcome.failures[item.trial] = _record_failure(item, error)
            progress.trial_failed(item.trial, outcome.failures[item.trial])
        else:
            outcome.n_run += 1
            (item.folder / FAILURE).unlink(missing_ok=True)
            headline = f"{metrics[0].title} {result['scores'][metrics[0].name]:.2f}"
            progress.trial_finished(item.trial, headline, time.perf_counter() - started)
        n_waiting = 0
        after_each(outcome.failures)
        if progress.stop_requested:
            raise Interrupted("stopped between two trials")
    return outcome


def _folders_by_training(
    planned: Sequence[PlannedTrial], learners: Mapping[str, Learner]
) -> dict[str | None, list[Path]]:
    """Return the folders of the trials that share a training, by its key."""
    folders: dict[str | None, list[Path]] = {None: []}
    for item in planned:
        key = training_key(item.config, learners[item.trial.learner])
        if key is not None:
            folders.setdefault(key, []).append(item.folder)
    return folders


def _sleep(seconds: float, progress: Progress) -> None:
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
    reason = redact(" ".join(reason.split()))[:300]
    detail = "" if isinstance(error, TunecurveError) else "\n" + redact("".join(traceback.format_exception(error)))
    write_text(make_folder(item.folder) / FAILURE, reason + detail)
    return reason


def known_failures(planned: Sequence[PlannedTrial]) -> dict[Trial, str]:
    """Return the reasons kept by earlier runs, of trials that are not finished."""
    return {
        item.trial: (item.folder / FAILURE).read_text(encoding="utf-8").splitlines()[0]
        for item in planned
        if (item.folder / FAILURE).exists() and not is_finished(item.folder)
    }


def state_of_folder(folder: Path) -> str:
    """Return ``finished``, ``failed``, ``started`` (running or interrupted) or ``waiting``."""
    if is_finished(folder):
        return "finished"
    if (folder / FAILURE).exists():
        return "failed"
    return "started" if (folder / CONFIG).exists() else "waiting"
