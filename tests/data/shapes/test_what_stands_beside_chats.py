"""What stands beside the turns of a chat: system texts, earlier turns, labels. None of it is lost unsaid."""

import pytest

from tests.support.shapes import read_shape
from tunecurve.data.shapes.base import Asked
from tunecurve.data.shapes.registry import recognise
from tunecurve.errors import DataError

USER = {"role": "user", "content": "Hi"}
ANSWER = {"role": "assistant", "content": "Hello"}
HUMAN = {"from": "human", "value": "Hi"}
GPT = {"from": "gpt", "value": "Hello"}
CONTENTS = [{"role": "user", "parts": [{"text": "Hi"}]}, {"role": "model", "parts": [{"text": "Hello"}]}]
KEPT = ("System: Be brief.\n\nUser: Hi", "Hello")
ROWS: list[dict[str, object]] = [
    {"messages": [USER, ANSWER]},
    {"conversations": [HUMAN, GPT]},
    {"contents": CONTENTS},
    {"prompt": [USER], "completion": [ANSWER]},
    {"prompt": [USER], "completion": "Hello"},
    {"instruction": "Hi", "input": "", "output": "Hello"},
    {"question": "Hi", "response": "Hello"},  # OpenOrca
    {"query": "Hi", "response": "Hello"},  # ms-swift
    {"prompt": "Hi", "completion": "Hello"},
    {"input": "Hi", "output": "Hello"},
    {"user": "Hi", "assistant": "Hello"},
    {"user_message": "Hi", "assistant_message": "Hello"},
    {"text_input": "Hi", "output": "Hello"},  # AI Studio
]
PREFERENCES: list[dict[str, object]] = [
    {"question": "Hi", "chosen": "Hello", "rejected": "No"},
    {"prompt": [USER], "chosen": [ANSWER], "rejected": [ANSWER]},
    {"chosen": "\n\nHuman: Hi\n\nAssistant: Hello", "rejected": "\n\nHuman: Hi\n\nAssistant: No"},
]


@pytest.mark.parametrize("column", ["system", "system_prompt", "system_message"])
@pytest.mark.parametrize("row", ROWS)
def test_a_system_text_in_a_column_of_its_own_is_kept(row, column):
    read = read_shape([{column: "Be brief.", **row}, {column: "Be kind.", **row}])
    assert read.pairs[0] == KEPT
    assert "2 system texts kept in the input" in read.line


@pytest.mark.parametrize("row", ROWS)
def test_one_that_all_rows_share_is_the_instruction(row):
    read = read_shape([{"system_prompt": "Be brief.", **row}] * 2)
    assert read.match.instruction == "Be brief."
    assert read.pairs[0] == ("Hi", "Hello")


@pytest.mark.parametrize("row", PREFERENCES)
def test_preferences_keep_it_too(row):
    read = read_shape([{"system": "Be brief.", **row}, {"system": "Be kind.", **row}], name="preference")
    assert read.pairs[0] == KEPT


@pytest.mark.parametrize("row", ROWS[:3])
def test_a_later_row_with_such_a_column_keeps_it_where_the_first_rows_have_none(row):
    read = read_shape([*[row] * 200, {"system": "Be brief.", **row}])
    assert read.pairs[-1] == KEPT
    assert "1 system text kept in the input" in read.line


def test_the_same_text_in_column_and_turn_is_read_once_and_another_one_beside_it():
    turns = [{"role": "system", "content": "Be brief."}, USER, ANSWER]
    rows = [{"system": "Be brief.", "messages": turns}, {"system": "Be kind.", "messages": turns}]
    assert [pair[0] for pair in read_shape(rows).pairs] == [
        "System: Be brief.\n\nUser: Hi",
        "System: Be kind.\n\nSystem: Be brief.\n\nUser: Hi",
    ]


@pytest.mark.parametrize("nothing", [None, "", "  ", 7, []])
def test_a_column_of_that_name_without_words_changes_nothing(nothing):
    assert read_shape([{"system": nothing, **ROWS[0]}]).pairs == [("Hi", "Hello")]


@pytest.mark.parametrize("row", ROWS[5:])
def test_earlier_turns_in_a_history_are_kept(row):
    pairs = read_shape([{**row, "history": [["Who?", "Ada"]]}, {**row, "history": []}]).pairs
    assert pairs == [("User: Who?\n\nAssistant: Ada\n\nUser: Hi", "Hello"), ("Hi", "Hello")]


def test_a_history_that_is_no_list_of_turns_drops_its_row():
    rows = [{**ROWS[5], "history": [["Who?", "Ada"]]}, {**ROWS[5], "history": "We talked."}]
    assert read_shape(rows).pairs[1] == "no chat"


