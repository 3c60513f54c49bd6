"""What is done with a tuning job that the ledger knows: found at the provider, looked at, booked, given up or adopted."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from tunecurve.errors import ModelError, MoneyError, TunecurveError
from tunecurve.learners.base import Pending
from tunecurve.learners.hosted.account import Account
from tunecurve.learners.hosted.ledger.job_rows import ENDED, FORGOTTEN, PREPARING, JobRow, ProviderJob
from tunecurve.learners.hosted.prices import money
from tunecurve.learners.hosted.tuning.backend import TuningBackend
from tunecurve.learners.hosted.tuning.errors import NotThere, TransientError, asking
from tunecurve.learners.hosted.tuning.matching import (
    MOST_TIMES_OFF,
    differences,
    doubles_of,
    find_ours,
    passes_of_points,
    same_model,
    tokens_of,
)
from tunecurve.spec.study import stable_hash

# Marks of a job that is given up for another one.
BY_ITSELF, BY_ITS_USER = "by itself", "by its user"
# How long after its end a job is looked at by `jobs sync`.
LOOKED_AT_SECONDS = 7 * 86_400.0
# A bill more than so many times its quote is said.
HIGH_BILL = 1.5
# How long a job that has succeeded may take to name its model.
NAMELESS_SECONDS, NO_NAME_YET = 300.0, "succeeded, but names no model yet"


class JobKeeper:
    """Keeps the books of the jobs at one provider, at a price of a million trained tokens; None: unknown.

    `check` raises for what else stands against a job's model, before anything of it is uploaded.
    """

    def __init__(
        self,
        backend: TuningBackend,
        account: Account,
        training_usd: float | None,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self.backend, self.account, self.training_usd, self.check = backend, account, training_usd, check

    @property
    def _poll(self) -> float:
        return self.account.settings.poll_seconds

    def _find(self, row: JobRow) -> ProviderJob | None:
        return find_ours(self._unknown_jobs(row), row)

    def _unknown_jobs(self, row: JobRow) -> list[ProviderJob]:
        """Return the provider's jobs that no other row of the ledger has."""
        with asking("cannot list the tuning jobs"):
            theirs = self.backend.jobs()
        others = self.account.ledger.jobs("backend = ? AND key != ?", (row.backend, row.key))
        known_ids = {other.provider_id for other in others}
        return [job for job in theirs if job.provider_id and job.provider_id not in known_ids]

    def _made_all_the_same(self, row: JobRow) -> ProviderJob | None:
        """Return the job with our mark of a creation that was refused; None where there is none, or nobody can be asked."""
        try:
            return next(iter(doubles_of(self._unknown_jobs(row), row)), None)
        except (TunecurveError, TransientError):
            return None

    def look(self, row: JobRow) -> JobRow | Pending:
        """Ask the provider how a job stands and write it down; one that has succeeded is not asked about again.

        Pending where the provider does not know a new job yet.
        """
        if row.is_over and row.job is not None and (row.state == "succeeded" or not self._has_gone_on(row.job)):
            return self.account.book(row)
        provider_id = row.provider_id or ""
        try:
            with asking(f"cannot look at tuning job {provider_id}"):
                job = self.backend.get(provider_id)
        except NotThere as error:
            if row.state == "waiting" and time.time() - row.created_at < self.account.settings.adopt_wait_seconds:
                return Pending(f"the provider does not know the new job {provider_id} yet", self._poll)
            job = ProviderJob(provider_id, "lost", base_model=row.model, error=str(error))
        return self._save(row, job)

    def _has_gone_on(self, over: ProviderJob) -> bool:
        """Return whether a job that was told to have failed is told otherwise now: some providers take one up again."""
        try:
            return self.backend.get(over.provider_id).state not in (over.state, "unknown")
        except Exception:  # it has ended: whoever cannot be asked, or knows it no more, changes nothing of that
            return False

    def _save(self, row: JobRow, job: ProviderJob) -> JobRow:
        """Write down what the provider tells, with its cost once it has ended, and what that changes in the budget."""
        epochs = int(job.hyperparameters.get("epochs", row.recipe.epochs))
        if job.points:
            job = replace(job, checkpoints=passes_of_points(job, epochs, _steps(row, job, epochs)))
        job = self._with_a_name(job, row)
        told = differences(row, job)
        before = row

        def change(current: JobRow) -> JobRow:
            """Put what is told into the row as it is now, and its cost once it has ended."""
            nonlocal before
            before = current
            if current.is_over and job.state not in ENDED and not row.is_over:
                return current  # another process has seen its end since
            has_gone_on = current.is_over and current.state != job.state  # and is billed anew
            after = replace(
                current,
                state=job.state,
                provider_id=job.provider_id,
                job=job,
                differences=told,
                owner=None,
                nameless_since=current.nameless_since or (time.time() if job.error == NO_NAME_YET else None),
                has_run=current.has_run or job.state == "running" or bool(job.steps),
                cost_usd=None if has_gone_on else current.cost_usd,
            )
            return after if after.cost_usd is not None else _book(after, job, epochs / row.recipe.epochs)

        after = self._change(row, change)
        if after.study == self.account.study:
            if told and told != before.differences:
                self.account.on_message(f"tuning job {job.provider_id} trains otherwise than asked: {', '.join(told)}")
            self._keep_the_cap(before, after)
        if after.is_over:
            after = self._delete_file(after)
            if not before.is_over:
                self._tell_a_high_bill(after)
                self._book_doubles(after)
        return after

    def _tell_a_high_bill(self, row: JobRow) -> None:
        """Say that a job has cost far more than its quote, and that the cap is passed by it."""
        quoted, cap, spent = row.usd_of(row.tokens), self.account.settings.max_cost, self.account.budget.spent_usd
        if row.study != self.account.study or not row.cost_usd or quoted is None or row.cost_usd <= quoted * HIGH_BILL:
            return
        billed = row.job.tokens_billed if row.job and not row.is_estimated else None
        told = f" ({billed:,} tokens)" if billed else ""
        over = bool(cap and spent > cap)
        passed = f"; with it this study has spent {money(spent)}, more than --max-cost {money(cap)}" if over else ""
        self.account.on_message(
            f"tuning job {row.provider_id} is booked at {money(row.cost_usd)}{told}, its quote was {money(quoted)} ({row.tokens:,} "
            f"tokens){passed}; compare with the provider's bill"
        )

    def _book_doubles(self, row: JobRow) -> None:
        """Book the jobs that were made of the same creation, and say them: nobody waits for them, and all are billed."""
        if row.double_of is not None:
            return
        try:
            doubles = [job for job in doubles_of(self._unknown_jobs(row), row) if job.provider_id != row.provider_id]
        except (TunecurveError, TransientError):
            return  # the next `jobs sync` asks again
        for job in doubles:
            key = f"{row.key}-double-{stable_hash(job.provider_id, 6)}"
            double = self._save(self.account.ledger.add_job(_double(row, key)), job)
            self.account.on_message(
                f"the provider made more than one job of the creation of {row.provider_id}: {job.provider_id} is {job.state}, and "
                f"{money(double.booked_usd)} are booked for it; tunecurve jobs shows it as {key}"
                + ("" if double.is_over else ", and jobs cancel ends it")
            )

    def _with_a_name(self, job: ProviderJob, row: JobRow) -> ProviderJob:
        """Return a job that has succeeded with the model that answers; one that names none for a while has failed, and is
        billed: some providers list a model, or its checkpoints, a moment after its job has ended."""
        if job.state != "succeeded" or job.tuned_model:
            return job
        if job.checkpoints:
            return replace(job, tuned_model=job.checkpoints[-1][1])
        if time.time() - (row.nameless_since or time.time()) < NAMELESS_SECONDS:
            return replace(job, state="running", error=NO_NAME_YET)
        reason = f"the provider says '{job.raw_state or 'succeeded'}', but names no tuned model"
        return replace(job, state="failed", error=reason, steps=job.steps or 1)

    def _keep_the_cap(self, before: JobRow, after: JobRow) -> None:
        """Cancel a job that trains more than was asked for, or is billed at more, where the cap does not bear it."""
        cap, spent = self.account.settings.max_cost, self.account.budget.spent_usd
        if cap is None or spent <= cap + 1e-9 or after.is_over or after.booked_usd <= before.booked_usd:
            return
        with asking(f"cannot cancel tuning job {after.provider_id}"):
            self.backend.cancel(after.provider_id or "")
        told = after.differences
        because = f"trains otherwise than asked ({', '.join(told)})" if told else "costs more than was quoted"
        raise MoneyError(
            f"tuning job {after.provider_id} {because} and may bring the study to {money(spent)}, more than --max-cost "
            f"{money(cap)}; it was told to stop"
        )

    def _delete_file(self, row: JobRow) -> JobRow:
        """Delete a training file that is no longer needed; what hinders it is kept with the job and told."""
        file = row.training_file
        if not file or row.keep_training_file:
            return row
        try:
            with asking(f"cannot delete the training file {file}"):
                self.backend.delete_file(file)
        except NotThere:
            pass  # somebody else has deleted it: what was wanted, and written down below
        except (TunecurveError, TransientError) as error:
            reason = str(error)
            if reason == row.file_not_deleted:
                return row
            self.account.on_message(
                f"the training file {file} of tuning job {row.provider_id} may still be at the provider: {reason}; "
                "tunecurve jobs sync tries again"
            )
            kept = self._change(row, lambda current: replace(current, file_not_deleted=reason))
            self.account.at_close[f"file of {row.key}"] = lambda: self._delete_file(kept)
            return kept
        return self._change(
            row, lambda current: replace(current, training_file=None, deleted_file=file, file_not_deleted=None)
        )

    def _change(self, row: JobRow, change: Callable[[JobRow], JobRow]) -> JobRow:
        """Change a row on the disk, and the budget where its money changes."""
        return self.account.book(self.account.ledger.change_job(row.key, change))

    # What its user decides

    def sync(self, row: JobRow) -> JobRow:
        """Bring a row up to date without making anything; a claim without an id adopts its job if there is one."""
        if row.provider_id is None:
            found = self._find(row)
            return row if found is None else self._save(row, found)
        found_so = self.look(row)
        if isinstance(found_so, Pending):
            raise ModelError(found_so.reason)
        if found_so.is_over:
            found_so = self._delete_file(found_so)
            self._book_doubles(found_so)
        return found_so

    def retry(self, row: JobRow) -> None:
        """Give a job up, so that the study makes another one; what may have been billed stays booked."""
        self._change(row, lambda current: replace(current, is_given_up=BY_ITS_USER))

    def forget(self, row: JobRow) -> None:
        """Take a job off the books that its user knows not to be billed, so that the study makes another one."""
        self._delete_file(row)
        self._change(row, lambda current: replace(current, state=FORGOTTEN, reserved_usd=0.0, is_given_up=BY_ITS_USER))

    def adopt(self, row: JobRow, provider_id: str) -> JobRow:
        """Take a job at the provider, which its user has found there, for the one that is looked for.

        Raises
        ------
        ModelError
            When there is no such job, or it is another one.
        """
        with asking(f"cannot adopt job {provider_id}"):
            job = self.backend.get(provider_id)
        others = self.account.ledger.jobs("provider_id = ? AND key != ?", (job.provider_id, row.key))
        if others:
            raise ModelError(f"job {provider_id} is in the ledger already, as {others[0].key}")
        if job.key not in (None, row.key):
            raise ModelError(f"job {provider_id} carries the key {job.key}; the one that is looked for is {row.key}")
        if job.base_model and not same_model(job.base_model, row.model):
            raise ModelError(f"job {provider_id} tunes '{job.base_model}', not '{row.model}'")
        self._change(row, lambda current: replace(current, is_given_up=None))
        return self._save(row, job)


