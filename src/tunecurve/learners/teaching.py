"""What a teacher did for a training, and what it takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tunecurve.errors import StudyStateError
from tunecurve.learners.completion import Completion
from tunecurve.learners.workload import Workload
from tunecurve.prompts import Prompt
from tunecurve.storage.files import AppendLog
from tunecurve.storage.records import Record

if TYPE_CHECKING:
    from tunecurve.learners.base import Learner

# What a chat template puts around a turn, in tokens.
AROUND = 4
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


def teaching_work(
    teacher: Learner,
    sample: Sequence[Prompt],
    targets: Sequence[str],
    n_labelled: int,
    times: int,
    recipe: Mapping[str, Any] | None,
) -> Workload:
    """Return what a teacher computes or sends for a trial, from some of the prompts; answers are taken to be as long as some targets."""
    n = times * n_labelled
    sources = sum(teacher.count_tokens(prompt.source) for prompt in sample) / len(sample)
    written = sum(teacher.count_tokens(target) + 1 for target in targets) / len(targets)
    messages = sample[0].messages if teacher.takes_prompts else ()
    instruction = sum(teacher.count_tokens(message.content) + AROUND for message in messages[:-1])
    read = round(n * (instruction + sources + AROUND))
    epochs, steps = (0, 0) if recipe is None else (recipe["epochs"], recipe["n_steps"] or 0)
    return Workload(round(epochs * n_labelled * sources), read, round(n * written), steps, n, epochs)
