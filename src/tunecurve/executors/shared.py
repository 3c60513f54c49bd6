"""Sharing a study's trials with other processes on the same directory: the same command, started on any machine.

Every process claims one trial at a time (`leases`), runs it in the trial's folder, and goes on; a trial whose process
is gone is continued from its last checkpoint by another one. All of them end when no trial is left, and the last state
of results.json is the same whoever writes it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from tunecurve.errors import Interrupted
from tunecurve.executors.base import AfterEach, Outcome, is_paid, run_one
from tunecurve.executors.in_process import Aside, stays_here
from tunecurve.executors.leases import BEAT_SECONDS, CLAIMS, STALE_SECONDS, Claim, ClaimLost, Desk
from tunecurve.executors.scheduler import longest_first
from tunecurve.learners.base import Pending, TrainingProgress
from tunecurve.study.plan import PlannedTrial, Trial
from tunecurve.study.progress import Progress
from tunecurve.study.trial import TrialContext

PAID = "paid-trials"
POLL_SECONDS = 1.0


class ClaimedProgress(Progress):
    """Hands everything on, and ends the work when the claim on the trial was taken over."""

    def __init__(self, progress: Progress, claim: Claim) -> None:
        self._progress, self._claim = progress, claim

    @property
    def stop_requested(self) -> bool:  # type: ignore[override]
        """Whether the user wants to stop."""
        return self._progress.stop_requested

    def message(self, line: str) -> None:
        """Hand on."""
        self._progress.message(line)

    def trained(self, trial: Trial, progress: TrainingProgress) -> None:
        """Check the claim, then hand on."""
        self._claim.check()
        self._progress.trained(trial, progress)

    def answered(self, trial: Trial, n_done: int, n_all: int, tokens_per_second: float) -> None:
        """Check the claim, then hand on."""
        self._claim.check()
        self._progress.answered(trial, n_done, n_all, tokens_per_second)


def run_shared(
    context: TrialContext,
    folder: Path,
    progress: Progress,
    after_each: AfterEach,
    *,
    beat_seconds: float = BEAT_SECONDS,
    stale_seconds: float = STALE_SECONDS,
) -> Outcome:
    """Run trials until none is left, sharing them with every process that does the same in this folder.

    Parameters
    ----------
    context, progress, after_each
        As for `run_serially`.
    folder : Path
        The study's folder.
    beat_seconds, stale_seconds : float
        See `leases.Desk`.

    Raises
    ------
    Interrupted, MoneyError, EnvironmentProblem
        As `run_serially`; other processes go on.
    """
    with Desk(folder / CLAIMS, beat_seconds=beat_seconds, stale_seconds=stale_seconds) as desk:
        return _Sharing(context, desk, progress, after_each).run()


class _Sharing:
    def __init__(self, context: TrialContext, desk: Desk, progress: Progress, after_each: AfterEach) -> None:
        self.context, self.desk, self.progress, self.after_each = context, desk, progress, after_each
        self.outcome = Outcome()
        self._old_failures = {item.trial: item.folder.failed_at() for item in context.planned}
        unfinished = [item for item in context.planned if not item.folder.is_finished]
        self.outcome.n_found_finished = len(context.planned) - len(unfinished)
        tuned = [item for item in context.planned if not stays_here(item)]
        self._is_proven = any(item.folder.is_finished for item in tuned)
        self._paid = [item for item in unfinished if is_paid(item.config)]
        self._left = longest_first([item for item in unfinished if not is_paid(item.config)], context.seconds)
        self._aside: Aside | None = None
        self._told_who: list[str] = []

    def run(self) -> Outcome:
        with ExitStack() as open_until_the_end:
            while True:
                if self.progress.stop_requested:
                    raise Interrupted("stopped between two trials")
                self._take_paid_trials(open_until_the_end)
                self._drop_ended()
                found = self._next()
                if found is not None:
                    self._run(*found)
                elif not self._left and not self._paid:
                    break
                else:
                    self._wait()
        if self._aside is not None:
            self.outcome.n_run += self._aside.outcome.n_run
            self.outcome.failures.update(self._aside.outcome.failures)
        return self.outcome

    def _next(self) -> tuple[PlannedTrial, Claim] | None:
        """Claim the next trial: the longest, or while none has ended well the cheapest, one at a time."""
        latest = self.desk.latest_generations()
        running = {
            item.folder.name
            for item in self._left
            if (generation := latest.get(item.folder.name))
            and self.desk.is_alive(self.desk.owner(item.folder.name, generation))
        }
        candidates: Sequence[PlannedTrial] = self._left
        if not self._is_proven:
            if any(not stays_here(item) and item.folder.name in running for item in self._left):
                return None
            candidates = self._left[::-1]
        for item in candidates:
            if item.folder.name in running:
                continue
            claim = self.desk.claim(item.folder.name, latest=latest)
            if claim is None:
                latest = self.desk.latest_generations()
            elif self._has_ended(item):
                continue  # its owner finished it and left between two looks
            else:
                return item, claim
        return None

    def _run(self, item: PlannedTrial, claim: Claim) -> None:
        self.progress.trial_started(item.trial)
        try:
            ended = run_one(item, self.context, ClaimedProgress(self.progress, claim))
        except ClaimLost:
            self.progress.message(
                f"{item.trial.learner} {item.trial.label}: this process was silent too long, another one has taken it over"
            )
            return
        if isinstance(ended, Pending):  # a learner of the user's own whose work is done elsewhere
            self.progress.trial_waits(item.trial, ended.reason)
            return
        self.outcome.note(item.trial, ended, self.progress)
        self._is_proven = self._is_proven or (ended.kind == "finished" and not stays_here(item))
        self._left.remove(item)
        self.after_each(self.outcome.failures)

    def _take_paid_trials(self, open_until_the_end: ExitStack) -> None:
        """Run the paid trials, all of them in one process: the ledger is a file of one machine."""
        if self._aside is not None:
            self._aside.raise_error()
        elif self._paid and (self._may_pay_here()) and self.desk.claim(PAID) is not None:
            self._aside = Aside(self._paid, self.context, self.progress, self.after_each)
            open_until_the_end.enter_context(self._aside)

    def _may_pay_here(self) -> bool:
        """Return whether no other machine has begun to pay: what its ledger knows is not known here."""
        generation = self.desk.latest_generations().get(PAID, 0)
        hosts = {self.desk.owner(PAID, number).rsplit("-", 2)[0] for number in range(1, generation + 1)}
        strangers = sorted(hosts - {self.desk.name.rsplit("-", 2)[0]})
        if strangers and generation and not self.desk.is_alive(self.desk.owner(PAID, generation)):
            self._tell([f"the paid trials wait for {', '.join(strangers)}, whose ledger knows what is paid for"])
        return not strangers

    def _drop_ended(self) -> None:
        """Forget trials that others have ended."""
        for left in (self._left, self._paid):
            ended = [item for item in left if self._has_ended(item)]
            for item in ended:
                left.remove(item)
                if self._aside is None or item not in self._paid:
                    self.outcome.n_found_finished += item.folder.is_finished
                self._is_proven = self._is_proven or (item.folder.is_finished and not stays_here(item))

    def _has_ended(self, item: PlannedTrial) -> bool:
        """Return whether a trial is finished, or has failed since this process began."""
        return item.folder.is_finished or item.folder.failed_at() != self._old_failures[item.trial]

    def _wait(self) -> None:
        others = self.desk.others()
        if others:
            self._tell([f"{len(self._left) + len(self._paid)} trials are with others ({'; '.join(others)}); waiting"])
        end = time.monotonic() + POLL_SECONDS
        while (left := end - time.monotonic()) > 0 and not self.progress.stop_requested:
            time.sleep(min(left, 0.2))

    def _tell(self, lines: list[str]) -> None:
        if lines != self._told_who:
            self._told_who = lines
            for line in lines:
                self.progress.message(line)
