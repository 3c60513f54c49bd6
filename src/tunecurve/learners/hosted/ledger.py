"""The ledger: one row per paid call, written before it is sent and completed before its answer is used.

SQLite in WAL mode with ``synchronous=FULL``: what was committed survives a kill and a power cut. One thread writes;
whatever waits while a commit is on its way to the disk goes into the next one together, so that many calls in flight
do not pay for one flush each.

The key of a call is a hash of everything that is sent. An answer under that key is never paid for again, in this study
or in another one. A call that was sent and has no answer when its process is gone is *in doubt*: it may have been
billed, so its reserved money counts as spent, and it is asked for again.
"""

from __future__ import annotations

import asyncio
import json
import os
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunecurve.errors import EnvironmentProblem

_SCHEMA = """
CREATE TABLE IF NOT EXISTS calls (
    key TEXT PRIMARY KEY, study TEXT NOT NULL, model TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('sent', 'answered', 'open')),
    attempts INTEGER NOT NULL, reserved_usd REAL NOT NULL, doubtful_usd REAL NOT NULL DEFAULT 0,
    n_doubtful INTEGER NOT NULL DEFAULT 0, cost_usd REAL, answer TEXT, sent_at REAL NOT NULL, answered_at REAL
);
CREATE INDEX IF NOT EXISTS calls_of_study ON calls (study, state);
CREATE TABLE IF NOT EXISTS jobs (
    key TEXT PRIMARY KEY, study TEXT NOT NULL, backend TEXT NOT NULL, model TEXT NOT NULL, label TEXT NOT NULL,
    state TEXT NOT NULL, attempt INTEGER NOT NULL, provider_id TEXT, detail TEXT NOT NULL,
    reserved_usd REAL NOT NULL, cost_usd REAL, created_at REAL NOT NULL, updated_at REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS batches (key TEXT PRIMARY KEY, batch_id TEXT NOT NULL);
"""


def default_ledger_path() -> Path:
    """Return where the ledger is: ``$TUNECURVE_LEDGER``, else the user's state folder."""
    named = os.environ.get("TUNECURVE_LEDGER")
    if named:
        return Path(named)
    state = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(state) / "tunecurve" / "ledger.sqlite"


@dataclass(frozen=True)
class Spending:
    """What a study has spent.

    Attributes
    ----------
    answers_usd, jobs_usd : float
        Answers and tuning jobs with a known price.
    doubtful_usd : float
        Reserved for calls that were sent and got no answer: possibly billed.
    n_answers, n_doubtful : int
        Calls answered; calls in doubt.
    n_unpriced : int
        Answers whose price is unknown.
    """

    answers_usd: float = 0.0
    jobs_usd: float = 0.0
    doubtful_usd: float = 0.0
    n_answers: int = 0
    n_doubtful: int = 0
    n_unpriced: int = 0

    @property
    def total_usd(self) -> float:
        """Everything that was or may have been billed."""
        return self.answers_usd + self.jobs_usd + self.doubtful_usd


# Either kind: of a thread that may block, or of an event loop.
AnyFuture = Any
_Operation = tuple[Callable[[sqlite3.Connection], Any], AnyFuture]


def _set_results(together: list[tuple[asyncio.Future[Any], Any]]) -> None:
    for future, result in together:
        if not future.done():
            future.set_result(result)


