"""The calls of a search: each is made once, kept on disk as it is answered, and counted; there are no more than were allowed.

A search that was interrupted is begun anew, and finds its answers here: the same questions come in the same order, and cost nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, replace
from typing import Literal

from tunecurve.cancellation import Cancellation
from tunecurve.learners.answers import answer_stream
from tunecurve.learners.base import Completion, Learner
from tunecurve.learners.cleaning import Cleaning
from tunecurve.prompts import Prompt
from tunecurve.spec.study import stable_hash
from tunecurve.storage.files import AppendLog

CallKind = Literal["answer", "proposal"]


class OutOfCalls(Exception):
    """The calls that are left do not suffice for what is asked."""


class SearchCalls:
    """What a search asks: so many calls are allowed, those of earlier starts among them."""

    def __init__(self, allowed: int, log: AppendLog, cleaning: Cleaning, cancellation: Cancellation) -> None:
        self.allowed, self._log, self._cleaning, self._cancellation = allowed, log, cleaning, cancellation
        lines = [line for line in log.values if "call" in line]
        self._kept = {line["call"]: Completion(**line["answer"]) for line in lines}
        self._kinds: dict[str, CallKind] = {line["call"]: line["kind"] for line in lines}
        # Of a call that failed and was made again every try is paid.
        self._costs = [line["answer"]["cost_usd"] for line in lines if line["is_paid"] and _may_cost(line["answer"])]

    def count(self, kind: CallKind) -> int:
        """Return how many calls of a kind were made, in this start or an earlier one."""
        return sum(one == kind for one in self._kinds.values())

    @property
    def costs(self) -> list[float | None]:
        """What the calls of paid models cost; None: unknown."""
        return self._costs

    def ask(self, learner: Learner, prompts: Sequence[Prompt], kind: CallKind) -> list[Completion]:
        """Return the answers to prompts in their order; those that are kept are not asked for again, failures are.

        Raises
        ------
        OutOfCalls
            When fewer calls are left than are needed; none of them is made then.
        Interrupted
            When a stop was asked for.
        """
        keys = [_key(prompt, kind) for prompt in prompts]
        missing = {key: prompt for key, prompt in zip(keys, prompts, strict=True) if not self._is_answered(key)}
        if len(self._kinds | dict.fromkeys(missing, kind)) > self.allowed:
            raise OutOfCalls
        asked = list(missing)
        with closing(answer_stream(learner, list(missing.values()), cleaning=self._cleaning)) as stream:
            for index, answer in stream:
                self._keep(asked[index], replace(answer, seconds=0.0), kind, is_paid=learner.is_paid)
                self._cancellation.check("while an instruction is looked for")
        return [self._kept[key] for key in keys]

    def _is_answered(self, key: str) -> bool:
        return key in self._kept and self._kept[key].stop_reason != "error"

    def _keep(self, key: str, answer: Completion, kind: CallKind, *, is_paid: bool) -> None:
        self._log.append({"call": key, "kind": kind, "is_paid": is_paid, "answer": asdict(answer)})
        self._kept[key], self._kinds[key] = answer, kind
        if is_paid and _may_cost(asdict(answer)):
            self._costs.append(answer.cost_usd)


def _may_cost(answer: dict[str, object]) -> bool:
    return answer["stop_reason"] != "error" or bool(answer["tokens_in"])


def _key(prompt: Prompt, kind: CallKind) -> str:
    """Return what distinguishes a call; the models are those of the trial's config."""
    return stable_hash([kind, *([message.role, message.content] for message in prompt.messages)], 32)
