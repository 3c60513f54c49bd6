"""Running one trial: fit, predict, score; every step is on disk before the next begins.

A trial's folder holds config.json (what determines it), adapter/ and training.json (once trained), predictions.jsonl
(once answered), losses.jsonl (where the learner knows losses) and result.json, written last: its existence means the trial is
done. training.json and result.json hold the checksums of the files that they vouch for, and one of their own. Where another
trial of the study has done the same training already, what it trained is copied.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from tunecurve.data.rows import Row
from tunecurve.errors import DamagedFile, Interrupted
from tunecurve.formats.wrappers import SAFE_TO_CLEAN
from tunecurve.learners.answers import USUAL_CLEANING, Cleaning, answer_stream, predict_answers
from tunecurve.learners.base import Completion, Learner, Pending, TrainingJob, TrainingProgress
from tunecurve.metrics.base import Metric, signature_for
from tunecurve.own_code import is_reference
from tunecurve.storage.files import (
    TEMPORARY,
    GrowingLines,
    flush_to_disk,
    make_folder,
    read_lines,
    read_sealed_json,
    remove_leftovers,
    set_aside,
    sha256_of,
    write_lines,
    write_sealed_json,
)
from tunecurve.storage.versions import difference, made_by
from tunecurve.study.answer_report import (
    can_be_empty,
    refuse_to_score_nothing,
    score_answers,
    summarise_answers,
    with_wrappers,
)
from tunecurve.study.dataset import StudyData
from tunecurve.study.losses import LOSSES, PARTIAL_LOSSES, TrialLoss, measure_losses
from tunecurve.study.plan import PlannedTrial, Trial, training_key
from tunecurve.study.progress import Progress

CONFIG, TRAINING, PARTIAL = "config.json", "training.json", "predictions.partial.jsonl"
PREDICTIONS, RESULT = "predictions.jsonl", "result.json"
CHECKPOINT = "checkpoint.safetensors"
_NOT_OF_THE_MODEL = frozenset(
    {
        CONFIG, TRAINING, PARTIAL, PREDICTIONS, PARTIAL_LOSSES, LOSSES, RESULT, CHECKPOINT, "failure.txt", "attempt.txt",
    }
)  # fmt: skip


def is_finished(folder: Path) -> bool:
    """Return whether the trial in this folder is done."""
    return (folder / RESULT).exists()


@dataclass(frozen=True)
class TrialContext:
    """What all trials of a study share.

    Attributes
    ----------
    planned : list of PlannedTrial
        All trials, cheap ones first.
    data : StudyData
        Frozen rows and prompts.
    learners : dict of str to Learner
        By name, untuned.
    metrics : list of Metric
        All of them are scored; the first is the headline.
    seconds : dict of Trial to float
        About how long each trial takes.
    training_score_rows : int, default 0
        Training rows that a tuned model is scored on, too, if that costs no money.
    """

    planned: Sequence[PlannedTrial]
    data: StudyData
    learners: Mapping[str, Learner]
    metrics: Sequence[Metric]
    seconds: Mapping[Trial, float] = field(default_factory=dict)
    training_score_rows: int = 0

    def learner_of(self, item: PlannedTrial) -> Learner:
        """Return the untuned learner of a trial."""
        return self.learners[item.trial.learner]

    def same_training(self, item: PlannedTrial) -> list[Path]:
        """Return the folders of other trials whose training is the very same; see `plan.training_key`."""
        key = training_key(item.config, self.learner_of(item))
        others = [other for other in self.planned if other is not item] if key is not None else []
        return [other.folder for other in others if training_key(other.config, self.learner_of(other)) == key]


def run_trial(planned: PlannedTrial, context: TrialContext, progress: Progress) -> dict[str, Any] | Pending:
    """Run a trial, or what is left of it, and return its result; `Pending` while its training is done elsewhere.

    Parameters
    ----------
    planned : PlannedTrial
        What to run; its folder is made if need be, and its config written there.
    context : TrialContext
        Rows, learners and metrics. The finished training of another trial is taken over where it is the very same.
    progress : Progress
        Told of every step; its `stop_requested` ends the work early.

    Raises
    ------
    Interrupted
        When a stop was asked for; what is done is kept.
    """
    folder, data, metrics = planned.folder, context.data, context.metrics
    make_folder(folder)
    remove_leftovers(folder)
    write_sealed_json(folder / CONFIG, planned.config)
    learner, training = context.learner_of(planned), None
    if planned.trial.strategy == "fine-tune":
        trained = _train(planned, context, progress)
        if isinstance(trained, Pending):
            return trained
        learner, training = learner.load_tuned(folder), trained
    cleaning = Cleaning.for_targets(planned.config.get("clean", SAFE_TO_CLEAN), [row.target for row in data.pool])
    answers = answer_all(planned.trial, data, learner, folder / PARTIAL, progress, cleaning)
    empty_is_an_answer = not learner.takes_prompts or can_be_empty(data.test)
    if learner.is_paid:
        refuse_to_score_nothing(answers, empty_is_an_answer=empty_is_an_answer)
    write_lines(folder / PREDICTIONS, [_line(data, index, answer) for index, answer in enumerate(answers)])
    loss = _measure_losses(planned, context, learner, progress)
    kept = [name for name in (PREDICTIONS, LOSSES) if (folder / name).exists()]
    result = {
        "scores": score_answers(data.test, answers, metrics),
        "metric_signatures": signatures_of(metrics, data.test),
        "answers": with_wrappers(
            replace(summarise_answers(answers, empty_is_an_answer=empty_is_an_answer), cleaning=cleaning),
            data.test,
            answers,
            metrics,
        ),
        "training": training,
        "training_scores": _score_on_training_rows(planned.trial, context, learner, cleaning),
        "cost_usd": _cost(learner, answers, training),
        "answer_seconds": sum(answer.seconds for answer in answers),
        "made_by": made_by(),
        "loss": loss,
        "files": {name: sha256_of(folder / name) for name in kept},
    }
    write_sealed_json(folder / RESULT, result)
    for done_with in (PARTIAL, PARTIAL_LOSSES, CHECKPOINT):
        (folder / done_with).unlink(missing_ok=True)
    return result


def signatures_of(metrics: Sequence[Metric], rows: Sequence[Row]) -> dict[str, str]:
    """Return by name what makes scores on these rows comparable."""
    return {metric.name: signature_for(metric, [row.references for row in rows]) for metric in metrics}


def stored_result(folder: Path, signatures: Mapping[str, str]) -> dict[str, Any]:
    """Return a finished trial's result.

    Scores that only its model could give again are None where a metric of the user's own has changed since.

    Parameters
    ----------
    folder : Path
        The trial's.
    signatures : mapping of str to str
        From `signatures_of`, of the metrics as they are now.
    """
    result = read_sealed_json(folder / RESULT)
    then = result["metric_signatures"]
    changed = [name for name, now in signatures.items() if is_reference(name) and then.get(name) != now]
    answers, on_training_rows = result["answers"], result.get("training_scores") or {}
    for scores in (on_training_rows.get("scores"), answers.get("scores_as_given"), answers.get("scores_unwrapped")):
        if scores is not None:
            scores.update(dict.fromkeys(changed))
    return result


def training_job(planned: PlannedTrial, data: StudyData) -> TrainingJob:
    """Return what a trial's learner is fine-tuned on, how, and where its model goes."""
    trial = planned.trial
    examples = data.tuning_examples(trial.train_size, trial.seed)
    return TrainingJob(examples, planned.config["recipe"], trial.seed, planned.folder)


