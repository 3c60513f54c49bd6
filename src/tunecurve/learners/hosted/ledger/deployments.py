"""The deployments in the ledger: claimed before they are created, and on the books until their deletion is confirmed."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from tunecurve.learners.hosted.ledger.claims import Claim
from tunecurve.learners.hosted.ledger.file import LedgerFile
from tunecurve.learners.hosted.ledger.job_rows import Place
from tunecurve.learners.hosted.ledger.rows import RowTable
from tunecurve.learners.hosted.prices import hosting_usd

# In the order of a deployment's life. "in doubt": its creation got no answer, and it is not to be found; "undeleted": it is
# not known to be gone; "kept": its user wants it to stand.
CREATING, STANDING, KEPT, DELETING = "creating", "standing", "kept", "deleting"
UNDELETED, IN_DOUBT, DELETED, NOT_MADE, FORGOTTEN = "undeleted", "in doubt", "deleted", "not made", "forgotten"
OVER = frozenset({DELETED, NOT_MADE, FORGOTTEN})


@dataclass(frozen=True)
class DeploymentRow:
    """A deployment in the ledger."""

    key: str
    study: str
    backend: str
    model: str
    """Our name of it, which it has at the provider, too; whose money it is; the account and address; the tuned model."""
    state: str
    """See above."""
    provider_id: str | None
    """What the provider looks it up by, once it is known."""
    usd_per_hour: float | None
    """While it stands; None: unknown."""
    reserved_usd: float
    cost_usd: float | None
    """What is booked ahead while the cost is not known, and the cost."""
    created_at: float
    updated_at: float
    """In seconds since 1970."""
    place: Place = field(default_factory=dict)
    billed_seconds: int = 1
    """Where it was made; what time is billed in."""
    owner: str | None = None
    """The process that has it."""
    sent_at: float | None = None
    """When its creation was sent, unless it was refused."""
    raw_state: str = ""
    answers_as: str | None = None
    answers_at: str | None = None
    """As the provider tells it: how it stands, what calls name and where they go."""
    not_deleted: str | None = None
    """Why it may still stand."""
    asked_usd_per_hour: float | None = None
    told_usd_per_hour: float | None = None
    stands: str = ""
    """What an hour of what was asked for costs, of what the provider tells, and what that is where it is more."""
    stood_seconds: float | None = None
    """From before its creation was sent to after its deletion was confirmed."""

    @property
    def name(self) -> str:
        """What it is called at the provider."""
        return self.provider_id or self.key

    @property
    def is_over(self) -> bool:
        """Whether it is known not to stand."""
        return self.state in OVER

    @property
    def was_never_sent(self) -> bool:
        """Whether the provider knows nothing of it: its creation was not sent, or was refused."""
        return self.provider_id is None and self.sent_at is None

    @property
    def is_doubtful(self) -> bool:
        """Whether it may cost more than it did for certain."""
        return self.state in (UNDELETED, IN_DOUBT) or (self.state == CREATING and not self.owner)

    @property
    def is_unpriced(self) -> bool:
        """Whether it costs, and nobody knows what."""
        return self.usd_per_hour is None and self.state != NOT_MADE

    def usd_after(self, seconds: float) -> float | None:
        """Return what it costs once it has stood for so long; None: unknown."""
        return hosting_usd(seconds, self.usd_per_hour, self.billed_seconds)

    @property
    def booked_usd(self) -> float:
        """What the books hold for it: its cost; while it may stand, what its time has cost by now, and at least what is reserved."""
        if self.cost_usd is not None:
            return self.cost_usd
        if self.is_over or self.state == IN_DOUBT:
            return self.reserved_usd
        return max(self.reserved_usd, self.usd_after(time.time() - self.created_at) or 0.0)


_DEPLOYMENTS = RowTable(
    "deployments",
    DeploymentRow,
    "key study backend model state provider_id usd_per_hour reserved_usd cost_usd created_at updated_at",
)


class DeploymentTable(LedgerFile):
    """The part of the ledger on deployments. Every write returns when it is on the disk."""

    def deployments(self, where: str = "1", values: Iterable[Any] = ()) -> list[DeploymentRow]:
        """Return deployments, oldest first."""
        statement = f"{_DEPLOYMENTS.select} WHERE {where} ORDER BY created_at"
        return [_DEPLOYMENTS.row_of(row) for row in self._read(statement, values)]

    def hosting_of(self, study: str, model: str) -> float | None:
        """Return what a model's deployments have cost a study so far; None: unknown."""
        rows = self.deployments("study = ? AND model = ?", (study, model))
        return None if any(row.is_unpriced for row in rows) else sum(row.booked_usd for row in rows)

    def left_over_deployments(self) -> list[DeploymentRow]:
        """Return the deployments that may stand, that nobody at work has, and that nobody wants to keep."""
        may_stand = [row for row in self.deployments() if not row.is_over and row.state != KEPT]
        return [row for row in may_stand if not self.owner.lives(row.owner)]

    def claim_deployment(self, row: DeploymentRow) -> Claim[DeploymentRow]:
        """Write that a deployment is about to be created, unless one of this model is there or on its way.

        Its key gets a number, so that no two deployments ever share one.
        """

        def work(connection: sqlite3.Connection) -> Claim[DeploymentRow]:
            """Look for one that is not over, else write a new one, in one transaction."""
            of_model = _DEPLOYMENTS.find(connection, "backend = ? AND model = ?", (row.backend, row.model))
            for other in of_model:
                if other.is_over or other.state == IN_DOUBT:
                    continue
                if self.owner.lives(other.owner):
                    return Claim("taken", other)
                return Claim("there", self._make_ours(connection, other))
            number = 1 + sum(other.key.startswith(row.key + "-") for other in of_model)
            new = replace(row, key=f"{row.key}-{number}", state=CREATING, created_at=time.time())
            return Claim("yours", self._make_ours(connection, new))

        return self._done(work)

    def _make_ours(self, connection: sqlite3.Connection, row: DeploymentRow) -> DeploymentRow:
        return _DEPLOYMENTS.write(connection, replace(row, owner=self.owner.token))

    def change_deployment(self, key: str, change: Callable[[DeploymentRow], DeploymentRow]) -> DeploymentRow:
        """Change a deployment's row as it is on the disk now, and return it; nobody else's change is overwritten."""
        return self._done(_DEPLOYMENTS.change(key, change))

    def take_over_deployment(self, key: str) -> DeploymentRow | None:
        """Make a deployment that nobody at work has this process's own; None where somebody has it, or it is over."""

        def work(connection: sqlite3.Connection) -> DeploymentRow | None:
            """Look at the row as it is now, and write its owner in the same transaction."""
            row = _DEPLOYMENTS.find(connection, "key = ?", (key,))[0]
            return None if row.is_over or self.owner.lives(row.owner) else self._make_ours(connection, row)

        return self._done(work)
