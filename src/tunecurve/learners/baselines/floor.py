"""The floor: what a metric gives for doing nothing, by the rule of the task."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from tunecurve.learners.base import Completion, Learner, unanswered
from tunecurve.prompts import Prompt
from tunecurve.tasks.floors import Floor


class FloorLearner(Learner):
    """Answers every prompt by a rule that may learn of the training targets; default: the input itself."""

    name = "floor"
    answers_are_cleaned = False

    def __init__(self, rule: Floor | None = None, targets: Sequence[str] = ()) -> None:
        self.rule = rule or Floor()
        self.learnt = self.rule.learn(targets)

    def identity(self) -> dict[str, object]:
        """Return the rule and its version."""
        if self.rule.rule == "copy":
            return {"kind": "floor", "rule": "copy the input", "version": 1}
        return {"kind": "floor", "rule": self.rule.rule, "answer": self.learnt, "version": 1}

    def predict_stream(self, prompts: Sequence[Prompt], done: Collection[int] = ()) -> Iterator[tuple[int, Completion]]:
        """Yield the rule's answer to every prompt."""
        for index, prompt in unanswered(prompts, done):
            yield index, Completion(self.rule.answer(prompt.source, self.learnt), "end")
