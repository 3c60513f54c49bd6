"""Running one trial: fit, predict, score; every step is on disk before the next begins.

What lies in a trial's folder: `TrialFolder`. Where another trial of the study has done the same training already, what it
trained is copied.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from statistics import fmean
from typing import TYPE_CHECKING

from tunecurve.data.rows import Row
from tunecurve.errors import DamagedFile
from tunecurve.formats.wrappers import SAFE_TO_CLEAN
from tunecurve.learners.answers import answer_stream
from tunecurve.learners.base import Completion, Decoder, Learner, Pending, TrainingProgress, TrainingRecord
from tunecurve.learners.cleaning import USUAL_CLEANING, Cleaning
from tunecurve.metrics.base import Metric
from tunecurve.prompts import Prompt, held_to_shape
from tunecurve.storage.files import AppendLog
from tunecurve.study.answer_report import (
    can_be_empty,
    refuse_to_score_nothing,
    row_statistics,
    score_answers,
    summarise_answers,
    with_wrappers,
)
from tunecurve.study.chosen_examples import asked_in_trial
from tunecurve.study.dataset import StudyData
from tunecurve.study.found_instruction import Optimisation
from tunecurve.study.losses import AskedRows, TrialLoss, measure_losses
from tunecurve.study.optimising.optimise import found_instruction
from tunecurve.study.optimising.proposals import with_instruction
from tunecurve.study.plan import PlannedTrial, Trial, shape_in, training_job, training_key
from tunecurve.study.progress import Progress
from tunecurve.study.trial_folder import ANSWERS_SO_FAR, LOSSES, LOSSES_SO_FAR, RESULT, TrialFolder
from tunecurve.study.trial_record import MOVE_AWAY, TrainingScores, TrialRecord, keep_statistics, signatures_of

if TYPE_CHECKING:
    from tunecurve.study.within_time import TimeKeeper


@dataclass(frozen=True)
class TrialContext:
    """What all trials of a study share."""

    planned: Sequence[PlannedTrial]
    """All trials."""
    data: StudyData
    """Frozen rows and prompts."""
    learners: Mapping[str, Learner]
    """By name, untuned."""
    metrics: Sequence[Metric]
    """All of them are scored; the first is the headline metric."""
    seconds: Mapping[Trial, float] = field(default_factory=dict)
    """About how long each trial takes."""
    training_score_rows: int = 0
    """Training rows that a tuned model is scored on, too, if that costs no money."""
    proposer: Learner | None = None
    """Who proposes instructions, where models do not propose their own."""
    time: TimeKeeper | None = None
    """Where the study is planned for a time and its trials run one after the other."""

    def learner_of(self, item: PlannedTrial) -> Learner:
        """Return the untuned learner of a trial."""
        return self.learners[item.trial.learner]

    def trainings(self) -> list[str | None]:
        """Return for every trial what is equal where the training is the very same; see `plan.training_key`."""
        return [training_key(item.config, self.learner_of(item)) for item in self.planned]

    def same_training(self, item: PlannedTrial) -> list[TrialFolder]:
        """Return the folders of other trials whose training is the very same; see `plan.training_key`."""
        key = training_key(item.config, self.learner_of(item))
        if key is None:
            return []
        return [other.folder for other in self._by_training.get(key, []) if other is not item]

    @cached_property
    def _by_training(self) -> dict[str | None, list[PlannedTrial]]:
        """The trials by their training: hashed once, not anew for each of them."""
        found: dict[str | None, list[PlannedTrial]] = {}
        for item, key in zip(self.planned, self.trainings(), strict=True):
            found.setdefault(key, []).append(item)
        return found


def run_trial(planned: PlannedTrial, context: TrialContext, progress: Progress) -> TrialRecord | Pending:
    """Run a trial, or what is left of it, and return its result; `Pending` while its training is done elsewhere.

    Parameters
    ----------
    planned : PlannedTrial
        What to run; its folder is made if need be, and its config written there.
    context : TrialContext
        Rows, learners and metrics. The finished training of another trial is taken over where it is the very same.
    progress : Progress
        Told of every step; its `cancellation` ends the work early.

    Raises
    ------
    Interrupted
        When a stop was asked for; what is done is kept.
    """
    folder, data, metrics = planned.folder, context.data, context.metrics
    folder.begin(planned.config)
    learner, training = context.learner_of(planned), None
    learner.make_ready(_listener(planned, progress))
    if planned.trial.strategy == "fine-tune":
        trained = _train(planned, context, progress)
        if isinstance(trained, Pending):
            return trained
        learner, training = learner.load_tuned(folder.path), trained
    cleaning = Cleaning.for_targets(planned.config.get("clean", SAFE_TO_CLEAN), [row.target for row in data.pool])
    found = _find_instruction(planned, context, cleaning, progress)
    if found is not None:
        data = replace(data, renderer=with_instruction(data.renderer, found.instruction))
    asked = asked_in_trial(planned, data, learner, progress)
    learnt = _rows_to_score_again(planned, context, learner, training)
    prompts = [*asked.prompts, *_training_prompts(planned, data, learnt)]
    every = answer_all(planned, prompts, learner, ANSWERS_SO_FAR, progress, cleaning)
    if learnt:
        every = _with_equal_times(every)
    answers, of_learnt = every[: len(data.test)], every[len(data.test) :]
    empty_is_an_answer = not learner.takes_prompts or can_be_empty(data.test)
    if not learner.trains_here:
        refuse_to_score_nothing(answers, empty_is_an_answer=empty_is_an_answer)
    folder.keep_answers([_line(data, index, answer) for index, answer in enumerate(answers)])
    asked_rows = AskedRows(context.data, asked.prompts, _kept_aside(training))
    loss = _measure_losses(planned, context, learner, asked_rows, progress)
    statistics = row_statistics(data.test, [answer.text for answer in answers], metrics)
    summary = summarise_answers(answers, empty_is_an_answer=empty_is_an_answer)
    summary = replace(summary, cleaning=cleaning, decoder=_decoder(folder), examples_cut=asked.cut)
    record = TrialRecord(
        scores={metric.name: float(metric.score(statistics[metric.name].sum(axis=0))) for metric in metrics},
        metric_signatures=signatures_of(metrics, data.test),
        answers=with_wrappers(summary, data.test, answers, metrics),
        training=training,
        training_scores=TrainingScores(len(learnt), {**score_answers(learnt, of_learnt, metrics)}) if learnt else None,
        cost_usd=_cost(learner, answers, training, found),
        answer_seconds=sum(answer.seconds for answer in answers),
        loss=loss,
        optimisation=found,
        statistics=keep_statistics(folder, statistics),
    )
    folder.keep_result(record.to_json())
    return record


def _find_instruction(
    planned: PlannedTrial, context: TrialContext, cleaning: Cleaning, progress: Progress
) -> Optimisation | None:
    """Return what instruction the trial asks with, where it is one that is looked for."""
    if planned.trial.strategy != "optimized":
        return None
    learner = context.learner_of(planned)
    proposer = learner if planned.config["optimize"]["proposer"] is None else context.proposer
    assert proposer is not None, "the study builds whom it names"
    return found_instruction(planned, context.data, (learner, proposer), context.metrics[0], cleaning, progress)


def _train(planned: PlannedTrial, context: TrialContext, progress: Progress) -> TrainingRecord | Pending:
    """Return the record of the trial's training: the one that is there, another trial's, or a new one."""
    if planned.folder.is_trained:
        return planned.folder.training()
    return _take_over(planned, context, progress) or _fine_tune(planned, context, progress)


def _take_over(planned: PlannedTrial, context: TrialContext, progress: Progress) -> TrainingRecord | None:
    """Copy the tuned model of another trial and its record, and return the record; None where there is none."""
    names = context.learner_of(planned).tuned_files()
    for other in context.same_training(planned):
        if not planned.folder.copy_model(other, names):
            continue
        progress.message(f"{planned.name}: takes over the training of {other.name}")
        record = other.training()
        cost = None if record.cost_usd is None else 0.0
        record = replace(record, taken_from=record.taken_from or other.name, cost_usd=cost)
        planned.folder.keep_training(record)
        return record
    return None


def _fine_tune(planned: PlannedTrial, context: TrialContext, progress: Progress) -> TrainingRecord | Pending:
    try:
        ended = context.learner_of(planned).fine_tune(training_job(planned, context.data), _listener(planned, progress))
    except DamagedFile as damaged:  # a checkpoint: what it held is trained again, from its beginning
        moved = planned.folder.quarantine(damaged.path)
        progress.message(
            f"{planned.name}: '{damaged.path}' cannot be continued ({damaged.reason}); moved to '{moved}'; trained from the "
            "beginning"
        )
        return _fine_tune(planned, context, progress)
    if isinstance(ended, Pending):
        return ended
    planned.folder.keep_training(ended.record)
    return ended.record


def _listener(planned: PlannedTrial, progress: Progress) -> Callable[[TrainingProgress], None]:
    """Return what a training calls after every step: it tells the step, and raises where a stop was asked for."""

    def on_step(step: TrainingProgress) -> None:
        progress.trained(planned.trial, step)
        progress.cancellation.check("during training")

    return on_step


def answer_all(
    planned: PlannedTrial,
    prompts: Sequence[Prompt],
    learner: Learner,
    log_name: str,
    progress: Progress,
    cleaning: Cleaning = USUAL_CLEANING,
) -> list[Completion]:
    """Return the answers to all prompts; those already in the log are not asked for again, failures are."""
    trial = planned.trial
    store = _open_log(planned, log_name, progress)
    answers = {line["index"]: Completion(**line["answer"]) for line in store.values if "index" in line}
    answers = {index: answer for index, answer in answers.items() if answer.stop_reason != "error"}
    started, tokens_written, decoder = time.perf_counter(), 0, None
    try:
        with closing(answer_stream(learner, prompts, set(answers), cleaning=cleaning)) as stream:
            for index, answer in stream:
                if decoder != learner.decoder:  # known from the first answer on
                    decoder = learner.decoder
                    store.append({"decoder": decoder.to_json() if decoder else None})
                store.append({"index": index, "answer": asdict(answer)})
                answers[index] = answer
                tokens_written += answer.tokens_out
                speed = tokens_written / max(time.perf_counter() - started, 1e-9)
                progress.answered(trial, len(answers), len(prompts), speed)
                progress.cancellation.check("during scoring")
    finally:
        store.close()
    return [answers[index] for index in range(len(prompts))]


def _decoder(folder: TrialFolder) -> Decoder | None:
    """Return which implementation wrote a trial's answers, where there are several; the last one that did."""
    log, _ = folder.open_log(ANSWERS_SO_FAR)
    log.close()
    found = next((line["decoder"] for line in reversed(log.values) if "decoder" in line), None)
    return None if found is None else Decoder(**found)


