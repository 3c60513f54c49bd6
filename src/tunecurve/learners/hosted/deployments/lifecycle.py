"""Deployments: created for a tuned model's answers, paid by the hour or minute, and deleted as soon as the answers are in.

The order of a deployment's life: its hosting is reserved for the minutes that are assumed; the claim is on the disk
(``creating``) under the very name that it gets at the provider, and only one process can hold it; it is created; it is
waited for; it answers (``standing``), and what its next minutes may cost is booked before they begin; it is deleted, and
what it cost is booked once it is confirmed to be gone. Whatever ends the work in between, it is deleted; where that does
not succeed, or the process is killed, the ledger knows its name, and the next start deletes it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from tunecurve.errors import ModelError, MoneyError, TunecurveError
from tunecurve.learners.hosted.account import Account
from tunecurve.learners.hosted.deployments.keeper import DeploymentKeeper, hourly, kept
from tunecurve.learners.hosted.deployments.types import Deployment, DeploymentBackend
from tunecurve.learners.hosted.ledger.deployments import CREATING, IN_DOUBT, KEPT, STANDING, DeploymentRow
from tunecurve.learners.hosted.ledger.job_rows import OUR_PREFIX
from tunecurve.learners.hosted.prices import hosting_usd, money
from tunecurve.learners.hosted.transport.failures import status_of
from tunecurve.learners.hosted.tuning.errors import NotThere, TransientError, asking
from tunecurve.learners.hosted.tuning.types import CreationUnclear, NotCreated, NotReadyYet, QuotaFull
from tunecurve.spec.study import stable_hash

# Beyond the calls in flight, which are waited for: how long a deletion may take.
DELETION_SECONDS = 120.0
# How far ahead hosting is booked at least.
AHEAD_SECONDS = 60.0
TOLD_AGAIN_SECONDS = 60.0
MOST_CREATIONS = 2


class AnsweredMeanwhile(Exception):
    """While another study's deployment was waited for, all calls have been answered."""


class LiveDeployment:
    """A deployment that answers, as whoever asks it sees it.

    Attributes
    ----------
    answers_as : str
        What calls name as their model.
    answers_at : str or None
        The address that calls go to, where it is another one than the model's.
    error : MoneyError or None
        Why no more is to be asked.
    """

    def __init__(self, flow: DeploymentFlow, row: DeploymentRow) -> None:
        self._flow, self._row = flow, row
        self.answers_as, self.answers_at = row.answers_as or "", row.answers_at
        self.error: MoneyError | None = None

    def is_gone(self) -> str | None:
        """Return why the deployment will not answer any more, by what its provider tells; None where it may."""
        try:
            found = self._flow.backend.get(self._row.provider_id or "")
            state, raw = found.state, f" ('{found.raw_state}')"
        except Exception as error:
            state, raw = ("gone" if status_of(error) in (404, 410) else "unknown"), ""
        if state not in ("gone", "stopped", "failed", "deleting"):
            return None
        return (
            f"deployment {self._row.provider_id} of '{self._row.model}' is {state}{raw}, and nobody here has ended it; the "
            "same command makes another one for what is left"
        )

    def must_end(self) -> bool:
        """Book the next minutes; return whether the cap does not bear them."""
        try:
            self._row = self._flow.pay_ahead(self._row)
        except MoneyError as error:
            self.error = error
        return self.error is not None


