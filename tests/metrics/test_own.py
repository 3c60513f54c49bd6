"""A metric of one's own: what it is believed, what is refused, and the code of docs/add-a-metric.md as it is written there."""

import math
import pickle
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunecurve.errors import SpecError
from tunecurve.metrics.base import Metric, corpus_score, signature_for, statistics_matrix
from tunecurve.metrics.exact_match import ExactMatch
from tunecurve.metrics.own import OwnMetric, source_hash, use_metric

PAGE = Path(__file__).parents[2] / "docs" / "add-a-metric.md"
REFERENCE = "my_metrics:mine"


def declared(function, direction="max", score_range=(0, 100)):
    function.direction, function.score_range = direction, score_range
    return OwnMetric(function, REFERENCE)


def code_of_the_page():
    names: dict = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
        exec(block, names)
    return names


def test_the_documented_function_and_class_score_as_the_page_says():
    names = code_of_the_page()
    metric = OwnMetric(names["length_error"], "my_metrics:length_error")
    assert (metric.direction, metric.score_range, metric.title) == ("min", (0.0, 100.0), "Length error")
    assert corpus_score(metric, ["ab", "abcd"], ["abcd", "abcd"], ["", ""]) == 25.0
    metric = OwnMetric(names["NumberF1"], "my_metrics:NumberF1")
    assert metric.title == "NumberF1"
    # Right 2, found 3, wanted 3: not the mean of the rows' own scores, which is (50 + 100) / 2.
    assert corpus_score(metric, ["1 2 a", "3"], ["1 5", "3"], ["", ""]) == pytest.approx(200 * 2 / 6)
    assert math.isnan(corpus_score(metric, ["a"], ["b"], ["c"]))


@given(st.lists(st.floats(0, 100), min_size=1, max_size=20))
def test_a_function_is_averaged(values):
    metric = declared(lambda prediction, reference, source: float(prediction))
    texts = [repr(value) for value in values]
    assert corpus_score(metric, texts, texts, texts) == pytest.approx(np.mean(values))


def test_a_class_is_scored_sum_by_sum():
    """A class's `score` knows one sum; draws of a bootstrap are many."""
    metric = OwnMetric(code_of_the_page()["NumberF1"](), REFERENCE)
    sums = np.array([[[1, 1, 1], [1, 2, 3]], [[0, 1, 1], [0, 0, 0]]], dtype=float)
    expected = np.array([[100, 40], [0, np.nan]])
    np.testing.assert_allclose(metric.score(sums), expected)
    assert metric.score(sums[0, 1]) == 40


def test_a_derived_metric_keeps_what_it_writes():
    class Derived(ExactMatch):
        direction, score_range = "max", (0.0, 100.0)

        def row_weights(self, statistics):
            return np.full(len(statistics), 2.0)

    metric, theirs = OwnMetric(Derived, REFERENCE), Derived()
    rows = (["b", "c"], [("a", " b"), ("a", "b")], ["", ""])
    assert corpus_score(metric, *rows) == corpus_score(theirs, *rows) == 50
    assert signature_for(metric, rows[1]).endswith("|nrefs:2")
    assert metric.row_weights(statistics_matrix(metric, *rows)).tolist() == [2, 2]
    assert signature_for(declared(lambda *texts: 1), rows[1]).endswith("|refs:first")


def raises(prediction, reference, source):
    raise KeyError("two\nlines")


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (raises, r"failed: KeyError: 'two\\nlines'"),
        (lambda *texts: None, r"returned None \(NoneType\); expected a finite number"),
        (lambda *texts: float("nan"), r"returned nan \(float\); expected a finite number"),
        (lambda *texts: np.float32("inf"), r"returned .*inf.*; expected a finite number"),
        (lambda *texts: "0.5", r"returned '0.5' \(str\); expected a finite number"),
        (lambda *texts: [1.0], r"returned \[1.0\] \(list\)"),
        (lambda *texts: 1j, r"returned 1j \(complex\)"),
        (lambda *texts: 100.5, r"returned 100.5, outside its score_range \(0, 100\)"),
        (lambda *texts: -1, r"returned -1, outside its score_range \(0, 100\)"),
        (lambda prediction: 1, r"failed: TypeError: .*takes 1 positional argument"),
    ],
)
def test_what_is_no_number_names_the_row(function, said):
    def on_the_second(prediction, reference, source):
        return function(prediction, reference, source) if prediction == "b" else 1

    metric = declared(on_the_second)
    with pytest.raises(SpecError, match=rf"^metric '{REFERENCE}' {said}.*\(row 2 of 3, rows\.jsonl:7\)$") as told:
        statistics_matrix(metric, list("abc"), list("xyz"), list("pqr"), ["rows.jsonl:6", "rows.jsonl:7", ""])
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    "value", [0, 100, 1, True, np.float32(3.5), np.int64(7), np.bool_(True), np.array(2.5), 100 + 1e-10]
)
def test_every_kind_of_number_is_one(value):
    assert corpus_score(declared(lambda *texts: value), ["a"], ["b"], ["c"]) == pytest.approx(float(value))


