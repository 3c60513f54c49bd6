"""Instructions as Stanford Alpaca's data and LLaMA-Factory's page on it show them."""

import pytest

from tests.support.shapes import read_shape
from tunecurve.data.shapes.base import Asked
from tunecurve.data.shapes.registry import recognise

LOUD = {"instruction": "Say it louder.", "input": "Hello.", "output": "HELLO."}
PLURAL = {"instruction": "Name a fruit.", "input": "", "output": "Pear"}


def test_instruction_and_input_make_the_input_and_an_empty_one_is_left_out():
    read = read_shape([LOUD, PLURAL])
    assert read.pairs == [("Say it louder.\nHello.", "HELLO."), ("Name a fruit.", "Pear")]
    assert (
        read.line
        == "read as Alpaca: 'instruction' and 'input' are the input (1 empty input left out), 'output' is the target"
    )


@pytest.mark.parametrize("nothing", [None, "", "  ", float("nan")])
def test_every_way_to_have_no_input_leaves_the_instruction_alone(nothing):
    assert read_shape([LOUD, {**PLURAL, "input": nothing}]).pairs[1] == ("Name a fruit.", "Pear")


def test_context_and_response_are_read_like_it():
    row = {"instruction": "Who?", "context": "Ada wrote.", "response": "Ada", "category": "closed_qa"}
    assert read_shape([row]).pairs == [("Who?\nAda wrote.", "Ada")]


def test_history_and_system_are_kept():
    row = {**PLURAL, "system": "Be brief.", "history": [["Hi", "Hello"]]}
    other = {**PLURAL, "system": "Be kind.", "history": []}
    read = read_shape([row, other])
    assert read.pairs == [
        ("System: Be brief.\n\nUser: Hi\n\nAssistant: Hello\n\nUser: Name a fruit.", "Pear"),
        ("System: Be kind.\n\nUser: Name a fruit.", "Pear"),
    ]
    assert "2 system texts kept" in read.line


def test_the_whole_text_that_the_original_file_has_beside_them_is_no_second_reading():
    assert read_shape([{**LOUD, "text": "Below is an instruction ..."}]).match.shape == "alpaca"


def test_a_list_of_outputs_is_not_taken_for_one_answer():
    assert read_shape([LOUD, {**LOUD, "output": ["good", "bad"]}]).pairs[1] == "several outputs"


def test_objects_stay_objects_for_the_task_to_read():
    assert read_shape([{**LOUD, "output": {"a": 1}}]).pairs[0][1] == {"a": 1}


@pytest.mark.parametrize(
    "asked", [Asked(input_columns=("instruction",)), Asked(template_columns=("instruction",)), Asked(name="columns")]
)
def test_columns_that_are_named_are_not_joined_by_others(asked):
    found = recognise([LOUD], asked)
    assert found is None or found.shape == "columns"
