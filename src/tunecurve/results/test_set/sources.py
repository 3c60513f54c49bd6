"""What a test set can show, from wherever something is known of it: a study, its rows alone, a run's results, or bare points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tunecurve.curve.power import PairedNoise
from tunecurve.errors import StudyStateError
from tunecurve.metrics.base import Metric
from tunecurve.metrics.catalogue import build_metrics
from tunecurve.results.points import Point
from tunecurve.results.test_set.basis import KnownRows, borrowed_entries, groups_of, known_rows, leaks_of
from tunecurve.results.test_set.next_rows import weigh_rows
from tunecurve.results.test_set.power import Questions, TestRows, difference_entry, leak_entry, measured_entries
from tunecurve.spec.study import AdviceSpec, StudySpec
from tunecurve.study.dataset import StudyData


def questions_of(spec: StudySpec, difference: float | None = None, leak_bound: float | None = None) -> Questions:
    """Return what a study's test rows should show: what is asked for, else the gain that matters to the study."""
    usual = Questions(level=spec.bootstrap.level)
    return replace(
        usual,
        difference=difference or spec.advice.delta or usual.difference,
        leak_bound=leak_bound or usual.leak_bound,
    )


def describe_test_set(
    known: KnownRows,
    points: Sequence[Point],
    metrics: Sequence[Metric],
    second: str,
    forecast: Mapping[str, Mapping[str, Any]],
    advice: AdviceSpec,
    questions: Questions,
) -> dict[str, Any]:
    """Return what results.json says of the test set: ``n_rows``, ``n_groups``, ``differences``, ``leaks``, ``next_rows``.

    Parameters
    ----------
    known : KnownRows
        The rows and the floor.
    points : sequence of Point
        All of the study; differences rest on them as soon as a learner has two sizes, until then on what is borrowed.
    metrics : sequence of Metric
        The headline metric first.
    second : str
        Name of the metric that the headline can hide: it gets entries of its own.
    forecast : mapping
        Of the headline metric, by learner; with prices, what it takes to weigh test rows against training rows.
    advice : AdviceSpec
        Prices.
    questions : Questions
        What the rows should show.
    """
    shown = [metric for metric in metrics if metric.name in (metrics[0].name, second)]
    entries = measured_entries(points, shown, known.rows, questions) or borrowed_entries(known, shown, questions)
    weighed = [
        weigh_rows(
            entry["learner"],
            forecast[entry["learner"]],
            entry,
            metrics[0].direction,
            known.rows.n_rows,
            advice,
            questions,
        )
        for entry in entries
        if entry["metric"] == metrics[0].name and entry["learner"] in forecast
    ]
    return {
        "n_rows": known.rows.n_rows,
        "n_groups": known.rows.n_groups,
        "level": questions.level,
        "differences": entries,
        "leaks": leaks_of(known, questions),
        "next_rows": [item for item in weighed if item is not None],
    }


def test_set_of_rows(spec: StudySpec, data: StudyData, questions: Questions) -> dict[str, Any]:
    """Return what the rows of a study can show before anything is measured; keys as in results.json."""
    metrics = build_metrics(spec.metric_names, data.metric_settings)
    known = known_rows(spec, data, metrics, groups_of(spec, data))
    second = spec.kind.second_metric
    return {
        "primary_metric": metrics[0].name,
        "metrics": [{"name": metric.name, "direction": metric.direction} for metric in metrics],
        "points": [],
        "findings": [finding.to_json() for finding in data.findings],
        "test_set": describe_test_set(known, [], metrics, second, {}, spec.advice, questions),
    }


def test_set_of_run(results: Mapping[str, Any], questions: Questions) -> dict[str, Any]:
    """Return a run's results with other questions asked of its test set.

    Raises
    ------
    StudyStateError
        When the run was made before results.json said anything of the test set.
    """
    kept = results.get("test_set")
    if kept is None:
        raise StudyStateError(
            "results.json was written by an earlier version, which did not measure the noise of the test set; start the study "
            "again with tunecurve run: nothing is trained anew, and its results are written anew"
        )
    rows = TestRows(kept["n_rows"], kept["n_groups"])
    keys = ("basis", "metric", "learner", "sizes", "source")
    entries = [
        difference_entry(
            [PairedNoise(**noise) for noise in entry["noises"]],
            rows,
            questions,
            entry["title"],
            {key: entry[key] for key in keys},
        )
        for entry in kept["differences"]
    ]
    direction = {metric["name"]: metric["direction"] for metric in results["metrics"]}
    advice = AdviceSpec(**results["spec"]["advice"])
    weighed = [
        weigh_rows(name, results["forecast"][name], entry, direction[entry["metric"]], rows.n_rows, advice, questions)
        for entry in entries
        if entry["metric"] == results["primary_metric"] and (name := entry["learner"]) in results["forecast"]
    ]
    leaks = kept["leaks"]
    if leaks:
        leaks = leak_entry(leaks["n_judged"], leaks["n_groups"], leaks["effective_groups"], rows, questions)
    shown = {"differences": entries, "leaks": leaks, "next_rows": [item for item in weighed if item is not None]}
    return {**results, "test_set": {**kept, "level": questions.level, **shown}}
