import subprocess
import sys

import numpy as np
import pytest

from tunecurve.curve.bootstrap import bootstrap_scores, row_multiplicities
from tunecurve.errors import SpecError
from tunecurve.metrics.base import Metric, corpus_score, statistics_matrix
from tunecurve.metrics.catalogue import METRIC_NAMES, build_metrics
from tunecurve.metrics.recall import BY_LABEL, RecallByLabel
from tunecurve.metrics.settings import MetricSettings
from tunecurve.tasks.lookup import TASK_NAMES, all_tasks, task_of

LABELS = {
    "masking": ["NAME", "CITY"],
    "classification": ["refund", "top up", "card"],
    "multilabel": ["fire", "water", "noise"],
    "ner": ["person", "place"],
    "extraction": ["who", "when.day"],
}
# Rows of each task: predictions, references, sources.
ROWS = {
    "masking": (
        ["[NAME] ran to [CITY]", "Bo ran to 5550100", "", "<NAME> came", "[CITY] [DOG] well", "[NAME] Quist came"],
        [
            "[NAME] ran to [CITY]",
            "[NAME] ran to [CITY]",
            "[NAME] sat",
            "[NAME] came",
            "[NAME] sleeps well",
            "[NAME] came",
        ],
        ["Bo ran to Rome", "Bo ran to 555 0100", "Li sat", "Li came", "Ann sleeps well", "Ann Quist came"],
    ),
    "classification": (
        ["refund", "card", "refund", "no idea", "top up"],
        ["refund", "refund", "top up", "card", "top up"],
        ["a", "b", "c", "d", "e"],
    ),
    "ner": (
        ["person: Ada", "none", "place: York", "there is Ada", "person: Bo; place: Rome"],
        ["person: Ada", "place: Rome", "place: New York", "person: Ada", "none"],
        ["a", "b", "c", "d", "e"],
    ),
    "multilabel": (
        ["fire; water", "fire", "none", "noise; water", "a dragon"],
        ["water; fire", "fire; noise", "none", "water", "fire"],
        ["a", "b", "c", "d", "e"],
    ),
    "extraction": (
        ['{"who": "Ann"}', '{"who": "Bo", "when": {"day": 2}}', "no idea", '{"who": ["Cleo", "Bo"]}', '{"when": {}}'],
        [
            '{"who": " Ann"}',
            '{"when": {"day": 2}, "who": "Li"}',
            '{"who": "Li"}',
            '{"who": ["Bo"]}',
            '{"when": {"day": 4}}',
        ],
        ["a", "b", "c", "d", "e"],
    ),
    "summarization": (
        ["the cat sat", "curves are learned here", "", "nothing at all", "police kill the gunman"],
        ["the cats sat", ("learning curves", "curves that we learn here"), "a b", "something", "police killed him"],
        ["a", "b", "c", "d", "e"],
    ),
    "generation": (
        ["the cat sat on the mat", "b", "", "nothing at all", "two words"],
        [("the cat sat on a mat", "a cat on the mat"), "b", "a b", "something", ("two words", "three")],
        ["a", "b", "c", "d", "e"],
    ),
}
CASES = [(task.name, name) for task in all_tasks() for name in task.metrics]


# Asked for by name, where the targets of a generation are SQL; see test_sql.py.
OF_SQL = {"sql_exact", "sql_execution", "sql_failing", "sql_too_much"}


def test_every_metric_belongs_to_a_task_but_those_of_queries():
    assert {name for _, name in CASES} | OF_SQL == set(METRIC_NAMES)
    assert not OF_SQL & {name for _, name in CASES}


@pytest.mark.parametrize("task", TASK_NAMES)
def test_each_task_has_a_headline_another_metric_under_it_and_knows_its_recall_by_label(task):
    names, recall = task_of(task).metrics, task_of(task).recall_metric
    assert task_of(task).second_metric in names[1:]
    assert bool(recall) == (task in LABELS)
    if recall:
        assert recall in names
        assert isinstance(build_metrics([recall], MetricSettings(LABELS[task]))[0], RecallByLabel)


@pytest.mark.parametrize(("task", "name"), CASES)
def test_bootstrap_draws_are_the_scores_of_resampled_rows(task, name):
    (metric,) = build_metrics([name], MetricSettings(LABELS.get(task, ())))
    predictions, references, sources = ROWS[task]
    multiplicities = row_multiplicities(len(sources), 40, seed=1)
    draws = bootstrap_scores(statistics_matrix(metric, predictions, references, sources), multiplicities, metric.score)
    assert draws.shape == (40,)
    assert np.ptp(draws[np.isfinite(draws)]) > 0
    for counts, draw in zip(multiplicities.astype(int), draws, strict=True):
        resampled = [np.repeat(np.array(column, dtype=object), counts) for column in (predictions, references, sources)]
        assert corpus_score(metric, *resampled) == pytest.approx(draw, nan_ok=True)


@pytest.mark.parametrize(("task", "name"), CASES)
def test_every_metric_keeps_the_contract(task, name):
    (metric,) = build_metrics([name], MetricSettings(LABELS.get(task, ())))
    assert isinstance(metric, Metric)
    assert metric.name == name
    # sacrebleu writes its own signature, in which the metric has no name.
    assert metric.signature.startswith("nrefs:1|" if name in ("bleu", "chrf") else f"{name}|")
    predictions, references, sources = ROWS[task]
    statistics = statistics_matrix(metric, predictions, references, sources)
    scores = metric.score(np.stack([statistics, 3 * statistics]))
    assert scores.shape == (2, len(sources))
    assert np.nanmin(scores) >= metric.score_range[0]
    assert np.nanmax(scores) <= metric.score_range[1] + 1e-9


def test_an_unknown_metric_is_refused_with_a_suggestion():
    with pytest.raises(SpecError, match="rougeL"):
        build_metrics(["rougel"])


def test_libraries_are_imported_when_the_first_row_is_scored():
    code = (
        "import sys; from tunecurve.metrics.catalogue import METRIC_NAMES, build_metrics; build_metrics(METRIC_NAMES);"
        "sys.exit(str({'rouge_score', 'nltk', 'sklearn', 'sacrebleu', 'rapidfuzz'} & set(sys.modules) or ''))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == ""


def test_what_counts_by_label_is_known_by_its_name():
    by_label = set()
    for name in TASK_NAMES:
        settings = MetricSettings(labels=tuple(LABELS.get(name, ())))
        by_label |= {
            m.name for m in build_metrics(list(task_of(name).metrics), settings) if isinstance(m, RecallByLabel)
        }
    assert by_label == BY_LABEL
