"""Short texts of long ones."""

from __future__ import annotations

import re
from statistics import median

from tunecurve.formats import column_names
from tunecurve.formats.sql import looks_like_sql
from tunecurve.tasks.base import Pairs, Task
from tunecurve.tasks.floors import FirstSentence
from tunecurve.tasks.told import Told

SHARE_OF_SHORT, MIN_SOURCE, MOST_OF_SOURCE = 0.7, 200, 0.4
# How a summary is asked for, in the languages of most data; a task stands at the beginning or at the end of an input.
_ASKED_FOR = re.compile(
    r"summar|tl;?\s?dr|condense|shorten|headline|abstract|résum|resum|riassu|sintetizz|zusammenfass|fass\w*\b.{0,60}\bzusammen|"
    r"kurzfassung|samenvat|sammanfatt|streszcz|özet|кратк|резюм|要約|摘要|总结|總結|概括|요약",
    re.IGNORECASE | re.DOTALL,
)
_HEAD, _TAIL = 300, 200
_QUESTION = re.compile(r"[?？؟]\W*\Z|^\W*(?:question|frage|pregunta|domanda|q)\W*:", re.IGNORECASE | re.MULTILINE)
SHARE_OF_CHATS, SHARE_OF_ASKING = 0.2, 0.5
# Answers that are mostly as long as this, in characters, to questions about long texts are summaries of what concerns the question.
LONG_ANSWER = 150
# Targets that are mostly this short, in characters, and stand word for word in their inputs are what was looked for there.
SHORT_PART = 80


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

    def recognise_told(self, pairs: Pairs, told: Told) -> str:
        """Recognise columns called as summaries are by shorter targets alone; what asks for something else is no summarization."""
        if column := told.target_called(column_names.SUMMARIES):
            n_shorter = sum(len(target) < len(source) for source, target in pairs)
            if n_shorter >= SHARE_OF_SHORT * len(pairs):
                return f"{n_shorter} of {len(pairs)} targets in '{column}' are shorter than their inputs"
        return "" if asked_for_something_else(pairs, told) else self.recognise(pairs)


def asked_for_something_else(pairs: Pairs, told: Told) -> str:
    """Return what shows that inputs ask for something else than a summary, in a few words; empty where nothing does."""
    n_queries = sum(looks_like_sql(target) for _, target in pairs)
    if n_queries >= SHARE_OF_ASKING * len(pairs):
        return f"{n_queries} of {len(pairs)} targets are SQL"
    sources = [source for source, _ in pairs]
    n_asked = sum(_ASKED_FOR.search(f"{text[:_HEAD]}\n{text[-_TAIL:]}") is not None for text in sources)
    if _ASKED_FOR.search(told.instruction) or n_asked >= SHARE_OF_ASKING * len(pairs):
        return ""
    if all_parts := _are_parts(pairs):
        return all_parts
    if column := told.input_called(column_names.QUESTIONS):
        return f"'{column}' is part of the input"
    if told.instruction.strip():
        return "the instruction asks for no summary"
    n_chats = sum(_has_earlier_turns(text) for text in sources) if told.has_turns else 0
    if n_chats >= SHARE_OF_CHATS * len(pairs):
        return f"{n_chats} of {len(pairs)} inputs are chats of several turns"
    if median(len(target) for _, target in pairs) >= LONG_ANSWER:
        return ""
    n_asking = sum(_QUESTION.search(text) is not None for text in sources)
    if n_asking >= SHARE_OF_ASKING * len(pairs):
        return f"{n_asking} of {len(pairs)} inputs ask a question"
    return ""


def _are_parts(pairs: Pairs) -> str:
    """Return what shows that targets are words of their inputs, such as an address; not of where a text begins, as its headline is."""
    if median(len(target) for _, target in pairs) > SHORT_PART:
        return ""
    n_parts = sum(source.strip().find(target.strip()) > 0 for source, target in pairs)
    return (
        f"{n_parts} of {len(pairs)} targets stand word for word in their inputs"
        if n_parts >= SHARE_OF_ASKING * len(pairs)
        else ""
    )


def _has_earlier_turns(source: str) -> bool:
    """Return whether an input is a chat with a system text or an earlier answer, as they are rendered."""
    return source.startswith("System: ") or (source.startswith("User: ") and "\n\nAssistant: " in source)


TASK = Summarization()
