"""What workers in other processes tell the process that leads the study: progress and ends, as plain tuples."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from tunecurve.errors import Interrupted, TunecurveError
from tunecurve.executors.base import run_one, sleep_unless_stopped
from tunecurve.executors.leases import ClaimLost
from tunecurve.learners.base import Pending, TrainingProgress
from tunecurve.study.plan import PlannedTrial, Trial
from tunecurve.study.progress import Progress
from tunecurve.study.trial import TrialContext

SECONDS_BETWEEN = 0.5


@dataclass(frozen=True)
class Event:
    """Something that a worker tells.

    Attributes
    ----------
    trial : Trial
        Which trial it is about.
    kind : {"message", "trained", "answered", "ended", "lost", "stopped", "stops-all"}
        The method of `Progress` to call; or how the trial left the worker: with a result or a failure, without its
        worker, because a stop was asked for, or with an error that concerns the whole study.
    values : tuple
        The method's arguments after the trial; `Ended`; the reason; the error.
    """

    trial: Trial
    kind: Literal["message", "trained", "answered", "ended", "lost", "stopped", "stops-all"]
    values: tuple[Any, ...] = ()

    def tell(self, progress: Progress) -> None:
        """Call the listener's method."""
        if self.kind == "message":
            progress.message(*self.values)
        elif self.kind == "trained":
            progress.trained(self.trial, *self.values)
        elif self.kind == "answered":
            progress.answered(self.trial, *self.values)


def lost(trial: Trial, reason: str) -> Event:
    """Return the event of a worker that is gone."""
    return Event(trial, "lost", (reason,))


def run_to_its_end(item: PlannedTrial, context: TrialContext, progress: Progress) -> Event:
    """Run a trial in a worker and return how it ended, whatever happens."""
    try:
        while True:
            ended = run_one(item, context, progress)
            if not isinstance(ended, Pending):
                return Event(item.trial, "ended", (ended,))
            progress.message(f"{item.name}: {ended.reason}")
            sleep_unless_stopped(ended.seconds, progress)
    except Interrupted:
        return Event(item.trial, "stopped")
    except ClaimLost:
        return lost(item.trial, "its worker was silent too long")
    except TunecurveError as error:
        return Event(item.trial, "stops-all", (error,))


class RelayProgress(Progress):
    """Sends what one trial tells as events, not more often than anyone can read.

    Parameters
    ----------
    trial : Trial
        The trial.
    send : callable
        Takes an `Event`.
    may_stop : callable
        Returns whether a stop was asked for.
    check : callable
        Called before anything is sent; raises when the trial must not go on here.
    """

    def __init__(
        self,
        trial: Trial,
        send: Callable[[Event], None],
        may_stop: Callable[[], bool],
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self._trial, self._send, self._may_stop, self._check = trial, send, may_stop, check
        self._sent_at = 0.0

    @property
    def stop_requested(self) -> bool:  # type: ignore[override]
        """Whether the leader wants to stop."""
        return self._may_stop()

    def message(self, line: str) -> None:
        """Send a line."""
        self._send(Event(self._trial, "message", (line,)))

    def trained(self, trial: Trial, progress: TrainingProgress) -> None:
        """Send a step now and then, the last one always."""
        self._check()
        self._send_sometimes("trained", (progress,), is_last=progress.step == progress.n_steps)

    def answered(self, trial: Trial, n_done: int, n_all: int, tokens_per_second: float) -> None:
        """Send how many are answered now and then, at the end always."""
        self._check()
        self._send_sometimes("answered", (n_done, n_all, tokens_per_second), is_last=n_done == n_all)

    def _send_sometimes(self, kind: Literal["trained", "answered"], values: tuple[Any, ...], *, is_last: bool) -> None:
        now = time.monotonic()
        if is_last or now - self._sent_at >= SECONDS_BETWEEN:
            self._sent_at = now
            self._send(Event(self._trial, kind, values))
