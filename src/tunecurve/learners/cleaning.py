"""Answers as they are scored: without the thoughts that some models write before them, and what they put around them.

Models that reason write their thoughts between two marks, and the answer behind them. A thought that is never closed was
cut, and no answer came. Text that has such marks of its own, in the input or in the study's targets, is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from tunecurve.formats.wrappers import WRAPPERS, unwrap, wrappers_of
from tunecurve.learners.completion import Completion
from tunecurve.prompts import Prompt
from tunecurve.storage.records import Record

# "": no thought; "removed": a whole one was before the answer; "cut": it was never closed, so there is no answer.
Thought = Literal["", "removed", "cut"]

# As model families write them: Qwen, DeepSeek, SmolLM, GLM and Phi; Mistral; Cohere; Seed; others.
THOUGHT_MARKS: tuple[tuple[str, str], ...] = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
    ("[THINK]", "[/THINK]"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<seed:think>", "</seed:think>"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
)


def strip_thoughts(text: str) -> tuple[str, Thought]:
    """Return the answer behind the thoughts, and what was done.

    Thoughts stand before the answer: whole ones, one after the other, or the rest of one that the prompt has opened.
    Marks later in the answer are text.

    Examples
    --------
    >>> strip_thoughts("<think>A name.</think>Call [NAME].")
    ('Call [NAME].', 'removed')
    >>> strip_thoughts("A name.</think>Call [NAME].")
    ('Call [NAME].', 'removed')
    >>> strip_thoughts("<think>A name, or")
    ('', 'cut')
    >>> strip_thoughts("Call [NAME].")
    ('Call [NAME].', '')
    """
    kind: Thought = ""
    while True:
        found = _first_thought(text)
        if found is None:
            return text, kind
        if found < 0:
            return "", "cut"
        text, kind = _behind(text[found:]), "removed"


def has_thought_marks(text: str) -> bool:
    """Return whether any mark of a thought stands in a text."""
    return any(mark in text for pair in THOUGHT_MARKS for mark in pair)


def without_thoughts(answer: Completion, prompt: Prompt) -> Completion:
    """Return the answer without its thoughts, its `thought` set; unchanged where rows in the prompt have such marks."""
    rows = (message.content for message in prompt.messages if message.role != "system")
    if answer.thought or any(map(has_thought_marks, rows)):
        return answer
    text, kind = strip_thoughts(answer.text)
    return replace(answer, text=text, thought=kind) if kind else answer


@dataclass(frozen=True)
class Cleaning(Record):
    """What is taken off every answer of a study's models, prompted and tuned alike."""

    thoughts: bool = True
    """Whether thoughts are."""
    wrappers: tuple[str, ...] = ("fence",)
    """Wrappers that are."""
    watched: tuple[str, ...] = WRAPPERS
    """Wrappers that are looked for, and told where they are left."""

    @classmethod
    def for_targets(cls, kinds: Collection[str], targets: Sequence[str]) -> Cleaning:
        """Return what is taken off where the study's targets are these: what targets have themselves is part of answers."""
        of_targets = wrappers_of(targets)
        watched = tuple(kind for kind in WRAPPERS if kind not in of_targets)
        return cls(
            thoughts="think" in kinds and not any(map(has_thought_marks, targets)),
            wrappers=tuple(kind for kind in watched if kind in kinds),
            watched=watched,
        )

    def clean(self, answer: Completion, prompt: Prompt) -> Completion:
        """Return the answer as it is scored."""
        if self.thoughts:
            answer = without_thoughts(answer, prompt)
        if answer.unwrapped or answer.wrapped or not answer.text:
            return answer
        text, taken_off = unwrap(answer.text, prompt.source, self.wrappers)
        _, left = unwrap(text, prompt.source, self.watched)
        as_given = answer.text if taken_off else None
        return replace(answer, text=text, unwrapped="+".join(taken_off), wrapped="+".join(left), as_given=as_given)


USUAL_CLEANING = Cleaning()


def _first_thought(text: str) -> int | None:
    """Return where the thought at the beginning ends; -1: nowhere; None: there is none."""
    begun = text.lstrip()
    for opening, closing in THOUGHT_MARKS:
        position = text.find(closing)
        if begun.startswith(opening):
            return position + len(closing) if position >= 0 else -1
        if position >= 0 and opening not in text[:position]:  # the prompt opened it
            return position + len(closing)
    return None


def _behind(text: str) -> str:
    """Return what follows a thought; of blanks in between only those that begin a line of the answer's own remain."""
    return re.sub(r"^[ \t]*(?:[ \t]*\r?\n)*", "", text)
