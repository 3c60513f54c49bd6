"""What doing nothing means to a task: rules that answer without looking at what is asked."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

# The end of a sentence: a mark, perhaps a closing quote or bracket, then a blank.
_SENTENCE_END = re.compile(r"[.!?][\"')\]]*(?=\s)")


class Floor:
    """The rule that answers with the input; other rules derive from it.

    Attributes
    ----------
    rule : str
        Its name in results.
    title : str
        The same in words, for charts and tables.
    """

    rule = "copy"
    title = "copying the input"

    def learn(self, targets: Sequence[str]) -> str:
        """Return what the rule keeps of the training targets."""
        return ""

    def answer(self, source: str, learnt: str) -> str:
        """Return the answer to an input, from what was kept."""
        return source


class MostFrequent(Floor):
    """Always the most frequent training target; of equally frequent ones the first in order."""

    rule = "majority"

    def __init__(self, title: str = "most frequent class") -> None:
        self.title = title

    def learn(self, targets: Sequence[str]) -> str:
        """Return the most frequent target."""
        return most_frequent(target.strip() for target in targets)

    def answer(self, source: str, learnt: str) -> str:
        """Return what was learnt."""
        return learnt


class Nothing(Floor):
    """Always "none": that there is nothing to be found."""

    rule = "none"
    title = "always 'none'"

    def answer(self, source: str, learnt: str) -> str:
        """Return "none"."""
        return "none"


class FirstSentence(Floor):
    """The first sentence of the input, a strong summary of news ("lead-1")."""

    rule = title = "first sentence"

    def answer(self, source: str, learnt: str) -> str:
        """Return the first sentence."""
        return first_sentence(source)


def most_frequent(texts: Iterable[str]) -> str:
    """Return the most frequent text; of equally frequent ones the first in order; empty where there is none."""
    counts = Counter(texts)
    return min(counts, key=lambda text: (-counts[text], text), default="")


def first_sentence(text: str) -> str:
    """Return the text up to the end of its first sentence of more than three words ("Dr. Who" ends none)."""
    stripped = text.strip()
    for match in _SENTENCE_END.finditer(stripped):
        if len(stripped[: match.end()].split()) > 3:
            return stripped[: match.end()]
    return stripped
