"""What a teacher did for a training, and what it takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tunecurve.errors import StudyStateError
from tunecurve.learners.completion import Completion
from tunecurve.storage.files import AppendLog
from tunecurve.storage.records import Record

# Of the lines in which a teacher's answers are kept: of which input, what was answered.
ANSWER_VERSION = 1


def kept_answers(log: AppendLog) -> dict[int, Completion]:
    """Return a teacher's answers from an earlier start, by the number of their input.

    Raises
    ------
    StudyStateError
        For lines of another version, which are not guessed at.
    """
    strange = next((line for line in log.values if line.get("version") != ANSWER_VERSION), None)
    if strange is not None:
        found = f"version {strange['version']}" if "version" in strange else "no version"
        raise StudyStateError(
            f"'{log.path}': a line has {found}, expected {ANSWER_VERSION}; another version of tunecurve wrote it. Move the file away "
            "and run the same command: the teacher is asked again, and what a hosted one was paid for comes from the ledger"
        )
    return {line["index"]: Completion(**line["answer"]) for line in log.values}


@dataclass(frozen=True)
class Teaching(Record):
    """A teacher's answers in a training."""

    teacher: str
    """Its name."""
    asked: int
    kept: int
    """Inputs that it answered; answers that were trained on."""
    dropped: dict[str, int]
    """Answers that cannot be right, by the reason."""
    answers_usd: float | None = None
    """What its answers cost, 0 where nothing is paid for them; None where a price is unknown, and in records of earlier
    versions."""


def answers_cost(answers: Sequence[Completion]) -> float | None:
    """Return what answers cost together; None: a price is unknown."""
    return sum_of_known([answer.cost_usd for answer in answers if answer.stop_reason != "error" or answer.tokens_in])


def sum_of_known(parts: Sequence[float | None]) -> float | None:
    """Return the sum; None where a part is not known."""
    return None if any(part is None for part in parts) else sum(part for part in parts if part is not None)
