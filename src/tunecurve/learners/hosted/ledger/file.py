"""The file of the ledger: SQLite with one writer, whose commits are on the disk and shared by all who wait for one."""

from __future__ import annotations

import asyncio
import os
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Any

from tunecurve.errors import EnvironmentProblem
from tunecurve.learners.hosted.ledger.owners import Owner
from tunecurve.learners.hosted.ledger.schema import bring_up_to_date

# Either kind: of a thread that may block, or of an event loop.
AnyFuture = Any
LONGEST_OPENING_SECONDS = 60.0
_Operation = tuple[Callable[[sqlite3.Connection], Any], AnyFuture]


def _set_results(together: list[tuple[asyncio.Future[Any], Any]]) -> None:
    for future, result in together:
        if not future.done():
            future.set_result(result)


def _use_write_ahead_log(connection: sqlite3.Connection) -> None:
    """Switch the file to its write-ahead log; SQLite does not wait by itself for others that open a new file just now."""
    end = time.monotonic() + LONGEST_OPENING_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > end:
                raise
        time.sleep(0.01)


class LedgerFile:
    """The ledger's file, made private to the user, and its one writer.

    Every write returns a future that is done once the row is on the disk: one to block on, or `future`, which belongs to
    an event loop.

    Raises
    ------
    EnvironmentProblem
        When it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            # An existing file is not touched: closing it here would let go of the locks that SQLite holds on it elsewhere
            # in this process.
            with suppress(FileExistsError):
                os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
            self._connection = sqlite3.connect(path, timeout=60.0, isolation_level=None, check_same_thread=False)
            _use_write_ahead_log(self._connection)
            self._connection.execute("PRAGMA synchronous=FULL")
            bring_up_to_date(self._connection)
        except (OSError, sqlite3.Error) as error:
            raise EnvironmentProblem(
                f"cannot open the ledger of paid calls '{path}' ({error}); set TUNECURVE_LEDGER to a file that can be written"
            ) from None
        self.owner = Owner(path)
        self._lock = threading.Lock()
        self._waiting: queue.SimpleQueue[_Operation | None] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._write, name="tunecurve-ledger", daemon=True)
        self._writer.start()

    def close(self) -> None:
        """Write what is waiting and close the file."""
        self._waiting.put(None)
        self._writer.join()
        self._connection.close()
        self.owner.close()

    def _write(self) -> None:
        while (first := self._waiting.get()) is not None:
            together, is_last = [first], False
            while not self._waiting.empty():
                operation = self._waiting.get()
                if operation is None:
                    is_last = True
                    break
                together.append(operation)
            self._commit(together)
            if is_last:
                return

    def _commit(self, operations: list[_Operation]) -> None:
        results = []
        with self._lock:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                results = [work(self._connection) for work, _ in operations]
                self._connection.execute("COMMIT")
            except BaseException as error:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                for _, future in operations:
                    if isinstance(future, asyncio.Future):
                        with suppress(RuntimeError):
                            future.get_loop().call_soon_threadsafe(future.set_exception, error)
                    else:
                        future.set_exception(error)
                return
        in_loops: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Any], Any]]] = {}
        for (_, future), result in zip(operations, results, strict=True):
            if isinstance(future, asyncio.Future):
                in_loops.setdefault(future.get_loop(), []).append((future, result))
            else:
                future.set_result(result)
        for loop, together in in_loops.items():  # one wake-up for all calls whose rows went to the disk together
            with suppress(RuntimeError):  # the loop is closed: nobody waits any longer, and the rows are on the disk
                loop.call_soon_threadsafe(_set_results, together)

    def _put(self, work: Callable[[sqlite3.Connection], Any], future: AnyFuture | None = None) -> AnyFuture:
        chosen = Future() if future is None else future
        self._waiting.put((work, chosen))
        return chosen

    def _done(self, work: Callable[[sqlite3.Connection], Any]) -> Any:
        """Return what a piece of work returns, once it is on the disk."""
        return self._put(work).result()

    def _read(self, statement: str, values: Iterable[Any] = ()) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._connection.execute(statement, tuple(values)).fetchall()
