"""The answers of any learner, cleaned as they are scored."""

from __future__ import annotations

from collections.abc import Collection, Generator, Sequence

from tunecurve.learners.base import Completion, Learner
from tunecurve.learners.cleaning import USUAL_CLEANING, Cleaning
from tunecurve.prompts import Prompt


def answer_stream(
    learner: Learner, prompts: Sequence[Prompt], done: Collection[int] = (), *, cleaning: Cleaning = USUAL_CLEANING
) -> Generator[tuple[int, Completion], None, None]:
    """Yield (index, answer) as the learner does, cleaned; labels, and inputs with parts replaced, have nothing to clean.

    Closed, it ends the learner's own work at once: calls in flight, a deployment that stands.
    """
    stream = learner.predict_stream(prompts, done)
    try:
        for index, answer in stream:
            yield index, cleaning.clean(answer, prompts[index]) if learner.answers_are_cleaned else answer
    finally:
        if isinstance(stream, Generator):
            stream.close()


def predict_answers(
    learner: Learner, prompts: Sequence[Prompt], *, cleaning: Cleaning = USUAL_CLEANING
) -> list[Completion]:
    """Return the answers to all prompts in their order, cleaned as by `answer_stream`."""
    answers = dict(answer_stream(learner, prompts, cleaning=cleaning))
    return [answers[index] for index in range(len(prompts))]
