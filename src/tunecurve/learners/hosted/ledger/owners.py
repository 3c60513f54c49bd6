"""Who is at work on the calls of a ledger: a process that holds the lock of its token.

SQLite's write-ahead log needs all its users on one machine, so that a lock of the system reaches them all.
"""

from __future__ import annotations

import os
import threading
import uuid
from pathlib import Path

from tunecurve.errors import EnvironmentProblem
from tunecurve.storage.process_lock import ProcessLock, has_ended


class Owner:
    """This process, as the other users of a ledger see it; the locks lie in a folder beside the ledger."""

    def __init__(self, ledger_path: Path) -> None:
        self.folder = ledger_path.with_name(f".{ledger_path.name}.owners")
        self._opening = threading.Lock()
        self._held: ProcessLock | None = None

    @property
    def token(self) -> str:
        """The name of this owner, its lock held from the first use on."""
        with self._opening:
            if self._held is None:
                self._held = self._take_lock()
            return self._held.path.name

    def _take_lock(self) -> ProcessLock:
        try:
            self.folder.mkdir(mode=0o700, exist_ok=True)
            held = ProcessLock(self.folder / uuid.uuid4().hex)
            held.write(f"process {os.getpid()}".encode())
        except OSError as error:
            raise EnvironmentProblem(
                f"cannot lock a file in '{self.folder}' ({error.strerror}); set TUNECURVE_LEDGER to a file on a disk of this "
                "machine"
            ) from None
        return held

    def lives(self, token: str | None) -> bool:
        """Return whether an owner is at work, this one included; what a dead one has left is removed."""
        if token is None:
            return False
        if self._held is not None and token == self._held.path.name:
            return True
        # What cannot be told is no death: its calls would be paid again.
        if not has_ended(self.folder / token):
            return True
        (self.folder / token).unlink(missing_ok=True)
        return False

    def in_words(self, token: str) -> str:
        """Return who an owner is, for people."""
        try:
            return (self.folder / token).read_text() or "another process"
        except OSError:
            return "another process"

    def close(self) -> None:
        """Let go of the lock."""
        if self._held is not None:
            self._held.close()
            self._held = None
