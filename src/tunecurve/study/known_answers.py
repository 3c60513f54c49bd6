"""Two known answers, scored on a study's own test rows before anything is trained.

The right answers themselves must reach every metric's best and leak nothing, through the metrics alone and through each
learner's tokens, answer cap and decoding, or tags and rendering. The copied input must leak every document that has
values, and have no label right. Where they do not, the findings say which rows, which step, and what to do; a metric
that is blind, or a ceiling far below the best, forbids the claims that would rest on it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from tunecurve.data.labels import levelled
from tunecurve.data.rows import Row
from tunecurve.findings import Claim, Finding
from tunecurve.learners.base import RoundTrip
from tunecurve.metrics.base import FloatArray, Metric
from tunecurve.metrics.leak_names import LEAKS, counts_leaks
from tunecurve.storage.records import Record
from tunecurve.study.answer_report import row_statistics
from tunecurve.tasks.base import Task
from tunecurve.wording import first_of, told_apart

# Shares of a metric's range. Below the first one, scores are the same but for rounding; above the second one, what is
# missing is more than the noise of labels and intervals, and nothing may be said that rests on it.
SMALLEST_SHORTFALL, MOST_SHORTFALL = 1e-6, 0.05


@dataclass(frozen=True)
class Check(Record):
    """A known answer, scored on the test rows."""

    answer: Literal["targets", "input"]
    """The right answers, or the inputs copied."""
    learner: str | None
    """What the answers went through; null: the metrics alone."""
    n_lost: int
    """Answers that did not come back as they should."""
    scores: dict[str, float | None]
    """By metric."""


@dataclass
class KnownAnswers:
    """What the known answers showed."""

    findings: list[Finding] = field(default_factory=list)
    """What is not as it should be."""
    checks: list[Check] = field(default_factory=list)
    """What was scored."""


def check_known_answers(
    task: Task,
    metrics: Sequence[Metric],
    rows: Sequence[Row],
    trips: Mapping[str, RoundTrip],
    labels: Sequence[str] = (),
) -> KnownAnswers:
    """Score the right answers, also as they come back from learners, and the copied inputs."""
    found = KnownAnswers()
    scorer = _Scorer(metrics, rows)
    right = scorer.matrices([row.target for row in rows])
    copied = scorer.matrices([row.source for row in rows])
    _check_metrics(found, scorer, right, _rows_of_no_class(task, rows, labels), labels)
    _check_copy(found, scorer, copied, task)
    for name, trip in trips.items():
        _check_trip(found, scorer, right, name, trip)
    return found


class _Scorer:
    """Scores texts as answers to the test rows."""

    def __init__(self, metrics: Sequence[Metric], rows: Sequence[Row]) -> None:
        self.metrics, self.rows = metrics, rows
        self.by_name = {metric.name: metric for metric in metrics}

    def matrices(self, texts: Sequence[str]) -> dict[str, FloatArray]:
        """Return every metric's statistics, shape (rows, d)."""
        return row_statistics(self.rows, texts, self.metrics)

    def scores(self, matrices: Mapping[str, FloatArray]) -> dict[str, float]:
        """Return every metric's score."""
        return {metric.name: float(metric.score(matrices[metric.name].sum(axis=0))) for metric in self.metrics}

    def places(self, rows: Sequence[int]) -> tuple[str, ...]:
        """Return where rows stand."""
        return tuple(self.rows[row].place for row in rows if self.rows[row].place)

    def rows_below_best(self, metric: Metric, matrix: FloatArray) -> list[int]:
        """Return the rows that alone do not reach the best score; rows that the metric does not judge aside."""
        alone = np.asarray(metric.score(matrix))
        return [int(row) for row in np.flatnonzero(np.abs(alone - metric.best_score) > 1e-6)]


def shortfall(metric: Metric, score: float) -> float:
    """Return how far a score lies from the best, as a share of the metric's range; NaN where it is undefined."""
    low, high = metric.score_range
    return abs(metric.best_score - score) / (high - low)


def _rows_of_no_class(task: Task, rows: Sequence[Row], labels: Sequence[str]) -> dict[int, str]:
    """Return the rows whose class is none that the study knows, with it; none where targets are no classes."""
    classes = {number: task.class_of(row.target).strip() for number, row in enumerate(rows)}
    return {number: name for number, name in classes.items() if labels and name and name not in labels}