class Ledger:
    """The ledger file. Every write returns a future that is done once the row is on the disk: one to block on, or `future`,
    which belongs to an event loop.

    Parameters
    ----------
    path : Path
        The file; made, private to the user, if need be.

    Raises
    ------
    EnvironmentProblem
        When it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            self._connection = sqlite3.connect(path, timeout=60.0, isolation_level=None, check_same_thread=False)
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=FULL")
            self._connection.executescript(_SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise EnvironmentProblem(
                f"cannot open the ledger of paid calls '{path}' ({error}); set TUNECURVE_LEDGER to a file that can be written"
            ) from None
        self._lock = threading.Lock()
        self._waiting: queue.SimpleQueue[_Operation | None] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._write, name="tunecurve-ledger", daemon=True)
        self._writer.start()

    def close(self) -> None:
        """Write what is waiting and close the file."""
        self._waiting.put(None)
        self._writer.join()
        self._connection.close()

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
            loop.call_soon_threadsafe(_set_results, together)

    def _put(self, work: Callable[[sqlite3.Connection], Any], future: AnyFuture | None = None) -> AnyFuture:
        chosen = Future() if future is None else future
        self._waiting.put((work, chosen))
        return chosen

    def _read(self, statement: str, values: Iterable[Any] = ()) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._connection.execute(statement, tuple(values)).fetchall()

    # Calls

    def answers(self, keys: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Return the recorded answers among these keys, each with its ``cost_usd``."""
        wanted, found = list(keys), {}
        for start in range(0, len(wanted), 500):
            part = wanted[start : start + 500]
            marks = ",".join("?" * len(part))
            rows = self._read(
                f"SELECT key, answer, cost_usd FROM calls WHERE state = 'answered' AND key IN ({marks})", part
            )
            found.update({key: {**json.loads(answer), "cost_usd": cost} for key, answer, cost in rows})
        return found

    def claim(
        self, key: str, *, study: str, model: str, reserved_usd: float, future: AnyFuture | None = None
    ) -> AnyFuture:
        """Write that a call is about to be sent; it may be sent once the future is done."""

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(
                "INSERT INTO calls (key, study, model, state, attempts, reserved_usd, sent_at) "
                "VALUES (?, ?, ?, 'sent', 1, ?, ?) ON CONFLICT (key) DO UPDATE SET state = 'sent', study = excluded.study, "
                "attempts = attempts + 1, reserved_usd = excluded.reserved_usd, sent_at = excluded.sent_at "
                "WHERE state != 'answered'",
                (key, study, model, reserved_usd, time.time()),
            )

        return self._put(work, future)

    def record(
        self, key: str, answer: dict[str, Any], cost_usd: float | None, future: AnyFuture | None = None
    ) -> AnyFuture:
        """Keep an answer; it may be used once the future is done."""
        text = json.dumps(answer, ensure_ascii=True)

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(
                "UPDATE calls SET state = 'answered', answer = ?, cost_usd = ?, reserved_usd = 0, answered_at = ? "
                "WHERE key = ?",
                (text, cost_usd, time.time(), key),
            )
            connection.execute("DELETE FROM batches WHERE key = ?", (key,))

        return self._put(work, future)

    def release(self, key: str, *, may_be_billed: bool, future: AnyFuture | None = None) -> AnyFuture:
        """Write that an attempt came back without an answer; what may have been billed counts as spent."""
        doubt = "doubtful_usd + reserved_usd, n_doubtful = n_doubtful + 1" if may_be_billed else "doubtful_usd"

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(
                f"UPDATE calls SET state = 'open', doubtful_usd = {doubt}, reserved_usd = 0 WHERE key = ? AND state = 'sent'",
                (key,),
            )
            connection.execute("DELETE FROM batches WHERE key = ?", (key,))

        return self._put(work, future)

    def remember_batch(self, batch_id: str, keys: Sequence[str], future: AnyFuture | None = None) -> AnyFuture:
        """Write down in which batch at the provider calls travel; forgotten with their answer or their failure."""

        def work(connection: sqlite3.Connection) -> None:
            rows = [(key, batch_id) for key in keys]
            connection.executemany("INSERT OR REPLACE INTO batches (key, batch_id) VALUES (?, ?)", rows)

        return self._put(work, future)

    def batch_of(self, key: str) -> str | None:
        """Return the batch in which a call travels, None when in none."""
        rows = self._read("SELECT batch_id FROM batches WHERE key = ?", (key,))
        return rows[0][0] if rows else None

    def settle_doubts(self, study: str) -> int:
        """Count calls that an earlier process of this study sent without getting an answer; return how many are new.

        Calls in a batch are in no doubt: the batch goes on at the provider, and is asked for again.
        """

        def work(connection: sqlite3.Connection) -> int:
            return connection.execute(
                "UPDATE calls SET state = 'open', doubtful_usd = doubtful_usd + reserved_usd, reserved_usd = 0, "
                "n_doubtful = n_doubtful + 1 WHERE state = 'sent' AND study = ? AND key NOT IN (SELECT key FROM batches)",
                (study,),
            ).rowcount

        return int(self._put(work).result())

    def spending(self, study: str) -> Spending:
        """Return what a study has spent so far."""
        calls = self._read(
            "SELECT COALESCE(SUM(cost_usd), 0), COALESCE(SUM(doubtful_usd), 0), COALESCE(SUM(state = 'answered'), 0), "
            "COALESCE(SUM(n_doubtful), 0), COALESCE(SUM(state = 'answered' AND cost_usd IS NULL), 0) "
            "FROM calls WHERE study = ?",
            (study,),
        )[0]
        jobs = self._read(
            "SELECT COALESCE(SUM(COALESCE(cost_usd, reserved_usd)), 0) FROM jobs WHERE study = ?", (study,)
        )
        return Spending(calls[0], jobs[0][0], calls[1], calls[2], calls[3], calls[4])

    def tokens_per_character(self, model: str) -> tuple[float, float] | None:
        """Return measured tokens per character of (sent, answered) text of a model; None under 20 answers."""
        rows = self._read(
            "SELECT answer FROM calls WHERE model = ? AND state = 'answered' ORDER BY answered_at DESC LIMIT 500",
            (model,),
        )
        answers = [json.loads(row[0]) for row in rows]
        answers = [
            answer
            for answer in answers
            if answer["stop_reason"] == "end" and answer["text"] and not answer.get("is_estimated")
        ]
        if len(answers) < 20:
            return None
        sent = sum(answer["tokens_in"] for answer in answers) / sum(answer["characters_in"] for answer in answers)
        written = sum(answer["tokens_out"] for answer in answers) / sum(len(answer["text"]) for answer in answers)
        return sent, written

    # Jobs

    def job(self, key: str) -> dict[str, Any] | None:
        """Return a tuning job by our key."""
        found = self.jobs("WHERE key = ?", (key,))
        return found[0] if found else None

    def jobs(self, where: str = "", values: Iterable[Any] = ()) -> list[dict[str, Any]]:
        """Return tuning jobs, oldest first."""
        columns = (
            "key", "study", "backend", "model", "label", "state", "attempt", "provider_id", "detail", "reserved_usd",
            "cost_usd", "created_at", "updated_at",
        )  # fmt: skip
        rows = self._read(f"SELECT {', '.join(columns)} FROM jobs {where} ORDER BY created_at", values)
        found = [dict(zip(columns, row, strict=True)) for row in rows]
        return [{**job, "detail": json.loads(job["detail"])} for job in found]

    def save_job(self, job: dict[str, Any]) -> None:
        """Write a job as it is now; returns when it is on the disk."""
        values = {**job, "detail": json.dumps(job["detail"]), "updated_at": time.time()}

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(
                f"INSERT OR REPLACE INTO jobs ({', '.join(values)}) VALUES ({', '.join('?' * len(values))})",
                tuple(values.values()),
            )

        self._put(work).result()
