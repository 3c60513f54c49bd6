"""Telling a tracker of a study while it runs: in processes of their own, so that no tracker can slow, hang or stop the study."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

from tunecurve.privacy.network import stays_on_this_machine
from tunecurve.privacy.redact import redact
from tunecurve.track.registry import tracker_of

# How much of the study's time may go by while it is logged; as for its report.
SHARE_OF_TIME = 0.1
# A study that is over sooner is logged at its end alone.
FIRST_AFTER = 20.0
# After so long at the end of a study its tracker is given up; the command that logs later has no limit.
MOST_SECONDS = 600.0
# How the line ends that `tunecurve track` fails with.
GOES_ON = "; what is logged stays, and the same command goes on from there"
_ERROR = "tunecurve: "  # how the last line of a command that fails begins


class Tracking:
    """Has a run logged, if a tracker is named: after trials, at most one process at a time, and at the end.

    Attributes
    ----------
    failure : str or None
        Why not everything is logged.
    """

    def __init__(self, folder: Path, name: str | None, on_message: Callable[[str], None]) -> None:
        self.folder, self.name, self.on_message = folder, name, on_message
        self.failure: str | None = None
        self._running: _Logging | None = None
        self._next_at = time.monotonic() + FIRST_AFTER
        self._lock = threading.Lock()

    @staticmethod
    def check(folder: Path, name: str | None) -> None:
        """Refuse a tracker that cannot work; see `Tracker.check`."""
        if name is not None:
            tracker_of(name, folder).check()

    def after_a_trial(self) -> None:
        """Have the new trials logged, unless that is going on, or was too short ago for what it took."""
        if self.name is None:
            return
        with self._lock:
            if self._running is not None and self._running.has_ended:
                self._end(self._running)
            if self._running is None and time.monotonic() >= self._next_at:
                self._running = self._start(self.name)

    def finish(self, most_seconds: float = MOST_SECONDS) -> None:
        """Have all of it logged and tell how that ended; a tracker that fails or hangs is told of in a line, once."""
        if self.name is None:
            return
        with self._lock:
            ends_by = time.monotonic() + most_seconds
            if self._running is not None:
                self._running.wait(ends_by - time.monotonic())
            self._running = last = self._start(self.name)
            if last is None:
                return
            last.wait(max(1.0, ends_by - time.monotonic()))
            self._running = None
            reason = last.failure()
            if reason is not None:
                self._fail(reason)
            else:
                self.failure = None
                self.on_message(last.said())

    def stop(self) -> None:
        """End what still logs; the next start of the study, or `tunecurve track`, goes on from there."""
        with self._lock:
            if self._running is not None:
                self._running.kill()
                self._running = None

    def _end(self, ended: _Logging) -> None:
        """Note how long it took; the first failure is told, so that nobody waits a day for nothing."""
        self._running = None
        self._next_at = time.monotonic() + (time.monotonic() - ended.started_at) / SHARE_OF_TIME
        reason = ended.failure()
        if reason is not None and self.failure is None:
            self._fail(reason)

    def _start(self, name: str) -> _Logging | None:
        try:
            return _Logging(self.folder, name)
        except OSError as error:  # no memory for another process, no room for its lines
            self._fail(f"no process could be started for it ({error.strerror})")
            return None

    def _fail(self, reason: str) -> None:
        command = shlex.join(["tunecurve", "track", str(self.folder), "--to", str(self.name)])
        self.failure = f"tracking failed, the study is not affected: {reason}. Log it later with: {command}"
        self.on_message(self.failure)


class _Logging:
    """A process that logs a run."""

    def __init__(self, folder: Path, name: str) -> None:
        self.started_at = time.monotonic()
        self._said, self._errors = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115  (as long as the process)
        self._is_given_up = False
        command = [sys.executable, "-m", "tunecurve", "track", str(folder), "--to", name]
        command += ["--local-only"] if stays_on_this_machine() else []
        # In a session of its own: Ctrl-C is for the study, which ends this process itself.
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=self._said, stderr=self._errors, start_new_session=True
        )

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def wait(self, seconds: float) -> None:
        """Wait for its end; what takes longer is killed."""
        try:
            self._process.wait(max(0.0, seconds))
        except subprocess.TimeoutExpired:
            self._is_given_up = True
            self.kill()

    def kill(self) -> None:
        """End the process and those that it started."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def failure(self) -> str | None:
        """Return in a line why it failed; None where it did not."""
        if self._process.returncode == 0:
            return None
        if self._is_given_up:
            return f"it was not done after {time.monotonic() - self.started_at:.0f} s"
        lines = _lines(self._errors)
        own = [line for line in lines if line.startswith(_ERROR)]
        ended = f"its process ended with code {self._process.returncode}"
        return (own or lines or [ended])[-1].removeprefix(_ERROR).removesuffix(GOES_ON)

    def said(self) -> str:
        """Return its last line."""
        return (_lines(self._said) or ["logged"])[-1]


def _lines(file: IO[bytes]) -> list[str]:
    file.seek(0)
    return [line.strip() for line in redact(file.read().decode(errors="replace")).splitlines() if line.strip()]
