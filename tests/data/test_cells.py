"""A cell is read as the text it stands for, or its shape is named; its text never hangs on its neighbours."""

import datetime
import decimal
import json
import uuid

import numpy as np
import pyarrow
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.cells import CELLS
from tunecurve.data.cells import TargetRule, read_input, read_target, shape_of
from tunecurve.formats.entities import parse_entities

ONE, REFERENCES = TargetRule(), TargetRule("references")
CLASSES, ENTITIES = TargetRule("classes"), TargetRule("entities", empty_is="none")


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (404, "404"),
        (0, "0"),
        (-1, "-1"),
        (True, "true"),
        (False, "false"),
        (404.0, "404"),  # an integer column with a gap, written by pandas
        (0.5, "0.5"),
        (-0.0, "0"),
        (1e300, "1e+300"),
        (decimal.Decimal("12.50"), "12.50"),
        (np.int64(7), "7"),
        (np.bool_(True), "true"),
        (np.float32(2), "2"),
        (np.float32(0.1), "0.1"),
        (np.float32(16777216), "16777216"),
        (np.float16(0.1), "0.1"),
        ([np.float32(4.8)], "4.8"),
        (np.array([4.8], dtype=np.float32), "4.8"),
        (np.str_("a"), "a"),
        (pyarrow.scalar(3), "3"),
        (datetime.date(2024, 2, 29), "2024-02-29"),
        (datetime.datetime(2024, 2, 29, 8, 30), "2024-02-29T08:30:00"),
        (uuid.UUID(int=5), "00000000-0000-0000-0000-000000000005"),
        ("é".encode(), "é"),
        (["only"], "only"),
        (np.array(["only"]), "only"),
    ],
)
def test_scalars_are_the_text_they_are_written_as(cell, text):
    assert read_input(cell).texts == (text,)
    for rule in (ONE, REFERENCES, CLASSES):
        assert read_target(cell, rule).texts == (text,)


@pytest.mark.parametrize(
    "cell", [None, float("nan"), "", " \n", [], decimal.Decimal("NaN"), np.float64("nan"), [None], [""]]
)
def test_nothing_is_empty_and_means_none_to_ner_alone(cell):
    assert read_input(cell).problem == "empty"
    for rule in (ONE, REFERENCES, CLASSES):
        assert (read_target(cell, rule).texts, read_target(cell, rule).problem) == ((), "empty")
    assert read_target(cell, ENTITIES).texts == ("none",)


@pytest.mark.parametrize("cell", ["[]", " [ ] ", {}, np.array([])])
def test_an_empty_list_in_words_is_no_entity_either(cell):
    assert read_target(cell, ENTITIES).texts == ("none",)


@pytest.mark.parametrize("cell", [b"\xff\xfe\xff", object(), "cut \ud83d"])
def test_what_no_text_can_be_made_of_is_a_problem(cell):
    assert read_input(cell).texts == ()
    assert read_input(cell).problem in ("not text", "not valid Unicode")


def test_a_number_with_more_digits_than_python_writes_is_a_problem():
    assert read_input(10**5000).problem == "not text"


SHAPES = [
    ([{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}], "chat turns"),
    ([{"from": "human", "value": "a"}], "chat turns"),
    ({"role": "assistant", "content": "b"}, "chat turns"),
    ([[0, 5, "PERSON"], [9, 12, "CITY"]], "spans with offsets"),
    ([["PERSON", 0, 5]], "spans with offsets"),
    ([{"start": 0, "end": 5, "label": "PERSON"}], "spans with offsets"),
    ([{"start_offset": 0, "end_offset": 5, "label": "PERSON"}], "spans with offsets"),
    ({"entities": [[0, 5, "PERSON"]]}, "spans with offsets"),
    ([{"value": {"start": 0, "end": 5, "labels": ["PERSON"]}}], "spans with offsets"),
    ({"first": "Ada", "n": 1}, "an object"),
    ([{"name": "Ada"}, {"name": "Bo"}], "a list of objects"),
    ([["a", "b"], ["c"]], "a list of lists"),
    (["Ada", "ran", "."], "a list of texts"),
]


