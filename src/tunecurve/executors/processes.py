"""Worker processes on this machine: one a device, or as many as the user asks for on a CPU.

A worker gets data and learners once, over a pipe, then one trial at a time. It ends at once when the leading process is
gone, so that a study that was killed and started again never has two writers. Pickle is used between these processes
alone, never for anything that lies on a disk.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import queue
import signal
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import TracebackType
from typing import Any

from tunecurve import own_code
from tunecurve.cancellation import Cancellation
from tunecurve.executors.events import Event, Lost, ProgressEvent
from tunecurve.executors.worker import RelayProgress, run_to_its_end
from tunecurve.study.plan import PlannedTrial
from tunecurve.study.trial import TrialContext

_SECONDS_TO_END = 5.0


@dataclass(frozen=True)
class _Stop:
    """Tells a worker to end its trial at the next step."""


@dataclass(frozen=True)
class _Unreadable:
    """The last word of a worker that cannot read what it was sent, such as an object whose module it does not find."""

    reason: str


class LocalWorkers:
    """Worker processes, to which learners are pickled; a context manager that leaves none behind."""

    def __init__(self, context: TrialContext, n_workers: int, devices: Sequence[str] = ()) -> None:
        # A worker needs no plan: trials come one by one.
        self._context, self._n_workers = replace(context, planned=[], seconds={}, proposer=None), n_workers
        self._devices: list[str | None] = [*devices] or [None] * n_workers
        self._workers: list[_Worker] = []

    def __enter__(self) -> LocalWorkers:
        self._workers = [_Worker(self._context, device) for device in self._devices[: self._n_workers]]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self._workers:
            worker.end()

    def n_slots(self) -> int:
        """Return the number of workers."""
        return len(self._workers)

    def start(self, item: PlannedTrial) -> None:
        """Hand a trial to a worker that has none."""
        next(worker for worker in self._workers if worker.item is None).hand_out(item)

    def wait(self, seconds: float) -> list[Event]:
        """Return what the workers told; the trial of a worker that died is lost."""
        started = {worker.connection: worker for worker in self._workers if worker.connection is not None}
        heard = wait(list(started), timeout=seconds)
        return [event for connection in heard for event in started[connection].hear()]  # type: ignore[index]

    def ask_to_stop(self) -> None:
        """Tell every worker to end its trial at the next step."""
        for worker in self._workers:
            worker.tell(_Stop())


class _Worker:
    """The leader's end of one worker process; started when it gets its first trial, and anew after a death."""

    def __init__(self, context: TrialContext, device: str | None) -> None:
        self._context, self._device = context, device
        self.item: PlannedTrial | None = None
        self.process: BaseProcess | None = None
        self.connection: Connection | None = None
        self._last_words = ""

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(
            target=_serve, args=(theirs, self._device, str(Path.cwd()), own_code.is_allowed()), daemon=True
        )
        self.process.start()
        theirs.close()
        self.tell(self._context)

    def tell(self, what: Any) -> None:
        """Send something; a worker that is gone is noticed when it is listened to."""
        if self.connection is not None:
            with contextlib.suppress(OSError):
                self.connection.send(what)

    def hand_out(self, item: PlannedTrial) -> None:
        """Give the worker a trial."""
        self.item = item
        if self.connection is None:
            self._start()
        self.tell(item)

    def hear(self) -> list[Event]:
        """Return one event; a process that is gone has lost its trial."""
        assert self.connection is not None
        try:
            event = self.connection.recv()
        except (EOFError, OSError):
            return self._bury()
        if isinstance(event, _Unreadable):
            self._last_words = f": {event.reason}"
            return []
        if not isinstance(event, ProgressEvent):
            self.item = None
        return [event]

    def _bury(self) -> list[Event]:
        assert self.process is not None
        item, self.item = self.item, None
        self.end()
        code = self.process.exitcode or 0
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
        hint = " (out of memory?)" if code == -signal.SIGKILL else ""
        words, self._last_words = self._last_words, ""
        return [Lost(item.trial, f"its worker process {how}{hint}{words}")] if item is not None else []

    def end(self) -> None:
        """End the process: it notices that the pipe is closed."""
        if self.connection is None or self.process is None:
            return
        self.connection.close()
        self.connection = None
        self.process.join(_SECONDS_TO_END)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()


def _serve(connection: Connection, device: str | None, folder: str, may_load_code: bool) -> None:
    """Be a worker: a thread listens, this one works, in the folder that the leader is in now."""
    os.chdir(folder)  # multiprocessing starts it where the leader was when it began
    if may_load_code:
        own_code.allow_code()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; the leader passes it on
    if device is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = device  # before anything asks the driver
    inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
    cancellation = Cancellation()

    def listen() -> None:
        """Hear the leader for as long as it is there: trials go to the inbox, a stop to the token."""
        while True:
            try:
                what = connection.recv()
            except (EOFError, OSError):
                os._exit(1)  # the leader is gone; everything on the disk can be continued
            except BaseException as error:  # a thread that died silently would let the leader wait for ever
                connection.send(
                    _Unreadable(f"cannot read what it is sent ({type(error).__name__}: {' '.join(str(error).split())})")
                )
                os._exit(1)
            if isinstance(what, _Stop):
                cancellation.request()
            else:
                inbox.put(what)

    threading.Thread(target=listen, name="tunecurve-listener", daemon=True).start()
    context: TrialContext = inbox.get()
    while True:
        item: PlannedTrial = inbox.get()
        progress = RelayProgress(item.trial, connection.send, cancellation)
        connection.send(run_to_its_end(item, context, progress))
