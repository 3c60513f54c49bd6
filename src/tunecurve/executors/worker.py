"""What runs in a worker: one trial to its end, whose progress goes to the leader as events."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable

from tunecurve.cancellation import Cancellation
from tunecurve.errors import Interrupted, TunecurveError
from tunecurve.executors.events import Answered, Ended, Event, Lost, Said, Stopped, StudyFailed, Trained
from tunecurve.executors.leases import LeaseLost
from tunecurve.executors.serial import WAITING, run_one
from tunecurve.learners.base import Pending, TrainingProgress
from tunecurve.study.plan import PlannedTrial, Trial
from tunecurve.study.progress import Progress
from tunecurve.study.trial import TrialContext

SECONDS_BETWEEN = 0.5


def without_bars() -> None:
    """Keep models' packages from drawing bars, as where learners are built: a worker is handed its learners built."""
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")  # read when they are imported
    if "transformers" in sys.modules:
        import transformers

        transformers.utils.logging.disable_progress_bar()
        transformers.utils.logging.set_verbosity_error()


def run_to_its_end(item: PlannedTrial, context: TrialContext, progress: Progress) -> Event:
    """Run a trial in a worker and return how it ended, whatever happens."""
    without_bars()
    try:
        while isinstance(outcome := run_one(item, context, progress), Pending):
            progress.message(f"{item.name}: {outcome.reason}")
            progress.cancellation.sleep(outcome.seconds, WAITING)
        return Ended(item.trial, outcome)
    except Interrupted:
        return Stopped(item.trial)
    except LeaseLost:
        return Lost(item.trial, "its worker was silent too long")
    except TunecurveError as error:
        return StudyFailed(item.trial, error)


class RelayProgress(Progress):
    """Sends what one trial tells as events, not more often than anyone can read.

    Parameters
    ----------
    trial : Trial
        The trial.
    send : callable
        Takes an `Event`.
    cancellation : Cancellation
        Whether the trial is to end.
    check : callable
        Called before anything is sent; raises when the trial must not go on here.
    seconds_between : float
        Time between two events on training or answers; the last one is always sent.
    """

    def __init__(
        self,
        trial: Trial,
        send: Callable[[Event], None],
        cancellation: Cancellation,
        check: Callable[[], None] = lambda: None,
        seconds_between: float = SECONDS_BETWEEN,
    ) -> None:
        self._trial, self._send, self.cancellation, self._check = trial, send, cancellation, check
        self._seconds_between, self._sent_at = seconds_between, 0.0

    def message(self, line: str) -> None:
        """Send a line."""
        self._send(Said(self._trial, line))

    def trained(self, trial: Trial, progress: TrainingProgress) -> None:
        """Send a step now and then, the last one always."""
        self._send_sometimes(Trained(trial, progress), is_last=progress.step == progress.n_steps)

    def answered(self, trial: Trial, n_done: int, n_all: int, tokens_per_second: float) -> None:
        """Send how many are answered now and then, at the end always."""
        self._send_sometimes(Answered(trial, n_done, n_all, tokens_per_second), is_last=n_done == n_all)

    def _send_sometimes(self, event: Event, *, is_last: bool) -> None:
        self._check()
        now = time.monotonic()
        if is_last or now - self._sent_at >= self._seconds_between:
            self._sent_at = now
            self._send(event)