@pytest.mark.parametrize(("cell", "shape"), SHAPES)
def test_shapes_are_named_whatever_the_task(cell, shape):
    assert shape_of(cell) == shape
    assert read_input(cell).shape == shape
    if shape != "a list of texts":
        for rule in (ONE, REFERENCES, CLASSES, ENTITIES):
            assert read_target(cell, rule).shape == shape


@pytest.mark.parametrize("cell", [c for c, s in SHAPES if s == "spans with offsets" and isinstance(c, list)])
def test_spans_written_as_a_text_in_a_csv_file_are_still_spans(cell):
    for rule in (ONE, CLASSES, ENTITIES):
        assert read_target(json.dumps(cell), rule).shape == "spans with offsets"
        assert read_target(repr(cell), rule).shape == "spans with offsets"


def test_a_list_of_texts_means_what_the_task_says():
    assert read_target(["a summary", "another"], REFERENCES).texts == ("a summary", "another")
    assert read_target(["", "another", None], REFERENCES).texts == ("another",)
    assert read_target(["a", "b"], ONE).shape == "a list of texts"
    assert read_target(["fire", "water"], CLASSES).shape == "several classes"
    assert read_target(["fire", "fire"], CLASSES).texts == ("fire",)
    assert read_target([0, 1], CLASSES).shape == "several classes"
    assert read_target(["person: Ada", "place: Rome"], ENTITIES).texts == ("person: Ada; place: Rome",)
    assert read_target(["Ada", "Rome"], ENTITIES).shape == "entities without a type"
    assert read_target(["B-PER", "O", "I-LOC"], ENTITIES).shape == "tags of words"


@pytest.mark.parametrize("text", ["['fire', 'water']", '["fire", "water"]', "['fire' 'water']", "[1, 2]"])
def test_a_list_of_classes_written_as_a_text_is_a_list(text):
    assert read_target(text, CLASSES).shape == "several classes"


@pytest.mark.parametrize("text", ["[NAME]", "[1]", "['a', 'b']", "[NAME] and [CITY]", "[" * 30_000])
def test_brackets_of_a_masking_or_a_generated_text_are_text(text):
    for rule in (ONE, REFERENCES):
        assert read_target(text, rule).texts == (text,)


def test_a_list_of_one_in_words_is_its_element():
    assert read_target("['fire']", CLASSES).texts == ("fire",)
    assert read_target('["person: Ada"]', ENTITIES).texts == ("person: Ada",)


KINDS = st.text(alphabet="abcXYZ", min_size=1).filter(lambda text: text.casefold() != "none")


@given(st.lists(st.tuples(KINDS, KINDS), min_size=1))
def test_a_list_of_entities_has_the_entities_of_its_parts(entities):
    (text,) = read_target([f"{kind}: {surface}" for kind, surface in entities], ENTITIES).texts
    assert parse_entities(text) == entities


@given(CELLS)
def test_every_cell_is_texts_or_a_problem_or_a_shape(cell):
    readings = [read_input(cell), *(read_target(cell, rule) for rule in (ONE, REFERENCES, CLASSES, ENTITIES))]
    for reading in readings:
        assert [bool(reading.texts), bool(reading.problem), bool(reading.shape)].count(True) == 1
        assert all(text.strip() for text in reading.texts)
        for text in reading.texts:
            text.encode()


@pytest.mark.parametrize(
    "text", ['{"id": 1, "id": 2}', '{"a": {"id": "x", "id": null}}', '{"a": [{"id": [1], "id": [2]}]}']
)
def test_an_object_as_text_that_says_two_things_of_one_key_is_no_target(text):
    assert read_target(text, TargetRule("object")).problem == "a key with two values"


@pytest.mark.parametrize("text", ['{"id": 1, "id": 1}', '{"a": {"id": 1}, "b": {"id": 2}}'])
def test_keys_that_agree_or_stand_in_several_objects_are_fine(text):
    assert read_target(text, TargetRule("object")).problem == ""
