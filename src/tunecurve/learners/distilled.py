"""A student that is tuned on a study's rows and on rows that a teacher has answered: ``tagger+4x:TEACHER``.

Beside n labelled rows the teacher is given so many times as many inputs that nobody labelled. A teacher that takes prompts is prompted; any
other is tuned on the same n rows first. Answers that cannot be right are dropped and counted, the others join the n rows. The size of a
trial counts labelled rows alone.
"""

from __future__ import annotations

import copy
import itertools
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from tunecurve.errors import ModelError, UsageError
from tunecurve.findings import Finding
from tunecurve.learners.answers import answer_stream
from tunecurve.learners.as_student import AnswersAsStudent
from tunecurve.learners.base import Completion, Learner, Pending, TrainingJob, TrainingProgress, Tuned, Workload
from tunecurve.learners.losses import LossUnit
from tunecurve.learners.teaching import (
    ANSWER_VERSION,
    Teaching,
    answers_cost,
    kept_answers,
    sum_of_known,
)
from tunecurve.learners.unlabelled_rows import FaultFinder, UnlabelledRows
from tunecurve.prompts import Prompt, TuningExample
from tunecurve.storage.files import AppendLog, make_folder

# What a chat template puts around a turn, in tokens.
AROUND = 4
TEACHER_ANSWERS, TEACHER_FOLDER = "teacher.jsonl", "teacher"


