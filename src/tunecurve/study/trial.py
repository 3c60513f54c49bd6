"""Running one trial: fit, predict, score; every step is on disk before the next begins.

A trial's folder holds config.json (what determines it), adapter/ and training.json (once trained), predictions.jsonl
(once answered), losses.jsonl (where the learner knows losses) and result.json, written last: its existence means the trial is
done. training.json and result.json hold the checksums of the files that they vouch for, and one of their own. Where another
trial of the study has done the same training already, what it trained is copied.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tunecurve.errors import DamagedFile, Interrupted
from tunecurve.learners.answers import USUAL_CLEANING, Cleaning, answer_stream, predict_answers
from tunecurve.learners.base import (
    Completion,
    CostsMoney,
    FineTunable,
    Learner,
    MeasuresLoss,
    PaysByTheHour,
    SharesTraining,
    TrainingProgress,
)
from tunecurve.learners.wrappers import SAFE_TO_CLEAN
from tunecurve.metrics.base import Metric, signature_for
from tunecurve.storage.files import (
    TEMPORARY,
    GrowingLines,
    flush_to_disk,
    make_folder,
    read_lines,
    read_sealed_json,
    set_aside,
    sha256_of,
    write_lines,
    write_sealed_json,
)
from tunecurve.storage.versions import difference, made_by
from tunecurve.study.answer_report import (
    can_be_empty,
    describe_wrappers,
    refuse_to_score_nothing,
    score_answers,
    summarise_answers,
)
from tunecurve.study.dataset import StudyData
from tunecurve.study.losses import LOSSES, PARTIAL_LOSSES, measure_losses
from tunecurve.study.plan import Trial
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


def run_trial(
    trial: Trial,
    config: dict[str, Any],
    data: StudyData,
    learner: Learner,
    metrics: Sequence[Metric],
    folder: Path,
    progress: Progress,
    same_training: Sequence[Path] = (),
    *,
    training_score_rows: int = 0,
) -> dict[str, Any]:
    """Run a trial, or what is left of it, and return its result.

    Parameters
    ----------
    trial, config : Trial, dict
        What to run; `config` is written to the folder.
    data : StudyData
        Frozen rows and prompts.
    learner : Learner
        The untuned learner.
    metrics : sequence of Metric
        All of them are scored.
    folder : Path
        The trial's own folder; made if need be.
    progress : Progress
        Told of every step; its `stop_requested` ends the work early.
    same_training : sequence of Path, default ()
        Folders of other trials whose training is the very same; see `plan.training_key`. A finished one is taken over.
    training_score_rows : int, default 0
        Training rows that a tuned model is scored on, too, if that costs no money.

    Raises
    ------
    Interrupted
        When a stop was asked for; what is done is kept.
    """
    make_folder(folder)
    for leftover in folder.glob(f"*{TEMPORARY}"):  # of a process that was killed while it wrote
        leftover.unlink(missing_ok=True)
    write_sealed_json(folder / CONFIG, config)
    training = None
    if trial.strategy == "fine-tune":
        assert isinstance(learner, FineTunable)
        training = _take_over(trial, learner, folder, same_training, progress)
        training = training or _fine_tune(trial, config, data, learner, folder, progress)
        learner = learner.load_tuned(folder)
    cleaning = Cleaning.for_targets(config.get("clean", SAFE_TO_CLEAN), [row.target for row in data.pool])
    answers = answer_all(trial, data, learner, folder / PARTIAL, progress, cleaning)
    empty_is_an_answer = not learner.takes_prompts or can_be_empty(data.test)
    if isinstance(learner, CostsMoney):
        refuse_to_score_nothing(answers, empty_is_an_answer=empty_is_an_answer)
    write_lines(folder / PREDICTIONS, [_line(data, index, answer) for index, answer in enumerate(answers)])
    loss = _measure_losses(trial, data, learner, folder, progress, same_training)
    kept = [name for name in (PREDICTIONS, LOSSES) if (folder / name).exists()]
    result = {
        "scores": score_answers(data.test, answers, metrics),
        "metric_signatures": {
            metric.name: signature_for(metric, [row.references for row in data.test]) for metric in metrics
        },
        "answers": summarise_answers(answers, empty_is_an_answer=empty_is_an_answer)
        | {"cleaning": cleaning.to_json()}
        | describe_wrappers(data.test, answers, metrics),
        "training": training,
        "training_scores": _score_on_training_rows(trial, data, learner, metrics, training_score_rows, cleaning),
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


def _take_over(
    trial: Trial, learner: Learner, folder: Path, same_training: Sequence[Path], progress: Progress
) -> dict[str, Any] | None:
    """Copy the tuned model of another trial and its record, and return the record; None where there is none."""
    if (folder / TRAINING).exists() or not isinstance(learner, SharesTraining):
        return None
    for other in same_training:
        parts = [other / name for name in learner.tuned_files()]
        if not (other / TRAINING).exists() or not all(part.exists() for part in parts):
            continue
        progress.message(f"{trial.learner} {trial.label}: takes over the training of {other.name}")
        for part in parts:
            if part.is_dir():
                shutil.copytree(part, folder / part.name, dirs_exist_ok=True)
            else:
                shutil.copy2(part, folder / part.name)
        record = read_sealed_json(other / TRAINING)["record"]
        record["taken_from"] = record.get("taken_from") or other.name
        record["cost_usd"] = 0.0 if record.get("cost_usd") is not None else None
        keep_record(folder, record)
        return record
    return None


def _fine_tune(
    trial: Trial, config: dict[str, Any], data: StudyData, learner: FineTunable, folder: Path, progress: Progress
) -> dict[str, Any]:
    if (folder / TRAINING).exists():
        return read_sealed_json(folder / TRAINING)["record"]

    def on_step(step: TrainingProgress) -> None:
        progress.trained(trial, step)
        if progress.stop_requested:
            raise Interrupted("stopped during training")

    examples = data.tuning_examples(trial.train_size, trial.seed)
    try:
        _, record = learner.fine_tune(examples, config["recipe"], seed=trial.seed, folder=folder, on_step=on_step)
    except DamagedFile as damaged:  # a checkpoint: what it held is trained again, from its beginning
        moved = set_aside(damaged.path)
        progress.message(
            f"{trial.learner} {trial.label}: '{damaged.path}' cannot be continued ({damaged.reason}); moved to '{moved}'; "
            "trained from the beginning"
        )
        return _fine_tune(trial, config, data, learner, folder, progress)
    keep_record(folder, asdict(record))
    return asdict(record)


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
    trial: Trial, data: StudyData, learner: Learner, folder: Path, progress: Progress, same_training: Sequence[Path]
) -> dict[str, Any] | None:
    """Return what `measure_losses` does, with what an earlier start has kept, or a trial of the very same model."""
    (folder / LOSSES).unlink(missing_ok=True)  # of a start that was killed before its result was written
    if not isinstance(learner, MeasuresLoss):
        return None
    for other in same_training:
        if is_finished(other) and (other / LOSSES).exists():
            shutil.copy2(other / LOSSES, folder / LOSSES)
            return read_sealed_json(other / RESULT)["loss"] | {"note": learner.loss_note, "loss_seconds": 0.0}
    store = _continue_lines(folder / PARTIAL_LOSSES, trial, progress, "losses")
    try:
        return measure_losses(trial, data, learner, store, folder, progress)
    finally:
        store.close()


def _continue_lines(kept_in: Path, trial: Trial, progress: Progress, what: str) -> GrowingLines:
    """Open the answers or losses that are there; damaged ones, and all of another version, are made anew."""
    store = GrowingLines(kept_in)
    made_then = next((line["made_by"] for line in store.values if "made_by" in line), None)
    changed = difference(made_then) if store.values else None
    if store.n_damaged:
        progress.message(f"{trial.learner} {trial.label}: {store.n_damaged} damaged line(s) in '{kept_in}' are dropped")
    if changed:
        store.close()
        moved = set_aside(kept_in)
        progress.message(
            f"{trial.learner} {trial.label}: its {what} so far are of other versions ({changed}); moved to '{moved}'"
        )
        store = GrowingLines(kept_in)
    if not store.values:
        store.append({"made_by": made_by()})
    return store


def _score_on_training_rows(
    trial: Trial, data: StudyData, learner: Learner, metrics: Sequence[Metric], n_rows: int, cleaning: Cleaning
) -> dict[str, Any] | None:
    """Return the scores on the first rows that the model was tuned on: beside the test scores they tell apart a model
    that has not learnt its rows from one that has learnt nothing else."""
    if trial.strategy != "fine-tune" or not n_rows or isinstance(learner, CostsMoney):
        return None
    rows = data.training_rows(trial.train_size, trial.seed)[:n_rows]
    prompts = [data.renderer.prompt(row.source) for row in rows]
    answers = predict_answers(learner, prompts, cleaning=cleaning)
    return {"n_rows": len(rows), "scores": score_answers(rows, answers, metrics)}


def _cost(learner: Learner, answers: Sequence[Completion], training: dict[str, Any] | None) -> float | None:
    """Return what the trial cost: 0 for models that are not paid for, None where a price is unknown."""
    if not isinstance(learner, CostsMoney):
        return 0.0
    parts = [answer.cost_usd for answer in answers if answer.stop_reason != "error" or answer.tokens_in]
    if training is not None:
        parts.append(training.get("cost_usd"))
    if isinstance(learner, PaysByTheHour):
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
