"""The ledger: one row per paid call, written before it is sent and completed before its answer is used.

SQLite in WAL mode with ``synchronous=FULL``: what was committed survives a kill and a power cut. One thread writes;
whatever waits while a commit is on its way to the disk goes into the next one together, so that many calls in flight
do not pay for one flush each.

The key of a call is a hash of everything that is sent. An answer under that key is never paid for again, in this study
or in another one: a call that another living process has sent is waited for. Every attempt at a call has a row of its
own, in the study that pays for it. An attempt without an answer whose process is gone is *in doubt*: it may have been
billed, so its reserved money counts as spent, and the call is sent again.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tunecurve.learners.hosted.ledger.answers import AnswerRecord
from tunecurve.learners.hosted.ledger.claims import Claim
from tunecurve.learners.hosted.ledger.deployments import DeploymentTable
from tunecurve.learners.hosted.ledger.file import AnyFuture
from tunecurve.learners.hosted.ledger.jobs import JobTable


def default_ledger_path() -> Path:
    """Return where the ledger is: ``$TUNECURVE_LEDGER``, else the user's state folder."""
    named = os.environ.get("TUNECURVE_LEDGER")
    if named:
        return Path(named)
    state = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(state) / "tunecurve" / "ledger.sqlite"


@dataclass(frozen=True)
class Spending:
    """What a study has spent."""

    answers_usd: float = 0.0
    jobs_usd: float = 0.0
    """Answers and tuning jobs with a known price."""
    doubtful_usd: float = 0.0
    """Reserved for calls that were sent and got no answer, and for jobs of which nobody knows: possibly billed."""
    n_answers: int = 0
    n_doubtful: int = 0
    """Calls answered; calls in doubt."""
    n_unpriced: int = 0
    """Answers whose price is unknown."""
    estimated_usd: float = 0.0
    """The part of `answers_usd` that no server has told: booked at what was reserved."""
    n_estimated: int = 0
    """Answers without usable usage."""
    n_doubtful_jobs: int = 0
    """Tuning jobs that may have been billed."""
    estimated_jobs_usd: float = 0.0
    """The part of `jobs_usd` that no provider has told: booked as quoted."""
    n_estimated_jobs: int = 0
    """Tuning jobs whose provider tells no tokens."""
    hosting_usd: float = 0.0
    """Deployments, those that stand included."""
    n_standing: int = 0
    n_doubtful_deployments: int = 0
    """Deployments that go on costing; those of which that is not certain."""
    n_unpriced_deployments: int = 0
    """Deployments whose price is unknown."""

    @property
    def total_usd(self) -> float:
        """Everything that was or may have been billed."""
        return self.answers_usd + self.jobs_usd + self.hosting_usd + self.doubtful_usd


