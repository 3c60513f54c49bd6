"""Files that show that a process lives: it holds a lock on its file, and the system lets go of the lock when it ends.

That is exact, after a kill at once and without a clock, among the processes of one machine.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class ProcessLock:
    """A new file that this process holds a lock on until it ends or closes it.

    Where the file system has no locks, that is an error if it `must_lock`.

    Raises
    ------
    OSError
        When the file cannot be made or locked.
    """

    def __init__(self, path: Path, *, must_lock: bool = True) -> None:
        self.path = path
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        except OSError:
            if must_lock:
                self.close()
                raise

    def write(self, content: bytes) -> None:
        """Write from the beginning of the file; one length each time, so that it is never half of one and half of another."""
        os.pwrite(self._descriptor, content, 0)

    def close(self) -> None:
        """Remove the file and let go of the lock."""
        self.path.unlink(missing_ok=True)
        os.close(self._descriptor)


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold the lock of a file, which is made where it is not there; waits while another process holds it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def has_ended(path: Path) -> bool:
    """Return whether the process of a lock's file is known to be gone; False where that cannot be told."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return True
    except OSError:  # too many open files, say
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)