def _train(planned: PlannedTrial, context: TrialContext, progress: Progress) -> dict[str, Any] | Pending:
    """Return the record of the trial's training: the one that is there, another trial's, or a new one."""
    if (planned.folder / TRAINING).exists():
        return read_sealed_json(planned.folder / TRAINING)["record"]
    return _take_over(planned, context, progress) or _fine_tune(planned, context, progress)


def _take_over(planned: PlannedTrial, context: TrialContext, progress: Progress) -> dict[str, Any] | None:
    """Copy the tuned model of another trial and its record, and return the record; None where there is none."""
    names = context.learner_of(planned).tuned_files()
    for other in context.same_training(planned) if names else []:
        parts = [other / name for name in names]
        if not (other / TRAINING).exists() or not all(part.exists() for part in parts):
            continue
        progress.message(f"{planned.name}: takes over the training of {other.name}")
        for part in parts:
            if part.is_dir():
                shutil.copytree(part, planned.folder / part.name, dirs_exist_ok=True)
            else:
                shutil.copy2(part, planned.folder / part.name)
        record = read_sealed_json(other / TRAINING)["record"]
        record["taken_from"] = record.get("taken_from") or other.name
        record["cost_usd"] = 0.0 if record.get("cost_usd") is not None else None
        keep_record(planned.folder, record)
        return record
    return None


def _fine_tune(planned: PlannedTrial, context: TrialContext, progress: Progress) -> dict[str, Any] | Pending:
    def on_step(step: TrainingProgress) -> None:
        progress.trained(planned.trial, step)
        if progress.stop_requested:
            raise Interrupted("stopped during training")

    try:
        ended = context.learner_of(planned).fine_tune(training_job(planned, context.data), on_step)
    except DamagedFile as damaged:  # a checkpoint: what it held is trained again, from its beginning
        moved = set_aside(damaged.path)
        progress.message(
            f"{planned.name}: '{damaged.path}' cannot be continued ({damaged.reason}); moved to '{moved}'; trained from the "
            "beginning"
        )
        return _fine_tune(planned, context, progress)
    if isinstance(ended, Pending):
        return ended
    record = asdict(ended.record)
    keep_record(planned.folder, record)
    return record


def keep_record(folder: Path, record: dict[str, Any]) -> None:
    """Write what a training did, once its model is safely on disk: the training is not run again."""
    flush_to_disk(folder)  # training.json says that all of it is there, also after a power cut
    record_now = {"record": record, "made_by": made_by(), "files": _model_files(folder)}
    write_sealed_json(folder / TRAINING, record_now)


