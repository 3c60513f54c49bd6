"""What is done with a tuning job that the ledger knows: found at the provider, looked at, booked, given up or adopted."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tunecurve.errors import ModelError, MoneyError, TunecurveError
from tunecurve.learners.base import Pending
from tunecurve.learners.hosted.account import Account
from tunecurve.learners.hosted.ledger.jobs import FORGOTTEN, PREPARING, booked_usd
from tunecurve.learners.hosted.prices import Price, money
from tunecurve.learners.hosted.tuning.errors import NotThere, PassingTrouble, asking
from tunecurve.learners.hosted.tuning.told import differences, passes_of_points, tokens_of
from tunecurve.learners.hosted.tuning.types import (
    ENDED,
    ProviderJob,
    TuningBackend,
    doubles_of,
    find_ours,
    same_model,
)
from tunecurve.spec.study import stable_hash

# Marks of a job that is given up for another one.
BY_ITSELF, BY_ITS_USER = "by itself", "by its user"
# How long after its end a job is looked at by `jobs sync`.
LOOKED_AT_SECONDS = 7 * 86_400.0
# How long a job that has succeeded may take to name its model.
NAMELESS_SECONDS, NO_NAME_YET = 300.0, "succeeded, but names no model yet"


class JobKeeper:
    """Keeps the books of the jobs at one provider.

    Parameters
    ----------
    backend : TuningBackend
        The provider.
    account : Account
        Ledger, budget, settings.
    price : Price
        Of training.
    check : callable
        Raises for what else stands against a job's model, before anything of it is uploaded.
    """

    def __init__(
        self, backend: TuningBackend, account: Account, price: Price, check: Callable[[], None] = lambda: None
    ) -> None:
        self.backend, self.account, self.price, self.check = backend, account, price, check

    @property
    def _poll(self) -> float:
        return self.account.settings.poll_seconds

    def _find(self, row: dict[str, Any]) -> ProviderJob | None:
        return find_ours(self._unknown_jobs(row), row)

    def _unknown_jobs(self, row: dict[str, Any]) -> list[ProviderJob]:
        """Return the provider's jobs that no other row of the ledger has."""
        with asking("cannot list the tuning jobs"):
            theirs = self.backend.jobs()
        known = self.account.ledger.jobs("WHERE backend = ? AND key != ?", (row["backend"], row["key"]))
        known_ids = {other["provider_id"] for other in known}
        return [job for job in theirs if job.provider_id and job.provider_id not in known_ids]

    def _made_all_the_same(self, row: dict[str, Any]) -> ProviderJob | None:
        """Return the job with our mark of a creation that was refused; None where there is none, or nobody can be asked."""
        try:
            return next(iter(doubles_of(self._unknown_jobs(row), row)), None)
        except (TunecurveError, PassingTrouble):
            return None

    def look(self, row: dict[str, Any]) -> ProviderJob | Pending:
        """Ask the provider how a job stands and write it down; one that has succeeded is not asked about again.

        Pending where the provider does not know a new job yet.
        """
        over = (
            ProviderJob.from_json(row["detail"]["job"]) if row["state"] in ENDED and row["detail"].get("job") else None
        )
        if over is not None and (over.state == "succeeded" or not self._has_gone_on(over)):
            self._booked(row)
            return over
        try:
            with asking(f"cannot look at tuning job {row['provider_id']}"):
                job = self.backend.get(row["provider_id"])
        except NotThere as error:
            age = time.time() - row["created_at"]
            if row["state"] == "waiting" and age < self.account.settings.adopt_wait_seconds:
                return Pending(f"the provider does not know the new job {row['provider_id']} yet", self._poll)
            job = ProviderJob(row["provider_id"], "lost", base_model=row["model"], error=str(error))
        row.update(self._save(row, job))
        return ProviderJob.from_json(row["detail"]["job"])

    def _has_gone_on(self, over: ProviderJob) -> bool:
        """Return whether a job that was told to have failed is told otherwise now: some providers take one up again."""
        try:
            return self.backend.get(over.provider_id).state not in (over.state, "unknown")
        except Exception:  # it has ended: whoever cannot be asked, or knows it no more, changes nothing of that
            return False

    def _save(self, row: dict[str, Any], job: ProviderJob) -> dict[str, Any]:
        """Write down what the provider tells, with its cost once it has ended, and what that changes in the budget."""
        recipe = row["detail"]["recipe"]
        epochs = int(job.hyperparameters.get("epochs", recipe["epochs"]))
        if job.points:
            job = replace(job, checkpoints=passes_of_points(job, epochs, _steps(row, job, epochs)))
        job = self._with_a_name(job, row)
        told = differences(recipe, job, row["detail"]["n_rows"])
        share = epochs / recipe["epochs"]
        before: dict[str, Any] = {}

        def change(current: dict[str, Any]) -> None:
            before.update({**current, "detail": dict(current["detail"])})
            if current["state"] in ENDED and job.state not in ENDED and row["state"] not in ENDED:
                return  # another process has seen its end since
            if current["state"] in ENDED and current["state"] != job.state:
                current["cost_usd"] = None  # it has gone on since, and is billed anew
            current["state"], current["provider_id"] = job.state, job.provider_id
            detail = current["detail"]
            detail.update(job=job.to_json(), differences=told, owner=None)
            if job.error == NO_NAME_YET:
                detail.setdefault("nameless_since", time.time())
            detail["has_run"] = detail.get("has_run") or job.state == "running" or bool(job.steps)
            if current["cost_usd"] is None:
                self._book(current, job, share)

        after = self._change(row, change)
        if after["study"] == self.account.study:
            if told and told != before["detail"].get("differences"):
                self.account.say(f"tuning job {job.provider_id} trains otherwise than asked: {', '.join(told)}")
            self._keep_the_cap(before, after)
        if after["state"] in ENDED:
            after = self._delete_file(after)
            if before["state"] not in ENDED:
                self._book_doubles(after)
        return after

    def _book(self, row: dict[str, Any], job: ProviderJob, share: float) -> None:
        """Book what a job costs; where that is not told, the most that it can be, for as many passes as are trained.

        Parameters
        ----------
        row : dict
            The job's row, changed here.
        job : ProviderJob
            As told.
        share : float
            Passes that are trained, over those that were asked for.
        """
        price, tokens = _price_of(row), row["detail"]["tokens"] * share
        billed, quoted = tokens_of(job, tokens), price.training_cost_usd(tokens)
        at_most = self._at_most_usd(row, share)
        if job.usd_billed is not None:  # an estimate of theirs, which a bill may pass as far as ours does
            at_most = quoted = max(quoted or 0.0, job.usd_billed)
        if job.state not in (*ENDED, "lost"):
            row["reserved_usd"] = row["reserved_usd"] if quoted is None else quoted
        elif billed is not None:
            row["cost_usd"], row["detail"]["is_estimated"] = price.training_cost_usd(billed), job.tokens_are_most
        elif job.state == "succeeded":
            row["cost_usd"], row["detail"]["is_estimated"] = at_most, True
        elif job.state in ENDED and job.has_not_run and not row["detail"]["has_run"]:
            row["cost_usd"] = 0.0
        elif at_most is not None:  # it may have been trained between two looks
            row["reserved_usd"] = at_most
        if row["cost_usd"] is not None:
            row["reserved_usd"] = 0.0

    def _at_most_usd(self, row: dict[str, Any], share: float = 1.0) -> float | None:
        """Return the most that a job can be billed at: a token for every byte of its training file, in every pass."""
        detail = row["detail"]
        return _price_of(row).training_cost_usd(detail.get("most_tokens", detail["tokens"]) * share)

    def _book_doubles(self, row: dict[str, Any]) -> None:
        """Book the jobs that were made of the same creation, and say them: nobody waits for them, and all are billed."""
        if row["detail"].get("double_of"):
            return
        try:
            doubles = [job for job in doubles_of(self._unknown_jobs(row), row) if job.provider_id != row["provider_id"]]
        except (TunecurveError, PassingTrouble):
            return  # the next `jobs sync` asks again
        for job in doubles:
            double = self.account.ledger.add_double(row, f"{row['key']}-double-{stable_hash(job.provider_id, 6)}")
            double = self._save(double, job)
            self.account.say(
                f"the provider made more than one job of the creation of {row['provider_id']}: {job.provider_id} is "
                f"{job.state}, and {money(booked_usd(double))} are booked for it; tunecurve jobs shows it as {double['key']}"
                + ("" if job.state in ENDED else ", and jobs cancel ends it")
            )

    def _with_a_name(self, job: ProviderJob, row: dict[str, Any]) -> ProviderJob:
        """Return a job that has succeeded with the model that answers; one that names none for a while has failed, and is
        billed: some providers list a model, or its checkpoints, a moment after its job has ended."""
        if job.state != "succeeded" or job.tuned_model:
            return job
        if job.checkpoints:
            return replace(job, tuned_model=job.checkpoints[-1][1])
        if time.time() - row["detail"].get("nameless_since", time.time()) < NAMELESS_SECONDS:
            return replace(job, state="running", error=NO_NAME_YET)
        reason = f"the provider says '{job.raw_state or 'succeeded'}', but names no tuned model"
        return replace(job, state="failed", error=reason, steps=job.steps or 1)

    def _keep_the_cap(self, before: dict[str, Any], after: dict[str, Any]) -> None:
        """Cancel a job that trains more than was asked for, or is billed at more, where the cap does not bear it."""
        cap, spent = self.account.settings.max_cost, self.account.budget.spent_usd
        if cap is None or spent <= cap + 1e-9 or after["state"] in ENDED or booked_usd(after) <= booked_usd(before):
            return
        with asking(f"cannot cancel tuning job {after['provider_id']}"):
            self.backend.cancel(after["provider_id"])
        told = after["detail"]["differences"]
        because = f"trains otherwise than asked ({', '.join(told)})" if told else "costs more than was quoted"
        raise MoneyError(
            f"tuning job {after['provider_id']} {because} and may bring the study to {money(spent)}, more than --max-cost "
            f"{money(cap)}; it was told to stop"
        )

    def _delete_file(self, row: dict[str, Any]) -> dict[str, Any]:
        """Delete a training file that is no longer needed; what hinders it is kept with the job and told."""
        file = row["detail"].get("training_file")
        if not file or row["detail"].get("keep_training_file"):
            return row
        try:
            with asking(f"cannot delete the training file {file}"):
                self.backend.delete_file(file)
        except NotThere:
            pass  # it is gone
        except (TunecurveError, PassingTrouble) as error:
            reason = str(error)
            if reason == row["detail"].get("file_not_deleted"):
                return row
            self.account.say(
                f"the training file {file} of tuning job {row['provider_id']} may still be at the provider: {reason}; "
                "tunecurve jobs sync tries again"
            )
            kept = self._change(row, lambda current: current["detail"].update(file_not_deleted=reason))
            self.account.at_close[f"file of {row['key']}"] = lambda: self._delete_file(kept)
            return kept
        gone = {"training_file": None, "deleted_file": file, "file_not_deleted": None}
        return self._change(row, lambda current: current["detail"].update(gone))

    def _change(self, row: dict[str, Any], change: Any) -> dict[str, Any]:
        """Change a row on the disk, and the budget where its money changes."""
        return self._booked(self.account.ledger.change_job(row["key"], change))

    def _booked(self, row: dict[str, Any]) -> dict[str, Any]:
        """Return a row as it is on the disk, its money in the budget; another study may have seen its end."""
        if row["study"] == self.account.study:
            self.account.budget.book_job(row["key"], booked_usd(row))
        return row

    # What its user decides

    def sync(self, row: dict[str, Any]) -> dict[str, Any]:
        """Bring a row up to date without making anything; a claim without an id adopts its job if there is one."""
        if row["provider_id"] is None:
            found = self._find(row)
            return row if found is None else self._save(row, found)
        looked_at = self.look(row)
        if isinstance(looked_at, Pending):
            raise ModelError(looked_at.reason)
        if row["state"] in ENDED:
            row = self._delete_file(row)
            self._book_doubles(row)
        return row

    def retry(self, row: dict[str, Any]) -> None:
        """Give a job up, so that the study makes another one; what may have been billed stays booked."""
        self._change(row, lambda current: current["detail"].update(is_given_up=BY_ITS_USER))

    def forget(self, row: dict[str, Any]) -> None:
        """Take a job off the books that its user knows not to be billed, so that the study makes another one."""
        self._delete_file(row)

        def change(current: dict[str, Any]) -> None:
            current["state"], current["reserved_usd"] = FORGOTTEN, 0.0
            current["detail"]["is_given_up"] = BY_ITS_USER

        self._change(row, change)

    def adopt(self, row: dict[str, Any], provider_id: str) -> dict[str, Any]:
        """Take a job at the provider, which its user has found there, for the one that is looked for.

        Raises
        ------
        ModelError
            When there is no such job, or it is another one.
        """
        with asking(f"cannot adopt job {provider_id}"):
            job = self.backend.get(provider_id)
        others = self.account.ledger.jobs("WHERE provider_id = ? AND key != ?", (job.provider_id, row["key"]))
        if others:
            raise ModelError(f"job {provider_id} is in the ledger already, as {others[0]['key']}")
        if job.key not in (None, row["key"]):
            raise ModelError(f"job {provider_id} carries the key {job.key}; the one that is looked for is {row['key']}")
        if job.base_model and not same_model(job.base_model, row["model"]):
            raise ModelError(f"job {provider_id} tunes '{job.base_model}', not '{row['model']}'")
        self._change(row, lambda current: current["detail"].update(is_given_up=None))
        return self._save(row, job)


def needs_a_look(row: dict[str, Any]) -> bool:
    """Return whether something of a job may have changed, or is still to be done: it is on its way, it has ended lately (it may go
    on, or have a double), or its training file could not be deleted."""
    if row["state"] in ENDED:
        is_new = time.time() - row["updated_at"] < LOOKED_AT_SECONDS
        return is_new or bool(row["detail"].get("file_not_deleted"))
    return row["state"] not in (FORGOTTEN, PREPARING)


def _price_of(row: dict[str, Any]) -> Price:
    return Price(None, None, row["detail"]["training_usd"], "as quoted when the job was made")


def _steps(row: dict[str, Any], job: ProviderJob, epochs: int) -> int | None:
    batch = job.hyperparameters.get("batch_size", row["detail"]["recipe"].get("batch_size"))
    return epochs * -(-row["detail"]["n_rows"] // int(batch)) if batch else None
