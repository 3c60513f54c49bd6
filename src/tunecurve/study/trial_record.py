"""result.json of a trial as classes, and the statistics of its rows: what is scored once is read ever after."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tunecurve.data.rows import Row
from tunecurve.learners.base import TrainingRecord
from tunecurve.metrics.base import FloatArray, Metric, signature_for
from tunecurve.own_code import is_reference
from tunecurve.storage.files import write_bytes
from tunecurve.storage.records import LEFT_OUT_IF_NONE, Record
from tunecurve.storage.versions import difference
from tunecurve.study.answer_report import AnswerSummary
from tunecurve.study.found_instruction import Optimisation
from tunecurve.study.losses import TrialLoss
from tunecurve.study.trial_folder import RESULT, STATISTICS, TrialFolder

MOVE_AWAY = "move the trial's folder away and run the same command, which measures it again"


@dataclass(frozen=True)
class TrainingScores(Record):
    """Mean scores on rows that the models were tuned on."""

    n_rows: int
    scores: dict[str, float | None]


@dataclass(frozen=True)
class KeptStatistics(Record):
    """What statistics.npy holds: the columns of each metric, side by side."""

    columns: dict[str, int]
    sha256: str


@dataclass(frozen=True)
class TrialRecord(Record):
    """What a finished trial measured."""

    scores: Mapping[str, float | None]
    metric_signatures: dict[str, str]
    answers: AnswerSummary
    training: TrainingRecord | None
    training_scores: TrainingScores | None
    cost_usd: float | None
    """0 for models that are not paid for, None where a price is unknown."""
    answer_seconds: float
    loss: TrialLoss | None
    optimisation: Optimisation | None = field(default=None, metadata=LEFT_OUT_IF_NONE)
    statistics: KeptStatistics | None = field(default=None, metadata=LEFT_OUT_IF_NONE)
    made_by: dict[str, str] | None = field(default=None, metadata=LEFT_OUT_IF_NONE)
    files: dict[str, str] | None = field(default=None, metadata=LEFT_OUT_IF_NONE)


def keep_statistics(folder: TrialFolder, statistics: Mapping[str, FloatArray]) -> KeptStatistics:
    """Write the statistics of a trial's rows, and return what result.json says of them."""
    buffer = io.BytesIO()
    np.save(buffer, np.hstack(list(statistics.values())), allow_pickle=False)
    write_bytes(folder.path / STATISTICS, buffer.getvalue())
    columns = {name: matrix.shape[1] for name, matrix in statistics.items()}
    return KeptStatistics(columns, hashlib.sha256(buffer.getvalue()).hexdigest())


def stored_statistics(
    folder: TrialFolder, record: TrialRecord, signatures: Mapping[str, str]
) -> dict[str, FloatArray] | None:
    """Return the statistics of a trial's rows as they were when it was scored; None where they must be computed anew.

    That is where the program or a metric is another than then, or the file is not what was written.
    """
    kept = record.statistics
    if kept is None or record.metric_signatures != signatures or difference(record.made_by) is not None:
        return None
    try:
        content = (folder.path / STATISTICS).read_bytes()
    except OSError:
        return None
    if hashlib.sha256(content).hexdigest() != kept.sha256:
        return None
    ends = np.cumsum(list(kept.columns.values()))[:-1]
    parts = np.hsplit(np.load(io.BytesIO(content), allow_pickle=False), ends)
    return dict(zip(kept.columns, parts, strict=True))


def signatures_of(metrics: Sequence[Metric], rows: Sequence[Row]) -> dict[str, str]:
    """Return by name what makes scores on these rows comparable."""
    return {metric.name: signature_for(metric, [row.references for row in rows]) for metric in metrics}


def stored_result(folder: TrialFolder, signatures: Mapping[str, str]) -> TrialRecord:
    """Return a finished trial's result.

    Scores that only its model could give again are None where a metric of the user's own has changed since.
    """
    record = TrialRecord.from_json(folder.result(), f"'{folder.path / RESULT}'", MOVE_AWAY)
    lost = _lost_scores(record.metric_signatures, signatures)
    if not lost:
        return record
    answers, on_training_rows = record.answers, record.training_scores
    as_given, unwrapped = (
        scores and {**scores, **lost} for scores in (answers.scores_as_given, answers.scores_unwrapped)
    )
    return replace(
        record,
        answers=replace(answers, scores_as_given=as_given, scores_unwrapped=unwrapped),
        training_scores=on_training_rows and replace(on_training_rows, scores={**on_training_rows.scores, **lost}),
    )


def stored_checkpoints(folder: TrialFolder, signatures: Mapping[str, str]) -> list[Mapping[str, Any]]:
    """Return the scores of a provider's checkpoints; None where a metric of the user's own has changed since the trial."""
    scored = folder.provider_checkpoints()
    lost = _lost_scores(folder.result()["metric_signatures"], signatures) if scored else {}
    return [{**checkpoint, "scores": {**checkpoint["scores"], **lost}} for checkpoint in scored]


def _lost_scores(then: Mapping[str, str], signatures: Mapping[str, str]) -> dict[str, None]:
    """Return None for every metric of the user's own that has changed since."""
    return {name: None for name, now in signatures.items() if is_reference(name) and then.get(name) != now}