class DistilledLearner(AnswersAsStudent):
    """A student and its teacher, who answers so many `times` as many rows as are labelled."""

    is_asked_untrained = False

    def __init__(self, name: str, student: Learner, teacher: Learner, times: int) -> None:
        self.name, self.student, self.teacher, self.times = name, student, teacher, times
        if not student.can_fine_tune:
            raise UsageError(
                f"'{name}': '{student.name}' cannot be fine-tuned, expected a student that can, e.g. tagger or classifier"
            )
        if teacher.has_teacher:
            raise UsageError(
                f"'{name}': the teacher '{teacher.name}' has a teacher itself; name one model after '{times}x:'"
            )
        if not teacher.takes_prompts and not teacher.can_fine_tune and teacher.name == "floor":
            raise UsageError(f"'{name}': the floor teaches nothing; name a model")
        self.rows: UnlabelledRows | None = None
        self.takes_prompts = student.takes_prompts
        self.answers_are_cleaned = student.answers_are_cleaned or teacher.answers_are_cleaned
        self.is_paid = teacher.is_paid or student.is_paid
        self.loss_unit: LossUnit = student.loss_unit
        self.loss_note = student.loss_note
        self.files = student.files
        self.needs_answer_shape = student.needs_answer_shape
        read = [one.settings_read for one in (student, *([teacher] if self._teacher_is_tuned else []))]
        self.settings_read = None if None in read else frozenset().union(*(names or () for names in read))

    @property
    def trains_here(self) -> bool:
        """Whether the student is tuned on this machine."""
        return self.student.trains_here

    @property
    def _teacher_is_tuned(self) -> bool:
        return not self.teacher.takes_prompts and self.teacher.can_fine_tune

    def identity(self) -> dict[str, object]:
        """Return that of the student, with the teacher's."""
        teacher = {**self.teacher.identity(), "times": self.times, "is_tuned": self._teacher_is_tuned}
        return {**self.student.identity(), "teacher": teacher}

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
        """Return how many rows a training of a size has: of the labelled ones and the teacher's those that the student trains on."""
        return self.student.rows_trained(self._rows_of_student(train_size))

    def n_windows(self, n_tokens: int) -> int:
        """Return what the student does."""
        return self.student.n_windows(n_tokens)

    def _rows_of_student(self, train_size: int) -> int:
        return (1 + self.times) * train_size

    def resolve_recipe(self, recipe: dict[str, Any], n_examples: int) -> dict[str, Any]:
        """Return the student's recipe for all rows; `asked` is kept, because fewer may be left of the teacher's."""
        resolved = self.student.resolve_recipe(recipe, self._rows_of_student(n_examples))
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
        of_student = self._job_of_student(job, examples, groups)
        ended = self.student.fine_tune(of_student, on_step)
        if isinstance(ended, Pending):
            return ended
        answers_usd = answers_cost(answers) if self.teacher.is_paid else 0.0
        teaching = Teaching(self.teacher.name, len(answers), len(taught), dropped, answers_usd)
        cost = sum_of_known([answers_usd, ended.record.cost_usd if self.student.is_paid else 0.0])
        recipe = job.recipe | of_student.recipe
        aside = [row for row in ended.record.kept_aside or () if row < len(job.examples)] or None
        record = replace(ended.record, recipe=recipe, teaching=teaching, kept_aside=aside)
        record.cost_usd = cost if self.is_paid else None
        return Tuned(self._with(ended.learner), record)

    def _job_of_student(
        self, job: TrainingJob, examples: Sequence[TuningExample], groups: Sequence[str] = ()
    ) -> TrainingJob:
        """Return the student's job on these rows; where passes are paid for, with no more of them than were quoted for all rows."""
        recipe = self.student.resolve_recipe(job.recipe["asked"], len(examples))
        quoted = job.recipe["epochs"] * self._rows_of_student(len(job.examples))
        if not self.trains_here and recipe["epochs"] * len(examples) > quoted:
            most = {**job.recipe["asked"], "epochs": quoted // len(examples)}
            recipe = self.student.resolve_recipe(most, len(examples))
        return TrainingJob(examples, recipe, job.seed, job.folder, groups, len(examples) - len(job.examples))

    def tuning_obstacle(self, jobs: Iterable[TrainingJob]) -> str | None:
        """Return why the student's provider would not tune it, on inputs that wait for their answers, with targets of others."""
        return self.student.tuning_obstacle(self._job_of_student(job, self._expected(job)) for job in jobs)

    def _check_cap(self, job: TrainingJob, share: float) -> None:
        """Raise before the teacher is paid for a share of the rows of a job that the cap does not hold."""
        if not self.teacher.is_paid:
            return
        work = self.work_of_teacher(Workload(0, 0, 0, 0, n_training_rows=len(job.examples)))
        answers = self.teacher.quote_usd(work, is_tuned=False) if work else None
        self.student.check_cap(self._job_of_student(job, self._expected(job)), share * (answers or 0.0))

    def _expected(self, job: TrainingJob) -> list[TuningExample]:
        assert self.rows is not None, "the study gives them"
        prompts = self._prompts(len(job.examples), job.seed)
        pairs = zip(prompts, itertools.cycle(self.rows.targets()), strict=False)
        return [*job.examples, *(self.rows.example(prompt, target) for prompt, target in pairs)]

    def _answers(
        self, job: TrainingJob, prompts: Sequence[Prompt], on_step: Callable[[TrainingProgress], None]
    ) -> list[Completion]:
        """Return the teacher's answers; those that are kept from an earlier start are not asked for again.

        Failures are, until all rows have been asked: a job that a provider is at may be made of the others, and is paid for.
        """
        assert self.rows is not None, "the study gives them"
        log = AppendLog(job.folder / TEACHER_ANSWERS)
        try:
            kept = kept_answers(log)
            found = {index: answer for index, answer in kept.items() if answer.stop_reason != "error"}
            if found and len(kept) == len(prompts):
                found = kept
            if len(found) < len(prompts):
                self._check_student(job)
                self._check_cap(job, 1.0 - len(found) / len(prompts))
                teacher, started = self._tuned_teacher(job, on_step), time.perf_counter()
                for index, answer in answer_stream(teacher, prompts, set(found), cleaning=self.rows.cleaning()):
                    log.append({"version": ANSWER_VERSION, "index": index, "answer": asdict(answer)})
                    found[index] = answer
                    on_step(self._told(len(found), len(prompts), answer, time.perf_counter() - started))
        finally:
            log.close()
        return [found[index] for index in range(len(prompts))]

    def _check_student(self, job: TrainingJob) -> None:
        """Raise where the student's provider would not tune it: a teacher is not paid for rows that nobody learns from."""
        obstacle = None if self.trains_here else self.tuning_obstacle([job])
        if obstacle is not None:
            raise ModelError(f"'{self.student.name}' cannot be tuned, so that its teacher is not asked: {obstacle}")

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
        tuned = copy.copy(self)
        tuned.student, tuned.files = student, student.files
        return tuned

    def load_tuned(self, folder: Path) -> DistilledLearner:
        """Return this learner with its tuned student."""
        return self._with(self.student.load_tuned(folder))

    def checkpoints(self, folder: Path) -> list[tuple[int, Learner]]:
        """Return the student's."""
        return self.student.checkpoints(folder)

    # What the student does

    def predict_stream(self, prompts: Sequence[Prompt], done: Collection[int] = ()) -> Iterator[tuple[int, Completion]]:
        """Yield the student's answers; where it answers here they cost nothing."""
        stream = self.student.predict_stream(prompts, done)
        if not self.is_paid or self.student.is_paid:
            return stream
        return ((index, replace(answer, cost_usd=0.0)) for index, answer in stream)

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
        """Check both one's access; the teacher is tuned nowhere else."""
        self.teacher.check_access()
        self.student.check_access(will_tune=will_tune)

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
        of_teacher = self.work_of_teacher(work)
        return self.student.estimate_seconds(work) + (self.teacher.estimate_seconds(of_teacher) if of_teacher else 0.0)

    def n_calls(self, work: Workload) -> int:
        """Return how many inputs a paid teacher answers, and a paid student."""
        taught = self.times * work.n_training_rows if self.teacher.is_paid else 0
        return taught + self.student.n_calls(work)

    def quote_usd(self, work: Workload, *, is_tuned: bool) -> float | None:
        """Return about what the teacher's answers cost, if no other trial has paid for them, and what a paid student does on all rows."""
        of_student = self.student.quote_usd(work, is_tuned=is_tuned)
        if not self.teacher.is_paid or work.n_training_rows == 0:
            return of_student
        of_teacher = self.work_of_teacher(work)
        return sum_of_known([of_student, self.teacher.quote_usd(of_teacher, is_tuned=False) if of_teacher else None])

    def work_of_teacher(self, work: Workload) -> Workload | None:
        """Return what the teacher computes or sends; None where it counts no tokens, or there is nothing to answer."""
        if self.rows is None or not work.n_training_rows or not self.teacher.counts_tokens:
            return None
        sample = self.rows.prompts(work.n_training_rows, min(self.times * work.n_training_rows, 100), 0)
        recipe = self.resolve_recipe({}, work.n_training_rows)["teacher_recipe"] if self._teacher_is_tuned else None
        return _teaching_work(self.teacher, sample, self.rows.targets(), work.n_training_rows, self.times, recipe)

    def hosting_line(self) -> str | None:
        """Return what stands by the hour for the student; a teacher is not tuned elsewhere."""
        return self.student.hosting_line()

    def hosting_paid_usd(self) -> float | None:
        """Return what has been paid for it."""
        return self.student.hosting_paid_usd()


def _fault(find: FaultFinder, prompt: Prompt, answer: Completion) -> str:
    ends = {"length": "cut at the cap", "blocked": "blocked", "refused": "refused", "error": "failed"}
    return ends.get(answer.stop_reason) or find(prompt, answer.text)


def _teaching_work(
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
