"""The answers explorer's JSON block: every text once, rows by number. Not made where row texts are to be kept out of the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2.utils import htmlsafe_json_dumps

from tunecurve.formats.placeholders import PlaceholderForm
from tunecurve.report.answer_lines import AnswerLine, TrialAnswers, leak_form, places_of
from tunecurve.report.row_faults import RowFaults, faults_of
from tunecurve.results.model import Results
from tunecurve.storage.records import Record

# Bytes of texts, as the page holds them: the page stays below 3 MB.
MOST_BYTES = 2_300_000


@dataclass(frozen=True)
class TrialView(Record):
    """What can be chosen and shown beside others."""

    name: str
    learner: str
    strategy: str
    n: int
    seed: int
    answers: list[int]
    """By row, the number of the text."""
    wrong: list[int]
    """Rows."""
    leaking: list[tuple[int, int]]
    """Rows, and how many values leak."""
    faults: list[tuple[int, RowFaults]]
    """Rows of which a value leaks, in whole or in part, or has another label: which values."""
    stopped: list[tuple[int, str]]
    """Rows whose answer did not end by itself, and how it ended."""


@dataclass(frozen=True)
class AnswerData(Record):
    """All of it."""

    texts: list[str]
    rows: list[tuple[int, int, int]]
    """Numbers of input and target, and the place in the test set, counted from 1."""
    places: list[str]
    """Where each row stands in the data; empty where that is not known."""
    trials: list[TrialView]
    n_rows: int
    """Rows of the test set: those that are not here would make the page too large."""
    labels: list[str]
    are_classes: bool
    has_leaks: bool


def answer_data(folder: Path, results: Results, answers: Sequence[TrialAnswers]) -> AnswerData | None:
    """Return the explorer's data; None where nothing is answered.

    Where all texts are too many bytes, rows come first that most trials answer wrong.
    """
    answered = [one for one in answers if one.lines]
    if not answered:
        return None
    n_rows, form = len(answered[0].lines), leak_form(results)
    wrong_in = [
        sum(one.lines[row].is_wrong for one in answered if one.trial.strategy != "floor") for row in range(n_rows)
    ]
    chosen, texts = _chosen_rows(sorted(range(n_rows), key=lambda row: -wrong_in[row]), answered, form)
    numbers = {text: number for number, text in enumerate(texts)}
    first = answered[0].lines
    return AnswerData(
        texts=texts,
        places=places_of(folder, chosen),
        rows=[(numbers[first[row].input], numbers[first[row].target], row + 1) for row in chosen],
        trials=[_trial(one, chosen, numbers, form) for one in answered],
        n_rows=n_rows,
        labels=sorted(results.labels),
        are_classes=results.are_classes,
        has_leaks=form is not None,
    )


def _chosen_rows(
    order: Sequence[int], answered: Sequence[TrialAnswers], form: PlaceholderForm | None
) -> tuple[list[int], list[str]]:
    """Return the rows that fit, in their order in the test set, and all their texts, each once."""
    left, chosen, texts = MOST_BYTES, [], dict[str, None]()
    for row in order:
        lines = [one.lines[row] for one in answered]
        own = dict.fromkeys([lines[0].input, lines[0].target, *(line.prediction for line in lines)])
        new = [text for text in own if text not in texts]
        if sum(map(len, new)) > left:  # escaped it is no shorter
            continue
        faults = [found.to_json() for line in lines if (found := _faults_of(line, form)) is not None]
        size = sum(len(htmlsafe_json_dumps(text)) + 2 for text in (*new, *faults)) + 12 * len(lines)
        if size <= left:
            left -= size
            chosen.append(row)
            texts |= dict.fromkeys(new)
    return sorted(chosen), list(texts)


def _trial(
    one: TrialAnswers, chosen: Sequence[int], numbers: dict[str, int], form: PlaceholderForm | None
) -> TrialView:
    lines = [one.lines[row] for row in chosen]
    trial = one.trial
    seed = f", seed {trial.seed}" if trial.seed else ""  # 0 where nothing is drawn
    return TrialView(
        name=one.point_name + seed,
        learner=trial.learner,
        strategy=trial.strategy,
        n=trial.train_size,
        seed=trial.seed,
        answers=[numbers[line.prediction] for line in lines],
        wrong=[place for place, line in enumerate(lines) if line.is_wrong],
        leaking=[(place, line.n_leaked) for place, line in enumerate(lines) if line.n_leaked],
        faults=[(place, faults) for place, line in enumerate(lines) if (faults := _faults_of(line, form)) is not None],
        stopped=[(place, line.stop_reason) for place, line in enumerate(lines) if line.stop_reason != "end"],
    )


def _faults_of(line: AnswerLine, form: PlaceholderForm | None) -> RowFaults | None:
    """Return what is wrong with which values of an answer; None where nothing is, or no values are masked."""
    if form is None or not (line.is_wrong or line.n_leaked):
        return None
    faults = faults_of(line.prediction, line.target, line.input, form)
    return faults if faults.said else None
