"""The tuning jobs in the ledger: a claim is written before anything of a job leaves this machine, and only one can hold it."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from tunecurve.learners.hosted.ledger.file import LedgerFile
from tunecurve.learners.hosted.ledger.rows import row_of, select_rows, write_row

# States of our own, before the provider is known to have the job.
QUEUED_HERE, PREPARING, CREATING, IN_DOUBT, FORGOTTEN = "queued here", "preparing", "creating", "in doubt", "forgotten"

_COLUMNS = (
    "key", "study", "backend", "model", "label", "state", "attempt", "provider_id", "detail", "reserved_usd", "cost_usd",
    "created_at", "updated_at",
)  # fmt: skip
# What takes one of the places at a provider; jobs that are lost, in doubt or in an unknown state take none from others.
_TAKES_A_PLACE = "backend = ? AND key != ? AND state IN ('preparing', 'creating', 'waiting', 'running')"


@dataclass(frozen=True)
class JobClaim:
    """Whether a job may be made.

    Attributes
    ----------
    state : {"yours", "taken", "there", "full"}
        Make it; another living process is making it; it is made already; all places are taken.
    row : dict
        The job's row; where all places are taken, that of a job that has one.
    """

    state: Literal["yours", "taken", "there", "full"]
    row: dict[str, Any]


class JobTable(LedgerFile):
    """The part of the ledger on tuning jobs. Every write returns when it is on the disk."""

    def job(self, key: str) -> dict[str, Any] | None:
        """Return a tuning job by our key."""
        found = self.jobs("WHERE key = ?", (key,))
        return found[0] if found else None

    def jobs(self, where: str = "", values: Iterable[Any] = ()) -> list[dict[str, Any]]:
        """Return tuning jobs, oldest first."""
        return [
            row_of(_COLUMNS, row)
            for row in self._read(f"SELECT {', '.join(_COLUMNS)} FROM jobs {where} ORDER BY created_at", values)
        ]

    def with_a_place(self, backend: str, key: str) -> list[dict[str, Any]]:
        """Return the other jobs that take a place at a provider."""
        rows = self.jobs(f"WHERE {_TAKES_A_PLACE}", (backend, key))
        return [row for row in rows if self._holds_its_place(row)]

    def claim_job(self, row: dict[str, Any], places: int) -> JobClaim:
        """Write that a job is about to be made, unless it is made, another living process makes it, or no place is free.

        Parameters
        ----------
        row : dict
            The job as it would be claimed.
        places : int
            How many jobs may be on their way at this provider.
        """

        def work(connection: sqlite3.Connection) -> JobClaim:
            found = select_rows(connection, "jobs", _COLUMNS, "key = ?", (row["key"],))
            current = found[0] if found else row
            if found and current["state"] not in (QUEUED_HERE, PREPARING):
                return JobClaim("there", current)
            if found and current["state"] == PREPARING and self._is_anothers(current):
                return JobClaim("taken", current)
            others = [other for other in select_rows(connection, "jobs", _COLUMNS, _TAKES_A_PLACE, (row["backend"], row["key"]))
                      if self._holds_its_place(other)]  # fmt: skip
            if len(others) >= places:
                return JobClaim("full", others[0])
            detail = {**row["detail"], **current["detail"], "owner": self.owner.token}
            claimed = {**current, "study": row["study"], "state": PREPARING, "detail": detail}
            write_row(connection, "jobs", claimed)
            return JobClaim("yours", claimed)

        return self._done(work)

    def add_double(self, row: dict[str, Any], key: str) -> dict[str, Any]:
        """Write down a job that was made beside another one, of the same creation; return its row."""
        kept = ("tokens", "most_tokens", "n_rows", "recipe", "place", "training_usd")
        detail = {name: row["detail"].get(name) for name in kept} | {"double_of": row["key"]}
        now = time.time()
        double = {**row, "key": key, "label": f"{row['label']}, made twice", "state": CREATING, "provider_id": None,
                  "detail": detail, "reserved_usd": 0.0, "cost_usd": None, "created_at": now}  # fmt: skip
        self._done(lambda connection: write_row(connection, "jobs", double))
        return {**double, "updated_at": now}

    def change_job(self, key: str, change: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        """Change a job's row as it is on the disk now, and return it; nobody else's change is overwritten."""

        def work(connection: sqlite3.Connection) -> dict[str, Any]:
            row = select_rows(connection, "jobs", _COLUMNS, "key = ?", (key,))[0]
            change(row)
            write_row(connection, "jobs", row)
            return row

        return self._done(work)

    def drop_claim(self, key: str) -> None:
        """Forget a claim of which nothing has left this machine."""
        self._done(
            lambda connection: connection.execute("DELETE FROM jobs WHERE key = ? AND state = ?", (key, PREPARING))
        )

    def is_being_made_elsewhere(self, row: dict[str, Any]) -> bool:
        """Return whether another living process is at the creation of a job."""
        return row["state"] in (PREPARING, CREATING) and self._is_anothers(row)

    def _is_anothers(self, row: dict[str, Any]) -> bool:
        owner = row["detail"].get("owner")
        return owner != self.owner.token and self.owner.lives(owner)

    def _holds_its_place(self, row: dict[str, Any]) -> bool:
        """Whoever makes a job holds a place for as long as he lives; a creation without an answer, as long as it is looked for."""
        if row["state"] not in (PREPARING, CREATING):
            return True
        is_looked_for = row["state"] == CREATING and time.time() < row["detail"].get("looked_for_until", 0.0)
        return is_looked_for or self.owner.lives(row["detail"].get("owner"))


def booked_usd(row: dict[str, Any]) -> float:
    """Return what the books hold for a job: its cost, before that is known what is reserved for it."""
    return float(row["reserved_usd"] if row["cost_usd"] is None else row["cost_usd"])
