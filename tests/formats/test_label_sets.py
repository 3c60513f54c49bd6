"""Sets of labels as text: what is written is read, and what stands between labels is found or not there."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunecurve.formats.label_sets import find_separator, format_labels, is_within_numbers, parse_labels, split_labels

NAMES = st.text(min_size=1, max_size=12).map(lambda text: " ".join(text.split())).filter(bool)


@given(st.sets(NAMES.filter(lambda name: name.casefold().rstrip(".") != "none"), max_size=6))
def test_every_set_of_labels_is_read_as_it_was_written(labels):
    text = format_labels(labels)
    assert set(parse_labels(text)) == labels
    assert format_labels(parse_labels(text)) == text


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("fire; water", ["fire", "water"]),
        ("water;fire ; water", ["water", "fire"]),
        ("fire\nwater", ["fire", "water"]),
        ("None.", []),
        ("none", []),
        ("", []),
        ("fire; none", ["fire"]),
        (r"a\;b; c", ["a;b", "c"]),
        ("火；水", ["火", "水"]),
        ("red, green", ["red, green"]),
    ],
)
def test_answers_are_read_as_people_write_them(text, labels):
    assert parse_labels(text) == labels


@pytest.mark.parametrize(
    ("texts", "separator"),
    [
        (["fire", "water", "fire; water"], ";"),
        (["fire", "water", "fire|water|noise", "noise"], "|"),
        (["fire", "fire, water", "noise, water", "noise"], ","),
        (["fire", "fire/water", "water"], "/"),
        (["a\nb", "b", "a"], "\n"),
        (["fire、water", "fire", "water"], "、"),
        (["fire，water", "fire", "water"], "，"),
        (["fire؛ water", "fire", "water"], "؛"),
        (["1,5; 2,5", "1,5; 3,5", "2,5", "1,5"], ";"),
        (["3,17", "3,9", "9,17"], ","),  # by the word of their user
        (["red, green", "blue, white"], ""),
        (["Food, drinks", "Clothes"], ""),
        (["fire", "water"], ""),
        (["fire; water", "noise; smoke"], ";"),
        ([], ""),
    ],
)
def test_what_stands_between_labels_is_seen_in_the_data(texts, separator):
    assert find_separator(texts) == separator


def test_where_nobody_asked_for_sets_a_sign_alone_is_no_separator():
    assert find_separator(["Dear all; hello", "yes; no"], is_asked=False) == ""
    assert find_separator(["fire; water", "fire", "water"], is_asked=False) == ";"


def test_parts_are_labels_once():
    assert split_labels(" a |b|| a", "|") == ["a", "b"]
    assert split_labels("a|b", "") == ["a|b"]


@pytest.mark.parametrize(
    ("texts", "sign", "is_number"),
    [
        (["0,5", "1,0"], ",", True),
        (["-0,5 %", "1.500,25"], ",", True),
        (["1,234,567"], ",", True),
        (["0,5", "a, b"], ",", False),
        (["1,2,3"], ",", False),
        (["1, 2"], ",", False),
        (["1/4", "05/06/2024"], "/", True),
        (["1/2/3/4"], "/", False),
        (["1;5"], ";", False),
        (["15"], ",", False),
    ],
)
def test_signs_within_numbers_are_told_from_those_between_them(texts, sign, is_number):
    assert is_within_numbers(texts, sign) is is_number
