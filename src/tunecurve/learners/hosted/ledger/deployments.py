"""The deployments in the ledger: claimed before they are created, and on the books until their deletion is confirmed."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from tunecurve.learners.hosted.ledger.file import LedgerFile
from tunecurve.learners.hosted.ledger.rows import row_of, select_rows, write_row
from tunecurve.learners.hosted.prices import hosting_usd

# In the order of a deployment's life. "in doubt": its creation got no answer, and it is not to be found; "undeleted": it is
# not known to be gone; "kept": its user wants it to stand.
CREATING, STANDING, KEPT, DELETING = "creating", "standing", "kept", "deleting"
UNDELETED, IN_DOUBT, DELETED, NOT_MADE, FORGOTTEN = "undeleted", "in doubt", "deleted", "not made", "forgotten"
OVER = frozenset({DELETED, NOT_MADE, FORGOTTEN})

_COLUMNS = (
    "key", "study", "backend", "model", "state", "provider_id", "detail", "usd_per_hour", "reserved_usd", "cost_usd",
    "created_at", "updated_at",
)  # fmt: skip


@dataclass(frozen=True)
class DeploymentClaim:
    """Whether a deployment may be created.

    Attributes
    ----------
    state : {"yours", "there", "taken"}
        Create it; one is there, or was left by a process that is gone, and is yours now; another one at work has it.
    row : dict
        The deployment's row.
    """

    state: Literal["yours", "there", "taken"]
    row: dict[str, Any]


class DeploymentTable(LedgerFile):
    """The part of the ledger on deployments. Every write returns when it is on the disk."""

    def deployments(self, where: str = "", values: Iterable[Any] = ()) -> list[dict[str, Any]]:
        """Return deployments, oldest first."""
        statement = f"SELECT {', '.join(_COLUMNS)} FROM deployments {where} ORDER BY created_at"
        return [row_of(_COLUMNS, row) for row in self._read(statement, values)]

    def hosting_of(self, study: str, model: str) -> float | None:
        """Return what a model's deployments have cost a study so far; None: unknown."""
        rows = self.deployments("WHERE study = ? AND model = ?", (study, model))
        if any(row["usd_per_hour"] is None and row["state"] != NOT_MADE for row in rows):
            return None
        return sum(map(booked_hosting_usd, rows))

    def left_over_deployments(self) -> list[dict[str, Any]]:
        """Return the deployments that may stand, that nobody at work has, and that nobody wants to keep."""
        rows = self.deployments()
        may_stand = [row for row in rows if row["state"] not in OVER and row["state"] != KEPT]
        return [row for row in may_stand if not self.owner.lives(row["detail"].get("owner"))]

    def claim_deployment(self, row: dict[str, Any]) -> DeploymentClaim:
        """Write that a deployment is about to be created, unless one of this model is there or on its way.

        Parameters
        ----------
        row : dict
            What is to be created; its key gets a number, so that no two deployments ever share one.
        """

        def work(connection: sqlite3.Connection) -> DeploymentClaim:
            of_model = select_rows(
                connection, "deployments", _COLUMNS, "backend = ? AND model = ?", (row["backend"], row["model"])
            )
            for other in of_model:
                if other["state"] in OVER or other["state"] == IN_DOUBT:
                    continue
                if self.owner.lives(other["detail"].get("owner")):
                    return DeploymentClaim("taken", other)
                other["detail"]["owner"] = self.owner.token
                write_row(connection, "deployments", other)
                return DeploymentClaim("there", other)
            number = 1 + sum(other["key"].startswith(row["key"] + "-") for other in of_model)
            detail = {**row["detail"], "owner": self.owner.token}
            claimed = {**row, "key": f"{row['key']}-{number}", "state": CREATING, "detail": detail}
            write_row(connection, "deployments", {**claimed, "created_at": time.time()})
            return DeploymentClaim(
                "yours", select_rows(connection, "deployments", _COLUMNS, "key = ?", (claimed["key"],))[0]
            )

        return self._done(work)

    def change_deployment(self, key: str, change: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        """Change a deployment's row as it is on the disk now, and return it; nobody else's change is overwritten."""

        def work(connection: sqlite3.Connection) -> dict[str, Any]:
            row = select_rows(connection, "deployments", _COLUMNS, "key = ?", (key,))[0]
            change(row)
            write_row(connection, "deployments", row)
            return row

        return self._done(work)

    def take_over_deployment(self, key: str) -> dict[str, Any] | None:
        """Make a deployment that nobody at work has this process's own; None where somebody has it, or it is over."""

        def work(connection: sqlite3.Connection) -> dict[str, Any] | None:
            row = select_rows(connection, "deployments", _COLUMNS, "key = ?", (key,))[0]
            if row["state"] in OVER or self.owner.lives(row["detail"].get("owner")):
                return None
            row["detail"]["owner"] = self.owner.token
            write_row(connection, "deployments", row)
            return row

        return self._done(work)


def booked_hosting_usd(row: dict[str, Any], now: float | None = None) -> float:
    """Return what the books hold for a deployment: its cost; while it may stand, what its time has cost by now, and at
    least what is reserved for it."""
    if row["cost_usd"] is not None:
        return float(row["cost_usd"])
    if row["state"] in OVER or row["state"] == IN_DOUBT:
        return float(row["reserved_usd"])
    seconds = (time.time() if now is None else now) - row["created_at"]
    return max(
        float(row["reserved_usd"]), hosting_usd(seconds, row["usd_per_hour"], row["detail"]["billed_seconds"]) or 0
    )


def is_doubtful(row: dict[str, Any]) -> bool:
    """Return whether a deployment may cost more than it did for certain."""
    return row["state"] in (UNDELETED, IN_DOUBT) or (row["state"] == CREATING and not row["detail"].get("owner"))