@pytest.mark.parametrize(
    "row",
    [
        {"messages": [USER, ANSWER], "label": False},
        {"conversations": [HUMAN, GPT], "kto_tag": False},
        {"prompt": [USER], "completion": [ANSWER], "label": False},
        {"messages": [USER, ANSWER], "label": "false"},
    ],
)
def test_answers_labelled_as_not_wanted_are_never_learnt_unasked(row):
    good = {**row, **{name: True for name in ("label", "kto_tag") if name in row}}
    with pytest.raises(DataError, match="--shape preference"):
        recognise([good, row], Asked())
    assert read_shape([good, row], name="preference").pairs == [("Hi", "Hello"), "answers that are not wanted"]


@pytest.mark.parametrize("label", ["resolved", 3, ["billing", "shipping"]])
@pytest.mark.parametrize("row", ROWS[:2])
def test_chats_with_an_answer_and_a_label_are_asked_for(row, label):
    rows = [{**row, "label": label}] * 2
    with pytest.raises(DataError, match=r"2 ways.*--shape prompt-completion --target-column label"):
        recognise(rows, Asked())
    name = recognise([row], Asked()).shape
    assert read_shape(rows, name=name).pairs[0] == ("Hi", "Hello")
    asked = Asked(target_columns=("label",))
    assert recognise(rows, asked).shape == "prompt-completion"


def test_chats_that_end_with_the_user_are_the_input_of_their_label():
    read = read_shape([{"messages": [USER], "label": "greeting"}, {"messages": [USER], "label": 3}])
    assert read.pairs == [("Hi", "greeting"), ("Hi", 3)]


def test_a_whole_chat_is_the_input_of_a_target_that_is_named():
    match = recognise([{"messages": [USER, ANSWER], "label": True}], Asked(target_columns=("label",)))
    assert (match.shape, match.target_columns) == ("prompt-completion", ("label",))


@pytest.mark.parametrize("name", ["category", "source", "score", "rating"])
def test_other_columns_make_no_second_reading(name):
    assert recognise([{"messages": [USER, ANSWER], name: "x"}], Asked()).shape == "openai-chat"


@pytest.mark.parametrize(
    ("answer", "said"),
    [("<think>Hm.</think>Hello", "thoughts in <think>"), ("<tool_call>{}</tool_call>", "tool calls written as text")],
)
def test_answers_that_hold_more_than_what_is_read_are_said(answer, said):
    assert said in read_shape([{"messages": [USER, {**ANSWER, "content": answer}]}]).line
    assert said not in read_shape([ROWS[0]]).line


@pytest.mark.parametrize("name", ["passage", "context", "paragraph", "story"])
def test_the_text_that_a_question_is_about_is_part_of_the_input(name):
    match = recognise([{"question": "Is it?", name: "It is.", "answer": True}], Asked())
    assert set(match.input_columns) == {name, "question"}


@pytest.mark.parametrize("row", ROWS[6:])
def test_without_a_system_text_these_are_plain_columns(row):
    match = recognise([row, {"system": "", "history": [], **row}], Asked())
    assert (match.shape, match.input_columns, match.target_columns) == ("columns", *((name,) for name in row))


TAGGED: dict[str, object] = {"tokens": ["Ada", "left"], "ner_tags": ["B-PER", "O"]}
SPANS = {"text": "Ada left", "entities": [[0, 3, "PER"]]}
SQUAD = {"context": "Ada left.", "question": "Who?", "answers": {"text": ["Ada"], "answer_start": [0]}}


@pytest.mark.parametrize("row", [*ROWS[:5], {**ROWS[5], "input": "there"}, *PREFERENCES, TAGGED, SPANS, SQUAD])
def test_columns_that_no_shape_reads_are_named(row):
    rows = [row, {"source_id": 7, **row, "lang": "en"}]  # also where the first row has none
    asked = {"name": "preference"} if "chosen" in row else {"task": "ner"} if row in (TAGGED, SPANS) else {}
    assert read_shape(rows, **asked).line.endswith("; not read: source_id, lang")
    assert "not read" not in read_shape([row, row], **asked).line


@pytest.mark.parametrize(
    "beside", [{"system": "Be brief."}, {"tools": "[]"}, {"tools": [{"name": "look"}]}, {"system_prompt": None}]
)
def test_what_a_chat_takes_into_account_is_not_named_as_not_read(beside):
    assert "not read" not in read_shape([{**ROWS[0], **beside}]).line


def test_many_columns_that_are_not_read_are_named_in_part():
    more = {f"c{number}": 1 for number in range(9)}
    assert read_shape([{**ROWS[0], **more}]).line.endswith("; not read: c0, c1, c2, c3, c4, c5, ...")


def test_a_class_beside_a_chat_that_is_not_the_target_is_named():
    rows = [{"messages": [USER, ANSWER], "label": "greeting"}] * 2
    assert read_shape(rows, name="openai-chat").line.endswith("; not read: label")
