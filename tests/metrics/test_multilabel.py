"""Scores of sets of labels are scikit-learn's; labels that nobody knows count against an answer."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score, recall_score
from sklearn.preprocessing import MultiLabelBinarizer

from tunecurve.formats.label_sets import format_labels
from tunecurve.metrics.base import corpus_score, statistics_matrix
from tunecurve.metrics.multilabel import LabelMacroF1, MicroF1, RecallOfLabels, SubsetAccuracy

LABELS = ("fire", "noise", "smoke", "water")
SETS = st.lists(st.sets(st.sampled_from(LABELS), max_size=4), min_size=1, max_size=25)


def score(metric, predicted, gold):
    texts = [format_labels(one) for one in predicted]
    return corpus_score(metric(LABELS), texts, [format_labels(one) for one in gold], [""] * len(gold))


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_scores_are_those_of_scikit_learn(data):
    gold = data.draw(SETS)
    predicted = data.draw(
        st.lists(st.sets(st.sampled_from(LABELS), max_size=4), min_size=len(gold), max_size=len(gold))
    )
    binarizer = MultiLabelBinarizer(classes=LABELS).fit([LABELS])
    truth, answers = binarizer.transform(gold), binarizer.transform(predicted)
    assert score(SubsetAccuracy, predicted, gold) == pytest.approx(100 * accuracy_score(truth, answers))
    occurring = np.flatnonzero((truth | answers).any(axis=0))
    if len(occurring):
        assert score(MicroF1, predicted, gold) == pytest.approx(100 * f1_score(truth, answers, average="micro"))
        macro = f1_score(truth, answers, average="macro", labels=occurring, zero_division=0)
        assert score(LabelMacroF1, predicted, gold) == pytest.approx(100 * macro)
    else:
        assert np.isnan(score(MicroF1, predicted, gold))
    if truth.any():
        assert score(RecallOfLabels, predicted, gold) == pytest.approx(
            100 * recall_score(truth, answers, average="micro")
        )


def test_an_invented_label_costs_precision_and_the_whole_set():
    assert score(MicroF1, [{"fire", "dragon"}], [{"fire"}]) == pytest.approx(100 * 2 / 3)
    assert score(SubsetAccuracy, [{"fire", "dragon"}], [{"fire"}]) == 0
    assert score(LabelMacroF1, [{"fire", "dragon"}], [{"fire"}]) == 100


def test_a_label_that_only_the_test_rows_have_counts_as_missed():
    assert score(MicroF1, [{"fire"}], [{"fire", "flood"}]) == pytest.approx(100 * 2 / 3)
    assert score(MicroF1, [{"fire", "flood"}], [{"fire", "flood"}]) == 100


@pytest.mark.parametrize("answer", ["water; fire", "fire;water", "fire\nwater", " water ;fire; water "])
def test_order_blanks_and_repeats_do_not_matter(answer):
    for metric in (MicroF1, LabelMacroF1, SubsetAccuracy, RecallOfLabels):
        assert corpus_score(metric(LABELS), [answer], ["fire; water"], [""]) == 100


def test_no_label_is_an_answer_like_any_other():
    assert score(SubsetAccuracy, [set(), {"fire"}], [set(), set()]) == 50


def test_recall_by_label():
    metric = RecallOfLabels(LABELS)
    rows = statistics_matrix(metric, ["fire", "none", "water; fire"], ["fire; water", "fire", "water"], [""] * 3)
    assert metric.by_label(rows.sum(axis=0)) == {"fire": (50.0, 2), "water": (50.0, 2)}
