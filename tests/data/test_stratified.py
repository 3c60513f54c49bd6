"""Stratified draws: small sizes hold all labels, and larger ones begin with the smaller."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from tunecurve.data.split import stratified_order


@given(st.lists(st.lists(st.sampled_from("abcde"), max_size=3), max_size=60), st.randoms(use_true_random=False))
def test_every_row_is_drawn_once(labels, random):
    order = list(range(len(labels)))
    random.shuffle(order)
    assert sorted(stratified_order(order, labels)) == list(range(len(labels)))


def test_classes_are_even_where_the_data_can_be():
    labels = [["rare"]] * 5 + [["common"]] * 200 + [["other"]] * 50
    drawn = [labels[position][0] for position in stratified_order(list(range(255)), labels)]
    assert Counter(drawn[:15]) == {"rare": 5, "common": 5, "other": 5}
    assert Counter(drawn[:45])["common"] == Counter(drawn[:45])["other"] == 20


def test_labels_of_rows_with_several_are_covered_first():
    labels = [["a", "b"], ["a"], ["a"], ["c"], []]
    first = stratified_order([1, 2, 0, 3, 4], labels)[:3]
    assert {label for position in first for label in labels[position] or [""]} >= {"b", "c", ""}
