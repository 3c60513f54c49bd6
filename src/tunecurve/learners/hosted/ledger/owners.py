"""Who is at work on the calls of a ledger: a process holds a lock for as long as it lives, and the system lets go of it.

A lock says exactly whether its holder lives, after a kill at once and without a clock. SQLite's write-ahead log needs
all its users on one machine, so that a lock of the system reaches them all.
"""

from __future__ import annotations

import fcntl
import os
import threading
import uuid
from pathlib import Path

from tunecurve.errors import EnvironmentProblem


class Owner:
    """This process, as the other users of a ledger see it.

    Parameters
    ----------
    ledger_path : Path
        The ledger; the locks lie in a folder beside it.
    """

    def __init__(self, ledger_path: Path) -> None:
        self.folder = ledger_path.with_name(f".{ledger_path.name}.owners")
        self._lock = threading.Lock()
        self._token: str | None = None
        self._descriptor = -1

    @property
    def token(self) -> str:
        """The name of this owner, its lock held from the first use on."""
        with self._lock:
            if self._token is None:
                self._token = self._take_token()
            return self._token

    def _take_token(self) -> str:
        token = uuid.uuid4().hex
        try:
            self.folder.mkdir(mode=0o700, exist_ok=True)
            self._descriptor = os.open(self.folder / token, os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
            os.write(self._descriptor, f"process {os.getpid()}".encode())
        except OSError as error:
            raise EnvironmentProblem(
                f"cannot lock a file in '{self.folder}' ({error.strerror}); set TUNECURVE_LEDGER to a file on a disk of this "
                "machine"
            ) from None
        return token

    def lives(self, token: str | None) -> bool:
        """Return whether an owner is at work, this one included; what a dead one has left is removed."""
        if token is None:
            return False
        if token == self._token:
            return True
        path = self.folder / token
        try:
            descriptor = os.open(path, os.O_RDWR)
        except FileNotFoundError:
            return False
        except OSError:  # too many open files, say: what cannot be told is no death, else its calls would be paid again
            return True
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink(missing_ok=True)
            return False
        except OSError:
            return True
        finally:
            os.close(descriptor)

    def in_words(self, token: str) -> str:
        """Return who an owner is, for people."""
        try:
            return (self.folder / token).read_text() or "another process"
        except OSError:
            return "another process"

    def close(self) -> None:
        """Let go of the lock."""
        if self._token is not None:
            (self.folder / self._token).unlink(missing_ok=True)
            os.close(self._descriptor)
            self._token = None
