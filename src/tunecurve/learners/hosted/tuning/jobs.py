"""Tuning jobs at a provider: made once, whatever happens to this process or beside it, and followed for as long as they take.

The order of a job's life: limits and the cap are checked; the claim is on the disk (state ``preparing``), and only one
process can hold it; the provider is asked whether the account may tune at all; the training file is uploaded, once; the
money is on the disk (``creating``); the job is created; its id is on the disk. Our key travels with the job. Whoever finds
a creation without an answer looks for the job by that key, by our suffix, by the training file, by time and model, and
adopts it. Where none shows up for a while the creation is in doubt: it may have been billed, so its money stays spent, and
it is repeated by itself once, never twice.
"""

from __future__ import annotations

import time
from dataclasses import replace

from tunecurve.errors import Interrupted, ModelError, TunecurveError
from tunecurve.learners.base import Pending
from tunecurve.learners.hosted.ledger.job_rows import (
    CREATING,
    IN_DOUBT,
    NOT_MADE,
    NOT_SENT,
    PREPARING,
    QUEUED_HERE,
    JobRow,
    ProviderJob,
)
from tunecurve.learners.hosted.prices import money
from tunecurve.learners.hosted.tuning.errors import TransientError
from tunecurve.learners.hosted.tuning.job_keeper import BY_ITSELF, NO_NAME_YET, JobKeeper, at_most_usd
from tunecurve.learners.hosted.tuning.types import (
    CreationUnclear,
    JobRequest,
    NotCreated,
    NotReadyYet,
    QuotaFull,
    is_ending,
)
from tunecurve.spec.study import stable_hash
from tunecurve.storage.kill_points import kill_point

# How long a provider may take to read a training file that it has.
LONGEST_READING_SECONDS = 3600.0


