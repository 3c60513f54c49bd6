"""Sending many calls at once: as many as the provider bears, each one claimed, paid, recorded and retried in one place.

An event loop in a thread of its own does the sending; answers come out as an ordinary iterator, in the order they
arrive. The order of a call's life: money is reserved, the claim is on the disk, the call is sent, the answer is on the
disk, the answer is given out. Whoever stops iterating stops new calls; those in flight are waited for and recorded.
"""

from __future__ import annotations

import asyncio
import queue
import random
import threading
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from typing import Any

from tunecurve.cancellation import Cancellation
from tunecurve.errors import ModelError, MoneyError
from tunecurve.learners.base import Completion
from tunecurve.learners.hosted.account import Account
from tunecurve.learners.hosted.ledger.claims import Claim
from tunecurve.learners.hosted.prices import Price
from tunecurve.learners.hosted.transport.calls import Call, SendingLimits, cost_of, reply_record
from tunecurve.learners.hosted.transport.garbage_collection import rare_garbage_collection
from tunecurve.learners.hosted.transport.gateway import Failure, Gateway, Reply
from tunecurve.learners.hosted.transport.limiter import ConcurrencyLimit, Pace
from tunecurve.storage.kill_points import kill_point

FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.5, 60.0
# Attempts that never reached a server, and answers that nobody could read, before the stream ends: more would be no better.
MOST_UNREACHABLE, MOST_UNREADABLE, MOST_REFUSED = 2, 3, 3
# Where other calls are answered, one whose answers cannot be read may be unlucky; every attempt may be billed.
MOST_UNREADABLE_OF_A_CALL = 5
# A wait of this length is told, and told again no sooner.
TOLD_WAIT_SECONDS = 5.0
# How often to look whether another process has its answer, and to say that it is waited for.
OTHERS_POLL_SECONDS, TOLD_AGAIN_SECONDS = 0.2, 20.0


