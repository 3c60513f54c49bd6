"""Short texts of long ones."""

from __future__ import annotations

from tunecurve.tasks.base import Pairs, Task
from tunecurve.tasks.floors import FirstSentence

SHARE_OF_SHORT, MIN_SOURCE, MOST_OF_SOURCE = 0.7, 200, 0.4


class Summarization(Task):
    """The target says in a few words what the input says."""

    name = "summarization"
    description = "a short text"
    order = 60
    instruction = "Summarize the text in one sentence. Answer with the summary only."
    metrics = ("rougeL", "rouge1", "rouge2", "chrf")
    second_metric = "rouge1"
    floor = FirstSentence()

    def recognise(self, pairs: Pairs) -> str:
        """Recognise targets that are much shorter than their inputs."""
        n_short = sum(
            len(source) >= MIN_SOURCE and len(target) <= MOST_OF_SOURCE * len(source) for source, target in pairs
        )
        if n_short < SHARE_OF_SHORT * len(pairs):
            return ""
        return f"{n_short} of {len(pairs)} targets are much shorter than their long inputs"


TASK = Summarization()
