"""Searching an instruction with GEPA: it picks parents and rows, and everything that is asked goes through the trial's own calls.

Of the labelled rows of a trial some are for feedback, whose answers and targets a proposer is shown, and the others for development:
they alone say which instruction is taken. No test row is asked or shown; of test inputs only the length is used, so that what is
taken fits.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any, cast

from tunecurve.data.rows import Row
from tunecurve.formats.answer_shapes import AnswerShape
from tunecurve.learners.base import Completion, Learner
from tunecurve.metrics.base import Metric
from tunecurve.prompts import Prompt, PromptRenderer, held_to_shape
from tunecurve.study.found_instruction import Candidate, Optimisation
from tunecurve.study.optimising.calls import OutOfCalls, SearchCalls
from tunecurve.study.optimising.proposals import (
    REPEATED,
    ROWS_SHOWN,
    TOO_LONG,
    proposal_prompt,
    proposed_instruction,
    why_dropped,
    with_instruction,
)
from tunecurve.study.optimising.scoring import score_of, shares_of

PART = "instruction"
# Development rows are at most this part of the calls: every instruction that is to be picked is asked all of them.
CALLS_A_DEVELOPMENT_ROW = 5
# A search whose answers are all known already makes no call, and would not end.
ROUNDS_A_CALL = 4


@dataclass(frozen=True)
class SearchRows:
    """The labelled rows of a trial, by what they are for."""

    development: Sequence[Row]
    feedback: Sequence[Row]

    @classmethod
    def of(cls, rows: Sequence[Row], calls: int) -> SearchRows:
        """Return the rows, half of them for development, or as many as the calls allow."""
        n = max(1, min(len(rows) // 2, calls // CALLS_A_DEVELOPMENT_ROW))
        return cls(rows[:n], rows[n:])


@dataclass
class Search:
    """A search for an instruction."""

    learner: Learner
    proposer: Learner
    """Who answers; who proposes."""
    renderer: PromptRenderer
    """With the given instruction."""
    shape: AnswerShape | None
    """What answers may be."""
    rows: SearchRows
    metric: Metric
    """The headline metric."""
    calls: SearchCalls
    longest: Sequence[str]
    """Inputs that have to fit."""
    candidates: list[Candidate] = field(default_factory=list)
    """Instructions that were scored on all development rows, the given one first."""
    dropped: Counter[str] = field(default_factory=Counter)
    """Proposals that were not tried, by the reason."""
    propose_new_texts: None = None
    """Part of GEPA's adapter: proposals come by `propose`."""
    _tried: set[str] = field(default_factory=set)
    _asked: set[Prompt] = field(default_factory=set)
    """For proposals: one that is asked for again is answered from the folder, and is the same proposal."""
    _looked_at: set[str] = field(default_factory=set)
    """Labelled rows that were answered, by their ids."""
    _rounds: int = 0
    _ended_by: Exception | None = None

    def run(self, seed: int) -> Optimisation:
        """Search until the calls are used up, or nothing is left to gain on the development rows.

        Raises
        ------
        TunecurveError
            As the learners; what was answered is kept.
        """
        from gepa.api import optimize

        given, adapter = self.renderer.system, cast("Any", self)
        self._tried.add(given)
        state = random.getstate()  # a dependency may draw from it
        try:
            optimize(
                {PART: given},
                trainset=list(self.rows.feedback),
                valset=list(self.rows.development),
                adapter=adapter,
                custom_candidate_proposer=self.propose,
                reflection_minibatch_size=min(ROWS_SHOWN, len(self.rows.feedback)),
                stop_callbacks=cast("Any", self._is_over),
                logger=_Silent(),
                track_best_outputs=False,
                seed=seed,
            )
        except OutOfCalls:
            pass
        except Exception:
            if self._ended_by is None:
                raise
        finally:
            random.setstate(state)
        if self._ended_by is not None and not isinstance(self._ended_by, OutOfCalls):
            raise self._ended_by
        return self._found(given)

    # What GEPA asks of an adapter

    def evaluate(self, batch: list[Row], candidate: Mapping[str, str], capture_traces: bool = False) -> Any:
        """Return answers and scores of rows under an instruction."""
        from gepa.core.adapter import EvaluationBatch

        answers = self._guarded(lambda: self._answers(candidate[PART], batch))
        shares = shares_of(self.metric, batch, [answer.text for answer in answers])
        traces = [
            {"row": row, "answer": answer.text, "share": share}
            for row, answer, share in zip(batch, answers, shares, strict=True)
        ]
        if batch == list(self.rows.development):
            self._note(candidate[PART], answers)
        return EvaluationBatch(answers, shares, traces if capture_traces else None)

    def make_reflective_dataset(
        self, candidate: Mapping[str, str], eval_batch: Any, components_to_update: Sequence[str]
    ) -> dict[str, list[dict[str, str]]]:
        """Return what a proposer is shown of rows: input, answer, and what is right."""
        return {PART: [self._shown(trace) for trace in eval_batch.trajectories]}

    def propose(
        self, candidate: Mapping[str, str], reflective_dataset: Mapping[str, Any], components_to_update: Sequence[str]
    ) -> dict[str, str]:
        """Return a new instruction; the one that it was to replace where what is proposed cannot be tried."""
        parent = candidate[PART]
        prompt = proposal_prompt(parent, reflective_dataset[PART], self.proposer)
        if prompt is None:
            return self._drop(TOO_LONG, parent)
        is_known = prompt in self._asked
        self._asked.add(prompt)
        [answer] = self._guarded(lambda: self.calls.ask(self.proposer, [prompt], "proposal"))
        instruction = proposed_instruction(answer)
        reason = why_dropped(answer, instruction, self.renderer, self.learner, self.longest)
        if reason is None and instruction in self._tried:
            reason = REPEATED
        if reason is not None:
            return {PART: parent} if is_known else self._drop(reason, parent)
        self._tried.add(instruction)
        return {PART: instruction}

    # Its parts

    def _answers(self, instruction: str, rows: Sequence[Row]) -> list[Completion]:
        renderer = with_instruction(self.renderer, instruction)
        prompts = held_to_shape([renderer.prompt(row.source) for row in rows], self.shape)
        answers = self.calls.ask(self.learner, prompts, "answer")
        self._looked_at.update(row.row_id for row in rows)
        return answers

    def _guarded(self, ask: Any) -> Any:
        """Return what is asked; GEPA passes over what is raised in a round, so that it is remembered here, and ends the search."""
        if self._ended_by is not None:
            raise self._ended_by
        try:
            return ask()
        except Exception as error:
            self._ended_by = error
            raise

    def _shown(self, trace: Mapping[str, Any]) -> dict[str, str]:
        row: Row = trace["row"]
        is_right = trace["share"] >= 1.0
        said = "This answer is right." if is_right else f"This answer is not right. The right answer is:\n{row.target}"
        return {"Input": self.renderer.user_text(row.source), "Answer": trace["answer"], "Feedback": said}

    def _drop(self, reason: str, parent: str) -> dict[str, str]:
        self.dropped[reason] += 1
        return {PART: parent}

    def _note(self, instruction: str, answers: Sequence[Completion]) -> None:
        if any(candidate.instruction == instruction for candidate in self.candidates):
            return
        score = score_of(self.metric, self.rows.development, [answer.text for answer in answers])
        self.candidates.append(Candidate(instruction, score))

    def _is_over(self, state: Any) -> bool:
        """Return whether nothing can be asked or gained any more."""
        self._rounds += 1
        best = self._best()
        is_perfect = best is not None and best.score == self.metric.best_score
        return self._ended_by is not None or is_perfect or self._rounds > ROUNDS_A_CALL * self.calls.allowed

    def _best(self) -> Candidate | None:
        """Return the candidate with the best score, of equal ones the first."""
        rated = [candidate for candidate in self.candidates if candidate.score is not None]
        return max(rated, key=lambda one: self.metric.sign * (one.score or 0.0), default=None)

    def _found(self, given: str) -> Optimisation:
        best = self._best() or Candidate(given, None)
        return Optimisation(
            instruction=best.instruction,
            is_given=best.instruction == given,
            metric=self.metric.name,
            score_given=self.candidates[0].score if self.candidates else None,
            score=best.score,
            n_development=len(self.rows.development),
            n_feedback=len(self.rows.feedback),
            calls_allowed=self.calls.allowed,
            n_answers=self.calls.count("answer"),
            n_proposals=self.calls.count("proposal"),
            dropped=dict(sorted(self.dropped.items())),
            n_candidates=len(self.candidates),
            proposer=self.proposer.name,
            cost_usd=_total(self.calls.costs),
            optimizer=f"gepa {version('gepa')}",
            n_looked_at=len(self._looked_at),
        )


class _Silent:
    """GEPA's log: what a reader must know is in the trial's result."""

    def log(self, message: str) -> None:
        """Do nothing."""


def _total(costs: Sequence[float | None]) -> float | None:
    known = [cost for cost in costs if cost is not None]
    return sum(known) if len(known) == len(costs) else None