class Ledger(JobTable, DeploymentTable):
    """The ledger. Every write returns a future that is done once the row is on the disk: one to block on, or `future`, which
    belongs to an event loop.
    """

    def __init__(self, path: Path) -> None:
        # Calls that this process waits for; an attempt of its own that is not among them was never written to its end.
        self._in_flight: set[str] = set()
        super().__init__(path)

    # Calls

    def answers(self, keys: Iterable[str]) -> dict[str, AnswerRecord]:
        """Return the recorded answers among these keys."""
        wanted: list[str] = list(keys)
        found: dict[str, AnswerRecord] = {}
        for start in range(0, len(wanted), 500):
            part = wanted[start : start + 500]
            marks = ",".join("?" * len(part))
            rows = self._read(
                f"SELECT key, answer, cost_usd FROM calls WHERE state = 'answered' AND key IN ({marks})", part
            )
            found.update({key: AnswerRecord.from_json(answer, cost) for key, answer, cost in rows})
        return found

    def claim(
        self, key: str, *, study: str, model: str, reserved_usd: float, future: AnyFuture | None = None
    ) -> AnyFuture:
        """Write that a call is about to be sent, unless it is answered or on its way; the future holds the `Claim`."""
        token = self.owner.token

        def work(connection: sqlite3.Connection) -> Claim[str | None]:
            """Look and write in one transaction: no two processes find the call open."""
            found = connection.execute("SELECT state FROM calls WHERE key = ?", (key,)).fetchone()
            if found == ("answered",):
                return Claim("there", None)
            kept = self._attempt_on_its_way(connection, key) if found == ("sent",) else None
            if isinstance(kept, Claim):
                return kept
            now = time.time()
            connection.execute(
                "INSERT INTO calls (key, study, model, state, attempts, reserved_usd, sent_at) "
                "VALUES (?, ?, ?, 'sent', 1, ?, ?) ON CONFLICT (key) DO UPDATE SET state = 'sent', study = excluded.study, "
                "attempts = attempts + 1, reserved_usd = excluded.reserved_usd, sent_at = excluded.sent_at",
                (key, study, model, reserved_usd, now),
            )
            if kept is not None:  # its batch goes on at the provider: the same attempt, in other hands
                connection.execute("UPDATE attempts SET owner = ?, study = ? WHERE id = ?", (token, study, kept))
                self._in_flight.add(key)
                return Claim("yours", token)
            connection.execute(
                "INSERT INTO attempts (key, study, model, owner, state, reserved_usd, sent_at) VALUES (?, ?, ?, ?, 'sent', ?, ?)",
                (key, study, model, token, reserved_usd, now),
            )
            self._in_flight.add(key)
            return Claim("yours", token)

        return self._put(work, future)

    def _attempt_on_its_way(self, connection: sqlite3.Connection, key: str) -> Claim[str | None] | int | None:
        """Return that a living process has sent the call; the attempt, where it travels in a batch that nobody waits for;
        None after what a dead process had sent has become a doubt."""
        row = connection.execute("SELECT id, owner FROM attempts WHERE key = ? AND state = 'sent'", (key,)).fetchone()
        if row is None:
            return None
        attempt, owner = row
        is_forgotten = (
            owner == self.owner.token and key not in self._in_flight
        )  # its end could not be written: a full disk
        if self.owner.lives(owner) and not is_forgotten:
            return Claim("taken", owner)
        if connection.execute("SELECT 1 FROM batches WHERE key = ?", (key,)).fetchone():
            return int(attempt)
        connection.execute("UPDATE attempts SET state = 'doubtful', ended_at = ? WHERE id = ?", (time.time(), attempt))
        return None

    def record(
        self, key: str, answer: AnswerRecord, future: AnyFuture | None = None, *, is_usable: bool = True
    ) -> AnyFuture:
        """Keep an answer and what it cost; it may be used once the future is done.

        One that is paid for and no answer (`is_usable` False) keeps its cost alone, and the call is sent again one day.
        """
        text, cost_usd = answer.to_json(), answer.cost_usd

        def work(connection: sqlite3.Connection) -> None:
            """Close this process's own attempt, and give the call its answer or open it again."""
            self._in_flight.discard(key)
            now = time.time()
            connection.execute(
                "UPDATE attempts SET state = ?, cost_usd = ?, is_estimated = ?, ended_at = ? "
                "WHERE key = ? AND state = 'sent' AND owner = ?",
                ("answered" if is_usable else "unusable", cost_usd, answer.is_estimated, now, key, self.owner.token),
            )
            if is_usable:
                connection.execute(
                    "UPDATE calls SET state = 'answered', answer = ?, cost_usd = ?, reserved_usd = 0, answered_at = ? "
                    "WHERE key = ?",
                    (text, cost_usd, now, key),
                )
            else:
                connection.execute("UPDATE calls SET state = 'open', reserved_usd = 0 WHERE key = ?", (key,))
            connection.execute("DELETE FROM batches WHERE key = ?", (key,))

        return self._put(work, future)

    def release(self, key: str, *, may_be_billed: bool, future: AnyFuture | None = None) -> AnyFuture:
        """Write that an attempt came back without an answer; what may have been billed counts as spent."""

        def work(connection: sqlite3.Connection) -> None:
            """Close this process's own attempt and open the call again, unless somebody has answered it."""
            self._in_flight.discard(key)
            state = "doubtful" if may_be_billed else "free"
            connection.execute(
                "UPDATE attempts SET state = ?, ended_at = ? WHERE key = ? AND state = 'sent' AND owner = ?",
                (state, time.time(), key, self.owner.token),
            )
            connection.execute(
                "UPDATE calls SET state = 'open', reserved_usd = 0 WHERE key = ? AND state = 'sent'", (key,)
            )
            connection.execute("DELETE FROM batches WHERE key = ?", (key,))

        return self._put(work, future)

    def leave_behind(self, key: str) -> AnyFuture:
        """Write that nobody waits for a call that goes on at the provider, in a batch; whoever asks for it takes it over."""

        def work(connection: sqlite3.Connection) -> None:
            """Take the owner from the attempt: it stays sent, and is nobody's."""
            self._in_flight.discard(key)
            connection.execute("UPDATE attempts SET owner = NULL WHERE key = ? AND state = 'sent'", (key,))

        return self._put(work)

    def remember_batch(self, batch_id: str, keys: Sequence[str], future: AnyFuture | None = None) -> AnyFuture:
        """Write down in which batch at the provider calls travel; forgotten with their answer or their failure."""

        def work(connection: sqlite3.Connection) -> None:
            """Write all rows at once; those of an earlier batch travel in this one now."""
            rows = [(key, batch_id) for key in keys]
            connection.executemany("INSERT OR REPLACE INTO batches (key, batch_id) VALUES (?, ?)", rows)

        return self._put(work, future)

    def batch_of(self, key: str) -> str | None:
        """Return the batch in which a call travels, None when in none."""
        rows = self._read("SELECT batch_id FROM batches WHERE key = ?", (key,))
        return rows[0][0] if rows else None

    def has_rows_in(self, batch_id: str) -> bool:
        """Return whether calls travel in a batch whose answers are not on the disk yet."""
        return bool(self._read("SELECT 1 FROM batches WHERE batch_id = ? LIMIT 1", (batch_id,)))

    def settle_doubts(self, study: str) -> int:
        """Count calls that an earlier process of this study sent without getting an answer; return how many are new.

        Calls in a batch are in no doubt: the batch goes on at the provider, and is asked for again.
        """

        def work(connection: sqlite3.Connection) -> int:
            """Put in doubt what owners that live no more have sent; return how many attempts that are."""
            of_study = "state = 'sent' AND study = ? AND key NOT IN (SELECT key FROM batches)"
            owners = connection.execute(f"SELECT DISTINCT owner FROM attempts WHERE {of_study}", (study,)).fetchall()
            n_new = 0
            for (owner,) in owners:
                if self.owner.lives(owner):
                    continue
                theirs = f"{of_study} AND owner IS ?"
                connection.execute(
                    f"UPDATE calls SET state = 'open', reserved_usd = 0 WHERE key IN (SELECT key FROM attempts WHERE {theirs})",
                    (study, owner),
                )
                n_new += connection.execute(
                    f"UPDATE attempts SET state = 'doubtful', ended_at = ? WHERE {theirs}", (time.time(), study, owner)
                ).rowcount
            return n_new

        return int(self._put(work).result())

    def spending(self, study: str) -> Spending:
        """Return what a study has spent so far."""
        calls = self._read(
            "SELECT COALESCE(SUM(cost_usd), 0), COALESCE(SUM(reserved_usd * (state = 'doubtful')), 0), "
            "COALESCE(SUM(state = 'answered'), 0), COALESCE(SUM(n_calls * (state = 'doubtful')), 0), "
            "COALESCE(SUM(state IN ('answered', 'unusable') AND cost_usd IS NULL), 0), "
            "COALESCE(SUM(cost_usd * is_estimated), 0), COALESCE(SUM(is_estimated), 0) FROM attempts WHERE study = ?",
            (study,),
        )[0]
        jobs, deployments = self.jobs("study = ?", (study,)), self.deployments("study = ?", (study,))
        # A job that has ended, or cannot be found, without a known cost may have been billed.
        in_doubt = [
            row for row in jobs
            if row.cost_usd is None and row.reserved_usd > 0 and row.state not in ("waiting", "running", "unknown")
        ]  # fmt: skip
        estimated = [row for row in jobs if row.is_estimated]
        doubtful = [row for row in deployments if row.is_doubtful]
        sure = [row for row in deployments if not row.is_doubtful]
        doubtful_jobs_usd = sum(row.reserved_usd for row in in_doubt)
        return Spending(
            calls[0],
            sum(row.booked_usd for row in jobs) - doubtful_jobs_usd,
            calls[1] + doubtful_jobs_usd + sum(row.booked_usd for row in doubtful),
            calls[2],
            calls[3],
            calls[4],
            calls[5],
            calls[6],
            n_doubtful_jobs=len(in_doubt),
            estimated_jobs_usd=sum(row.cost_usd or 0.0 for row in estimated),
            n_estimated_jobs=len(estimated),
            hosting_usd=sum(row.booked_usd for row in sure),
            n_standing=sum(not row.is_over for row in sure),
            n_doubtful_deployments=len(doubtful),
            n_unpriced_deployments=sum(row.is_unpriced for row in deployments),
        )

    def tokens_per_character(self, model: str) -> tuple[float, float] | None:
        """Return measured tokens per character of (sent, answered) text of a model; None under 20 answers."""
        rows = self._read(
            "SELECT answer FROM calls WHERE model = ? AND state = 'answered' ORDER BY answered_at DESC LIMIT 500",
            (model,),
        )
        records = [AnswerRecord.from_json(row[0]) for row in rows]
        answers = [one for one in records if one.stop_reason == "end" and one.text and not one.is_estimated]
        if len(answers) < 20:
            return None
        sent = sum(answer.tokens_in for answer in answers) / sum(answer.characters_in for answer in answers)
        written = sum(answer.tokens_out for answer in answers) / sum(len(answer.text) for answer in answers)
        return sent, written
