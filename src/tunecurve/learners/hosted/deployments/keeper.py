"""What is done with a deployment that the ledger knows: looked at, booked, and deleted until it is known to be gone."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from tunecurve.errors import TunecurveError
from tunecurve.learners.hosted.account import Account
from tunecurve.learners.hosted.deployments.types import Deployment, DeploymentBackend
from tunecurve.learners.hosted.ledger.deployments import (
    DELETED,
    DELETING,
    FORGOTTEN,
    IN_DOUBT,
    KEPT,
    NOT_MADE,
    STANDING,
    UNDELETED,
    DeploymentRow,
)
from tunecurve.learners.hosted.prices import money
from tunecurve.learners.hosted.transport.failures import plain_reason, status_of
from tunecurve.learners.hosted.tuning.errors import TransientError, asking

# How long a deployment is told to go, and looked at, before its deletion is called into doubt; some stop first.
CONFIRMATION_SECONDS, DELETION_POLL_SECONDS = 120.0, 3.0
# Deletions that take longer are told; a key or a login that is refused so often will not be taken later.
TOLD_AFTER_SECONDS, MOST_REFUSALS = 5.0, 3


class DeploymentKeeper:
    """Keeps the books of the deployments at one provider."""

    def __init__(self, backend: DeploymentBackend, account: Account) -> None:
        self.backend, self.account = backend, account

    @property
    def _poll(self) -> float:
        return self.account.settings.hosting.poll_seconds

    def _save(self, row: DeploymentRow, found: Deployment) -> DeploymentRow:
        """Write down what the provider tells of a deployment; where it costs more than was known, that is booked."""

        def change(current: DeploymentRow) -> DeploymentRow:
            """Put what is told into the row as it is now; one that is being deleted stays so."""
            return replace(
                _with_rate(current, found),
                provider_id=found.provider_id,
                state=DELETING if current.state == DELETING else STANDING,
                raw_state=found.raw_state,
                answers_as=found.answers_as,
                answers_at=found.answers_at,
            )

        after = self._change(row, change)
        if after.stands != row.stands:
            self.account.on_message(
                f"deployment {found.provider_id} takes {after.stands}: booked at {hourly(after.usd_per_hour)}"
            )
        return after

    def delete(self, row: DeploymentRow) -> DeploymentRow:
        """Delete a deployment and book what it cost; what is not known to be gone stays on the books, and is said."""
        row = self._change(row, _begin_deletion)
        if row.is_over or row.state == IN_DOUBT:
            return row
        try:
            reason = self._delete_there(row)
        except (TunecurveError, TransientError) as error:
            reason = str(error)
        except Exception as error:
            reason = plain_reason(error)
        except BaseException:
            self._change(row, _undeleted("interrupted"))
            raise
        if reason is None:
            return self._book_end(row)
        row = self._change(row, _undeleted(reason))
        self.account.on_message(self._warning(row, reason))
        return row

    def _leave(self, row: DeploymentRow) -> None:
        """Let go of a claim that nothing was asked under; what somebody wants to stand goes on standing."""
        if row.state == KEPT:
            self._change(row, kept)
        else:
            self.delete(row)

    def _delete_there(self, row: DeploymentRow) -> str | None:
        """Delete and see that it is gone; return why that is not certain."""
        provider_id = row.provider_id
        if provider_id is None:
            with asking("cannot look for it"):
                found = self.backend.find(row.key)
            if found is None:
                return "its creation got no answer, and it is not to be found at the provider"
            self._save(row, found)
            provider_id = found.provider_id
        with asking("cannot delete it"):
            begun, told, n_refusals = time.monotonic(), "", 0
            while True:
                waited = time.monotonic() - begun
                try:
                    self.backend.delete(provider_id)
                    state = self._state_after_deletion(provider_id)
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
                    self.account.on_message(
                        f"deletes deployment {provider_id}: {state}; tries again, for {CONFIRMATION_SECONDS:.0f} s"
                    )
                time.sleep(min(self._poll, DELETION_POLL_SECONDS))

    def _state_after_deletion(self, provider_id: str) -> str | None:
        """Return how a deployment stands that was told to go; None when it is gone."""
        found = self.backend.get(provider_id)
        return None if found.state == "gone" else f"it is still there ('{found.raw_state}')"

    def _book_end(self, row: DeploymentRow) -> DeploymentRow:
        seconds = time.time() - row.created_at
        return self._change(
            row,
            lambda current: replace(
                current,
                state=DELETED,
                reserved_usd=0.0,
                cost_usd=current.usd_after(seconds),
                owner=None,
                stood_seconds=round(seconds, 3),
                not_deleted=None,
            ),
        )

    def _in_doubt(self, row: DeploymentRow) -> DeploymentRow:
        """Give up looking for a deployment whose creation got no answer; what is reserved for it stays booked."""
        row = self._change(row, lambda current: replace(current, state=IN_DOUBT, owner=None))
        self.account.on_message(
            f"deployment {row.key} of '{row.model}' got no answer to its creation and is not to be found; "
            f"{money(row.reserved_usd)} stay booked for it. If it turns up: {self.backend.delete_command(row.key)}"
        )
        return row

    def _warning(self, row: DeploymentRow, reason: str) -> str:
        return (
            f"WARNING: deployment {row.name} of '{row.model}' MAY STILL STAND and cost {hourly(row.usd_per_hour)}: {reason}. Delete it: "
            f"{self.backend.delete_command(row.name)}. The next start, and tunecurve jobs sync, try again"
        )

    def _change(self, row: DeploymentRow, change: Callable[[DeploymentRow], DeploymentRow]) -> DeploymentRow:
        """Change a row on the disk, and the budget where its money changes."""
        return self.account.book(self.account.ledger.change_deployment(row.key, change))

    # What its user decides

    def remove(self, row: DeploymentRow) -> DeploymentRow:
        """Delete a deployment that nobody at work has; one whose creation got no answer, if it has turned up."""
        taken = self.account.ledger.take_over_deployment(row.key)
        if taken is None:
            return row
        if taken.provider_id is None and taken.sent_at is not None:
            with asking("cannot look for it"):
                found = self.backend.find(taken.key)
            if found is None:
                return self._in_doubt(taken)
            taken = self._save(taken, found)
        return self.delete(taken)

    def forget(self, row: DeploymentRow) -> DeploymentRow:
        """Take a deployment off the books that its user knows not to stand."""
        return self._change(
            row, lambda current: replace(current, state=FORGOTTEN, reserved_usd=0.0, cost_usd=0.0, owner=None)
        )


def hourly(usd_per_hour: float | None) -> str:
    """Return in words what an hour costs."""
    return f"{money(usd_per_hour)} an hour" if usd_per_hour is not None else "an unknown price"


def _with_rate(row: DeploymentRow, found: Deployment) -> DeploymentRow:
    """Return the row at what the provider says the deployment takes, where that costs more than what was asked for."""
    asked = row.usd_per_hour if row.told_usd_per_hour is None and not row.stands else row.asked_usd_per_hour
    told = max((usd for usd in (found.usd_per_hour, row.told_usd_per_hour) if usd is not None), default=None)
    times = max(found.times, 1.0)
    known = [rate for rate in (told, None if asked is None else asked * times) if rate is not None]
    more = [f"{found.replicas} replicas"] if found.replicas > 1 else []
    more += [f"{times:.3g} times the machine that was asked for"] if times > 1.0 else []
    return replace(
        row,
        asked_usd_per_hour=asked,
        told_usd_per_hour=told,
        usd_per_hour=max(found.replicas * max(known), row.usd_per_hour or 0.0) if known else row.usd_per_hour,
        stands=" of ".join(more) or row.stands,
    )


def _begin_deletion(row: DeploymentRow) -> DeploymentRow:
    if row.is_over or row.state == IN_DOUBT:
        return row
    if row.was_never_sent:
        return replace(row, state=NOT_MADE, cost_usd=0.0, reserved_usd=0.0, owner=None)
    return replace(row, state=DELETING)


def kept(row: DeploymentRow) -> DeploymentRow:
    """Return the row of a deployment that is to stand, without an owner; one that was never made is over."""
    if row.was_never_sent:
        return _begin_deletion(row)
    return replace(row, owner=None, state=KEPT if row.state == STANDING else row.state)


def _undeleted(reason: str) -> Callable[[DeploymentRow], DeploymentRow]:
    return lambda row: row if row.is_over else replace(row, state=UNDELETED, owner=None, not_deleted=reason)
