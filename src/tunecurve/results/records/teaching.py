"""What rows that a teacher has answered are worth, as results.json keeps it."""

from __future__ import annotations

from dataclasses import dataclass

from tunecurve.storage.records import Record
from tunecurve.study.plan import Strategy


@dataclass(frozen=True)
class TaughtSize(Record):
    """A student tuned on n labelled rows and on rows of its teacher, beside the student tuned on the n rows alone."""

    n: int
    teacher_rows: float
    """Rows that were trained on beside them: mean over the seeds, after what was dropped."""
    asked: int
    """Inputs that the teacher answered, over all seeds."""
    dropped: dict[str, int]
    """Answers that cannot be right, by the reason, over all seeds."""
    score: float
    alone: float
    gain: float
    low: float | None
    high: float | None
    level: float
    """Of this interval, so that those of all sizes of the learner hold together at the study's level."""
    as_many_alone: float | None
    """Labelled rows with which the student alone scores the same, on straight lines in log n; null where its sizes do not reach it, or
    where no gain is certain."""
    worth: float | None
    """Teacher rows that are worth one labelled row: null where that is not known."""
    usd: float | None
    """What the teacher's answers cost a seed; null: unknown."""


@dataclass(frozen=True)
class TeachingResult(Record):
    """What a teacher's rows are worth to a student."""

    learner: str
    student: str
    teacher: str
    times: int
    """Teacher rows asked for, a labelled row."""
    sizes: list[TaughtSize]
    sentence: str


@dataclass(frozen=True)
class CheapestWay(Record):
    """The cheapest of the measured ways to the target: labels, teachers' answers, providers' tuning jobs and searches are counted."""

    target: float
    label_price: float
    learner: str | None
    """Null where no measured point reaches the target."""
    strategy: Strategy | None
    n: int | None
    """Labelled rows: tuned on, chosen from or looked at, else examples in the prompt; 0 where none is needed."""
    usd: float | None
    sentence: str
