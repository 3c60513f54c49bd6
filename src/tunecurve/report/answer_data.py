"""The answers explorer's JSON block: every text once, rows by number. Not made where row texts are to be kept out of the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2.utils import htmlsafe_json_dumps

from tunecurve.errors import TunecurveError
from tunecurve.report.answer_lines import TrialAnswers
from tunecurve.results.model import Results
from tunecurve.storage.records import Record
from tunecurve.study.frozen import read_frozen

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
    n_rows = len(answered[0].lines)
    wrong_in = [
        sum(one.lines[row].is_wrong for one in answered if one.trial.strategy != "floor") for row in range(n_rows)
    ]
    chosen, texts = _chosen_rows(sorted(range(n_rows), key=lambda row: -wrong_in[row]), answered)
    numbers = {text: number for number, text in enumerate(texts)}
    first = answered[0].lines
    return AnswerData(
        texts=texts,
        places=_places(folder, chosen),
        rows=[(numbers[first[row].input], numbers[first[row].target], row + 1) for row in chosen],
        trials=[_trial(one, chosen, numbers) for one in answered],
        n_rows=n_rows,
        labels=sorted(results.labels),
        are_classes=any(metric.name == "class_recall" for metric in results.metrics),
        has_leaks=any(metric.name.startswith("leak_") for metric in results.metrics),
    )


def _places(folder: Path, chosen: Sequence[int]) -> list[str]:
    """Return where the rows stand in the data, as the study froze it; nothing where the file cannot be read any more."""
    try:
        frozen = read_frozen(folder)
    except TunecurveError:
        frozen = None
    return [frozen.test[row].place if frozen and row < len(frozen.test) else "" for row in chosen]


def _chosen_rows(order: Sequence[int], answered: Sequence[TrialAnswers]) -> tuple[list[int], list[str]]:
    """Return the rows that fit, in their order in the test set, and all their texts, each once."""
    left, chosen, texts = MOST_BYTES, [], dict[str, None]()
    for row in order:
        lines = [one.lines[row] for one in answered]
        own = dict.fromkeys([lines[0].input, lines[0].target, *(line.prediction for line in lines)])
        new = [text for text in own if text not in texts]
        if sum(map(len, new)) > left:  # escaped it is no shorter
            continue
        size = sum(len(htmlsafe_json_dumps(text)) + 2 for text in new) + 12 * len(lines)
        if size <= left:
            left -= size
            chosen.append(row)
            texts |= dict.fromkeys(new)
    return sorted(chosen), list(texts)


def _trial(one: TrialAnswers, chosen: Sequence[int], numbers: dict[str, int]) -> TrialView:
    lines = [one.lines[row] for row in chosen]
    trial = one.trial
    seed = f", seed {trial.seed}" if trial.strategy in ("few-shot", "fine-tune") and trial.seed else ""
    return TrialView(
        name=one.point_name + seed,
        learner=trial.learner,
        strategy=trial.strategy,
        n=trial.train_size,
        seed=trial.seed,
        answers=[numbers[line.prediction] for line in lines],
        wrong=[place for place, line in enumerate(lines) if line.is_wrong],
        leaking=[(place, line.n_leaked) for place, line in enumerate(lines) if line.n_leaked],
        stopped=[(place, line.stop_reason) for place, line in enumerate(lines) if line.stop_reason != "end"],
    )
