"""Trials that stay in this process while others run elsewhere: the floor, and those of paid models.

A paid model's ledger is a file of one machine; two machines with a ledger each would pay for one answer twice.
"""

from __future__ import annotations

import threading
from types import TracebackType

from tunecurve.executors.base import Recorder
from tunecurve.executors.serial import run_serially
from tunecurve.study.trial import TrialContext


class InProcessTrials:
    """Runs trials in a thread, one after the other; a context manager that waits for them."""

    def __init__(self, context: TrialContext, recorder: Recorder) -> None:
        self._context, self._recorder = context, recorder
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="tunecurve-in-process", daemon=True)

    def __enter__(self) -> InProcessTrials:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None and not self._recorder.progress.cancellation.is_requested:
            return  # the process ends; the thread with it
        self._thread.join()
        if error is None:
            self.raise_error()

    def _run(self) -> None:
        try:
            run_serially(self._context, self._recorder)
        except BaseException as error:  # told to the main thread, which ends the study with it
            self._error = error

    def raise_error(self) -> None:
        """Raise what the thread ended with, if anything."""
        if self._error is not None:
            raise self._error
