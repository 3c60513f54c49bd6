"""The answers of a study's trials with what was found in each: read once, for all that the report shows of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tunecurve.errors import TunecurveError
from tunecurve.formats.folding import compose
from tunecurve.formats.placeholders import PlaceholderForm, form_of_decision
from tunecurve.metrics.base import FloatArray
from tunecurve.metrics.leak_names import LEAKING_VALUES, counts_leaks
from tunecurve.metrics.masked_row import analyse_row
from tunecurve.results.model import Results
from tunecurve.results.records.trials import FinishedTrial
from tunecurve.study.frozen import read_frozen
from tunecurve.study.trial_folder import ANSWERS, TrialFolder
from tunecurve.study.trial_record import TrialRecord, stored_statistics

EXACT = "exact_match"


@dataclass(frozen=True)
class AnswerLine:
    """One answer."""

    row_id: str
    input: str
    target: str
    prediction: str
    stop_reason: str
    """As predictions.jsonl keeps them."""
    is_wrong: bool
    """Whether it is another text than the target, outer whitespace aside; where exact matches are a metric, than each right answer."""
    n_leaked: int
    """Values that should have been masked and are not; 0 where the task has no leaks."""


@dataclass(frozen=True)
class TrialAnswers:
    """A finished trial with its answers in the order of the test rows."""

    trial: FinishedTrial
    point_name: str
    lines: list[AnswerLine]


def read_answers(folder: Path, results: Results) -> list[TrialAnswers]:
    """Return the answers of every finished trial of a run folder whose answers are still there."""
    form = leak_form(results)
    labels = {point.key: point.name for point in results.points}
    kept = ((trial, TrialFolder(folder / trial.folder)) for trial in results.finished)
    return [
        TrialAnswers(trial, labels.get(trial.key, trial.name), lines_of(own, form))
        for trial, own in kept
        if own.has(ANSWERS)
    ]


def leak_form(results: Results) -> PlaceholderForm | None:
    """Return how the study's placeholders look; None where no leaks are measured."""
    has_leaks = any(counts_leaks(metric.name) for metric in results.metrics)
    return form_of_decision(results.decided.get("placeholders")) if has_leaks else None


def places_of(folder: Path, rows: Iterable[int]) -> list[str]:
    """Return where test rows stand in the data, as the study froze it; nothing where the file cannot be read any more."""
    try:
        frozen = read_frozen(folder)
    except TunecurveError:
        frozen = None
    return [frozen.test[row].place if frozen and row < len(frozen.test) else "" for row in rows]


def lines_of(folder: TrialFolder, form: PlaceholderForm | None) -> list[AnswerLine]:
    """Return the answers of one trial; without a form, no leaks are looked for."""
    kept = _kept_statistics(folder)
    hits, leaking = kept.get(EXACT), kept.get(LEAKING_VALUES)
    lines = []
    for index, line in enumerate(folder.answers()):
        prediction, target = str(line["prediction"]), str(line["target"])
        is_wrong = not hits[index, 0] if hits is not None else compose(prediction).strip() != compose(target).strip()
        if form is None:
            n_leaked = 0
        elif leaking is not None:
            n_leaked = int(leaking[index, 0])
        else:
            n_leaked = sum(analyse_row(prediction, target, str(line["input"]), form).leaked)
        lines.append(
            AnswerLine(
                str(line["row_id"]),
                str(line["input"]),
                target,
                prediction,
                str(line["stop_reason"]),
                bool(is_wrong),
                n_leaked,
            )
        )
    return lines


def _kept_statistics(folder: TrialFolder) -> dict[str, FloatArray]:
    """Return what the metrics counted in each row when the trial was scored; empty where that is not known any more."""
    try:
        record = TrialRecord.from_json(folder.result(), str(folder))
    except (TunecurveError, OSError):  # of another version, or gone: it is found out anew
        return {}
    found = stored_statistics(folder, record, record.metric_signatures)
    return {} if found is None else {name: np.asarray(matrix) for name, matrix in found.items()}
