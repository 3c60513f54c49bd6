"""What a conversion costs: test rows that a trial has answered are answered again, and both answers are scored alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tunecurve.data.rows import Row
from tunecurve.learners.completion import Completion
from tunecurve.metrics.base import Metric
from tunecurve.predictor import Predictor
from tunecurve.prompts import Prompt
from tunecurve.results.model import Results
from tunecurve.results.records.points import MetricResult
from tunecurve.results.records.trials import FinishedTrial
from tunecurve.results.scoring_again import is_the_score, metrics_of
from tunecurve.study.answer_report import text_scores
from tunecurve.study.trial_folder import KeptAnswer, TrialFolder

WHY_NOT_SCORED = (
    "they need the study's data or code, or this version scores answers in another way than the study's did"
)


@dataclass(frozen=True)
class TwoScores:
    """A metric before and after."""

    metric: MetricResult
    before: float
    after: float

    @property
    def line(self) -> str:
        """Both in words."""
        return f"{self.metric.title} {self.before:.1f} before, {self.after:.1f} after"


@dataclass(frozen=True)
class Rescored:
    """What the converted model's answers scored beside the tuned model's, on the same rows."""

    n_rows: int
    n_test: int
    """Rows that were asked, and test rows in all."""
    n_changed: int
    """Answers that are not the same, sign by sign."""
    scores: list[TwoScores]
    """Of all metrics, in the study's order."""
    not_scored: list[str]
    """Titles of metrics that do not give the study's own score for its own answers; see `WHY_NOT_SCORED`."""
    told_first: tuple[str, ...]
    """Names of the headline metric and the second."""

    @property
    def differing(self) -> str:
        """How many answers differ, in words."""
        return f"{self.n_changed} of {self.n_rows} answers {'differs' if self.n_changed == 1 else 'differ'}"

    @property
    def line(self) -> str:
        """The headline metric and the second one in a line, and how many answers differ."""
        told = [score.line for name in self.told_first for score in self.scores if score.metric.name == name]
        rows = "" if self.n_rows == self.n_test else f" (of {self.n_test} test rows; --check-rows)"
        return "; ".join(told) + (": " if told else "") + self.differing + rows


def rescore(
    results: Results,
    trial: FinishedTrial,
    predictor: Predictor,
    answers: Callable[[Sequence[Prompt]], list[Completion]],
    most_rows: int | None,
) -> Rescored:
    """Answer a trial's test rows, at most so many, with a converted model, and score old and new answers."""
    lines = TrialFolder(Path(results.folder or ".") / trial.folder).answers()
    metrics, not_scored = _usable(results, trial, lines)
    chosen = _evenly(lines, most_rows)
    prompts = [predictor.renderer.prompt(line["input"]) for line in chosen]
    before = [line["prediction"] for line in chosen]
    after = [answer.text for answer in predictor.cleaned(prompts, answers(prompts))]
    rows = [_row(line) for line in chosen]
    old_scores, new_scores = (text_scores(rows, texts, list(metrics.values())) for texts in (before, after))
    scores = [
        TwoScores(one, old_scores[one.name], new_scores[one.name]) for one in results.metrics if one.name in metrics
    ]
    n_changed = sum(old != new for old, new in zip(before, after, strict=True))
    told_first = tuple(dict.fromkeys((results.primary_metric, results.second_metric)))
    return Rescored(len(chosen), len(lines), n_changed, scores, not_scored, told_first)


def _usable(results: Results, trial: FinishedTrial, lines: Sequence[KeptAnswer]) -> tuple[dict[str, Metric], list[str]]:
    """Return the metrics that give the trial's scores again, and the titles of the others; blind ones are among neither."""
    may_say = [metric for metric in results.metrics if results.may_say(metric.name, trial.learner)]
    found = metrics_of(results, [metric.name for metric in may_say])
    rows, given = [_row(line) for line in lines], [line["prediction"] for line in lines]
    again = text_scores(rows, given, list(found.values()))
    usable = {name: one for name, one in found.items() if is_the_score(again[name], trial.scores.get(name))}
    return usable, [metric.title for metric in may_say if metric.name not in usable]


def _row(line: KeptAnswer) -> Row:
    return Row(line["input"], line["target"], "")


def _evenly(lines: Sequence[KeptAnswer], most: int | None) -> list[KeptAnswer]:
    if most is None or most >= len(lines):
        return list(lines)
    return [lines[int(index)] for index in np.linspace(0, len(lines) - 1, most).round()]
