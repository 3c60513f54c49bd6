"""What a test set can show, from wherever something is known of it: a study, its rows alone, a run's results, or bare points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace

from tunecurve.curve.answer import CurveAnswer
from tunecurve.metrics.base import Metric
from tunecurve.metrics.catalogue import build_metrics
from tunecurve.results.model import Results
from tunecurve.results.points import ScoredPoint
from tunecurve.results.records.points import MetricResult
from tunecurve.results.records.test_set import Basis, NextRows, TestDifference, TestSet, TestSetAnswer
from tunecurve.results.test_set.basis import KnownRows, borrowed_entries, known_rows, leaks_of
from tunecurve.results.test_set.entries import Questions, TestRows, difference_entry, leak_entry, measured_entries
from tunecurve.results.test_set.next_rows import RowsInHand, weigh_rows
from tunecurve.spec.study import AdviceSpec, StudySpec
from tunecurve.study.dataset import StudyData
from tunecurve.study.row_groups import groups_of


def questions_of(spec: StudySpec, difference: float | None = None, leak_bound: float | None = None) -> Questions:
    """Return what a study's test rows should show: what is asked for, else the gain that matters to the study."""
    usual = Questions(level=spec.bootstrap.level)
    return replace(
        usual, difference=difference or spec.advice.delta or usual.difference, leak_bound=leak_bound or usual.leak_bound
    )


def describe_test_set(
    known: KnownRows,
    points: Sequence[ScoredPoint],
    metrics: Sequence[Metric],
    forecast: Mapping[str, CurveAnswer],
    spec: StudySpec,
    questions: Questions,
) -> TestSet:
    """Return what results.json says of the test set.

    Parameters
    ----------
    known : KnownRows
        The rows and the floor.
    points : sequence of ScoredPoint
        All of the study; differences rest on them as soon as a learner has two sizes, until then on what is borrowed.
    metrics : sequence of Metric
        The headline metric first; it and the one that it can hide get entries.
    forecast : mapping
        Of the headline metric, by learner; with prices, what it takes to weigh test rows against training rows.
    spec : StudySpec
        Its prices.
    questions : Questions
        What the rows should show.
    """
    shown = [metric for metric in metrics if metric.name in (metrics[0].name, spec.kind.second_metric)]
    entries = measured_entries(points, shown, known.rows, questions) or borrowed_entries(known, shown, questions)
    in_hand = RowsInHand(known.rows.n_rows, known.n_pool)
    return TestSet(
        known.rows.n_rows,
        known.rows.n_groups,
        questions.level,
        entries,
        leaks_of(known, questions),
        _next_rows(entries, forecast, metrics[0], in_hand, spec.advice, questions),
    )


def _next_rows(
    entries: Sequence[TestDifference],
    forecast: Mapping[str, CurveAnswer],
    metric: Metric | MetricResult,
    rows: RowsInHand,
    advice: AdviceSpec,
    questions: Questions,
) -> list[NextRows]:
    """Return what would show each learner's gain in the headline metric."""
    weighed = [
        weigh_rows(forecast[entry.learner], entry, metric.sign, rows, advice, questions)
        for entry in entries
        if entry.metric == metric.name and entry.learner is not None and entry.learner in forecast
    ]
    return [item for item in weighed if item is not None]


def test_set_of_rows(spec: StudySpec, data: StudyData, questions: Questions) -> TestSetAnswer:
    """Return what the rows of a study can show before anything is measured."""
    metrics = build_metrics(spec.metric_names, data.metric_settings)
    known = known_rows(spec, data, metrics, groups_of(spec, data))
    test_set = describe_test_set(known, [], metrics, {}, spec, questions)
    return TestSetAnswer(test_set, data.findings, metrics[0].name)


def test_set_of_run(results: Results, questions: Questions) -> TestSetAnswer:
    """Return what a run can show, with other questions asked of its test set."""
    about, kept = results.about_test_set, results.test_set
    rows = TestRows(kept.n_rows, kept.n_groups)
    names = [one.name for one in fields(Basis)]
    entries = [
        difference_entry(entry.noises, rows, questions, Basis(*(getattr(entry, name) for name in names)))
        for entry in kept.differences
    ]
    in_hand, advice = RowsInHand(rows.n_rows, results.data.n_pool), results.study.advice
    next_rows = _next_rows(entries, results.forecast, results.metric(), in_hand, advice, questions)
    leaks = kept.leaks and leak_entry(
        kept.leaks.n_judged, kept.leaks.n_groups, kept.leaks.effective_groups, rows, questions
    )
    return replace(about, test_set=TestSet(rows.n_rows, rows.n_groups, questions.level, entries, leaks, next_rows))
