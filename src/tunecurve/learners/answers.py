"""Answers as they are scored: without the thoughts that some models write before them.

Models that reason write their thoughts between two marks, and the answer behind them. A thought that is never closed was
cut, and no answer came. Text that has such marks of its own, in the input or in the study's targets, is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import Literal

from tunecurve.learners.base import Completion, Learner
from tunecurve.prompts import Prompt

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


def answer_stream(
    learner: Learner, prompts: Sequence[Prompt], done: Collection[int] = (), *, keep_thoughts: bool = False
) -> Iterator[tuple[int, Completion]]:
    """Yield (index, answer) as the learner does, thoughts removed.

    Parameters
    ----------
    learner : Learner
    prompts : sequence of Prompt
    done : collection of int
        As in `Learner.predict_stream`.
    keep_thoughts : bool, default False
        True where thoughts are part of the answers: the study's targets have them.
    """
    for index, answer in learner.predict_stream(prompts, done):
        yield index, answer if keep_thoughts else without_thoughts(answer, prompts[index])


def predict_answers(learner: Learner, prompts: Sequence[Prompt], *, keep_thoughts: bool = False) -> list[Completion]:
    """Return the answers to all prompts in their order, thoughts removed as by `answer_stream`."""
    answers = dict(answer_stream(learner, prompts, keep_thoughts=keep_thoughts))
    return [answers[index] for index in range(len(prompts))]


def _first_thought(text: str) -> int | None:
    """Return where the thought at the beginning ends; -1: nowhere; None: there is none."""
    begun = text.lstrip()
    for opening, closing in THOUGHT_MARKS:
        place = text.find(closing)
        if begun.startswith(opening):
            return place + len(closing) if place >= 0 else -1
        if place >= 0 and opening not in text[:place]:  # the prompt opened it
            return place + len(closing)
    return None


def _behind(text: str) -> str:
    """Return what follows a thought; of blanks in between only those that begin a line of the answer's own remain."""
    return re.sub(r"^[ \t]*(?:[ \t]*\r?\n)*", "", text)