class JobFlow(JobKeeper):
    """Takes jobs from nothing to a tuned model, one look at a time."""

    def advance(self, request: JobRequest) -> JobRow | Pending:
        """Do what can be done now; return the job once it has succeeded, before that what is waited for.

        Raises
        ------
        ModelError
            When the job failed, was cancelled, expired or is lost, or cannot be made.
        MoneyError
            When it would pass the cap.
        """
        row = self._make(*self._latest_attempt(request))
        row = row if isinstance(row, Pending) else self.look(row)
        if isinstance(row, Pending) or row.state == "succeeded":
            return row
        if row.is_over or row.state == "lost":
            raise ModelError(_end_in_words(row))
        raw = row.job.raw_state if row.job is not None else ""
        said = f"in a state that is not known here ('{raw}')" if row.state == "unknown" else row.state
        if row.state == "running" and is_ending(raw):
            said = f"running, and coming to its end ('{raw}')"
        if row.job is not None and row.job.error == NO_NAME_YET:
            said = f"{said} ({NO_NAME_YET})"
        minutes = (time.time() - row.created_at) / 60
        return Pending(f"tuning job {row.provider_id} is {said}, {minutes:.0f} min so far", self._poll)

    def _latest_attempt(self, request: JobRequest) -> tuple[JobRequest, JobRow | None, int]:
        """Return the newest attempt at this job, its row, and how many before it were given up without being asked."""
        n_repeats = 0
        while (row := self.account.ledger.job(request.key)) is not None and (mark := row.is_given_up):
            request = replace(request, attempt=request.attempt + 1)
            n_repeats += mark == BY_ITSELF
        return request, row, n_repeats

    # Making a job

    def _make(self, request: JobRequest, row: JobRow | None, n_repeats: int) -> JobRow | Pending:
        """Return the row of a job that is at the provider: the one that is there, else a new one."""
        if row is None or row.state in NOT_SENT:
            return self._adopted(request, self._submit(request, row), n_repeats)
        return self._adopted(request, row, n_repeats)

    def _adopted(self, request: JobRequest, row: JobRow | Pending, n_repeats: int) -> JobRow | Pending:
        if isinstance(row, Pending) or row.provider_id is not None:
            return row
        return self._adopt_or_repeat(request, row, n_repeats)

    def _submit(self, request: JobRequest, row: JobRow | None) -> JobRow | Pending:
        """Claim the job, upload its rows and create it; whatever stops this before the creation leaves no claim behind."""
        self.backend.check_limits(request)
        what = f"tuning '{request.base_model}' on {len(request.examples)} rows"
        reserved = self.account.budget.reserve(self._row(request).usd_of(request.tokens), what)
        try:
            claimed = self._claim(row or self._row(request))
            if isinstance(claimed, Pending) or claimed.state != PREPARING:
                return claimed
            row = claimed
            try:
                row = self._prepare(request, row)
                if row.provider_id is None and self.account.cancellation.is_requested:
                    raise Interrupted("stopped before a tuning job was made")
            except BaseException:
                self._unclaim(row)
                raise
            if row.provider_id is None:
                row = self._enter_creation(row, reserved)
        finally:
            self.account.budget.settle(reserved, 0.0)
        return row if row.provider_id is not None else self._create(request, row)

    def _claim(self, row: JobRow) -> JobRow | Pending:
        self._look_at_others(row)
        claim = self.account.ledger.claim_job(row, self.account.settings.jobs_at_once)
        if claim.state == "taken":
            return Pending("another process is making the same tuning job; waits for it", self._poll)
        if claim.state == "full":
            other = claim.held.provider_id or claim.held.key
            slots = self.account.settings.jobs_at_once
            return Pending(f"waits for job {other}: {slots} at once are allowed (hosted.jobs_at_once)", self._poll)
        kill_point("after-job-claim")
        return claim.held

    def _look_at_others(self, row: JobRow) -> None:
        """Bring other studies' jobs that take a slot up to date; nobody else may be there any more to do so."""
        for other in self.account.ledger.with_a_slot(row):
            if other.provider_id is not None and time.time() - other.updated_at >= self._poll:
                try:
                    self.look(other)
                except (TunecurveError, TransientError):
                    continue  # whoever it belongs to is told

    def _prepare(self, request: JobRequest, row: JobRow) -> JobRow:
        """Return the row with the training file uploaded, or with a job of this key that the provider has already."""
        self.backend.preflight(request.base_model)
        self.check()
        found = self._find(row)
        if found is not None:
            return self._save(row, found)
        if not row.training_file:
            file = self.backend.upload(request)
            kill_point("after-job-upload")
            row = self._change(row, lambda current: replace(current, training_file=file))
        return row

    def _enter_creation(self, row: JobRow, reserved: float) -> JobRow:
        now = time.time()
        until = now + self.account.settings.adopt_wait_seconds
        return self._change(
            row,
            lambda current: replace(
                current, state=CREATING, reserved_usd=reserved, claimed_at=now, looked_for_until=until
            ),
        )

    def _create(self, request: JobRequest, row: JobRow) -> JobRow | Pending:
        kill_point("before-job-creation")
        try:
            job = self.backend.create(request, row.training_file or "")
        except QuotaFull as error:
            self._unclaim(row)
            return Pending(f"the provider runs no further job now ({error})", self._poll)
        except NotReadyYet as error:
            return self._wait_for_file(row, error)
        except NotCreated as error:
            made = self._made_all_the_same(row)
            if made is not None:
                return self._save(row, made)
            self._delete_file(row)
            self._unclaim(row, NOT_MADE)
            raise ModelError(f"no tuning job was made: {error}") from None
        except CreationUnclear as error:
            until = time.time() + self.account.settings.adopt_wait_seconds
            self._change(row, lambda current: replace(current, looked_for_until=until))
            wait = min(self.account.settings.adopt_wait_seconds, self._poll)
            return Pending(f"no clear answer to the job's creation ({error}); looking for it", wait)
        kill_point("after-job-creation")
        return self._save(row, job)

    def _wait_for_file(self, row: JobRow, error: NotReadyYet) -> Pending:
        """Have the creation tried again with the same file, for as long as a file may take to be read."""
        since = row.unread_since or time.time()
        if time.time() - since > LONGEST_READING_SECONDS:
            self._delete_file(row)
            self._unclaim(row, NOT_MADE)
            raise ModelError(f"no tuning job was made: {error}") from None
        self._change(row, lambda current: replace(current, unread_since=since))
        self._unclaim(row)
        return Pending(f"the provider has not read the training file yet ({error})", self._poll)

    def _unclaim(self, row: JobRow, state: str = QUEUED_HERE) -> None:
        """Give the claim and its money back; a training file that lies at the provider is kept for the next time."""
        current = self.account.ledger.job(row.key)
        if current is None or current.provider_id is not None:
            return
        if not current.training_file and current.state == PREPARING:
            self.account.ledger.drop_claim(row.key)
            return
        self._change(row, lambda current: replace(current, state=state, reserved_usd=0.0, owner=None, claimed_at=None))

    def _adopt_or_repeat(self, request: JobRequest, row: JobRow, n_repeats: int) -> JobRow | Pending:
        """Adopt the job of a creation that got no answer; make another one only after looking for long enough, and once."""
        if self.account.ledger.is_being_made_elsewhere(row) or row.is_given_up:
            return Pending("another process is making the same tuning job; waits for it", self._poll)
        found = self._find(row)
        if found is not None:
            return self._save(row, found)
        left = row.looked_for_until - time.time()
        if row.state == CREATING and left > 0:
            return Pending(
                f"no answer came to the job's creation; looking for it for {left:.0f} s more", min(left, self._poll)
            )
        row = self._change(row, self._in_doubt)
        if n_repeats:
            raise ModelError(_doubt_in_words(row, n_repeats + 1))
        row = self._change(row, lambda current: replace(current, is_given_up=BY_ITSELF))
        self.account.on_message(
            f"tuning '{row.model}': a creation without an answer is not to be found at the provider; "
            f"{money(row.reserved_usd)} stay booked for it, and one more job is made"
        )
        request, found_row, n_repeats = self._latest_attempt(request)
        if found_row is None or found_row.provider_id is None:
            return self._adopted(request, self._submit(request, found_row), n_repeats)
        return found_row

    def _in_doubt(self, row: JobRow) -> JobRow:
        """Return a claim whose job is not to be found: what it may have cost at most is booked."""
        return replace(row, state=IN_DOUBT, reserved_usd=max(row.reserved_usd, at_most_usd(row) or 0.0))

    def _row(self, request: JobRequest) -> JobRow:
        now, place = time.time(), self.backend.place()
        return JobRow(
            key=request.key,
            study=self.account.study,
            backend=f"{self.backend.name} {stable_hash(place)}",
            model=request.base_model,
            label=request.label,
            state=QUEUED_HERE,
            attempt=request.attempt,
            provider_id=None,
            reserved_usd=0.0,
            cost_usd=None,
            created_at=now,
            updated_at=now,
            recipe=request.recipe,
            place=place,
            n_rows=len(request.examples),
            tokens=request.tokens,
            # No token is shorter than a byte.
            most_tokens=request.recipe.epochs * len(self.backend.training_file(request)),
            training_usd=self.training_usd,
            keep_training_file=self.account.settings.keep_training_files,
        )