class DeploymentFlow(DeploymentKeeper):
    """Takes deployments from nothing to answers and to their end."""

    def __init__(self, backend: DeploymentBackend, account: Account, usd_per_hour: float | None) -> None:
        super().__init__(backend, account)
        self.usd_per_hour = usd_per_hour

    @contextmanager
    def answering(self, model: str, is_needed: Callable[[], bool] = lambda: True) -> Iterator[LiveDeployment]:
        """Have a deployment of a tuned model stand for as long as the context lasts.

        Parameters
        ----------
        model : str
            The tuned model.
        is_needed : callable
            Asked whenever the claim on the model's deployment has been tried: another study may have answered everything by then.

        Raises
        ------
        AnsweredMeanwhile
            When it is no longer needed.
        ModelError
            When it cannot be created, or does not answer in time.
        MoneyError
            When its hosting would pass the cap.
        Interrupted
            When asked to stop before it answers.
        """
        self.backend.check(self._assumed_seconds())
        row = self._stand_up(model, is_needed)
        self.account.at_close[row.key] = lambda: self.let_go(row)
        try:
            row = self._wait_until_it_answers(row)
            yield LiveDeployment(self, row)
        finally:
            self.let_go(row)
            self.account.at_close.pop(row.key, None)

    @property
    def _ahead_seconds(self) -> float:
        return self.account.settings.timeout_seconds + DELETION_SECONDS

    def _assumed_seconds(self) -> float:
        return self.account.settings.hosting.minutes * 60

    # Creating

    def _stand_up(self, model: str, is_needed: Callable[[], bool]) -> DeploymentRow:
        """Return the row of a deployment that is there or on its way; a creation that got no answer is repeated once."""
        n_unclear = 0
        while True:
            row, is_new = self._claim(model, is_needed)
            try:
                row = self._create(row) if is_new else self._take_up(row)
            except BaseException:
                self.let_go(row)
                raise
            if row.state == STANDING:
                return row
            n_unclear += row.state == IN_DOUBT
            if n_unclear == MOST_CREATIONS:
                raise ModelError(
                    f"{n_unclear} creations of a deployment of '{model}' got no answer, and none is to be found; what each may "
                    f"cost stays booked. Look for {row.key} in the provider's list of deployments; tunecurve jobs sync "
                    f"deletes it if it turns up, tunecurve jobs forget {row.key} takes it off the books"
                )

    def _claim(self, model: str, is_needed: Callable[[], bool] = lambda: True) -> tuple[DeploymentRow, bool]:
        """Return this process's own row, and whether it is new; one that another process has is waited for."""
        what, told_at = f"hosting a deployment of '{model}'", -TOLD_AGAIN_SECONDS
        # At least as much as has to be booked at once: one that the cap ends at once would cost a unit of time for nothing.
        seconds = max(self._assumed_seconds(), self._ahead_seconds)
        at_most = hosting_usd(seconds, self.usd_per_hour, self.backend.billed_seconds)
        while True:
            reserved = self.account.budget.reserve(at_most, what)
            try:
                claim = self.account.ledger.claim_deployment(self._row(model, at_most))
                is_ours = claim.state != "taken"
                row = self.account.book(claim.held) if is_ours else claim.held
            finally:
                self.account.budget.settle(reserved, 0.0)
            # Asked after the claim: whoever had it may have answered everything just before, and nobody can from now on.
            if not is_needed():
                if is_ours:
                    self._leave(row)
                raise AnsweredMeanwhile
            if is_ours:
                return row, claim.state == "yours"
            if time.monotonic() - told_at >= TOLD_AGAIN_SECONDS:
                told_at = time.monotonic()
                self.account.on_message(f"waits for another study or process that has a deployment of '{model}'")
            self.account.cancellation.sleep(self._poll, "while waiting for a deployment")

    def _create(self, row: DeploymentRow) -> DeploymentRow:
        """Create a claimed deployment; where the creation got no answer, look for it."""
        deadline = time.time() + self.account.settings.hosting.longest_start_minutes * 60
        self.account.on_message(
            f"deploys '{row.model}' as {row.key}, at {hourly(row.usd_per_hour)}, until its answers are in"
        )
        told = ""
        while True:
            row = self._change(row, _sent)
            try:
                return self._save(row, self.backend.create(row.key, row.model))
            except TunecurveError:  # what is missing, or will not be
                self._change(row, _not_sent)
                raise
            except NotCreated as error:
                self._change(row, _not_sent)
                raise ModelError(f"no deployment of '{row.model}' was created: {error}") from None
            except (QuotaFull, NotReadyYet, TransientError) as error:
                row = self._change(row, _not_sent)
                if time.time() > deadline:
                    raise ModelError(f"no deployment of '{row.model}' was created: {error}") from None
                if str(error) != told:
                    told = str(error)
                    self.account.on_message(f"the provider takes no further deployment now ({error}); tries again")
                self.account.cancellation.sleep(self._poll, "while waiting for a deployment")
            except CreationUnclear as error:
                self.account.on_message(
                    f"no clear answer to the creation of deployment {row.key} ({error}); looking for it"
                )
                return self._look_for(row)

    def _look_for(self, row: DeploymentRow) -> DeploymentRow:
        """Return the row with the deployment of a creation without an answer; in doubt where it does not turn up."""
        wait = self.account.settings.adopt_wait_seconds
        until = time.time() + wait
        while True:
            try:
                with asking("cannot look for the deployment"):
                    found = self.backend.find(row.key)
                if found is not None:
                    return self._save(row, found)
            except TransientError as trouble:
                self.account.on_message(f"the provider cannot be asked for deployment {row.key}: {trouble}")
            if time.time() >= until:
                return self._in_doubt(row)
            self.account.cancellation.sleep(min(self._poll, wait), "while waiting for a deployment")

    def _take_up(self, row: DeploymentRow) -> DeploymentRow:
        """Use a deployment that was kept, or left by a process that is gone; one that will not answer is deleted first."""
        if row.provider_id is None:
            return self.delete(row) if row.was_never_sent else self._look_for(row)
        is_ours = row.study == self.account.study or row.state == KEPT
        try:
            with asking(f"cannot look at deployment {row.provider_id}"):
                found = self.backend.get(row.provider_id)
            if is_ours and found.state in ("ready", "starting"):
                return self._save(self._change(row, lambda current: replace(current, state=STANDING)), found)
        except (NotThere, TransientError):
            pass  # it is deleted below, which tells and keeps why where that does not succeed, either
        row = self.delete(row)
        if not row.is_over:
            raise ModelError(f"an earlier deployment of '{row.model}' is in the way: {row.not_deleted}")
        return row

    def _row(self, model: str, at_most: float | None) -> DeploymentRow:
        now, place = time.time(), self.backend.place()
        return DeploymentRow(
            key=f"{OUR_PREFIX}{stable_hash({'place': place, 'model': model, 'study': self.account.study}, 12)}",
            study=self.account.study,
            backend=f"{self.backend.name} {stable_hash(place)}",
            model=model,
            state=CREATING,
            provider_id=None,
            usd_per_hour=self.usd_per_hour,
            reserved_usd=at_most or 0.0,
            cost_usd=None,
            created_at=now,
            updated_at=now,
            place=place,
            billed_seconds=self.backend.billed_seconds,
        )

    # Standing

    def _wait_until_it_answers(self, row: DeploymentRow) -> DeploymentRow:
        settings = self.account.settings.hosting
        deadline, told, trouble = time.time() + settings.longest_start_minutes * 60, "", ""
        while True:
            row = self.pay_ahead(row)
            try:
                with asking(f"cannot look at deployment {row.provider_id}"):
                    found = self.backend.get(row.provider_id or "")
                row = self._save(row, found)
                if found.state == "ready" and found.answers_as:
                    return row
                self._refuse_what_will_not_answer(found)
                why = f", the provider says: {found.error}" if found.error else ""
                trouble = f"it is {found.state} ('{found.raw_state}'){why}"
            except TransientError as passing:
                trouble = f"the provider cannot be asked: {passing}"
            except NotThere as error:  # a new one may not be listed yet
                if time.time() - row.created_at > self.account.settings.adopt_wait_seconds:
                    raise ModelError(f"deployment {row.provider_id} is gone before it answered: {error}") from None
                trouble = "the provider does not know it yet"
            if trouble != told:
                told = trouble
                self.account.on_message(f"waits for deployment {row.provider_id} of '{row.model}': {trouble}")
            if time.time() > deadline:
                minutes = settings.longest_start_minutes
                raise ModelError(
                    f"deployment {row.provider_id} of '{row.model}' does not answer after {minutes:g} min: {trouble}; "
                    "hosting.longest_start_minutes allows more"
                )
            self.account.cancellation.sleep(settings.poll_seconds, "while waiting for a deployment")

    def _refuse_what_will_not_answer(self, found: Deployment) -> None:
        if found.state in ("failed", "stopped", "deleting", "gone"):
            reason = found.error or "the provider gives no reason"
            raise ModelError(f"deployment {found.provider_id} is {found.state} ('{found.raw_state}'): {reason}")

    def pay_ahead(self, row: DeploymentRow) -> DeploymentRow:
        """Book what a deployment costs until it can be gone, before that time begins.

        Raises
        ------
        MoneyError
            When the cap does not bear it.
        """
        seconds = time.time() - row.created_at + self._ahead_seconds
        needed = row.usd_after(seconds)
        if needed is None or needed <= row.reserved_usd:
            return row
        usd = row.usd_after(seconds + AHEAD_SECONDS) or needed
        what = f"the deployment that answers from '{row.model}', at {money(row.usd_per_hour)} an hour,"
        if row.study == self.account.study:
            self.account.budget.book_within_cap(row.key, usd, what)
        return self._change(row, lambda current: replace(current, reserved_usd=usd))

    def let_go(self, row: DeploymentRow) -> None:
        """Delete a deployment whose answers are in, or leave it where its user wants that."""
        if not self.account.settings.hosting.keep:
            self.delete(row)
            return
        row = self._change(row, kept)
        if row.state == KEPT:
            self.account.on_message(
                f"deployment {row.provider_id} of '{row.model}' is kept (hosting.keep) and goes on costing "
                f"{money(row.usd_per_hour)} an hour; tunecurve jobs cancel {row.key} deletes it"
            )


def _sent(row: DeploymentRow) -> DeploymentRow:
    now = time.time()
    return replace(row, created_at=now, sent_at=now)


def _not_sent(row: DeploymentRow) -> DeploymentRow:
    """Return the row of a creation that the provider has refused."""
    return replace(row, sent_at=None)
