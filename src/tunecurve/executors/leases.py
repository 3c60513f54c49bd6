"""Who works on what in a directory that several processes, on one machine or many, share. No server, no clock.

A claim is a file that only one process can create: ``claims/<trial>.<generation>``, holding its owner's name. Files are
never removed or renamed: a claim whose owner is gone is taken over by creating the next generation, which again only one
process can do. Every process has a file of its own in ``claims/workers/`` that it changes every few seconds, its
heartbeat, and holds a lock on. An owner is gone when its file is, when its lock is free (seen on the same machine, at
once), or when its file has not changed for a minute by the observer's own monotonic clock: clocks of machines are never
compared, and may jump.

Needs a file system on which exclusive creation is atomic: local disks, NFS, Lustre, GPFS; not object-store mounts.
"""

from __future__ import annotations

import json
import os
import re
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from tunecurve.storage.files import make_folder
from tunecurve.storage.kill_points import kill_point
from tunecurve.storage.process_lock import ProcessLock, has_ended

CLAIMS = "claims"
BEAT_SECONDS, STALE_SECONDS = 5.0, 60.0
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_CLAIM = re.compile(r"(?P<name>.+)\.(?P<generation>\d{6})")
_WIDTH = 512  # bytes of a worker's file: rewritten in place, always of one length


class LeaseLost(Exception):
    """Raised in a process that was thought to be gone and whose trial another process has taken over."""


def _kernel() -> str:
    """Return what tells one running kernel from another: locks of a process are seen within it."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return os.uname().nodename


@dataclass
class _Sighting:
    content: bytes
    at: float


class Lease:
    """A claim that this process has made; one with a higher generation is someone else's."""

    def __init__(self, store: LeaseStore, name: str, generation: int) -> None:
        self.store, self.name, self.generation = store, name, generation
        self._checked_at = store.now()

    def check(self) -> None:
        """Look, at most every few seconds, whether the claim still holds; to be called before anything is written.

        Raises
        ------
        LeaseLost
            When another process has taken it over, because this one was silent too long.
        """
        now = self.store.now()
        if now - self._checked_at < self.store.beat_seconds:
            return
        if (self.store.folder / f"{self.name}.{self.generation + 1:06d}").exists():
            raise LeaseLost(self.name)
        self._checked_at = now


class LeaseStore:
    """Makes claims in a shared folder; a context manager that is seen by others as long as it is open.

    Parameters
    ----------
    folder : Path
        The claims' folder; made if need be.
    beat_seconds, stale_seconds : float
        Time between heartbeats; silence after which an owner counts as gone.
    now : callable
        A clock that never jumps, in seconds.
    """

    def __init__(
        self,
        folder: Path,
        *,
        beat_seconds: float = BEAT_SECONDS,
        stale_seconds: float = STALE_SECONDS,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.folder, self.workers = folder, folder / "workers"
        self.beat_seconds, self.stale_seconds, self.now = beat_seconds, stale_seconds, now
        self.host = os.uname().nodename
        self.name = f"{re.sub(r'[^A-Za-z0-9-]', '-', self.host)[:60]}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self._facts = {
            "host": self.host,
            "pid": os.getpid(),
            "since": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
            "kernel": _kernel(),
        }
        self._seen: dict[str, _Sighting] = {}
        self._owners: dict[tuple[str, int], str] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep_beating, name="tunecurve-heartbeat", daemon=True)
        self._lock: ProcessLock | None = None

    def __enter__(self) -> LeaseStore:
        # On a file system without locks heartbeats alone decide.
        self._lock = ProcessLock(make_folder(self.workers) / self.name, must_lock=False)
        self._beat(0)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        if self._lock is not None:
            self._lock.close()

    def _beat(self, number: int) -> None:
        if self._lock is not None:
            self._lock.write(json.dumps({**self._facts, "beat": number}).encode().ljust(_WIDTH))

    def _keep_beating(self) -> None:
        number = 0
        while not self._stop.wait(self.beat_seconds):
            number += 1
            try:
                self._beat(number)
            except OSError:
                continue  # a server that does not answer now; `Lease.check` finds out what others made of the silence

    def claim(self, name: str, *, latest: dict[str, int] | None = None) -> Lease | None:
        """Claim something, its name part of a file's; None when a living process has it.

        For many claims, `latest_generations` asks the folder once.
        """
        generation = (self.latest_generations() if latest is None else latest).get(name, 0)
        if generation and self.is_alive(self.owner(name, generation)):
            return None
        path = self.folder / f"{name}.{generation + 1:06d}"
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return None  # someone else was quicker
        try:
            os.write(descriptor, f"{self.name}\n".encode())
        finally:
            os.close(descriptor)
        kill_point("after-claim")
        return Lease(self, name, generation + 1)

    def latest_generations(self) -> dict[str, int]:
        """Return the highest generation of every claim."""
        latest: dict[str, int] = {}
        for entry in os.scandir(self.folder):
            found = _CLAIM.fullmatch(entry.name)
            if found:
                name, generation = found["name"], int(found["generation"])
                latest[name] = max(generation, latest.get(name, 0))
        return latest

    def owner(self, name: str, generation: int) -> str:
        """Return the name of a claim's owner; for a claim that has none (yet) a name that is judged by its silence."""
        key = (name, generation)
        if key not in self._owners:
            try:
                text = (self.folder / f"{name}.{generation:06d}").read_text(encoding="utf-8", errors="replace")
            except OSError:
                text = ""
            if not text.endswith("\n"):
                return f"?{name}.{generation}"
            self._owners[key] = text.strip()
        return self._owners[key]

    def is_alive(self, owner: str) -> bool:
        """Return whether an owner works, as far as can be seen."""
        if owner == self.name:
            return True
        content = b"" if owner.startswith("?") else self._read(owner)
        if content is None:
            return False
        if _facts_in(content).get("kernel") == self._facts["kernel"] and has_ended(self.workers / owner):
            return False
        seen = self._seen.get(owner)
        if seen is None or seen.content != content:
            self._seen[owner] = _Sighting(content, self.now())
            return True
        return self.now() - seen.at < self.stale_seconds

    def _read(self, owner: str) -> bytes | None:
        """Return a worker's file; None when it is not there: its process has ended."""
        if "/" in owner or owner.startswith("."):
            return None
        try:
            return (self.workers / owner).read_bytes()
        except FileNotFoundError:
            return None
        except OSError:
            return b"?"  # a server that does not answer; silence decides

    def others(self) -> list[str]:
        """Return the other processes at work, in words."""
        names = sorted(entry.name for entry in os.scandir(self.workers) if entry.name != self.name)
        return [_in_words(self._read(name) or b"") for name in names if self.is_alive(name)]


def workers_in_words(folder: Path) -> list[str]:
    """Return who has signed up in a claims' folder, dead or alive, in words."""
    workers = folder / "workers"
    return [_in_words(path.read_bytes()) for path in sorted(workers.iterdir())] if workers.is_dir() else []


def _facts_in(content: bytes) -> dict[str, object]:
    try:
        facts = json.loads(content)
    except ValueError:
        return {}
    return facts if isinstance(facts, dict) else {}


def _in_words(content: bytes) -> str:
    facts = _facts_in(content)
    return f"process {facts.get('pid', '?')} on {facts.get('host', '?')} since {facts.get('since', '?')}"
