"""One process leads a study, unless all that do have agreed to share it; who looks on can see which one, without the lock."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tunecurve.errors import EnvironmentProblem, StudyStateError
from tunecurve.executors.leases import CLAIMS, workers_in_words
from tunecurve.storage.files import remove_leftovers

LOCK = ".lock"
_HOLDER = re.compile(r"process (?P<pid>\d+) on (?P<host>.+) since (?P<since>\d{4}-\d\d-\d\d \d\d:\d\d) UTC")
_CLOCK_SLACK = 120.0  # seconds: locks tell whole minutes, and clocks are set


@dataclass(frozen=True)
class Holder:
    """The process that a study's lock names: alone at work on it, or killed while it was."""

    pid: int
    """Its number on its machine."""
    host: str
    since: str
    """Where it runs, and from when, in UTC."""

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host} since {self.since} UTC"

    @property
    def is_here(self) -> bool:
        """Whether it runs, or ran, on this machine."""
        return self.host == os.uname().nodename

    @property
    def is_at_work(self) -> bool:
        """Whether it still runs; on another machine it is believed to."""
        return not self.is_here or _is_process(self.pid, datetime.fromisoformat(f"{self.since}+00:00").timestamp())


def holder_of(folder: Path) -> Holder | None:
    """Return which process a study's lock names; None where nobody works on it alone. The lock itself is not touched."""
    try:
        found = _HOLDER.fullmatch((folder / LOCK).read_text(encoding="utf-8", errors="replace").strip())
    except OSError:
        return None
    return Holder(int(found["pid"]), found["host"], found["since"]) if found else None


def _is_process(pid: int, since: float) -> bool:
    """Return whether a process that was there at a time still is: numbers of processes that ended are given again."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:  # Linux tells when it began
        state, *facts = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        booted_at = int(Path("/proc/stat").read_text().partition("\nbtime ")[2].split()[0])
    except (OSError, ValueError, IndexError):
        return True
    began_at = booted_at + int(facts[18]) / os.sysconf("SC_CLK_TCK")
    return state != "Z" and began_at < since + _CLOCK_SLACK


@contextmanager
def lock_study(folder: Path, *, shared: bool = False) -> Iterator[None]:
    """Hold the folder's lock, alone or together with all who share; a process that may not have it is told who does.

    Raises
    ------
    StudyStateError
        When another process is running this study.
    """
    path = folder / LOCK
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
