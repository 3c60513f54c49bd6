"""Sharing a study's trials with other processes on the same directory: the same command, started on any machine.

Every process claims one trial at a time (`leases`), runs it in the trial's folder, and goes on; a trial whose process
is gone is continued from its last checkpoint by another one. All of them end when no trial is left, and the last state
of results.json is the same whoever writes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from tunecurve.executors.base import Recorder, stays_here
from tunecurve.executors.events import Event, ProgressEvent
from tunecurve.executors.in_process import InProcessTrials
from tunecurve.executors.leases import CLAIMS, Lease, LeaseLost, LeaseStore
from tunecurve.executors.scheduler import longest_first
from tunecurve.executors.serial import run_one
from tunecurve.executors.worker import RelayProgress
from tunecurve.learners.base import Pending
from tunecurve.study.plan import PlannedTrial, is_paid
from tunecurve.study.trial import TrialContext

PAID, BETWEEN = "paid-trials", "between two trials"
POLL_SECONDS = 1.0


def run_shared(context: TrialContext, folder: Path, recorder: Recorder) -> None:
    """Run trials until none is left, sharing them with every process that does the same in this folder.

    Raises
    ------
    Interrupted, MoneyError, EnvironmentProblem
        As `run_serially`; other processes go on.
    """
    with LeaseStore(folder / CLAIMS) as leases:
        _Sharing(context, leases, recorder).run()


class _Sharing:
    def __init__(self, context: TrialContext, leases: LeaseStore, recorder: Recorder) -> None:
        self.context, self.leases, self.recorder = context, leases, recorder
        self.progress = recorder.progress
        self._old_failures = {item.trial: item.folder.failed_at() for item in context.planned}
        finished = {item.trial for item in context.planned if item.folder.is_finished}
        unfinished = [item for item in context.planned if item.trial not in finished]
        recorder.found_finished([item for item in context.planned if item.trial in finished])
        tuned = [item for item in context.planned if not stays_here(item)]
        self._is_proven = any(item.folder.is_finished for item in tuned)
        self._paid = [item for item in unfinished if is_paid(item.config)]
        self._left = longest_first([item for item in unfinished if not is_paid(item.config)], context.seconds)
        self._paying: InProcessTrials | None = None
        self._told = ""

    def run(self) -> None:
        with ExitStack() as open_until_the_end:
            while self._left or self._paid:
                self.progress.cancellation.check(BETWEEN)
                self._take_paid_trials(open_until_the_end)
                self._drop_ended()
                found = self._next()
                if found is not None:
                    self._run(*found)
                elif self._left or self._paid:
                    self._wait()

    def _next(self) -> tuple[PlannedTrial, Lease] | None:
        """Claim the next trial: the longest, or while none has ended well the cheapest, one at a time."""
        latest = self.leases.latest_generations()
        running = {
            item.folder.name
            for item in self._left
            if (generation := latest.get(item.folder.name))
            and self.leases.is_alive(self.leases.owner(item.folder.name, generation))
        }
        candidates: Sequence[PlannedTrial] = self._left
        if not self._is_proven:
            if any(not stays_here(item) and item.folder.name in running for item in self._left):
                return None
            candidates = self._left[::-1]
        for item in candidates:
            if item.folder.name in running:
                continue
            lease = self.leases.claim(item.folder.name, latest=latest)
            if lease is None:
                latest = self.leases.latest_generations()
            elif self._has_ended(item):
                continue  # its owner finished it and left between two looks
            else:
                return item, lease
        return None

    def _run(self, item: PlannedTrial, lease: Lease) -> None:
        self.progress.trial_started(item.trial)
        relay = RelayProgress(item.trial, self._tell_of, self.progress.cancellation, lease.check, seconds_between=0.0)
        try:
            outcome = run_one(item, self.context, relay)
        except LeaseLost:
            self.progress.message(f"{item.name}: this process was silent too long, another one has taken it over")
            return
        if isinstance(outcome, Pending):  # a learner of the user's own whose work is done elsewhere
            self.progress.trial_waits(item.trial, outcome.reason)
            return
        self._is_proven = self._is_proven or (outcome.is_finished and not stays_here(item))
        self._left.remove(item)
        self.recorder.ended(item.trial, outcome)

    def _tell_of(self, event: Event) -> None:
        if isinstance(event, ProgressEvent):
            event.tell(self.progress)

    def _take_paid_trials(self, open_until_the_end: ExitStack) -> None:
        """Run the paid trials, all of them in one process: the ledger is a file of one machine."""
        if self._paying is not None:
            self._paying.raise_error()
        elif self._paid and self._may_pay_here() and self.leases.claim(PAID) is not None:
            self._paying = InProcessTrials(replace(self.context, planned=[*self._paid]), self.recorder)
            open_until_the_end.enter_context(self._paying)

    def _may_pay_here(self) -> bool:
        """Return whether no other machine has begun to pay: what its ledger knows is not known here."""
        generation = self.leases.latest_generations().get(PAID, 0)
        hosts = {self.leases.owner(PAID, number).rsplit("-", 2)[0] for number in range(1, generation + 1)}
        strangers = sorted(hosts - {self.leases.name.rsplit("-", 2)[0]})
        if strangers and generation and not self.leases.is_alive(self.leases.owner(PAID, generation)):
            self._tell(f"the paid trials wait for {', '.join(strangers)}, whose ledger knows what is paid for")
        return not strangers

    def _drop_ended(self) -> None:
        """Forget trials that others have ended."""
        for left in (self._left, self._paid):
            is_counted = left is self._paid and self._paying is not None  # as run, by the thread
            for item in [item for item in left if self._has_ended(item)]:
                left.remove(item)
                if item.folder.is_finished and not is_counted:
                    self.recorder.found_finished([item])
                self._is_proven = self._is_proven or (item.folder.is_finished and not stays_here(item))

    def _has_ended(self, item: PlannedTrial) -> bool:
        """Return whether a trial is finished, or has failed since this process began."""
        return item.folder.is_finished or item.folder.failed_at() != self._old_failures[item.trial]

    def _wait(self) -> None:
        others = self.leases.others()
        if others:
            self._tell(f"{len(self._left) + len(self._paid)} trials are with others ({'; '.join(others)}); waiting")
        self.progress.cancellation.sleep(POLL_SECONDS, BETWEEN)

    def _tell(self, line: str) -> None:
        if line != self._told:
            self._told = line
            self.progress.message(line)
