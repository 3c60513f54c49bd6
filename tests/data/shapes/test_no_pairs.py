"""Rows that look like pairs and are none: OpenAssistant's trees, turns a row each, questions with options; they are named."""

import json

import pytest

from tests.support.shapes import read_shape
from tunecurve.data.cleaning import CleaningRules, clean_rows
from tunecurve.data.shapes.base import Asked
from tunecurve.data.shapes.registry import recognise
from tunecurve.data.unread import way_on
from tunecurve.errors import DataError
from tunecurve.tasks.lookup import task_of

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


REQUEST = {
    "custom_id": "r",
    "method": "POST",
    "url": "/v1/chat/completions",
    "body": {"model": "m", "messages": [USER]},
}
RESPONSE = {
    "id": "b",
    "custom_id": "r",
    "response": {"status_code": 200, "body": {"choices": [{"message": ANSWER}]}},
    "error": None,
}
VERTEX = {
    "request": {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]},
    "response": {"candidates": [{"content": {"role": "model", "parts": [{"text": "Hello"}]}}]},
}
TREE = {
    "a": {"id": "a", "message": None, "parent": None, "children": ["b"]},
    "b": {"message": {}, "parent": "a", "children": []},
}
SAID = [{"sender": "human", "text": "Hi"}, {"sender": "assistant", "text": "Hello"}]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (REQUEST, "requests for OpenAI's batch service .* joined by 'custom_id'"),
        ({**REQUEST, "body": {"input": "Hi"}}, "requests for OpenAI's batch service"),
        (RESPONSE, "answers of OpenAI's batch service"),
        (VERTEX, "answers of Vertex AI's batch service"),
        ({**VERTEX, "status": "", "processed_time": "2026-01-01"}, "answers of Vertex AI's batch service"),
        ({"title": "t", "mapping": TREE}, "conversations of a ChatGPT export"),
        ({"title": "t", "mapping": TREE, "conversation_id": "c", "text": "x"}, "conversations of a ChatGPT export"),
        ({"uuid": "u", "name": "t", "chat_messages": SAID}, "conversations of a Claude export"),
        ({"question": "q", "table_id": "1", "sql": {"sel": 1, "agg": 0, "conds": [[0, 0, "x"]]}}, "WikiSQL's form"),
        (
            {"question": "q", "sql": {"sel": 1, "agg": 0, "conds": [[0, 1, "x"], [1, 2, "y"]]}, "phase": 1},
            "WikiSQL's form",
        ),
    ],
)
def test_files_of_well_known_programs_are_named(row, words):
    with pytest.raises(DataError, match=f"{words}.*docs/data.md has the lines of Python"):
        recognise([row] * 3, Asked())


@pytest.mark.parametrize(
    "row",
    [
        {"text": "x", "label": "a", "response": "y"},
        {"text": "x", "label": "a", "mapping": "z"},
        {"question": "q", "sql": "SELECT 1"},
    ],
)
def test_columns_with_such_names_alone_are_not(row):
    assert recognise([row] * 3, Asked()).shape == "columns"


@pytest.mark.parametrize("column", ["reference_answer", "ideal", "ground_truth", "expected", "solution"])
@pytest.mark.parametrize("answer", ["Hello", {"word": "hello"}, 7])
def test_what_graders_compare_with_is_the_answer(column, answer):
    read = read_shape([{"messages": [USER], column: answer, "tools": []}] * 2)
    assert read.pairs[0] == ("Hi", answer)
    assert f"'{column}' is the target" in read.line


@pytest.mark.parametrize("column", ["gold", "score", "item"])
def test_another_column_beside_chats_that_end_with_a_question_is_asked_for(column):
    rows = [{"messages": [USER], column: "Hello"}] * 3
    with pytest.raises(DataError, match=f"end with the user's turn; .*--target-column {column}"):
        recognise(rows, Asked())
    assert read_shape(rows, target_columns=(column,)).pairs[0] == ("Hi", "Hello")


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ({"input": "x", "output": [{"name": "a"}, {"name": "b"}]}, "output"),
        ({"text": "x", "labels": [{"name": "fire", "confidence": 0.9}]}, "labels"),
        ({"question": "x", "answer": [{"value": 1}], "id": 3}, "answer"),
    ],
)
def test_a_target_that_is_a_list_of_objects_is_the_target_all_the_same(row, column):
    assert recognise([row] * 3, Asked()).target_columns == (column,)
    empty, text = {**row, column: []}, {**row, column: json.dumps(row[column])}
    for rows in ([empty, row, {**row, column: None}], [text, text], [row, text, empty]):
        assert recognise(rows, Asked()).target_columns == (column,)


@pytest.mark.parametrize(
    ("task", "words"),
    [("extraction", r'put the list under a key, {"items": \[...\]}'), ("multilabel", "a list of their names"),
     ("generation", "give --task extraction; else write each row's as one text")],
)  # fmt: skip
def test_and_what_to_make_of_it_is_said_for_the_task(task, words):
    data = [{"input": f"x {n}", "output": [{"name": "a"}]} for n in range(9)]
    rules = CleaningRules("input", target_column="output", target_rule=task_of(task).targets)
    with pytest.raises(DataError, match=f"9 of 9 rows have a list of objects .column 'output'.*{words}"):
        clean_rows([(f"line {n}", row) for n, row in enumerate(data)], rules)