def _check_metrics(
    found: KnownAnswers,
    scorer: _Scorer,
    right: Mapping[str, FloatArray],
    unknown: Mapping[int, str],
    labels: Sequence[str],
) -> None:
    """Note what the right answers score, by the metrics alone; rows of classes that are not known have none."""
    scores = scorer.scores(right)
    n_lost = 0
    out_of_reach: list[tuple[Metric, float, list[int], tuple[Claim, ...]]] = []
    for number, metric in enumerate(scorer.metrics):
        score = scores[metric.name]
        if math.isnan(score):
            found.findings += _undefined(metric, is_headline_metric=number == 0)
            continue
        missing = shortfall(metric, score)
        if missing <= SMALLEST_SHORTFALL:
            continue
        rows = scorer.rows_below_best(metric, right[metric.name])
        n_lost = max(n_lost, len(rows))
        blocks = _claims_on(metric, missing, is_headline_metric=number == 0)
        if rows and unknown.keys() >= set(rows):
            out_of_reach.append((metric, score, rows, blocks))
            continue
        text = (
            f"the right answers themselves score {score:.1f} {metric.title}, not {metric.best_score:g}: the metric does "
            f"not see {_of_all(rows, scorer)} as right"
        )
        remedy = (
            f"go by {_one_that_sees(scorer, scores)}, or mend these rows: {metric.title} cannot show a perfect model"
        )
        is_aside = number > 0 and not counts_leaks(metric.name) and missing <= MOST_SHORTFALL
        found.findings.append(Finding("blind-metric", text, remedy, scorer.places(rows), blocks, is_note=is_aside))
    found.findings += _out_of_reach(out_of_reach, unknown, scorer, labels)
    found.checks.append(_described("targets", None, n_lost, scores))


def _one_that_sees(scorer: _Scorer, scores: Mapping[str, float]) -> str:
    """Return a metric of the study by which the right answers are right, with its option; another one where none is."""
    for metric in scorer.metrics:
        is_right = shortfall(metric, scores[metric.name]) <= SMALLEST_SHORTFALL  # NaN is not
        if is_right and not counts_leaks(metric.name):
            return f"{metric.title}, which does (--metric {metric.name})"
    return "another metric, with --metric"


def _out_of_reach(
    scores: Sequence[tuple[Metric, float, list[int], tuple[Claim, ...]]],
    unknown: Mapping[int, str],
    scorer: _Scorer,
    labels: Sequence[str],
) -> list[Finding]:
    """Return that no model can reach the best, as test rows have classes that the study does not know: once for all metrics."""
    if not scores:
        return []
    rows = sorted({row for _, _, own, _ in scores for row in own})
    told = ", ".join(f"{score:.1f} {metric.title}" for metric, score, _, _ in scores)
    names = sorted({unknown[row] for row in rows})
    text = (
        f"a perfect model would score {told} here, not {scores[0][0].best_score:g}: {_of_all(rows, scorer)} test "
        f"rows have a class that is not among the study's: {first_of(told_apart(names), 8)}"
    )
    remedy = "label training rows of these classes, or leave these test rows out; where prompt.labels is given, name them there"
    known = {levelled(label): label for label in labels}
    if alike := [f"'{name}' ('{known[levelled(name)]}')" for name in names if levelled(name) in known]:
        remedy = f"write {first_of(alike, 3)} as the training rows do" + (
            f"; {remedy}" if len(alike) < len(names) else ""
        )
    blocks = tuple(dict.fromkeys(claim for *_, own in scores for claim in own))
    return [Finding("blind-metric", text, remedy, scorer.places(rows), blocks)]


def _undefined(metric: Metric, *, is_headline_metric: bool) -> list[Finding]:
    blocks: tuple[Claim, ...] = ("verdict",) if is_headline_metric else ("leaks",) if metric.name == LEAKS else ()
    if not blocks:
        return []
    text = f"{metric.title} is undefined on these test rows: none of them has anything that it counts"
    return [Finding("undefined-metric", text, "check the targets, or go by another metric with --metric", (), blocks)]


def _claims_on(metric: Metric, missing: float, *, is_headline_metric: bool) -> tuple[Claim, ...]:
    """Return the claims that rest on a metric which misses this share of its range."""
    if missing <= MOST_SHORTFALL:
        return ()
    claims: list[Claim] = ["verdict"] if is_headline_metric else []
    return (*claims, "leaks") if counts_leaks(metric.name) else tuple(claims)


def _of_all(rows: Sequence[int], scorer: _Scorer) -> str:
    return f"{len(rows)} of {len(scorer.rows)}"


