"""A student that is tuned on a study's rows and on rows that a teacher has answered: ``tagger+4x:TEACHER``.

Beside n labelled rows the teacher is given so many times as many inputs that nobody labelled. A teacher that takes prompts is prompted; any
other is tuned on the same n rows first. Answers that cannot be right are dropped and counted, the others join the n rows. The size of a
trial counts labelled rows alone.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from tunecurve.errors import ModelError, UsageError
from tunecurve.findings import Finding
from tunecurve.learners.answers import answer_stream
from tunecurve.learners.base import (
    Completion,
    Decoder,
    Learner,
    Pending,
    RoundTrip,
    TargetLoss,
    TrainingJob,
    TrainingProgress,
    Tuned,
    Workload,
)
from tunecurve.learners.losses import LossUnit
from tunecurve.learners.teaching import ANSWER_VERSION, Teaching, TeachingCosts, kept_answers
from tunecurve.learners.unlabelled_rows import FaultFinder, UnlabelledRows
from tunecurve.learners.workload import Resources
from tunecurve.prompts import Prompt, TuningExample
from tunecurve.storage.files import AppendLog, make_folder

TEACHER_ANSWERS, TEACHER_FOLDER = "teacher.jsonl", "teacher"


class DistilledLearner(Learner):
    """A student and its teacher.

    Parameters
    ----------
    name : str
        As the study names it.
    student : Learner
        Computed on this machine.
    teacher : Learner
        Who answers.
    times : int
        Teacher rows a labelled row.
    """

    is_asked_untrained = False
    trains_here = True

    def __init__(self, name: str, student: Learner, teacher: Learner, times: int) -> None:
        self.name, self.student, self.teacher, self.times = name, student, teacher, times
        if student.is_paid or not student.can_fine_tune:
            raise UsageError(
                f"'{name}': '{student.name}' {'is tuned elsewhere' if student.is_paid else 'cannot be fine-tuned'}, expected a student "
                "that is tuned on this machine, e.g. tagger or classifier"
            )
        if teacher.has_teacher:
            raise UsageError(
                f"'{name}': the teacher '{teacher.name}' has a teacher itself; name one model after '{times}x:'"
            )
        if not teacher.takes_prompts and not teacher.can_fine_tune and teacher.name == "floor":
            raise UsageError(f"'{name}': the floor teaches nothing; name a model")
        self.rows: UnlabelledRows | None = None
        self.takes_prompts = student.takes_prompts
        self.is_paid = teacher.is_paid
        self.loss_unit: LossUnit = student.loss_unit
        self.loss_note = student.loss_note
        self.files = student.files
        self.needs_answer_shape = student.needs_answer_shape

    @property
    def _teacher_is_tuned(self) -> bool:
        return not self.teacher.takes_prompts and self.teacher.can_fine_tune

    def identity(self) -> dict[str, object]:
        """Return that of the student, with the teacher's."""
        teacher = {**self.teacher.identity(), "times": self.times, "is_tuned": self._teacher_is_tuned}
        return {**self.student.identity(), "teacher": teacher}

    @property
    def answers_are_cleaned(self) -> bool:
        """Whether the student's are, or the teacher's that it learns from."""
        return self.student.answers_are_cleaned or self.teacher.answers_are_cleaned

    def use_unlabelled(self, rows: UnlabelledRows) -> None:
        """Take the teacher's inputs from here."""
        self.rows = rows

    @property
    def most_training_rows(self) -> int | None:
        """The most labelled rows for which there are inputs enough."""
        return None if self.rows is None else self.rows.most_rows(self.times)

    @property
    def fewest_training_rows(self) -> int:
        """The student's."""
        return self.student.fewest_training_rows

    def further_inputs(self, train_size: int, seed: int) -> list[str]:
        """Return the inputs that the teacher answers for a trial."""
        return [prompt.source for prompt in self._prompts(train_size, seed)]

    def _prompts(self, train_size: int, seed: int) -> list[Prompt]:
        assert self.rows is not None, "the study gives them"
        return self.rows.prompts(train_size, self.times * train_size, seed)

    def rows_trained(self, train_size: int) -> int:
        """Return how many rows a training of a size sees: the labelled ones and the teacher's."""
        return (1 + self.times) * train_size

    def resolve_recipe(self, recipe: dict[str, Any], n_examples: int) -> dict[str, Any]:
        """Return the student's recipe for all rows; `asked` is kept, because fewer may be left of the teacher's."""
        resolved = self.student.resolve_recipe(recipe, self.rows_trained(n_examples))
        taught = self.teacher.resolve_recipe(recipe, n_examples) if self._teacher_is_tuned else None
        return {**resolved, "asked": recipe, "teacher_recipe": taught, "teacher_rows": self.times * n_examples}

    def fine_tune(self, job: TrainingJob, on_step: Callable[[TrainingProgress], None]) -> Tuned | Pending:
        """Let the teacher answer, drop what cannot be right, and tune the student on all rows."""
        assert self.rows is not None, "the study gives them"
        prompts = self._prompts(len(job.examples), job.seed)
        answers = self._answers(job, prompts, on_step)
        find = self.rows.fault_finder(job.examples)
        faults = [_fault(find, prompt, answer) for prompt, answer in zip(prompts, answers, strict=True)]
        taught = [
            self.rows.example(prompt, answer.text)
            for prompt, answer, fault in zip(prompts, answers, faults, strict=True)
            if not fault
        ]
        dropped = dict(sorted(Counter(filter(None, faults)).items()))
        if not taught:
            why = ", ".join(f"{count} {reason}" for reason, count in dropped.items())
            raise ModelError(
                f"{self.name}: none of {len(answers)} answers of '{self.teacher.name}' can be used ({why}); name another teacher"
            )
        examples = [*job.examples, *taught]
        groups = [*job.groups_of(len(job.examples)), *(f"teacher row {number}" for number in range(len(taught)))]
        recipe = self.student.resolve_recipe(job.recipe["asked"], len(examples))
        ended = self.student.fine_tune(TrainingJob(examples, recipe, job.seed, job.folder, groups), on_step)
        if isinstance(ended, Pending):
            return ended
        teaching = Teaching(self.teacher.name, len(answers), len(taught), dropped)
        record = replace(ended.record, recipe=job.recipe | recipe, teaching=teaching, cost_usd=self._cost(answers))
        return Tuned(self._with(ended.learner), record)

    def _cost(self, answers: Sequence[Completion]) -> float | None:
        if not self.teacher.is_paid:
            return None
        parts = [answer.cost_usd for answer in answers if answer.stop_reason != "error" or answer.tokens_in]
        return None if any(part is None for part in parts) else sum(part for part in parts if part is not None)

    def _answers(
        self, job: TrainingJob, prompts: Sequence[Prompt], on_step: Callable[[TrainingProgress], None]
    ) -> list[Completion]:
        """Return the teacher's answers; those that are kept from an earlier start are not asked for again, failures are."""
        assert self.rows is not None, "the study gives them"
        log = AppendLog(job.folder / TEACHER_ANSWERS)
        try:
            kept = kept_answers(log)
            found = {index: answer for index, answer in kept.items() if answer.stop_reason != "error"}
            if len(found) < len(prompts):
                teacher, started = self._tuned_teacher(job, on_step), time.perf_counter()
                for index, answer in answer_stream(teacher, prompts, set(found), cleaning=self.rows.cleaning()):
                    log.append({"version": ANSWER_VERSION, "index": index, "answer": asdict(answer)})
                    found[index] = answer
                    on_step(self._told(len(found), len(prompts), answer, time.perf_counter() - started))
        finally:
            log.close()
        return [found[index] for index in range(len(prompts))]

    def _told(self, n_done: int, n_all: int, answer: Completion, seconds: float) -> TrainingProgress:
        return TrainingProgress(
            n_done, n_all, 0.0, answer.tokens_out / max(seconds, 1e-9), f"answers of {self.teacher.name}"
        )

    def _tuned_teacher(self, job: TrainingJob, on_step: Callable[[TrainingProgress], None]) -> Learner:
        if not self._teacher_is_tuned:
            return self.teacher
        folder = make_folder(job.folder / TEACHER_FOLDER)
        taught = self.teacher.fine_tune(
            TrainingJob(job.examples, job.recipe["teacher_recipe"], job.seed, folder, job.groups), on_step
        )
        assert not isinstance(taught, Pending), "teachers that are tuned elsewhere take prompts"
        return taught.learner

    def _with(self, student: Learner) -> DistilledLearner:
        tuned = DistilledLearner(self.name, student, self.teacher, self.times)
        tuned.rows = self.rows
        return tuned

    def load_tuned(self, folder: Path) -> DistilledLearner:
        """Return this learner with its tuned student."""
        return self._with(self.student.load_tuned(folder))

    # What the student does

    def predict_stream(self, prompts: Sequence[Prompt], done: Collection[int] = ()) -> Iterator[tuple[int, Completion]]:
        """Yield the student's answers, which cost nothing."""
        stream = self.student.predict_stream(prompts, done)
        return ((index, replace(answer, cost_usd=0.0)) for index, answer in stream) if self.is_paid else stream

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

    # What both need

    def use_date(self, day: str) -> None:
        """Write this day wherever prompts have a date."""
        for learner in (self.student, self.teacher):
            learner.use_date(day)

    def prompt_findings(self) -> list[Finding]:
        """Return what is to be known of both one's prompts."""
        return [*self.student.prompt_findings(), *self.teacher.prompt_findings()]

    def model_findings(self) -> list[Finding]:
        """Return what is to be said of both."""
        return [*self.student.model_findings(), *self.teacher.model_findings()]

    def row_findings(self, examples: Sequence[TuningExample]) -> list[Finding]:
        """Return what is to be said of both on the rows of a study."""
        return [*self.student.row_findings(examples), *self.teacher.row_findings(examples)]

    def check_access(self, *, will_tune: bool = False) -> None:
        """Check the teacher's access: the student is tuned here."""
        self.teacher.check_access()

    def preparation_seconds(self) -> float:
        """Return that of both."""
        return self.student.preparation_seconds() + self.teacher.preparation_seconds()

    def make_ready(self, on_step: Callable[[TrainingProgress], None]) -> None:
        """Make both ready."""
        for learner in (self.student, self.teacher):
            learner.make_ready(on_step)

    # Time and money

    def estimate_seconds(self, work: Workload) -> float:
        """Return about how long both take."""
        costs = self._costs(work)
        return self.student.estimate_seconds(work) + (self.teacher.estimate_seconds(costs.work) if costs else 0.0)

    def n_calls(self, work: Workload) -> int:
        """Return how many inputs a paid teacher answers."""
        return self.times * work.n_training_rows if self.is_paid else 0

    def quote_usd(self, work: Workload, *, is_tuned: bool) -> float | None:
        """Return about what the teacher's answers cost, if no other trial has paid for them."""
        costs = self._costs(work)
        if not self.teacher.is_paid or work.n_training_rows == 0:
            return 0.0
        return self.teacher.quote_usd(costs.work, is_tuned=False) if costs else None

    def _costs(self, work: Workload) -> TeachingCosts | None:
        """Return what the teacher computes or sends; None where it counts no tokens, or there is nothing to answer."""
        if self.rows is None or not work.n_training_rows or not self.teacher.counts_tokens:
            return None
        sample = self.rows.prompts(work.n_training_rows, min(self.times * work.n_training_rows, 100), 0)
        recipe = self.resolve_recipe({}, work.n_training_rows)["teacher_recipe"] if self._teacher_is_tuned else None
        return TeachingCosts.of(self.teacher, sample, self.rows.targets(), work.n_training_rows, self.times, recipe)

    def hosting_line(self) -> str | None:
        """Return what stands by the hour for the teacher."""
        return self.teacher.hosting_line()

    def hosting_paid_usd(self) -> float | None:
        """Return what has been paid for it."""
        return self.teacher.hosting_paid_usd()


def _fault(find: FaultFinder, prompt: Prompt, answer: Completion) -> str:
    ends = {"length": "cut at the cap", "blocked": "blocked", "refused": "refused", "error": "failed"}
    return ends.get(answer.stop_reason) or find(prompt, answer.text)
