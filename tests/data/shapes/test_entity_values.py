"""Entities without offsets: listed once for ner, replaced wherever they stand for masking."""

import pytest

from tests.support.shapes import read_shape
from tunecurve.data.shapes.base import Asked
from tunecurve.data.shapes.registry import recognise
from tunecurve.errors import DataError

TEXT = "Ada Lee left Graz. Ada Lee's Graz."


@pytest.mark.parametrize(
    "cell",
    [
        [{"entity": "Ada Lee", "types": ["name"]}, {"entity": "Graz", "types": ["city"]}],
        "[{'entity': 'Ada Lee', 'types': ['name']}, {'entity': 'Graz', 'types': ['city']}]",
        [{"value": "Ada Lee", "label": "name"}, {"value": "Graz", "label": "city"}],
        [{"text": "Ada Lee", "type": "name"}, {"text": "Graz", "type": "city"}],
        {"name": ["Ada Lee"], "city": ["Graz"]},
        {"name": ["Ada Lee", "Ada Lee"], "city": ["Graz"], "phone": []},
        [["name", "Ada Lee"], ["city", "Graz"]],
        [["Ada Lee", "name"], ["Graz", "city"]],
        "[('Ada Lee', 'name'), ('Graz', 'city')]",
    ],
)
def test_every_dress_gives_the_same_row(cell):
    row = {"uid": "x", "text": TEXT, "entities": cell}
    assert read_shape([row] * 2, task="ner").pairs == [(TEXT, "name: Ada Lee; city: Graz")] * 2
    assert read_shape([row] * 2, task="masking").pairs == [(TEXT, "[NAME] left [CITY]. [NAME]'s [CITY].")] * 2


def test_the_line_says_where_they_are_looked_for():
    rows = [
        {"text": TEXT, "entities": {"name": ["Ada Lee"]}},
        {"text": "Nobody.", "entities": {}},
        {"text": "No.", "entities": []},
    ]
    read = read_shape(rows, task="masking")
    assert read.line.endswith(
        "2 rows have no span: their target is the text itself; entities are looked for in the text as whole words, wherever they stand"
    )
    assert [finding.code for finding in read.findings] == ["spans-many-places", "labels-as-placeholders"]
    assert read_shape(rows, task="ner").pairs[1:] == [("Nobody.", "none"), ("No.", "none")]


def test_whole_words_only():
    read = read_shape([{"text": "Ann met Anna.", "entities": {"name": ["Ann"]}}], task="masking")
    assert read.pairs == [("Ann met Anna.", "[NAME] met Anna.")]


@pytest.mark.parametrize("cell", [{"name": ["Eve"]}, [{"entity": "Ad", "types": ["name"]}], None, [{"x": 1}]])
def test_rows_that_cannot_be_read_are_dropped(cell):
    rows = [{"text": TEXT, "entities": {"name": ["Ada Lee"]}}] * 3
    name = "entities not in the text" if cell and cell != [{"x": 1}] else "not labelled"
    if cell == [{"x": 1}]:  # a column with anything else in it is no such column
        assert (
            getattr(recognise([*rows, {"text": TEXT, "entities": cell}], Asked("ner")), "shape", "columns") == "columns"
        )
    else:
        assert read_shape([*rows, {"text": TEXT, "entities": cell}], task="ner").pairs[3] == name


@pytest.mark.parametrize(
    "cell",
    [
        ["Ada Lee", "Graz"],
        {"name": "Ada Lee"},
        [["a", "b"]],
        {"name": ["Eve", "Mallory"]},
        [{"id": "Ada", "n": 1}],
        [1, 2],
    ],
)
def test_other_cells_are_no_entities(cell):
    assert getattr(recognise([{"text": TEXT, "entities": cell}] * 3, Asked("ner")), "shape", "columns") == "columns"


def test_other_tasks_and_no_task():
    row = {"text": TEXT, "entities": {"name": ["Ada Lee"]}}
    assert getattr(recognise([row], Asked("extraction")), "shape", "columns") == "columns"
    with pytest.raises(DataError, match="fit two tasks"):
        recognise([row], Asked(""))


def test_which_text_of_a_pair_is_the_entity_is_told_by_most_rows_and_holds_for_all():
    rows = [{"text": f"Ada met Bob{n}.", "ents": [["Ada", "PER"], [f"Bob{n}", "PER"]]} for n in range(5)]
    odd = {"text": "PER is short for person, says Ida.", "ents": [["PER", "WORD"], ["WORD", "Ida"]]}
    read = read_shape([*rows, odd], task="ner")
    assert read.pairs == [(f"Ada met Bob{n}.", f"PER: Ada; PER: Bob{n}") for n in range(5)] + [
        "entities not in the text"
    ]
    assert read.line.endswith("each pair is entity and label")
    first = [{"text": row["text"], "ents": [pair[::-1] for pair in row["ents"]]} for row in rows]
    assert "each pair" not in read_shape(first, task="ner").line


@pytest.mark.parametrize(
    "item",
    [
        ["", "PER"],
        ["Ada", " "],
        ("", ""),
        {"entity": "", "types": ["name"]},
        {"entity": "Ada", "types": []},
        {"text": "Ada", "label": None},
    ],
)
@pytest.mark.parametrize("task", ["ner", "masking"])
def test_an_entity_without_text_or_label_drops_its_row_with_that_name(item, task):
    is_pair = not isinstance(item, dict)
    good = [["Ada", "PER"]] if is_pair else [{"entity": "Ada", "types": ["name"]}]
    rows = [{"text": "Ada left.", "ents": good}] * 3 + [{"text": "Ada left.", "ents": [*good, item]}]
    for order in (rows, rows[::-1]):  # among the first rows, which tell the shape, as behind them
        pairs = read_shape(order, task=task).pairs
        assert sorted(map(str, pairs))[-1] == "an entity that is none"
        assert len({str(pair) for pair in pairs}) == 2


def test_a_label_without_texts_has_no_entity():
    rows = [{"text": "Ada left.", "entities": {"name": ["Ada"], "city": [""], "phone": []}}]
    assert read_shape(rows, task="ner").pairs == [("Ada left.", "name: Ada")]


def test_pairs_of_which_fewer_fit_the_other_way_are_told_with_both_shares():
    rows = [{"text": f"Ada {n} is a name.", "ents": [["name", f"Ada {n}"], ["PER", "Ada"]]} for n in range(3)]
    message = "of the entities 100 % stand in their texts where the second of a pair is the entity, and 50 % where the first is"
    with pytest.raises(DataError, match=message):
        recognise(rows, Asked("ner"))


@pytest.mark.parametrize("order", ["label, entity", "entity, label"])
def test_pairs_that_can_be_read_both_ways_are_asked_for(order):
    rows = [
        {"text": f"The city Graz and the name Ada {n}.", "ents": [["city", "Graz"], ["name", "Ada"]]} for n in range(3)
    ]
    with pytest.raises(DataError, match=f"can be read both ways: .*shape_options: .*{order}"):
        recognise(rows, Asked("ner"))
    read = read_shape(rows, task="ner", options={"pairs": order})
    expected = {"label, entity": "city: Graz; name: Ada", "entity, label": "Graz: city; Ada: name"}
    assert [target for _, target in read.pairs] == [expected[order]] * 3


def test_an_order_that_is_none():
    row = {"text": "Ada", "ents": [["Ada", "PER"]]}
    with pytest.raises(DataError, match="pairs is 'label first', expected 'label, entity' or 'entity, label'"):
        recognise([row], Asked("ner", options={"pairs": "label first"}))
