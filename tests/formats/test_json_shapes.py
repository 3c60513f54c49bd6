"""What objects look like, as rows show it: keys, types, nesting, closed sets only where they are evident."""

import json

import pytest

from tunecurve.formats.json_shapes import JsonShape, shape_of_paths, shape_of_targets

INTENTS = ["Play", "Book", "Rate"]


def rows(n, **more):
    return [
        ({"intent": INTENTS[number % 3], "slots": {"name": f"thing {number}"}, **more}, f"a thing {number}")
        for number in range(n)
    ]


def shape(found):
    return shape_of_targets([(json.dumps(value), source) for value, source in found])


def test_keys_types_and_nesting_are_those_of_the_rows():
    found = shape([({"a": 1, "b": {"c": ["x"]}}, ""), ({"a": "one", "d": True}, "")])
    for value in ({"a": 2.5}, {"a": "two"}, {"b": {"c": []}}, {"b": {"c": ["y", "z"]}}, {"d": False}, {}):
        assert found.has(value), value
    for value in (
        {"e": 1},
        {"a": None},
        {"a": True},
        {"b": {"c": [1]}},
        {"b": {"x": 1}},
        {"b": []},
        {"d": 1},
        [],
        "a",
        None,
    ):
        assert not found.has(value), value


@pytest.mark.parametrize(("n", "is_closed"), [(6, False), (18, False), (21, True), (60, True)])
def test_a_set_is_closed_from_twenty_rows_on(n, is_closed):
    found = shape(rows(n))
    assert found.has({"intent": "Sing", "slots": {}}) is not is_closed
    assert found.has({"intent": "Play", "slots": {"name": "anything"}})
    assert found.has({"intent": "Play"}) is not is_closed  # slots are always there


def test_a_value_seen_once_leaves_the_set_open():
    assert shape([*rows(60), ({"intent": "Search", "slots": {}}, "")]).has({"intent": "Sing", "slots": {}})


def test_values_that_are_copied_from_the_text_are_no_closed_set():
    copied = [
        ({"city": ("Bonn", "Graz")[number % 2]}, f"to {('Bonn', 'Graz')[number % 2]} please") for number in range(40)
    ]
    named = [({"city": value["city"]}, "to the same place") for value, _ in copied]
    assert shape(copied).has({"city": "Lyon"})
    assert not shape(named).has({"city": "Lyon"})


def test_many_values_are_no_closed_set():
    many = [({"colour": f"colour {number % 15}"}, "") for number in range(45)]
    assert shape(many).has({"colour": "another"})


def test_a_key_that_one_row_lacks_may_be_missing():
    assert shape([*rows(40), ({"intent": "Play"}, "")]).has({"intent": "Play"})


def test_one_row_with_another_schema_adds_to_it():
    found = shape([*rows(30), ({"error": "no idea", "intent": ["Play"]}, "")])
    assert found.has({"error": "none", "intent": "Play"})
    assert found.has({"intent": ["x"]})
    assert found.has({"intent": "Play", "slots": {"name": "x"}})


def test_what_is_no_object_shows_nothing():
    found = shape_of_targets([("[1]", ""), ("nothing", ""), ('{"a": 1', ""), ('{"a": 1}', "")])
    assert found == shape([({"a": 1}, "")])
    assert shape_of_targets([]) == JsonShape()


@pytest.mark.parametrize("n", [1, 7, 30])
def test_a_shape_is_written_and_read(n):
    for found in (
        shape(rows(n, deep={"list": [{"x": 1}, [], "y"]}, flag=None)),
        shape_of_paths(["a.b", "c\\.d"]),
        JsonShape(),
    ):
        assert JsonShape.from_json(json.loads(json.dumps(found.to_json()))) == found


def test_paths_lead_into_objects_and_lists_of_such():
    found = shape_of_paths(["intent", "slots.name", "slots.when\\.at"])
    for value in (
        {"intent": 1, "slots": {"name": "x"}},
        {"slots": [{"name": None}, {"when.at": ["y", True]}]},
        {"slots": {}},
    ):
        assert found.has(value), value
    for value in ({"other": 1}, {"slots": {"intent": 1}}, {"slots": {"when": {"at": 1}}}):
        assert not found.has(value), value
