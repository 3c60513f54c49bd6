"""The tuning jobs in the ledger: a claim is written before anything of a job leaves this machine, and only one can hold it."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from tunecurve.learners.hosted.ledger.claims import Claim
from tunecurve.learners.hosted.ledger.file import LedgerFile
from tunecurve.learners.hosted.ledger.job_rows import CREATING, NOT_SENT, PREPARING, JobRow
from tunecurve.learners.hosted.ledger.rows import RowTable

_JOBS = RowTable(
    "jobs",
    JobRow,
    "key study backend model label state attempt provider_id reserved_usd cost_usd created_at updated_at",
)
# What takes one of the slots at a provider; jobs that are lost, in doubt or in an unknown state take none from others.
_TAKES_A_SLOT = "backend = ? AND key != ? AND state IN ('preparing', 'creating', 'waiting', 'running')"


class JobTable(LedgerFile):
    """The part of the ledger on tuning jobs. Every write returns when it is on the disk."""

    def job(self, key: str) -> JobRow | None:
        """Return a tuning job by our key."""
        found = self.jobs("key = ?", (key,))
        return found[0] if found else None

    def jobs(self, where: str = "1", values: Iterable[Any] = ()) -> list[JobRow]:
        """Return tuning jobs, oldest first."""
        return [_JOBS.row_of(row) for row in self._read(f"{_JOBS.select} WHERE {where} ORDER BY created_at", values)]

    def with_a_slot(self, row: JobRow) -> list[JobRow]:
        """Return the other jobs that take a slot at a job's provider."""
        return [other for other in self.jobs(_TAKES_A_SLOT, (row.backend, row.key)) if self._holds_its_slot(other)]

    def claim_job(self, row: JobRow, slots: int) -> Claim[JobRow]:
        """Write that a job is about to be made, unless it is made, another living process makes it, or no slot is free."""

        def work(connection: sqlite3.Connection) -> Claim[JobRow]:
            """Look at the job and at the slots, and write, in one transaction."""
            found = _JOBS.find(connection, "key = ?", (row.key,))
            current = found[0] if found else row
            if found and current.state not in NOT_SENT:
                return Claim("there", current)
            if found and current.state == PREPARING and self._is_anothers(current):
                return Claim("taken", current)
            others = _JOBS.find(connection, _TAKES_A_SLOT, (row.backend, row.key))
            others = [other for other in others if self._holds_its_slot(other)]
            if len(others) >= slots:
                return Claim("full", others[0])
            claimed = replace(current, study=row.study, state=PREPARING, owner=self.owner.token)
            return Claim("yours", _JOBS.write(connection, claimed))

        return self._done(work)

    def add_job(self, row: JobRow) -> JobRow:
        """Write down a job that was not claimed."""
        return self._done(lambda connection: _JOBS.write(connection, row))

    def change_job(self, key: str, change: Callable[[JobRow], JobRow]) -> JobRow:
        """Change a job's row as it is on the disk now, and return it; nobody else's change is overwritten."""
        return self._done(_JOBS.change(key, change))

    def drop_claim(self, key: str) -> None:
        """Forget a claim of which nothing has left this machine."""
        self._done(
            lambda connection: connection.execute("DELETE FROM jobs WHERE key = ? AND state = ?", (key, PREPARING))
        )

    def is_being_made_elsewhere(self, row: JobRow) -> bool:
        """Return whether another living process is at the creation of a job."""
        return row.state in (PREPARING, CREATING) and self._is_anothers(row)

    def _is_anothers(self, row: JobRow) -> bool:
        return row.owner != self.owner.token and self.owner.lives(row.owner)

    def _holds_its_slot(self, row: JobRow) -> bool:
        """Whoever makes a job holds a slot for as long as he lives; a creation without an answer, as long as it is looked for."""
        if row.state not in (PREPARING, CREATING):
            return True
        return (row.state == CREATING and time.time() < row.looked_for_until) or self.owner.lives(row.owner)
