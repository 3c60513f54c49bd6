"""One process leads a study, unless all that do have agreed to share it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from tunecurve.errors import EnvironmentProblem, StudyStateError
from tunecurve.executors.leases import CLAIMS, workers_in_words
from tunecurve.storage.files import remove_leftovers


@contextmanager
def lock_study(folder: Path, *, shared: bool = False) -> Iterator[None]:
    """Hold the folder's lock, alone or together with all who share; a process that may not have it is told who does.

    Parameters
    ----------
    folder : Path
        The study's folder.
    shared : bool, default False
        Let others in who share, too.

    Raises
    ------
    StudyStateError
        When another process is running this study.
    """
    path = folder / ".lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StudyStateError(_who_holds(folder, descriptor, shared=shared)) from None
        except OSError as error:
            raise EnvironmentProblem(
                f"cannot lock '{path}' ({error.strerror}): its file system has no locks; choose another folder with --out"
            ) from None
        os.ftruncate(descriptor, 0)
        if not shared:
            since = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
            os.pwrite(descriptor, f"process {os.getpid()} on {os.uname().nodename} since {since}".encode(), 0)
            remove_leftovers(folder)
        yield
        if not shared:
            os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def _who_holds(folder: Path, descriptor: int, *, shared: bool) -> str:
    holder = os.pread(descriptor, 200, 0).decode(errors="replace").strip()
    if holder and shared:
        return f"'{folder}' is being worked on by {holder}, which does not share it; wait for it, or start all with --executor shared"
    if holder:
        return (
            f"'{folder}' is being worked on by {holder}; wait for it, choose another folder with --out, or start all "
            "processes with --executor shared"
        )
    sharers = "; ".join(workers_in_words(folder / CLAIMS)) or "processes"
    return (
        f"'{folder}' is being worked on by {sharers}, who share it; add --executor shared to help, or choose another "
        "folder with --out"
    )