def _model_files(folder: Path) -> dict[str, str]:
    """Return the checksums of the files that `fine_tune` left."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name not in _NOT_OF_THE_MODEL]
    return {str(path.relative_to(folder)): sha256_of(path) for path in files if not path.name.endswith(TEMPORARY)}


def answer_all(
    trial: Trial,
    data: StudyData,
    learner: Learner,
    kept_in: Path,
    progress: Progress,
    cleaning: Cleaning = USUAL_CLEANING,
) -> list[Completion]:
    """Return the answers to all test rows; those already in the file `kept_in` are not asked for again, failures are."""
    prompts = data.prompts(trial.shots, trial.seed)
    store = _continue_lines(kept_in, trial, progress, "answers")
    answers = {line["index"]: Completion(**line["answer"]) for line in store.values if "index" in line}
    answers = {index: answer for index, answer in answers.items() if answer.stop_reason != "error"}
    started, tokens_written = time.perf_counter(), 0
    try:
        for index, answer in answer_stream(learner, prompts, set(answers), cleaning=cleaning):
            store.append({"index": index, "answer": asdict(answer)})
            answers[index] = answer
            tokens_written += answer.tokens_out
            speed = tokens_written / max(time.perf_counter() - started, 1e-9)
            progress.answered(trial, len(answers), len(prompts), speed)
            if progress.stop_requested:
                raise Interrupted("stopped during scoring")
    finally:
        store.close()
    return [answers[index] for index in range(len(prompts))]


def _measure_losses(
    planned: PlannedTrial, context: TrialContext, learner: Learner, progress: Progress
) -> TrialLoss | None:
    """Return what `measure_losses` does, with what an earlier start has kept, or a trial of the very same model."""
    folder = planned.folder
    (folder / LOSSES).unlink(missing_ok=True)  # of a start that was killed before its result was written
    if not learner.measures_loss:
        return None
    for other in context.same_training(planned):
        if is_finished(other) and (other / LOSSES).exists():
            shutil.copy2(other / LOSSES, folder / LOSSES)
            loss = TrialLoss.from_json(read_sealed_json(other / RESULT)["loss"], str(other))
            return replace(loss, note=learner.loss_note, loss_seconds=0.0)
    store = _continue_lines(folder / PARTIAL_LOSSES, planned.trial, progress, "losses")
    try:
        return measure_losses(planned.trial, context.data, learner, store, folder, progress)
    finally:
        store.close()


def _continue_lines(kept_in: Path, trial: Trial, progress: Progress, what: str) -> GrowingLines:
    """Open the answers or losses that are there; damaged ones, and all of another version, are made anew."""
    store = GrowingLines(kept_in)
    made_then = next((line["made_by"] for line in store.values if "made_by" in line), None)
    changed = difference(made_then) if store.values else None
    if store.n_damaged:
        progress.message(f"{trial.name}: {store.n_damaged} damaged line(s) in '{kept_in}' are dropped")
    if changed:
        store.close()
        moved = set_aside(kept_in)
        progress.message(f"{trial.name}: its {what} so far are of other versions ({changed}); moved to '{moved}'")
        store = GrowingLines(kept_in)
    if not store.values:
        store.append({"made_by": made_by()})
    return store


def _score_on_training_rows(
    trial: Trial, context: TrialContext, learner: Learner, cleaning: Cleaning
) -> dict[str, Any] | None:
    """Return the scores on the first rows that the model was tuned on: beside the test scores they tell apart a model
    that has not learnt its rows from one that has learnt nothing else."""
    if trial.strategy != "fine-tune" or not context.training_score_rows or learner.is_paid:
        return None
    rows = context.data.training_rows(trial.train_size, trial.seed)[: context.training_score_rows]
    prompts = [context.data.renderer.prompt(row.source) for row in rows]
    answers = predict_answers(learner, prompts, cleaning=cleaning)
    return {"n_rows": len(rows), "scores": score_answers(rows, answers, context.metrics)}


def _cost(learner: Learner, answers: Sequence[Completion], training: dict[str, Any] | None) -> float | None:
    """Return what the trial cost: 0 for models that are not paid for, None where a price is unknown."""
    if not learner.is_paid:
        return 0.0
    parts = [answer.cost_usd for answer in answers if answer.stop_reason != "error" or answer.tokens_in]
    if training is not None:
        parts.append(training.get("cost_usd"))
    parts.append(learner.hosting_paid_usd())
    return None if any(part is None for part in parts) else sum(part for part in parts if part is not None)


def _line(data: StudyData, index: int, answer: Completion) -> dict[str, Any]:
    row = data.test[index]
    line: dict[str, Any] = {"row_id": row.row_id, "input": row.source, "target": row.target}
    if row.other_targets:
        line["other_targets"] = list(row.other_targets)
    line["prediction"] = answer.text
    return line | {key: value for key, value in asdict(answer).items() if key not in ("text", "seconds")}


def stored_predictions(folder: Path) -> list[dict[str, Any]]:
    """Return the lines of a finished trial's predictions.jsonl, in the order of the test rows."""
    return read_lines(folder / PREDICTIONS)
