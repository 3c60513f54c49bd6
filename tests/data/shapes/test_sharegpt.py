"""ShareGPT files as Axolotl's and LLaMA-Factory's pages show them."""

import pytest

from tests.support.shapes import read_shape

HUMAN = {"from": "human", "value": "Hi"}
GPT = {"from": "gpt", "value": "Hello"}


@pytest.mark.parametrize("column", ["conversations", "conversation", "chat"])
@pytest.mark.parametrize(("human", "gpt"), [("human", "gpt"), ("user", "assistant"), ("Human", "ChatGPT")])
def test_turns_are_read_whatever_their_column(column, human, gpt):
    read = read_shape([{column: [{**HUMAN, "from": human}, {**GPT, "from": gpt}]}])
    assert read.pairs == [("Hi", "Hello")]
    assert read.line == "read as ShareGPT chat: last assistant turn is the target"


def test_system_texts_are_read_from_turns_and_from_a_column():
    first = {"from": "system", "value": "Be kind."}
    assert read_shape([{"conversations": [first, HUMAN, GPT]}] * 2).match.instruction == "Be kind."
    assert read_shape([{"system": "Be kind.", "conversations": [HUMAN, GPT]}] * 2).match.instruction == "Be kind."


def test_a_chat_that_begins_with_the_assistant_keeps_its_turn():
    read = read_shape([{"conversations": [GPT, HUMAN, {"from": "gpt", "value": "Bye"}]}])
    assert read.pairs == [("Assistant: Hello\n\nUser: Hi", "Bye")]


@pytest.mark.parametrize("role", ["function_call", "observation", "tool"])
def test_tool_turns_are_named(role):
    rows = [{"conversations": [HUMAN, GPT]}, {"conversations": [HUMAN, {"from": role, "value": "{}"}, GPT]}]
    assert read_shape(rows).pairs[1] == "tool calls"


def test_lists_of_tools_that_are_not_called_are_left_out_and_said():
    read = read_shape(
        [{"conversations": [HUMAN, GPT], "tools": "[{...}]"}, {"conversations": [HUMAN, GPT], "tools": "[]"}]
    )
    assert "lists of tools left out of 1 chat" in read.line
