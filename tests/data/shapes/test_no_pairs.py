"""Rows that look like pairs and are none: OpenAssistant's trees, turns a row each, questions with options; they are named."""

import pytest

from tests.support.shapes import read_shape
from tunecurve.data.shapes.base import Asked
from tunecurve.data.shapes.registry import recognise
from tunecurve.data.unread import way_on
from tunecurve.errors import DataError

OASST = {
    "message_id": "b",
    "parent_id": "a",
    "role": "assistant",
    "text": "Douro",
    "labels": {"name": ["spam"], "value": [0.0]},
}
CHOICES = {"question": "Which river?", "choices": ["Rhine", "Douro"], "answer": 1}
USER = {"role": "user", "content": "Hi"}
ANSWER = {"role": "assistant", "content": "Hello"}


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (OASST, "single messages of trees .'parent_id'"),
        ({**OASST, "role": "prompter", "label": "good"}, "single messages of trees"),
        ({"role": "user", "content": "Hi", "label": "greeting"}, "single turns of chats"),
        ({"conversation_id": 1, "role": "assistant", "text": "Hello", "label": "x"}, "single turns of chats"),
        ({"prompt": {"text": "Hi", "role": "prompter", "replies": []}}, "trees of messages"),
        (CHOICES, "'choices' holds the options of 'question'"),
        ({"question": "Which?", "choices": {"text": ["a"], "label": ["A"]}, "answer": "A"}, "options"),
        ({"prompt": "Which?", "options": ["a", "b"], "completion": "a"}, "'options' holds the options of 'prompt'"),
        ({"question": "Which?", "A": "a", "B": "b", "answer": "A"}, "columns 'A', 'B' hold the options of 'question'"),
        ({"question": "Which?", "option1": "a", "option2": "b", "label": 1}, "'option1', 'option2' hold the options"),
        ({"prompt": "Which?", "choice_a": "a", "choice_b": "b", "answer": "a"}, "'choice_a', 'choice_b' hold"),
    ],
)
def test_rows_that_are_no_pairs_are_named(row, words):
    with pytest.raises(DataError, match=words):
        recognise([row] * 3, Asked())


@pytest.mark.parametrize("row", [CHOICES, OASST])
def test_columns_that_are_named_are_taken(row):
    inputs, targets = (("question",), ("answer",)) if row is CHOICES else (("text",), ("role",))
    found = recognise([row], Asked(input_columns=inputs, target_columns=targets))
    assert found is None or found.shape == "columns"


@pytest.mark.parametrize(
    "row",
    [
        {"text": "x", "label": "a", "role": "nurse"},  # a role of another kind
        {"text": "x", "label": "a", "parent_id": "7"},
        {"question": "x", "answer": "a", "options": "none"},  # no list
        {"text": "x", "label": "a", "choices": ["a", "b"]},  # no question
        {"question": "x", "answer": "a", "option1": "b"},  # one alone
    ],
)
def test_other_columns_of_these_names_change_nothing(row):
    assert recognise([row] * 3, Asked()).shape == "columns"


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ({"conversations": ["Hi", "Hello"], "source": "lima"}, "holds a list, but no turns with a role"),
        ({"conversation": [{"input": "Hi", "output": "Hello"}], "source": "x"}, "'conversation' holds a list"),
        ({"messages": "[{'role': 'user'}\n {'role': 'assistant'}]"}, "'messages' holds a list"),
        ({"text": "### Human: Hi### Assistant: Hello"}, "whole chats"),
        ({"system": "x", "chat": "USER: Hi\n\nASSISTANT: Hello"}, "'chat' holds whole chats"),
    ],
)
def test_lists_and_texts_of_chats_that_are_not_read_are_named(cells, words):
    assert words in way_on(cells)


@pytest.mark.parametrize("cells", [{"data": "2024-01-01", "body": "x"}, {"tags": ["a"], "body": "x"}])
def test_other_columns_are_not_taken_for_chats(cells):
    assert way_on(cells) == ""


def test_roles_that_are_not_known_are_said():
    read = read_shape([{"messages": [USER, ANSWER]}, {"messages": [{"role": "Narrator", "content": "x"}, ANSWER]}])
    assert read.pairs[1] == "chat with an unknown role"
    assert read.line.endswith("unknown roles: 'narrator'")


def test_a_refusal_in_a_field_of_its_own_is_named_and_no_empty_answer():
    refusal = {"role": "assistant", "content": None, "refusal": "I cannot."}
    rows = [{"messages": [USER, {**ANSWER, "refusal": None}]}, {"messages": [USER, refusal]}]
    assert read_shape(rows).pairs == [("Hi", "Hello"), "refusals"]


def flags(*rows, names=("fire", "water"), **beside):
    return [{"text": "a", **beside, **dict(zip(names, cells, strict=True))} for cells in rows * 3]


@pytest.mark.parametrize(
    ("rows", "options"),
    [
        (flags((1, 0), (0, 1)), "--target-column fire --target-column water;"),
        (flags(("0", "1"), ("1", "0"), id="a"), "--target-column fire --target-column water;"),  # as CSV has them
        (flags((True, False), (False, True)), "--target-column fire --target-column water;"),
        (flags(("x", ""), ("", "x")), "--target-column fire --target-column water;"),
        (flags((1, 0), (0, 1), names=("a fire", "water")), "--target-column 'a fire' --target-column water;"),
        (
            flags((1, 0, 0), (0, 1, 0), names=("a", "b", "never")),
            "--target-column a --target-column b --target-column never;",
        ),
    ],
)
def test_columns_that_say_yes_or_no_are_asked_for(rows, options):
    for asked in (Asked(), Asked("multilabel"), Asked(input_columns=("text",)), Asked("multilabel", ("text",))):
        with pytest.raises(DataError, match="yes or no") as error:
            recognise(rows, asked)
        assert options in str(error.value)


@pytest.mark.parametrize(
    "rows",
    [
        flags((1, 0), (0, 2)),  # numbers
        flags((1, 0), (0, 0)),  # one label alone ever applies
        flags((1, 1), (1, 1)),  # and both always
        flags((1, 0), (0, 1))[:4],  # too few rows to tell
        flags((1, None), (0, None)),  # a column of nothing
        flags((1, "good"), (0, "bad")),
        flags((1, 0), (0, 1), target_text="y"),
    ],
)
def test_other_columns_are_not_taken_for_yes_and_no(rows):
    assert recognise(rows, Asked(input_columns=("text",))) is None


def test_a_target_that_is_found_or_named_goes_before_yes_and_no():
    rows = flags((1, 0), (0, 1), label="good")
    assert recognise(rows, Asked()).target_columns == ("label",)
    assert recognise(rows[:1], Asked(target_columns=("fire", "water"))).target_columns == ("fire", "water")
    assert recognise(flags((1, 0), (0, 1)), Asked(target_columns=("fire",))).target_columns == ("fire",)
