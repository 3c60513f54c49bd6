"""Chats in the form of OpenAI's tuning service; expectations are those of its guide, the roles those of its reference."""

import pytest

from tests.support.shapes import read_shape
from tunecurve.data.shapes.base import Asked
from tunecurve.data.shapes.registry import recognise
from tunecurve.errors import DataError

SYSTEM = {"role": "system", "content": "Mask names."}
USER = {"role": "user", "content": "Ask Tilda."}
ANSWER = {"role": "assistant", "content": "Ask [NAME]."}
PAIR = ("Ask Tilda.", "Ask [NAME].")
TOOL = {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "type": "function", "function": {}}]}


def chat(*turns, **more):
    return {"messages": list(turns), **more}


def test_the_last_assistant_turn_is_the_target():
    read = read_shape([chat(USER, ANSWER)])
    assert read.pairs == [PAIR]
    assert read.line == "read as OpenAI chat: last assistant turn is the target"


def test_a_system_text_that_all_rows_share_is_the_instruction_and_stands_in_no_input():
    read = read_shape([chat(SYSTEM, USER, ANSWER)] * 3)
    assert read.match.instruction == "Mask names."
    assert read.pairs == [PAIR] * 3
    assert "prompt.system" in read.line


def test_different_system_texts_are_kept_in_the_input_and_counted():
    other = {"role": "developer", "content": "Mask places."}
    read = read_shape([chat(SYSTEM, USER, ANSWER), chat(other, USER, ANSWER), chat(SYSTEM, USER, ANSWER)])
    assert read.match.instruction is None
    assert read.pairs[1] == ("System: Mask places.\n\nUser: Ask Tilda.", "Ask [NAME].")
    assert "2 system texts kept" in read.line


@pytest.mark.parametrize("others", [[], [chat(USER, ANSWER)]])
def test_an_instruction_of_the_users_own_leaves_the_system_texts_in_the_input(others):
    read = read_shape([chat(SYSTEM, USER, ANSWER), *others], instruction="My own.")
    assert read.match.instruction is None
    assert read.pairs[0] == ("System: Mask names.\n\nUser: Ask Tilda.", "Ask [NAME].")


def test_a_row_with_another_system_text_than_the_instruction_keeps_it():
    rows = [chat(SYSTEM, USER, ANSWER)] * 300 + [chat({"role": "system", "content": "Other."}, USER, ANSWER)]
    read = read_shape(rows[:200] + rows[-1:], instruction="Mask names.")
    assert read.pairs[0] == PAIR
    assert (
        "the system text of 200 of 201 rows is the instruction (prompt.system), 1 system text kept in the input"
        in read.line
    )
    assert read.pairs[-1] == ("System: Other.\n\nUser: Ask Tilda.", "Ask [NAME].")


def test_a_system_text_without_its_labels_filled_in_is_no_instruction():
    read = read_shape([chat({"role": "system", "content": "Mask {labels}."}, USER, ANSWER)])
    assert read.match.instruction is None
    assert read.pairs == [("System: Mask {labels}.\n\nUser: Ask Tilda.", "Ask [NAME].")]


def test_earlier_turns_are_kept_in_the_input():
    read = read_shape(
        [chat(USER, ANSWER, {"role": "user", "content": "And Ada?"}, {"role": "assistant", "content": "[NAME]?"})]
    )
    assert read.pairs == [("User: Ask Tilda.\n\nAssistant: Ask [NAME].\n\nUser: And Ada?", "[NAME]?")]
    assert "earlier turns of 1 chat kept" in read.line


@pytest.mark.parametrize(
    "content",
    [
        [{"type": "text", "text": "Ask Tilda."}],
        [{"type": "input_text", "text": "Ask Tilda."}],
        ["Ask Tilda."],
        [{"type": "text", "text": "Ask Tilda.", "image_url": None}],
        {"type": "text", "text": "Ask Tilda."},
    ],
)
def test_parts_of_text_are_read(content):
    assert read_shape([chat({"role": "user", "content": content}, ANSWER)]).pairs == [PAIR]