def _measure_losses(
    planned: PlannedTrial, context: TrialContext, learner: Learner, asked: AskedRows, progress: Progress
) -> TrialLoss | None:
    """Return what `measure_losses` does, with what an earlier start has kept, or a trial of the very same model."""
    folder = planned.folder
    folder.remove(LOSSES)  # of a start that was killed before its result was written
    if not learner.measures_loss:
        return None
    for other in context.same_training(planned):
        if other.is_finished and other.has(LOSSES):
            folder.copy_losses(other)
            loss = TrialRecord.from_json(other.result(), f"'{other.path / RESULT}'", MOVE_AWAY).loss
            return loss and replace(loss, note=learner.loss_note, loss_seconds=0.0)
    store = _open_log(planned, LOSSES_SO_FAR, progress)
    try:
        return measure_losses(planned, asked, learner, store, progress)
    finally:
        store.close()


def _open_log(planned: PlannedTrial, name: str, progress: Progress) -> AppendLog:
    log, said = planned.folder.open_log(name)
    for line in said:
        progress.message(f"{planned.name}: {line}")
    return log


def _kept_aside(training: TrainingRecord | None) -> Collection[int]:
    return (training.kept_aside if training else None) or ()


def _rows_to_score_again(
    planned: PlannedTrial, context: TrialContext, learner: Learner, training: TrainingRecord | None
) -> Sequence[Row]:
    """Return the first rows that the model was tuned on, where it is scored on them, too: beside the test scores they tell
    apart a model that has not learnt its rows from one that has learnt nothing else.

    They are answered with the test rows in one go: a few by themselves take as long as many.
    """
    trial = planned.trial
    if trial.strategy != "fine-tune" or not context.training_score_rows or not learner.trains_here:
        return []
    rows, aside = context.data.training_rows(trial.train_size, trial.seed), _kept_aside(training)
    return [row for number, row in enumerate(rows) if number not in aside][: context.training_score_rows]


