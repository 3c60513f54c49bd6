"""Scores of objects: fields as scikit-learn counts labels, whole objects, and answers that are none."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score
from sklearn.preprocessing import MultiLabelBinarizer

from tunecurve.metrics.base import corpus_score, statistics_matrix
from tunecurve.metrics.extraction import (
    ExactObject,
    FieldF1,
    FieldMacroF1,
    FieldPrecision,
    FieldRecall,
    RecallOfFields,
    ValidJson,
)

PATHS = ("intent", "slots.artist", "slots.year")
OBJECTS = st.builds(
    lambda intent, slots: {"intent": intent, "slots": slots},
    st.sampled_from(["play", "stop"]),
    st.dictionaries(st.sampled_from(["artist", "year"]), st.sampled_from([1999, "Ann", "Bo"]), min_size=1, max_size=2),
)


def score(metric, predicted, gold):
    metric = metric() if metric in (ExactObject, ValidJson) else metric(PATHS)
    return corpus_score(metric, predicted, gold, [""] * len(gold))


def leaves(value):
    return {("intent", value["intent"]), *((f"slots.{key}", repr(item)) for key, item in value["slots"].items())}


@settings(max_examples=60, deadline=None)
@given(pairs=st.lists(st.tuples(OBJECTS, OBJECTS), min_size=1, max_size=20))
def test_fields_are_counted_as_scikit_learn_counts_labels(pairs):
    answers, truth = ([leaves(one) for one in side] for side in zip(*pairs, strict=True))
    binarizer = MultiLabelBinarizer().fit([*answers, *truth])
    predicted, gold = binarizer.transform(answers), binarizer.transform(truth)
    texts = [[json.dumps(one) for one in side] for side in zip(*pairs, strict=True)]
    gold, predicted = (np.column_stack([side, np.zeros(len(side), dtype=int)]) for side in (gold, predicted))
    assert score(FieldF1, *texts) == pytest.approx(100 * f1_score(gold, predicted, average="micro"))
    assert score(FieldPrecision, *texts) == pytest.approx(100 * precision_score(gold, predicted, average="micro"))
    assert score(FieldRecall, *texts) == pytest.approx(100 * recall_score(gold, predicted, average="micro"))
    assert score(ExactObject, *texts) == pytest.approx(100 * accuracy_score(gold, predicted))
    by_path = []
    for path in PATHS:
        columns = [n for n, (name, _) in enumerate(binarizer.classes_) if name == path]
        if columns:  # with a column of nothing, because scikit-learn takes a single column for two classes
            sides = [np.column_stack([side[:, columns], np.zeros(len(side), dtype=int)]) for side in (gold, predicted)]
            by_path.append(f1_score(*sides, average="micro", zero_division=0))
    assert score(FieldMacroF1, *texts) == pytest.approx(100 * np.mean(by_path))


def test_an_answer_that_is_no_object_has_no_field():
    gold = ['{"intent": "play", "slots": {"year": 1999}}'] * 2
    answers = [gold[0], 'Here you are: {"intent": "play"}']
    assert score(ValidJson, answers, gold) == 50
    assert score(FieldRecall, answers, gold) == 50
    assert score(FieldPrecision, answers, gold) == 100
    assert score(ExactObject, answers, gold) == 50


def test_nothing_right_is_0_and_not_undefined():
    assert score(FieldPrecision, ["no"], ['{"intent": "play"}']) == 0
    assert score(FieldF1, ["no"], ['{"intent": "play"}']) == 0


def test_a_field_that_no_training_row_has_counts():
    assert score(FieldF1, ['{"intent": "play", "mood": 1}'], ['{"intent": "play"}']) == pytest.approx(100 * 2 / 3)


@pytest.mark.parametrize(
    "answer", ['{"b": [2, 1], "a": "x"}', '{\n "a" : " x ",\n "b": [1, 2]}', '{"a":"x","b":[1.0,2],"c":null}']
)
def test_order_blanks_and_nulls_do_not_matter(answer):
    gold = '{"a": "x", "b": [1, 2]}'
    for metric in (ExactObject(), FieldF1(["a", "b"]), FieldMacroF1(["a", "b"]), RecallOfFields(["a", "b"])):
        assert corpus_score(metric, [answer], [gold], [""]) == 100


def test_items_of_a_list_count_as_often_as_they_are_there():
    metric = RecallOfFields(["tags"])
    rows = statistics_matrix(metric, ['{"tags": ["a", "b"]}'], ['{"tags": ["a", "a", "c"]}'], [""])
    assert metric.by_label(rows.sum(axis=0)) == {"tags": (pytest.approx(100 / 3), 3)}


@pytest.mark.parametrize(
    ("answer", "points"),
    [
        ('{"a": 1, "a": 2}', 0),  # the last value is right, the first is not
        ('{"a": 2, "a": 1}', 0),  # and the other way round
        ('{"a": 2, "b": {"c": 1, "c": 3}}', 0),
        ('{"a": 2, "a": 2}', 100),
    ],
)
def test_an_answer_that_gives_a_key_two_values_is_no_object(answer, points):
    for metric in (ValidJson(), ExactObject(), FieldF1(["a"]), FieldPrecision(["a"]), FieldMacroF1(["a"])):
        assert corpus_score(metric, [answer], ['{"a": 2}'], [""]) == points, metric.name
    recall = RecallOfFields(["a"])
    rows = statistics_matrix(recall, [answer], ['{"a": 2}'], [""])
    assert recall.by_label(rows.sum(axis=0)) == {"a": (points, 1)}


@pytest.mark.parametrize(
    ("answer", "truth", "expected"),
    [
        ('{"tags": []}', '{"tags": []}', 100.0),
        ('{"tags": []}', '{"tags": ["a"]}', 0.0),
        ("{}", '{"tags": []}', 0.0),
        ('{"tags": [], "n": 1}', '{"tags": ["a"], "n": 1}', 50.0),
    ],
)
def test_an_empty_list_counts_as_one_item(answer, truth, expected):
    metric = FieldF1(["tags", "n"])
    assert corpus_score(metric, [answer], [truth], [""]) == pytest.approx(expected)