def _check_copy(found: KnownAnswers, scorer: _Scorer, copied: Mapping[str, FloatArray], task: Task) -> None:
    """Note what the copied inputs score: they must leak, and have no label right."""
    blind: list[int] = []
    if task.leak_metric in scorer.by_name:
        blind = _rows_that_do_not_leak(found, scorer, copied, task.leak_metric)
    name = task.nothing_right
    scores = scorer.scores(copied)
    if name in scores and scores[name] > 0:
        metric = scorer.by_name[name]
        rows = [int(row) for row in np.flatnonzero(np.asarray(metric.score(copied[name])) > 0)]
        text = (
            f"copying the input has {scores[name]:.1f} {metric.title}: the answer of {_of_all(rows, scorer)} test rows stands "
            "in their inputs as it is"
        )
        remedy = "check --input-column and --target-column: nothing has to be learnt to answer these rows"
        blocks: tuple[Claim, ...] = ("verdict",) if scores[name] > 100 * MOST_SHORTFALL else ()
        found.findings.append(Finding("copy-is-right", text, remedy, scorer.places(rows), blocks))
    found.checks.append(_described("input", None, len(blind), scores))


def _rows_that_do_not_leak(
    found: KnownAnswers, scorer: _Scorer, copied: Mapping[str, FloatArray], name: str
) -> list[int]:
    alone = np.asarray(scorer.by_name[name].score(copied[name]))
    judged = np.flatnonzero(~np.isnan(alone))
    blind = [int(row) for row in judged if alone[row] < 100.0]
    if blind:
        text = (
            f"copying the input, values and all, leaks nothing in {len(blind)} of {len(judged)} documents with values, as "
            "the leak metric sees it"
        )
        remedy = "read these rows: how their values are written is not seen, so no leak of theirs would be counted"
        is_blind = len(blind) > MOST_SHORTFALL * len(judged)
        blocks: tuple[Claim, ...] = ("leaks",) if is_blind else ()
        found.findings.append(Finding("blind-leaks", text, remedy, scorer.places(blind), blocks))
    unseen = [int(row) for row in np.flatnonzero(np.isnan(alone)) if _differs(scorer.rows[int(row)])]
    if len(unseen) > MOST_SHORTFALL * len(scorer.rows):
        text = (
            f"{_of_all(unseen, scorer)} test targets differ from their inputs, and no placeholder is seen in them: their "
            "values are not counted"
        )
        blocks = ("leaks",)
        found.findings.append(
            Finding("unseen-values", text, "check how they are masked", scorer.places(unseen), blocks)
        )
    return blind


def _differs(row: Row) -> bool:
    return "".join(row.source.split()) != "".join(row.target.split())


def _check_trip(
    found: KnownAnswers, scorer: _Scorer, right: Mapping[str, FloatArray], name: str, trip: RoundTrip
) -> None:
    """Note what the right answers score as they come back from one learner."""
    if trip.texts == [row.target for row in scorer.rows]:
        found.checks.append(_described("targets", name, 0, scorer.scores(right)))
        return
    back = scorer.matrices(trip.texts)
    scores, perfect = scorer.scores(back), scorer.scores(right)
    changed = {int(row) for key, matrix in back.items() for row in np.flatnonzero(np.any(matrix != right[key], axis=1))}
    lost = [row for loss in trip.losses for row in loss.rows if row in changed]
    found.checks.append(_described("targets", name, len(changed), scores))
    headline_metric = scorer.metrics[0]
    missing = shortfall(headline_metric, scores[headline_metric.name]) - shortfall(
        headline_metric, perfect[headline_metric.name]
    )
    leaks = scores.get(LEAKS, 0.0) - perfect.get(LEAKS, 0.0)
    if not changed or not (missing > SMALLEST_SHORTFALL or leaks > 0):
        return
    blocks: list[Claim] = ["verdict"] if missing > MOST_SHORTFALL else []
    if leaks > 100 * MOST_SHORTFALL:
        blocks.append("leaks")
    text = (
        f"{name}: a perfect model would score {scores[headline_metric.name]:.1f} {headline_metric.title} here, not "
        f"{headline_metric.best_score:g}"
    )
    text += f" ({leaks:.1f} % of the documents would leak)" if leaks > 0 else ""
    seen = [(loss, n) for loss in trip.losses if (n := len(changed & set(loss.rows)))]
    reasons = [f"{n} of {len(scorer.rows)} {loss.text}" for loss, n in seen]
    text += f": {'; '.join(reasons)}" if reasons else f": {len(changed)} answers do not come back as they are"
    remedy = "; ".join(dict.fromkeys(loss.remedy for loss, _ in seen if loss.remedy))
    places = scorer.places(lost or sorted(changed))
    found.findings.append(Finding("ceiling", text, remedy, places, tuple(blocks), learner=name))


def _described(
    answer: Literal["targets", "input"], learner: str | None, n_lost: int, scores: Mapping[str, float]
) -> Check:
    defined = {name: None if math.isnan(score) else score for name, score in scores.items()}
    return Check(answer, learner, n_lost, defined)