def _end_in_words(row: JobRow) -> str:
    told = row.job or ProviderJob("", "unknown")
    another = f"to pay for another one: tunecurve jobs retry {row.key}"
    if row.state == "lost":
        return (
            f"tuning job {row.provider_id} is lost: {told.error}; was it deleted there, or does the address or project differ? "
            f"{money(row.reserved_usd)} stay booked; {another}"
        )
    word = told.raw_state.lower().removeprefix("job_state_")
    raw = f" ('{told.raw_state}')" if word not in ("", row.state) else ""
    is_in_doubt = row.cost_usd is None and row.reserved_usd > 0
    booked = f"{money(row.reserved_usd)} stay booked, because it may have been trained before; " if is_in_doubt else ""
    return f"tuning job {row.provider_id} {row.state}{raw}: {told.error or 'the provider gives no reason'}; {booked}{another}"


def _doubt_in_words(row: JobRow, n_times: int) -> str:
    return (
        f"tuning '{row.model}': {n_times} creations got no answer, and no such job is to be found; none is made any more, "
        f"and {money(row.reserved_usd)} stay booked for each. Look at the provider's list of jobs, then: tunecurve jobs "
        f"adopt {row.key} ID, if it is there; forget {row.key}, if there is none; retry {row.key}, to pay for another"
    )
