"""Preference files as TRL's, OpenAI's and ms-swift's pages show them, and hh-rlhf's texts."""

import pytest

from tests.support.shapes import read_shape
from tunecurve.data.shapes.base import Asked
from tunecurve.data.shapes.registry import recognise
from tunecurve.errors import DataError

SKY = {"role": "user", "content": "What color is the sky?"}
BLUE = {"role": "assistant", "content": "It is blue."}
GREEN = {"role": "assistant", "content": "It is green."}
PAIR = ("What color is the sky?", "It is blue.")
TEXT = {"prompt": "What color is the sky?", "chosen": "It is blue.", "rejected": "It is green."}
HUMAN = "\n\nHuman: What color is the sky?\n\nAssistant: "
ROWS = [
    TEXT,
    {"prompt": [SKY], "chosen": [BLUE], "rejected": [GREEN]},
    {"chosen": [SKY, BLUE], "rejected": [SKY, GREEN]},
    {"prompt": "What color is the sky?", "chosen": [SKY, BLUE], "rejected": [SKY, GREEN]},
    {"chosen": HUMAN + "It is blue.", "rejected": HUMAN + "It is green."},
    {"input": {"messages": [SKY], "tools": []}, "preferred_output": [BLUE], "non_preferred_output": [GREEN]},
    {"prompt": [SKY], "completion": [BLUE], "label": True},
    {"prompt": "What color is the sky?", "completion": "It is blue.", "label": True},
]


@pytest.mark.parametrize("row", ROWS)
def test_the_chosen_answer_is_read_only_where_it_is_asked_for(row):
    with pytest.raises(DataError, match="--shape preference"):
        recognise([row], Asked())
    read = read_shape([row], name="preference")
    assert read.pairs == [PAIR]
    assert "rejected ones are left out" in read.line


def test_messages_with_a_rejected_response_are_preferences():
    row = {"messages": [SKY, BLUE], "rejected_response": "It is green."}
    with pytest.raises(DataError, match="rejected_response"):
        recognise([row], Asked())
    assert read_shape([row], name="preference").pairs == [PAIR]


def test_answers_that_are_not_wanted_are_dropped():
    rows = [{"prompt": "q", "completion": "good", "label": True}, {"prompt": "q", "completion": "bad", "label": False}]
    assert read_shape(rows, name="preference").pairs == [("q", "good"), "answers that are not wanted"]


def test_a_chosen_text_that_holds_its_prompt_without_marks_is_named():
    row = {"chosen": "The sky is blue.", "rejected": "The sky is green."}
    assert read_shape([row], name="preference").pairs == ["chosen answer without a prompt"]


def test_columns_that_are_named_are_taken():
    asked = Asked(input_columns=("prompt",), target_columns=("chosen",))
    found = recognise([TEXT], asked)
    assert found is None or found.shape == "columns"


def test_a_label_that_is_no_truth_value_makes_no_preference():
    found = recognise([{"prompt": "q", "completion": "a", "label": "topic"}], Asked(input_columns=("prompt",)))
    assert found is None or found.shape == "columns"
