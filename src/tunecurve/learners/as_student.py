"""What a learner with a teacher leaves to its student: everything of prompts, answers and tokens."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from tunecurve.learners.base import Decoder, Learner, RoundTrip, TargetLoss
from tunecurve.learners.workload import Resources
from tunecurve.prompts import Prompt, TuningExample


class AnswersAsStudent(Learner):
    """A learner that answers as its student does.

    Attributes
    ----------
    student : Learner
        Who answers.
    """

    student: Learner

    @property
    def decoder(self) -> Decoder | None:
        """The student's."""
        return self.student.decoder

    @property
    def measures_loss(self) -> bool:
        """Whether the student does."""
        return self.student.measures_loss

    def target_losses(
        self, prompts: Sequence[Prompt], targets: Sequence[str], done: Collection[int] = ()
    ) -> Iterator[tuple[int, TargetLoss]]:
        """Yield the student's losses."""
        return self.student.target_losses(prompts, targets, done)

    def return_targets(
        self, prompts: Sequence[Prompt], targets: Sequence[str], examples: Sequence[TuningExample]
    ) -> RoundTrip | None:
        """Return how right answers come back from the student."""
        return self.student.return_targets(prompts, targets, examples)

    def prompt_text(self, prompt: Prompt) -> str | None:
        """Return what the student reads."""
        return self.student.prompt_text(prompt)

    def show_training_example(self, example: TuningExample) -> str | None:
        """Return a training example as the student reads it."""
        return self.student.show_training_example(example)

    def save_merged(self, destination: Path) -> None:
        """Write the student."""
        self.student.save_merged(destination)

    @property
    def counts_tokens(self) -> bool:
        """Whether the student counts."""
        return self.student.counts_tokens

    def count_tokens(self, text: str) -> int:
        """Return the student's count."""
        return self.student.count_tokens(text)

    def context_length(self) -> int | None:
        """Return the student's."""
        return self.student.context_length()

    def tokens_needed(self, prompt: Prompt) -> int:
        """Return the student's."""
        return self.student.tokens_needed(prompt)

    @property
    def resources(self) -> Resources:
        """The student's."""
        return self.student.resources