def class_with(statistics, score=lambda self, summed: 1.0):
    return type("Mine", (), {"statistics": statistics, "score": score, "direction": "max", "score_range": (0, 100)})


@pytest.mark.parametrize(
    ("own", "said"),
    [
        (class_with(lambda self, p, r, s: "12"), r"statistics returned '12' \(str\)"),
        (class_with(lambda self, p, r, s: []), r"statistics returned \[\]"),
        (class_with(lambda self, p, r, s: None), r"statistics returned None"),
        (class_with(lambda self, p, r, s: [1, None]), r"returned None"),
        (
            class_with(lambda self, p, r, s: [1.0] * len(p)),
            r"returned 2 numbers; expected 1, as for the rows before \(row 2 of 2",
        ),
        (class_with(lambda self, p, r, s: [1], lambda self, summed: None), r"returned None"),
        (class_with(lambda self, p, r, s: [1], lambda self, summed: "1"), r"returned '1'"),
        (class_with(lambda self, p, r, s: [1], lambda self, summed: 101), r"returned 101, outside"),
        (class_with(lambda self, p, r, s: [1], lambda self, summed: 1 / 0), r"failed: ZeroDivisionError"),
    ],
)
def test_a_class_that_returns_no_numbers_is_told_so(own, said):
    with pytest.raises(SpecError, match=said):
        corpus_score(OwnMetric(own, REFERENCE), ["a", "bb"], ["x", "y"], ["", ""])


def bare(prediction, reference, source):
    return 1


class NeedsParameters:
    direction, score_range = "max", (0, 1)

    def __init__(self, beta):
        self.beta = beta

    statistics = score = lambda self, *arguments: [1]


class Inherits(ExactMatch):
    """Says itself neither direction nor range."""


@pytest.mark.parametrize(
    ("own", "direction", "score_range", "said"),
    [
        (bare, None, (0, 1), r'declares no direction; expected "max" or "min", e.g. mine.direction = "max"'),
        (bare, "higher", (0, 1), r"declares direction 'higher' \(str\)"),
        (
            bare,
            "max",
            None,
            r"declares no score_range; expected \(lowest, highest\), finite, e.g. mine.score_range = \(0, 100\)",
        ),
        (bare, "max", (1, 0), "declares score_range"),
        (bare, "max", (0, math.inf), "declares score_range"),
        (bare, "max", (0, 1, 2), "declares score_range"),
        (bare, "max", "01", "declares score_range"),
        (3, "max", (0, 1), r"is 3 \(int\); expected a function"),
        (NeedsParameters, "max", (0, 1), "cannot be made without parameters .*name an object"),
        (Inherits, None, None, "declares no direction"),
    ],
)
def test_what_is_no_metric_is_refused_in_one_line(own, direction, score_range, said):
    if own is bare:
        bare.direction, bare.score_range = direction, score_range
    with pytest.raises(SpecError, match=said) as told:
        OwnMetric(own, REFERENCE)
    assert "\n" not in str(told.value)


def test_a_changed_source_is_another_metric():
    sources = ["return 1", "return 2", "return len(prediction)"]
    hashes = []
    for number, source in enumerate([*sources, sources[0]]):
        names: dict = {}
        exec(f"def f(prediction, reference, source):\n    {source}\n", names)
        hashes.append(source_hash(names["f"]))
        assert number == 0 or hashes[-1] != hashes[number - 1]
    assert hashes[0] == hashes[-1]
    assert source_hash(NeedsParameters(1)) != source_hash(NeedsParameters(2))
    assert source_hash(NeedsParameters(1)) == source_hash(NeedsParameters(1))
    assert source_hash(bare) != source_hash(raises)


def test_an_object_is_known_by_where_it_stands():
    bare.direction, bare.score_range = "max", (0, 1)
    assert use_metric(bare) == f"{__name__}:bare"
    nameless = lambda *texts: 1  # noqa: E731
    nameless.direction, nameless.score_range = "max", (0, 1)
    with pytest.raises(SpecError, match="has no name by which results could tell it; write it with def"):
        use_metric(nameless)
    metric = pickle.loads(pickle.dumps(OwnMetric(bare, f"{__name__}:bare")))  # noqa: S301
    assert isinstance(metric, Metric)
    assert metric.signature == OwnMetric(bare, f"{__name__}:bare").signature
