"""JSON objects: what is the same, and which fields they have."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunecurve.formats.json_objects import fields_of, paths_of, read_object, same, write_object

SCALARS = st.none() | st.booleans() | st.integers(-99, 99) | st.text(max_size=6)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(max_size=4), VALUES, max_size=4)


def shuffled(value):
    if isinstance(value, dict):
        return {key: shuffled(item) for key, item in reversed(value.items())}
    return [shuffled(item) for item in reversed(value)] if isinstance(value, list) else value


@given(OBJECTS)
def test_order_and_blanks_change_nothing(value):
    text = json.dumps(shuffled(value), indent=3)
    assert same(read_object(text), value)
    assert fields_of(read_object(text)) == fields_of(value)
    assert read_object(write_object(value)) == value


@pytest.mark.parametrize(
    ("first", "second", "are_same"),
    [
        ({"a": 1}, {"a": 1.0}, True),
        ({"a": 1}, {"a": True}, False),
        ({"a": 1}, {"a": "1"}, False),
        ({"a": None}, {}, True),
        ({"a": " x  y"}, {"a": "x y "}, True),
        ({"a": "x"}, {"a": "X"}, False),
        ({"a": "é"}, {"a": "é"}, True),
        ({"a": [1, 2, 2]}, {"a": [2, 1, 2]}, True),
        ({"a": [1, 2, 2]}, {"a": [2, 1]}, False),
        ({"a": [{"b": 1, "c": 2}]}, {"a": [{"b": 2, "c": 1}]}, False),
        ({"a": []}, {}, False),
    ],
)
def test_what_is_the_same(first, second, are_same):
    assert same(first, second) is are_same


@pytest.mark.parametrize(
    "text", ["[1]", "1", '"a"', "{", "{'a': 1}", 'Sure: {"a": 1}', '{"a": NaN}', "", "null", "[" * 99_999]
)
def test_what_is_no_object(text):
    assert read_object(text) is None


def test_fields_have_dotted_paths_and_items_of_a_list_share_one():
    value = {
        "intent": "book",
        "slots": {"when": None, "who": ["Ann", "Bo", "Ann"], "v1.2": {}},
        "items": [{"n": 1}, {"n": 2}],
    }
    assert paths_of(value) == ["intent", "slots.who", r"slots.v1\.2", "items.n"]
    assert fields_of(value).total() == 7
    assert max(fields_of(value).values()) == 2


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1, "a": 2}',
        '{"a": 1, "a": "1"}',
        '{"a": 1, "a": null}',
        '{"b": {"a": [1], "a": [2]}}',
        '{"b": [{"a": 1, "a": 2}]}',
    ],
)
def test_an_object_that_gives_a_key_two_values_is_none(text):
    assert read_object(text) is None


@pytest.mark.parametrize("text", ['{"a": 1, "a": 1}', '{"a": 1,\n"b": 2, "a":1}', '{"\\u0061": 1, "a": 1, "b": 2}'])
def test_the_same_key_with_the_same_value_is_one(text):
    assert read_object(text) == ({"a": 1, "b": 2} if "b" in text else {"a": 1})
