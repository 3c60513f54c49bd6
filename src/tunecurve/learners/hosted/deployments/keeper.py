"""What is done with a deployment that the ledger knows: looked at, booked, and deleted until it is known to be gone."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from tunecurve.errors import TunecurveError
from tunecurve.learners.hosted.account import Account
from tunecurve.learners.hosted.deployments.types import Deployment, DeploymentBackend
from tunecurve.learners.hosted.ledger.deployments import (
    DELETED,
    DELETING,
    FORGOTTEN,
    IN_DOUBT,
    NOT_MADE,
    OVER,
    STANDING,
    UNDELETED,
    booked_hosting_usd,
)
from tunecurve.learners.hosted.prices import hosting_usd, money
from tunecurve.learners.hosted.transport.failures import plain_reason, status_of
from tunecurve.learners.hosted.tuning.errors import PassingTrouble, asking

# How long a deployment is told to go, and looked at, before its deletion is called into doubt; some stop first.
CONFIRMATION_SECONDS, DELETION_POLL_SECONDS = 120.0, 3.0
# Deletions that take longer are told; a key or a login that is refused so often will not be taken later.
TOLD_AFTER_SECONDS, MOST_REFUSALS = 5.0, 3


class DeploymentKeeper:
    """Keeps the books of the deployments at one provider.

    Parameters
    ----------
    backend : DeploymentBackend
        The provider.
    account : Account
        Ledger, budget, settings.
    """

    def __init__(self, backend: DeploymentBackend, account: Account) -> None:
        self.backend, self.account = backend, account

    @property
    def _poll(self) -> float:
        return self.account.settings.hosting.poll_seconds

    def _save(self, row: dict[str, Any], found: Deployment) -> dict[str, Any]:
        """Write down what the provider tells of a deployment; where it costs more than was known, that is booked."""

        def change(current: dict[str, Any]) -> None:
            current["provider_id"] = found.provider_id
            if current["state"] != DELETING:
                current["state"] = STANDING
            _raise_rate(current, found)
            current["detail"].update(raw_state=found.raw_state)
            current["detail"].update(answers_as=found.answers_as, answers_at=found.answers_at)

        after = self._change(row, change)
        if after["detail"].get("stands") != row["detail"].get("stands"):
            self.account.say(
                f"deployment {found.provider_id} takes {after['detail']['stands']}: booked at "
                f"{hourly(after['usd_per_hour'])}"
            )
        return after

    def delete(self, row: dict[str, Any]) -> dict[str, Any]:
        """Delete a deployment and book what it cost; what is not known to be gone stays on the books, and is said."""
        row = self._change(row, _begin_deletion)
        if row["state"] in OVER or row["state"] == IN_DOUBT:
            return row
        try:
            reason = self._delete_there(row)
        except (TunecurveError, PassingTrouble) as error:
            reason = str(error)
        except Exception as error:
            reason = plain_reason(error)
        except BaseException:
            self._change(row, _undeleted("interrupted"))
            raise
        if reason is None:
            return self._book_end(row)
        row = self._change(row, _undeleted(reason))
        self.account.say(self._warning(row, reason))
        return row

    def _delete_there(self, row: dict[str, Any]) -> str | None:
        """Delete and see that it is gone; return why that is not certain."""
        if row["provider_id"] is None:
            with asking("cannot look for it"):
                found = self.backend.find(row["key"])
            if found is None:
                return "its creation got no answer, and it is not to be found at the provider"
            row.update(self._save(row, found))
        with asking("cannot delete it"):
            begun, told, n_refusals = time.monotonic(), "", 0
            while True:
                waited = time.monotonic() - begun
                try:
                    self.backend.delete(row["provider_id"])
                    state = self._state_after_deletion(row)
                except Exception as error:
                    status = status_of(error)
                    if status in (404, 410):
                        return None
                    n_refusals += status in (401, 403)
                    if waited > CONFIRMATION_SECONDS or n_refusals == MOST_REFUSALS:
                        raise
                    state = plain_reason(error)
                if state is None:
                    return None
                if waited > CONFIRMATION_SECONDS:
                    return f"it was told to go, and {state}"
                if state != told and waited > TOLD_AFTER_SECONDS:
                    told = state
                    self.account.say(
                        f"deletes deployment {row['provider_id']}: {state}; tries again, for {CONFIRMATION_SECONDS:.0f} s"
                    )
                time.sleep(min(self._poll, DELETION_POLL_SECONDS))

    def _state_after_deletion(self, row: dict[str, Any]) -> str | None:
        """Return how a deployment stands that was told to go; None when it is gone."""
        found = self.backend.get(row["provider_id"])
        return None if found.state == "gone" else f"it is still there ('{found.raw_state}')"

    def _book_end(self, row: dict[str, Any]) -> dict[str, Any]:
        seconds = time.time() - row["created_at"]

        def change(current: dict[str, Any]) -> None:
            current.update(state=DELETED, reserved_usd=0.0)
            current["cost_usd"] = hosting_usd(seconds, current["usd_per_hour"], current["detail"]["billed_seconds"])
            current["detail"].update(owner=None, stood_seconds=round(seconds, 3), not_deleted=None)

        return self._change(row, change)

    def _in_doubt(self, row: dict[str, Any]) -> dict[str, Any]:
        """Give up looking for a deployment whose creation got no answer; what is reserved for it stays booked."""
        row = self._change(row, lambda current: (current.update(state=IN_DOUBT), current["detail"].update(owner=None)))
        self.account.say(
            f"deployment {row['key']} of '{row['model']}' got no answer to its creation and is not to be found; "
            f"{money(row['reserved_usd'])} stay booked for it. If it turns up: {self.backend.delete_command(row['key'])}"
        )
        return row

    def _warning(self, row: dict[str, Any], reason: str) -> str:
        command = self.backend.delete_command(row["provider_id"] or row["key"])
        return (
            f"WARNING: deployment {row['provider_id'] or row['key']} of '{row['model']}' MAY STILL STAND and cost "
            f"{hourly(row['usd_per_hour'])}: {reason}. Delete it: {command}. The next start, and tunecurve jobs sync, try again"
        )

    def _change(self, row: dict[str, Any], change: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
        """Change a row on the disk, and the budget where its money changes."""
        return self._booked(self.account.ledger.change_deployment(row["key"], change))

    def _booked(self, row: dict[str, Any]) -> dict[str, Any]:
        """Return a row as it is on the disk, its money in the budget."""
        if row["study"] == self.account.study:
            self.account.budget.book_job(row["key"], booked_hosting_usd(row))
        return row

    # What its user decides

    def remove(self, row: dict[str, Any]) -> dict[str, Any]:
        """Delete a deployment that nobody at work has; one whose creation got no answer, if it has turned up."""
        taken = self.account.ledger.take_over_deployment(row["key"])
        if taken is None:
            return row
        if taken["provider_id"] is None and is_sent(taken):
            with asking("cannot look for it"):
                found = self.backend.find(taken["key"])
            if found is None:
                return self._in_doubt(taken)
            taken = self._save(taken, found)
        return self.delete(taken)

    def forget(self, row: dict[str, Any]) -> dict[str, Any]:
        """Take a deployment off the books that its user knows not to stand."""

        def change(current: dict[str, Any]) -> None:
            current.update(state=FORGOTTEN, reserved_usd=0.0, cost_usd=0.0)
            current["detail"]["owner"] = None

        return self._change(row, change)


def hourly(usd_per_hour: float | None) -> str:
    """Return in words what an hour costs."""
    return f"{money(usd_per_hour)} an hour" if usd_per_hour is not None else "an unknown price"


def _raise_rate(row: dict[str, Any], found: Deployment) -> None:
    """Book a deployment at what the provider says it takes, where that costs more than what was asked for."""
    detail = row["detail"]
    asked = detail.setdefault("asked_usd_per_hour", row["usd_per_hour"])
    if found.usd_per_hour is not None:
        detail["told_usd_per_hour"] = max(found.usd_per_hour, detail.get("told_usd_per_hour") or 0.0)
    told, times = detail.get("told_usd_per_hour"), max(found.times, 1.0)
    known = [rate for rate in (told, None if asked is None else asked * times) if rate is not None]
    if known:
        row["usd_per_hour"] = max(found.replicas * max(known), row["usd_per_hour"] or 0.0)
    more = [f"{found.replicas} replicas"] if found.replicas > 1 else []
    more += [f"{times:.3g} times the machine that was asked for"] if times > 1.0 else []
    if more:
        detail["stands"] = " of ".join(more)


def is_sent(row: dict[str, Any]) -> bool:
    """Return whether a creation may have reached the provider."""
    return "sent_at" in row["detail"]


def not_sent(row: dict[str, Any]) -> None:
    """Mark that the provider has refused a creation."""
    row["detail"].pop("sent_at", None)


def _begin_deletion(row: dict[str, Any]) -> None:
    if row["state"] in OVER or row["state"] == IN_DOUBT:
        return
    if row["provider_id"] is None and not is_sent(row):
        row.update(state=NOT_MADE, cost_usd=0.0, reserved_usd=0.0)
        row["detail"]["owner"] = None
    else:
        row["state"] = DELETING


def _undeleted(reason: str) -> Callable[[dict[str, Any]], None]:
    def change(row: dict[str, Any]) -> None:
        if row["state"] not in OVER:
            row["state"] = UNDELETED
            row["detail"].update(owner=None, not_deleted=reason)

    return change