def _with_equal_times(answers: Sequence[Completion]) -> list[Completion]:
    """Return answers that were written in the same passes with equal shares of the time: which one waited is chance."""
    seconds = fmean(answer.seconds for answer in answers)
    held = fmean(answer.constraint_seconds for answer in answers)
    return [replace(answer, seconds=seconds, constraint_seconds=held) for answer in answers]


def _training_prompts(planned: PlannedTrial, data: StudyData, rows: Sequence[Row]) -> list[Prompt]:
    return held_to_shape([data.renderer.prompt(row.source) for row in rows], shape_in(planned.config))


def _cost(
    learner: Learner, answers: Sequence[Completion], training: TrainingRecord | None, found: Optimisation | None
) -> float | None:
    """Return what the trial cost: 0 for models that are not paid for, None where a price is unknown."""
    searching = 0.0 if found is None else found.cost_usd
    if not learner.is_paid:
        return searching
    parts = [answer.cost_usd for answer in answers if answer.stop_reason != "error" or answer.tokens_in]
    if training is not None:
        parts.append(training.cost_usd)
    parts += [learner.hosting_paid_usd(), searching]
    return None if any(part is None for part in parts) else sum(part for part in parts if part is not None)


# The text has a name of its own; times differ from run to run.
_NOT_KEPT = frozenset({"text", "seconds", "constraint_seconds"})


def _line(data: StudyData, index: int, answer: Completion) -> dict[str, object]:
    row = data.test[index]
    line: dict[str, object] = {"row_id": row.row_id, "input": row.source, "target": row.target}
    if row.other_targets:
        line["other_targets"] = list(row.other_targets)
    line["prediction"] = answer.text
    return line | {key: value for key, value in asdict(answer).items() if key not in _NOT_KEPT}