def test_several_parts_are_joined_by_line_breaks():
    parts = [{"type": "text", "text": "Mask this:"}, {"type": "text", "text": "Ask Tilda."}]
    assert read_shape([chat({"role": "user", "content": parts}, ANSWER)]).pairs[0][0] == "Mask this:\nAsk Tilda."


@pytest.mark.parametrize(("user", "assistant"), [("User", "Assistant"), ("USER", "ASSISTANT"), (" human ", "model")])
def test_roles_are_read_in_any_case(user, assistant):
    row = chat({"role": user, "content": "Ask Tilda."}, {"role": assistant, "content": "Ask [NAME]."})
    assert read_shape([row]).pairs == [PAIR]


@pytest.mark.parametrize(
    ("turns", "reason"),
    [
        ([USER, TOOL], "tool calls"),
        ([USER, TOOL, {"role": "tool", "content": "42", "tool_call_id": "1"}, ANSWER], "tool calls"),
        ([USER, {"role": "function", "name": "f", "content": "42"}, ANSWER], "tool calls"),
        ([USER, {"role": "assistant", "content": None, "function_call": {"name": "f"}}], "tool calls"),
        ([USER, ANSWER, USER], "chat ends with a user turn"),
        ([USER], "chat ends with a user turn"),
        ([SYSTEM, ANSWER], "chat without a user turn"),
        ([USER, {**ANSWER, "weight": 0}], "chat without an answer to learn"),
        ([USER, {"role": "narrator", "content": "Later."}, ANSWER], "chat with an unknown role"),
        (
            [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:"}}]}, ANSWER],
            "chat with parts that are no text",
        ),
    ],
)
def test_what_cannot_be_read_is_named(turns, reason):
    assert read_shape([chat(USER, ANSWER), chat(*turns)]).pairs == [PAIR, reason]


@pytest.mark.parametrize("mark", [{"weight": 0}, {"train": False}, {"loss": False}, {"weight": 0.0}])
def test_a_turn_with_weight_0_is_not_learnt(mark):
    later = [{"role": "user", "content": "Thanks"}, {"role": "assistant", "content": "Welcome", **mark}]
    read = read_shape([chat(USER, {**ANSWER, "weight": 1}, *later)])
    assert read.pairs == [PAIR]
    assert "without a weight after the answer left out of 1 chat" in read.line


@pytest.mark.parametrize("content", ["", "  ", None])
def test_an_empty_answer_is_an_empty_target(content):
    read = read_shape([chat(USER, ANSWER), chat(USER, {"role": "assistant", "content": content})])
    assert (read.pairs[1][1] or "").strip() == ""


def test_turns_as_text_and_as_lists_by_key_are_read():
    text = '[{"role": "user", "content": "Ask Tilda."}, {"role": "assistant", "content": "Ask [NAME]."}]'
    by_key = {"role": ["user", "assistant"], "content": ["Ask Tilda.", "Ask [NAME]."]}
    assert read_shape([{"messages": text}, {"messages": by_key}]).pairs == [PAIR] * 2


def test_a_row_that_is_no_chat_among_chats_is_named():
    rows = [chat(USER, ANSWER)] * 4 + [{"messages": "hello"}, {"messages": []}, {"text": "x"}]
    assert read_shape(rows).pairs[4:] == ["no chat"] * 3


def test_two_columns_of_chats_are_asked_for():
    row = {"short": [USER, ANSWER], "long": [SYSTEM, USER, ANSWER]}
    with pytest.raises(DataError, match=r"--input-column short.*or.*--input-column long"):
        recognise([row], Asked())
    assert recognise([row], Asked(input_columns=("long",))).input_columns == ("long",)


def test_other_columns_stay_for_groups_and_conditions():
    assert read_shape([chat(USER, ANSWER, lang="en")]).cells[0]["lang"] == "en"


def test_plain_columns_are_left_alone():
    assert recognise([{"frage": "a", "antwort": "b"}], Asked()) is None
    assert recognise([chat(USER, ANSWER)], Asked(name="columns")) is None