class Sender:
    """Sends calls to one model and keeps the books; opens its gateway inside the event loop that uses it."""

    def __init__(
        self,
        open_gateway: Callable[[], Gateway],
        account: Account,
        model: str,
        price: Price,
        limits: SendingLimits,
        cancellation: Cancellation,
    ) -> None:
        self.open_gateway, self.account, self.ledger, self.budget = (
            open_gateway,
            account,
            account.ledger,
            account.budget,
        )
        self.model, self.price, self.limits, self.cancellation = model, price, limits, cancellation
        self._n_failed = self._n_answered = self._n_unreachable = self._n_unreadable = self._n_refused = 0
        self._silent_until = 0.0
        self._stopping = threading.Event()
        self._being_recorded: set[asyncio.Future[Any]] = set()
        self._pace = Pace()

    def stream(self, calls: Sequence[Call]) -> Generator[tuple[Call, Completion], None, None]:
        """Yield every call with its answer, as they arrive.

        Raises
        ------
        ModelError
            When the provider refuses for good, or too many calls end without an answer.
        MoneyError
            When the cap is reached.
        Interrupted
            When asked to stop; calls in flight are waited for and recorded.
        """
        out: queue.SimpleQueue[tuple[Call, Completion] | BaseException | None] = queue.SimpleQueue()
        thread = threading.Thread(target=self._work, args=(list(calls), out), name="tunecurve-sender", daemon=True)
        thread.start()
        try:
            while (item := self._next(out)) is not None:
                if isinstance(item, BaseException):
                    raise item
                yield item
        finally:
            self._stopping.set()
            thread.join()

    def _next(self, out: queue.SimpleQueue[Any]) -> Any:
        while True:
            try:
                return out.get(timeout=0.2)
            except queue.Empty:  # nobody answers: the moment to ask whether to go on
                self.cancellation.check("while waiting for answers")

    def _work(self, calls: list[Call], out: queue.SimpleQueue[Any]) -> None:
        try:
            with rare_garbage_collection:
                asyncio.run(self._send_all(calls, out))
        except BaseException as error:
            out.put(error)
        finally:
            out.put(None)

    async def _send_all(self, calls: list[Call], out: queue.SimpleQueue[Any]) -> None:
        gateway, limit, waiting = self.open_gateway(), ConcurrencyLimit(self.limits.concurrency), iter(calls)
        errors: list[BaseException] = []

        async def worker() -> None:
            """Take calls until there are no more, a stop is asked for, or one fails for good."""
            for call in waiting:
                if self._stopping.is_set():
                    return
                try:
                    answer = await self._answer(call, gateway, limit)
                except asyncio.CancelledError:
                    return
                except BaseException as error:
                    failed(error)
                    return
                if answer is not None:
                    give_out(call, *answer)

        def failed(error: BaseException) -> None:
            """Keep the error, and let no worker begin another call."""
            errors.append(error)
            self._stopping.set()

        def give_out(call: Call, answer: Completion, recorded: asyncio.Future[Any] | None) -> None:
            """Give the answer out as soon as it is on the disk.

            The worker goes on meanwhile. Its next call is claimed after this record, in the order of the ledger's one
            writer, and is sent when that claim is on the disk: a kill leaves no more calls in doubt than workers.
            """

            def done(future: asyncio.Future[Any]) -> None:
                self._being_recorded.discard(future)
                error = future.exception()
                out.put((call, answer)) if error is None else failed(error)

            if recorded is None:
                out.put((call, answer))
            else:
                self._being_recorded.add(recorded)
                recorded.add_done_callback(done)

        workers = [asyncio.create_task(worker()) for _ in range(min(self.limits.concurrency, len(calls)))]
        try:
            if self.limits.leaves_in_flight:
                await self._watch(workers)
            await asyncio.gather(*workers)
        finally:
            while self._being_recorded:
                await asyncio.wait(self._being_recorded)
            await gateway.close()
        if errors:
            raise errors[0]

    async def _watch(self, workers: list[asyncio.Task[None]]) -> None:
        """Wait for the workers; when asked to stop, leave what is in flight behind."""
        while not all(worker.done() for worker in workers):
            await asyncio.wait(workers, timeout=0.2)
            if self._stopping.is_set():
                for worker in workers:
                    worker.cancel()

    async def _answer(
        self, call: Call, gateway: Gateway, limit: ConcurrencyLimit
    ) -> tuple[Completion, asyncio.Future[Any] | None] | None:
        """Return the answer after as many attempts as it takes and is allowed, and its record; None when asked to stop."""
        reason, wait, n_unreadable = "", FIRST_WAIT_SECONDS, 0
        for attempt in range(1, self.limits.max_attempts + 1):
            while isinstance(outcome := await self._attempt_in_turn(call, gateway, limit), Claim):
                if outcome.state == "there":
                    return self.ledger.answers([call.key])[call.key].completion(), None
                self._tell_whom_it_waits_for(outcome)
                await self._pause(OTHERS_POLL_SECONDS)
                if self._stopping.is_set():
                    return None
            if isinstance(outcome, tuple):
                self._n_answered += 1
                if not self.limits.leaves_in_flight:  # a batch's hours are no call's
                    self._pace.learn(outcome[0].seconds)
            if not isinstance(outcome, Failure):
                return outcome
            self._end_where_no_call_could_end_better(outcome)
            reason = outcome.reason
            if outcome.is_fatal:
                return self._give_up(reason), None
            n_unreadable += outcome.is_unreadable
            if attempt < self.limits.max_attempts and n_unreadable < MOST_UNREADABLE_OF_A_CALL:
                n_before = self._n_answered
                seconds = max(random.uniform(0.5, 1.0) * wait, outcome.retry_after_seconds or 0.0)
                self._tell_wait(seconds, outcome)
                await self._pause(seconds)
                # Waits grow while nobody gets an answer; when others do, this call was only unlucky.
                wait = min(wait * 2, LONGEST_WAIT_SECONDS) if self._n_answered == n_before else FIRST_WAIT_SECONDS
            else:
                break
        return self._give_up(f"no answer after {attempt} attempts: {reason}"), None

    def _end_where_no_call_could_end_better(self, failure: Failure) -> None:
        """Raise for what every other call would meet, too: said by the provider, or seen often enough with no answer at all."""
        self._n_unreachable += failure.is_unreachable
        self._n_unreadable += failure.is_unreadable
        is_hopeless = not self._n_answered and (
            self._n_unreachable >= MOST_UNREACHABLE or self._n_unreadable >= MOST_UNREADABLE
        )
        if is_hopeless or (failure.is_fatal and not self._concerns_one_call(failure)):
            raise ModelError(failure.reason)

    def _concerns_one_call(self, failure: Failure) -> bool:
        """Return whether the refusal is taken for this call's own: others are answered, or it is the first ones only."""
        self._n_refused += failure.is_of_one_call
        are_others_answered = self._n_answered or (self._n_refused < MOST_REFUSED and self.limits.max_failures)
        return failure.is_of_one_call and bool(are_others_answered)

    def _tell_wait(self, seconds: float, failure: Failure) -> None:
        now = asyncio.get_running_loop().time()
        if seconds < TOLD_WAIT_SECONDS or now < self._silent_until:
            return
        self._silent_until = now + seconds
        asked = " as the provider asks" if (failure.retry_after_seconds or 0.0) >= seconds else ""
        self.account.on_message(f"'{self.model}': waits {seconds:.0f} s{asked} after: {failure.reason}")

    def _tell_whom_it_waits_for(self, claim: Claim[str | None]) -> None:
        now = asyncio.get_running_loop().time()
        if now >= self._silent_until:
            self._silent_until = now + TOLD_AGAIN_SECONDS
            who = self.ledger.owner.in_words(claim.held or "")
            self.account.on_message(f"'{self.model}': waits for answers to the same calls, which {who} has sent")

    async def _attempt_in_turn(
        self, call: Call, gateway: Gateway, limit: ConcurrencyLimit
    ) -> tuple[Completion, asyncio.Future[Any]] | Failure | Claim[str | None] | None:
        await limit.enter()
        outcome = None
        try:
            if self._stopping.is_set():
                return None
            await self._pace.next_start(limit.limit)
            outcome = await self._attempt(call, gateway)
            return outcome
        finally:
            limit.leave(was_refused=isinstance(outcome, Failure) and outcome.is_rate_limit)

    async def _attempt(
        self, call: Call, gateway: Gateway
    ) -> tuple[Completion, asyncio.Future[Any]] | Failure | Claim[str | None] | None:
        """Return the answer and its record, why there is none, or the claim of somebody else; None when asked to stop."""
        reserved = await self._reserve(call)
        if reserved is None:
            return None
        cost: float | None = 0.0
        try:
            claim: Claim[str | None] = await self.ledger.claim(
                call.key, study=self.account.study, model=self.model, reserved_usd=reserved, future=_new_future()
            )
            if claim.state != "yours":
                return claim
            kill_point("after-call-claim")
            outcome = await self._send(call, gateway)
            kill_point("after-call")
            if isinstance(outcome, Reply):
                record = reply_record(call, outcome)
                cost = cost_of(record, self.price, reserved, outcome.told_usd)
                record = replace(record, cost_usd=cost)
                is_usable = outcome.stop_reason != "error"
                recorded = self.ledger.record(call.key, record, _new_future(), is_usable=is_usable)
                if not is_usable:
                    await recorded
                return self._counted(record.completion()), recorded
            cost = reserved if outcome.may_be_billed else 0.0
            await self.ledger.release(call.key, may_be_billed=outcome.may_be_billed, future=_new_future())
            return outcome
        finally:
            self.budget.settle(reserved, cost)

    async def _send(self, call: Call, gateway: Gateway) -> Reply | Failure:
        """Send the call; where nobody waits for its end any longer, say so in the ledger."""
        try:
            return await gateway.send(call.messages, call.max_tokens, call.key)
        except BaseException:
            if self.limits.leaves_in_flight:
                self.ledger.leave_behind(call.key)
            else:
                self.ledger.release(call.key, may_be_billed=True)
            raise

    async def _reserve(self, call: Call) -> float | None:
        """Return the money set aside; waits while what is in flight may still turn out cheaper than reserved."""
        at_most = self.price.call_usd(call.most_tokens_in, call.max_tokens)
        while not self._stopping.is_set():
            try:
                return self.budget.reserve(at_most, f"a call to '{self.model}'")
            except MoneyError:
                if at_most is None or not self.budget.n_reserved:
                    raise
            await asyncio.sleep(0.02)
        return None

    async def _pause(self, seconds: float) -> None:
        end = asyncio.get_running_loop().time() + seconds
        while not self._stopping.is_set() and (left := end - asyncio.get_running_loop().time()) > 0:
            await asyncio.sleep(min(left, 0.2))

    def _counted(self, answer: Completion) -> Completion:
        """Return the answer; one that is no answer counts against the failures that are allowed."""
        return self._give_up(answer.error or "no answer", answer) if answer.stop_reason == "error" else answer

    def _give_up(self, reason: str, answer: Completion | None = None) -> Completion:
        self._n_failed += 1
        if self._n_failed > self.limits.max_failures:
            raise ModelError(
                f"{self._n_failed} rows have no answer from '{self.model}' (last: {reason}); more than the "
                f"{self.limits.max_failures} that hosted.failed_rows_allowed lets pass; what was answered is kept, the same "
                "command asks for the rest"
            )
        self.account.on_message(f"'{self.model}': a row has no answer: {reason}")
        return answer or Completion("", "error", error=reason)


def _new_future() -> asyncio.Future[Any]:
    return asyncio.get_running_loop().create_future()
