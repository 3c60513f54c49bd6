"""Two routes to one number: our formulas over counts and scikit-learn's own scores."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score

from tunecurve.formats.label_sets import format_labels
from tunecurve.metrics.base import corpus_score
from tunecurve.metrics.catalogue import build_metrics
from tunecurve.metrics.classification import Accuracy, BalancedAccuracy, ClassRecall, MacroF1
from tunecurve.metrics.settings import MetricSettings

CLASSES = ("card lost", "refund", "top up", "Refund", "never seen")
GOLD = st.sampled_from(CLASSES[:4])
ANSWER = st.one_of(GOLD, st.sampled_from(["", "I think it is a refund", "REFUND", "never seen"]))
ROWS = st.lists(st.tuples(ANSWER, GOLD), min_size=1, max_size=30)


def score(metric, predictions, references):
    return corpus_score(metric(CLASSES), predictions, references, predictions)


@given(ROWS)
@settings(max_examples=100, deadline=None)
def test_scores_are_scikit_learns(rows):
    predictions, references = [p for p, _ in rows], [r for _, r in rows]
    # What is no class is a class of its own to scikit-learn, unless it is told which classes count.
    occurring = [label for label in CLASSES if label in predictions or label in references]
    macro_f1 = f1_score(references, predictions, labels=occurring, average="macro", zero_division=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of predicted classes that gold lacks
        balanced = balanced_accuracy_score(references, predictions)
    assert score(Accuracy, predictions, references) == pytest.approx(100 * accuracy_score(references, predictions))
    assert score(MacroF1, predictions, references) == pytest.approx(100 * macro_f1)
    assert score(BalancedAccuracy, predictions, references) == pytest.approx(100 * balanced)


@given(st.lists(st.tuples(GOLD, GOLD), min_size=1, max_size=30))
@settings(max_examples=50, deadline=None)
def test_macro_f1_is_scikit_learns_default_where_every_answer_is_a_class(rows):
    predictions, references = [p for p, _ in rows], [r for _, r in rows]
    expected = f1_score(references, predictions, average="macro")
    assert score(MacroF1, predictions, references) == pytest.approx(100 * expected)


def test_answers_count_by_exact_text_outer_whitespace_aside():
    assert score(Accuracy, [" refund\n"], ["refund"]) == 100
    assert score(Accuracy, ["Refund"], ["refund"]) == 0
    assert score(Accuracy, ["refund."], ["refund"]) == 0


def test_rows_of_a_class_outside_the_set_are_not_dropped():
    assert score(Accuracy, ["refund", "refund", "unheard of"], ["refund", "unheard of", "unheard of"]) == pytest.approx(
        100 / 3
    )


def test_always_the_largest_class_has_a_good_accuracy_and_bad_balance():
    predictions, references = ["refund"] * 10, ["refund"] * 9 + ["top up"]
    assert score(Accuracy, predictions, references) == 90
    assert score(BalancedAccuracy, predictions, references) == 50


def test_recall_by_class():
    recall = ClassRecall(CLASSES)
    rows = [("refund", "refund"), ("", "refund"), ("refund", "top up"), ("card lost", "card lost ")]
    summed = sum(recall.statistics(prediction, reference, "") for prediction, reference in rows)
    assert recall.by_label(summed) == {"card lost": (100.0, 1), "refund": (50.0, 2), "top up": (0.0, 1)}
    assert recall.score(summed) == 50


@pytest.mark.parametrize("metric", [Accuracy, MacroF1, BalancedAccuracy, ClassRecall])
def test_nothing_to_score_is_not_a_number(metric):
    nothing = np.zeros_like(metric(CLASSES).statistics("", "refund", ""))
    assert np.isnan(metric(CLASSES).score(nothing))


def test_the_signature_names_the_classes():
    assert MacroF1(["a", "b"]).signature != MacroF1(["a", "c"]).signature
    assert MacroF1(["b", "a "]).signature == MacroF1(["a", "b"]).signature


def test_classes_that_stand_in_test_rows_alone_are_missed_in_means_over_classes():
    gold = ["a", "a", "b", "c", "c", "new", "new", "other"]
    answers = ["a", "b", "b", "c", "a", "a", "new", "no class at all"]
    known = MetricSettings(("a", "b", "c"), ("new", "other"))
    # What is no class that can be answered predicts none: `new` and the text, all the same, are wrong.
    read = [answer if answer in known.labels else "-" for answer in answers]
    occurring = ["a", "b", "c", "new", "other"]
    warnings.simplefilter("ignore")  # that "-" is no class of the gold ones
    expected = {
        "macro_f1": 100 * f1_score(gold, read, labels=occurring, average="macro", zero_division=0),
        "balanced_accuracy": 100 * balanced_accuracy_score([*gold], [*read]),
    }
    for name, score in expected.items():
        (metric,) = build_metrics([name], known)
        rows = [metric.statistics(answer, right, "") for answer, right in zip(answers, gold, strict=True)]
        assert metric.score(np.sum(rows, axis=0)) == pytest.approx(score)
        (without,) = build_metrics([name], MetricSettings(("a", "b", "c")))
        assert without.signature != metric.signature
        right = np.sum([metric.statistics(one, one, "") for one in gold], axis=0)
        assert metric.score(right) == pytest.approx(60.0)  # three of five classes can be answered


def test_labels_and_fields_of_test_rows_alone_are_in_their_means():
    sets = [("a", "a"), ("b", format_labels({"a", "new"})), ("a", "b")]
    for known in (("a", "b"), ("a", "b", "new")):
        (metric,) = build_metrics(["label_macro_f1"], MetricSettings(known, () if "new" in known else ("new",)))
        rows = [metric.statistics(answer, right, "") for answer, right in sets]
        assert metric.score(np.sum(rows, axis=0)) == pytest.approx(100 * (0.5 + 0 + 0) / 3)
    (metric,) = build_metrics(["field_macro_f1"], MetricSettings(("size",), ("colour",)))
    found = metric.statistics('{"size": 1}', '{"size": 1, "colour": "red"}', "")
    assert metric.score(found) == pytest.approx(50.0)
