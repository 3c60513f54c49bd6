"""Prompts and completions as TRL's page on data set formats shows them."""

import pytest

from tests.support.shapes import read_shape

SKY = {"role": "user", "content": "What color is the sky?"}
BLUE = {"role": "assistant", "content": "It is blue."}
PAIR = ("What color is the sky?", "It is blue.")


@pytest.mark.parametrize("completion", [[BLUE], "It is blue.", BLUE])
def test_turns_make_the_input_and_the_completion_is_the_target(completion):
    rows = [{"prompt": [SKY], "completion": [BLUE]}] * 3 + [{"prompt": [SKY], "completion": completion}]
    read = read_shape(rows)
    assert read.pairs == [PAIR] * 4
    assert read.line == "read as prompt and completion: the turns of 'prompt' are the input, 'completion' is the target"


@pytest.mark.parametrize(
    ("prompt", "answer"), [("messages", "response"), ("Prompt", "Completion"), ("input", "output")]
)
def test_columns_of_other_names_are_read(prompt, answer):
    assert read_shape([{prompt: [SKY], answer: "It is blue."}]).pairs == [PAIR]


def test_columns_that_are_named_are_read_whatever_their_names():
    row = {"asked": [SKY], "said": [BLUE], "completion": "x"}
    assert read_shape([row], input_columns=("asked",), target_columns=("said",)).pairs == [PAIR]


def test_system_texts_and_earlier_turns_are_kept():
    system = {"role": "system", "content": "Be brief."}
    read = read_shape([{"prompt": [system, SKY, BLUE, SKY], "completion": [BLUE]}] * 2)
    assert read.match.instruction == "Be brief."
    expected = "User: What color is the sky?\n\nAssistant: It is blue.\n\nUser: What color is the sky?"
    assert read.pairs[0] == (expected, "It is blue.")


def test_completions_without_an_answer_are_named_or_empty():
    rows = [{"prompt": [SKY], "completion": [BLUE]}] * 3
    read = read_shape([*rows, {"prompt": [SKY], "completion": [SKY]}, {"prompt": [SKY], "completion": None}])
    assert read.pairs[3:] == ["chat ends with a user turn", (PAIR[0], "")]