def needs_a_look(row: JobRow) -> bool:
    """Return whether something of a job may have changed, or is still to be done: it is on its way, it has ended lately (it may go
    on, or have a double), or its training file could not be deleted."""
    if row.is_over:
        return time.time() - row.updated_at < LOOKED_AT_SECONDS or row.file_not_deleted is not None
    return row.state not in (FORGOTTEN, PREPARING)


def at_most_usd(row: JobRow, share: float = 1.0) -> float | None:
    """Return the most that a job can be billed at: a token for every byte of its training file, in every pass."""
    return row.usd_of((row.most_tokens or row.tokens) * share)


def _book(row: JobRow, job: ProviderJob, share: float) -> JobRow:
    """Return the row with what a job costs; where that is not told, the most that it can be.

    `share`: the epochs that are trained, over those that were asked for.
    """
    tokens = row.tokens * share
    billed, quoted, at_most = tokens_of(job, tokens), row.usd_of(tokens), at_most_usd(row, share)
    # An estimate of theirs, which a bill may pass as far as ours does; one that is far below ours is nonsense.
    if job.usd_billed is not None and job.usd_billed * MOST_TIMES_OFF >= (quoted or 0.0):
        at_most = quoted = max(quoted or 0.0, job.usd_billed)
    if job.state not in (*ENDED, "lost"):
        return replace(row, reserved_usd=row.reserved_usd if quoted is None else quoted)
    is_estimated, cost = row.is_estimated, None
    if billed is not None:
        is_estimated, cost = job.tokens_are_most, row.usd_of(billed)
    elif job.state == "succeeded":
        is_estimated, cost = True, at_most
    elif row.is_over and job.has_not_run and not row.has_run:
        cost = 0.0
    elif at_most is not None:  # it may have been trained between two looks
        return replace(row, reserved_usd=at_most)
    reserved = row.reserved_usd if cost is None else 0.0
    return replace(row, is_estimated=is_estimated, cost_usd=cost, reserved_usd=reserved)


def _double(row: JobRow, key: str) -> JobRow:
    """Return the row of a job that was made beside another one, of the same creation."""
    return JobRow(
        key, row.study, row.backend, row.model, f"{row.label}, made twice", "creating", row.attempt, None, 0.0, None,
        time.time(), time.time(), row.recipe, row.place, row.n_rows, row.tokens, row.most_tokens, row.training_usd,
        double_of=row.key,
    )  # fmt: skip


def _steps(row: JobRow, job: ProviderJob, epochs: int) -> int | None:
    batch = job.hyperparameters.get("batch_size", row.recipe.batch_size)
    return epochs * -(-row.n_rows // int(batch)) if batch else None
