"""Trials that stay in this process while others run elsewhere: the floor, and those of paid models.

A paid model's ledger is a file of one machine; two machines with a ledger each would pay for one answer twice.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from types import TracebackType

from tunecurve.executors.base import AfterEach, Outcome, is_paid, run_serially
from tunecurve.study.plan import PlannedTrial
from tunecurve.study.progress import Progress
from tunecurve.study.trial import TrialContext


def stays_here(item: PlannedTrial) -> bool:
    """Return whether a trial is run by the process that leads the study, never by a worker."""
    return item.trial.strategy == "floor" or is_paid(item.config)


class Aside:
    """Runs some trials in a thread, one after the other; a context manager that waits for them.

    Parameters
    ----------
    items : sequence of PlannedTrial
        What to run.
    context, progress, after_each
        As for `run_serially`; `after_each` is called from the thread.
    """

    def __init__(
        self, items: Sequence[PlannedTrial], context: TrialContext, progress: Progress, after_each: AfterEach
    ) -> None:
        self.outcome = Outcome()
        self._context, self._progress, self._after_each = replace(context, planned=items), progress, after_each
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="tunecurve-aside", daemon=True)

    def __enter__(self) -> Aside:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None and not self._progress.stop_requested:
            return  # the process ends; the thread with it
        self._thread.join()
        if error is None:
            self.raise_error()

    def _run(self) -> None:
        try:
            self.outcome = run_serially(self._context, self._progress, self._after_each)
        except BaseException as error:  # told to the main thread, which ends the study with it
            self._error = error

    def raise_error(self) -> None:
        """Raise what the thread ended with, if anything."""
        if self._error is not None:
            raise self._error
