"""The floor: what a metric gives for doing nothing, by the rule of the task."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from tunecurve.learners.base import Completion, Learner, unanswered
from tunecurve.prompts import Prompt
from tunecurve.tasks.base import FloorRule

# The end of a sentence: a mark, perhaps a closing quote or bracket, then a blank.
_SENTENCE_END = re.compile(r"[.!?][\"')\]]*(?=\s)")


class FloorLearner(Learner):
    """Answers every prompt without looking at the task.

    Parameters
    ----------
    rule : {"copy", "majority", "none", "first sentence"}, default "copy"
        The input itself; the most frequent target of the training rows; "none"; the input's first sentence.
    most_frequent : str, default ""
        The answer of the rule "majority".
    """

    name = "floor"

    def __init__(self, rule: FloorRule = "copy", most_frequent: str = "") -> None:
        self.rule, self.most_frequent = rule, most_frequent

    @classmethod
    def of_targets(cls, rule: FloorRule, targets: Sequence[str]) -> FloorLearner:
        """Return the floor of a task whose training targets are these; of equally frequent ones the first in order."""
        counts = Counter(target.strip() for target in targets)
        most_frequent = min(counts, key=lambda target: (-counts[target], target), default="")
        return cls(rule, most_frequent if rule == "majority" else "")

    def identity(self) -> dict[str, Any]:
        """Return the rule and its version."""
        if self.rule == "copy":
            return {"kind": "floor", "rule": "copy the input", "version": 1}
        return {"kind": "floor", "rule": self.rule, "answer": self.most_frequent, "version": 1}

    def predict_stream(self, prompts: Sequence[Prompt], done: Collection[int] = ()) -> Iterator[tuple[int, Completion]]:
        """Yield the rule's answer to every prompt."""
        for index, prompt in unanswered(prompts, done):
            yield index, Completion(self._answer(prompt.source), "end")

    def _answer(self, source: str) -> str:
        if self.rule == "majority":
            return self.most_frequent
        if self.rule == "none":
            return "none"
        return first_sentence(source) if self.rule == "first sentence" else source


def first_sentence(text: str) -> str:
    """Return the text up to the end of its first sentence of more than three words ("Dr. Who" ends none)."""
    stripped = text.strip()
    for match in _SENTENCE_END.finditer(stripped):
        if len(stripped[: match.end()].split()) > 3:
            return stripped[: match.end()]
    return stripped
