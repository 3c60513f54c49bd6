"""Plain columns that are found by their names, and those that are asked for because two readings are alike."""

import pytest

from tests.support.shapes import read_shape
from tunecurve.data.shapes.base import Asked
from tunecurve.data.shapes.registry import recognise
from tunecurve.errors import DataError


@pytest.mark.parametrize(
    ("inputs", "target"),
    [
        (["input"], "output"),
        (["input"], "target"),
        (["text"], "label"),
        (["text"], "labels"),
        (["text"], "masked_text"),
        (["text"], "masked"),
        (["sentence"], "label"),
        (["question"], "answer"),
        (["prompt"], "completion"),
        (["prompt"], "response"),
        (["instruction"], "output"),
        (["source"], "target"),
        (["document"], "summary"),
        (["article"], "highlights"),
        (["utterance"], "intent"),
        (["premise", "hypothesis"], "label"),
        (["context", "question"], "answer"),
        (["source_text"], "masked_text"),
    ],
)
@pytest.mark.parametrize("dress", [str, str.title, str.upper, lambda name: name.replace("_", " ")])
def test_columns_are_found_by_their_names(inputs, target, dress):
    row = {"id": 7, "split": "train", **{dress(name): f"x {name}" for name in inputs}, dress(target): "y"}
    read = read_shape([row])
    assert (read.match.shape, read.match.input_columns, read.match.target_columns) == (
        "columns",
        tuple(map(dress, inputs)),
        (dress(target),),
    )
    assert read.match.said.startswith("columns found by their names: ")
    assert f"'{dress(target)}' is the target" in read.match.said


@pytest.mark.parametrize(
    ("row", "choices"),
    [
        ({"text": "x", "label": "a", "summary": "b"}, ["--target-column label", "--target-column summary"]),
        ({"en": "one", "de": "eins"}, ["--input-column en --target-column de", "--input-column de --target-column en"]),
        ({"title": "t", "body": "b", "label": "l"}, ["--input-column title", "--input-column body"]),
        (
            {
                "prompt": "p",
                "response": "r",
                "messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}],
            },
            ["--shape openai-chat", "--input-column prompt --target-column response"],
        ),
        ({"Text": "x", "text": "y", "label": "a"}, ["--input-column Text", "--input-column text"]),
    ],
)
def test_two_readings_alike_are_asked_for_with_the_choices(row, choices):
    with pytest.raises(DataError, match=r"can be read in \d+ ways") as error:
        recognise([row], Asked())
    assert all(choice in str(error.value) for choice in choices)


@pytest.mark.parametrize(
    ("asked", "columns"),
    [
        ({"input_columns": ("en",)}, (("en",), ("de",))),
        ({"target_columns": ("en",)}, (("de",), ("en",))),
    ],
)
def test_the_other_side_of_a_column_that_is_named_is_found(asked, columns):
    match = recognise([{"en": "one", "de": "eins"}], Asked(**asked))
    assert (match.input_columns, match.target_columns) == columns


@pytest.mark.parametrize(
    ("row", "asked", "columns"),
    [
        ({"id": 1, "text": "x", "fire": 1}, {"target_columns": ("fire",)}, (("text",), ("fire",))),
        (
            {"Review": "x", "fire": 1, "water": 0},
            {"target_columns": ("fire", "water")},
            (("Review",), ("fire", "water")),
        ),
        (
            {"fire": 1, "water": 0, "utterance": "x"},
            {"target_columns": ("water", "fire")},
            (("utterance",), ("water", "fire")),
        ),
        (
            {"text": "x", "fire": None, "water": 0},
            {"target_columns": ("fire", "water")},
            (("text",), ("fire", "water")),
        ),
        (
            {"text": "x", "label": "a", "topic": "b"},
            {"target_columns": ("label", "topic")},
            (("text",), ("label", "topic")),
        ),
        (
            {"premise": "x", "hypothesis": "y", "gold": "a"},
            {"target_columns": ("gold",)},
            (("premise", "hypothesis"), ("gold",)),
        ),
        (
            {"context": "c", "question": "x", "gold": "a"},
            {"target_columns": ("gold",)},
            (("context", "question"), ("gold",)),
        ),
        (
            {"instruction": "x", "input": "y", "gold": "a"},
            {"target_columns": ("gold",)},
            (("instruction", "input"), ("gold",)),
        ),
        (
            {"instruction": "x", "context": "y", "response": "z", "topic": "a"},
            {"target_columns": ("topic",)},
            (("instruction", "context"), ("topic",)),
        ),
        (
            {"instruction": "x", "input": None, "gold": "a"},
            {"target_columns": ("gold",)},
            (("instruction",), ("gold",)),
        ),
        ({"source": "x", "prompt": "y"}, {"target_columns": ("prompt",)}, (("source",), ("prompt",))),
        (
            {"title": "x", "body": "y", "label": "a"},
            {"input_columns": ("title", "body")},
            (("title", "body"), ("label",)),
        ),
        (
            {"title": "x", "body": "y", "label": "a"},
            {"input_columns": ("body", "title")},
            (("body", "title"), ("label",)),
        ),
        (
            {"subject": "x", "mail": "y", "Intent": "a"},
            {"input_columns": ("subject", "mail")},
            (("subject", "mail"), ("Intent",)),
        ),
        ({"mail": "y", "answer": "a"}, {"input_columns": ("mail",)}, (("mail",), ("answer",))),
        ({"mail": "y", "label": 3, "label_text": "a"}, {"input_columns": ("mail",)}, (("mail",), ("label_text",))),
        (
            {"premise": "x", "hypothesis": "y", "label": "a"},
            {"input_columns": ("premise",)},
            (("premise",), ("label",)),
        ),
        (
            {"context": "c", "question": "q", "answer": "a"},
            {"input_columns": ("question",)},
            (("question",), ("answer",)),
        ),
    ],
)
def test_the_other_side_is_found_whatever_the_names_of_the_side_that_is_named(row, asked, columns):
    match = recognise([row, row], Asked(**asked))
    assert (match.shape, match.input_columns, match.target_columns) == ("columns", *columns)
    assert all(f"'{name}'" in match.said for side in columns for name in side)


@pytest.mark.parametrize(
    ("row", "asked", "choices"),
    [
        (
            {"title": "x", "body": "y", "fire": 1, "water": 0},
            {"target_columns": ("fire", "water")},
            [
                "--input-column title --target-column fire --target-column water",
                "--input-column body --target-column fire",
            ],
        ),
        (
            {"prompt": "x", "text": "y", "gold": "a"},
            {"target_columns": ("gold",)},
            ["--input-column prompt", "--input-column text"],
        ),
        (
            {"subject": "x", "mail": "y", "label": "a", "summary": "b"},
            {"input_columns": ("subject", "mail")},
            ["--input-column subject --input-column mail --target-column label", "--target-column summary"],
        ),
    ],
)
def test_where_two_fit_beside_what_is_named_it_is_asked_for(row, asked, choices):
    with pytest.raises(DataError, match="can be read in 2 ways") as error:
        recognise([row], Asked(**asked))
    assert all(choice in str(error.value) for choice in choices)


@pytest.mark.parametrize(
    ("row", "asked"),
    [
        ({"frage": "x", "fire": 1}, {"target_columns": ("fire",)}),
        ({"text": "x", "water": 1}, {"target_columns": ("fire",)}),
        ({"text": ["a", "b"], "fire": 1}, {"target_columns": ("fire",)}),
        ({"text": "x", "gold": "a"}, {"target_columns": ("text",)}),
        ({"subject": "x", "mail": "y", "antwort": "a"}, {"input_columns": ("subject", "mail")}),
        ({"text": "x", "label": "y"}, {"input_columns": ("label", "text")}),
    ],
)
def test_where_nothing_fits_beside_what_is_named_nothing_is_guessed(row, asked):
    assert recognise([row], Asked(**asked)) is None


def test_contents_go_before_names_beside_a_column_that_is_named():
    row = {"text": "x", "turns": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}
    assert recognise([row], Asked(target_columns=("turns",))).shape == "openai-chat"


@pytest.mark.parametrize(
    "asked",
    [
        {"input_columns": ("text",), "target_columns": ("summary",)},
        {"name": "columns"},
        {"input_columns": ("text",)},
    ],
)
def test_what_is_named_is_not_overruled(asked):
    # With target_text there, the target is that column, as wherever nobody names one.
    row = {"text": "x", "label": "a", "summary": "b", "target_text": "c"}
    assert recognise([row], Asked(**asked)) is None


def test_the_usual_columns_need_no_word_whatever_stands_beside_them():
    assert recognise([{"source_text": "x", "target_text": "y", "text": "x", "label": "a"}], Asked()) is None


def test_names_go_before_the_numbers_of_classes():
    match = recognise([{"text": "x", "label": 3, "label_text": "sport"}], Asked())
    assert match.target_columns == ("label_text",)


@pytest.mark.parametrize(
    "row",
    [
        {"frage": "x", "antwort": "y"},
        {"text": "x"},
        {"text": ["a", "b"], "label": "y"},
        {"text": "x", "label": None},
        {"question": "q", "answers": {"text": ["a"], "answer_start": [3]}},
        {"text": "x", "label": [["a", "b"]]},
    ],
)
def test_columns_of_other_names_or_contents_are_left_alone(row):
    assert recognise([row], Asked()) is None


def test_a_template_names_the_inputs_and_the_target_is_found():
    row = {"context": "c", "question": "q", "answer": "a"}
    match = recognise([row], Asked(template_columns=("context", "question")))
    assert match.target_columns == ("answer",)
    assert "the template names the input, 'answer' is the target" in match.said


@pytest.mark.parametrize("target", [1, True, "a", ["a", "b"], {"a": 1}, "['a', 'b']"])
def test_targets_of_every_task_are_found(target):
    assert recognise([{"text": "x", "label": target}], Asked()).target_columns == ("label",)


@pytest.mark.parametrize(
    ("task", "target"), [("classification", "label"), ("ner", "entities"), ("summarization", "summary")]
)
def test_a_task_that_is_named_chooses_among_targets(task, target):
    row = {"text": "x", "label": "a", "entities": "person: x", "summary": "b"}
    assert recognise([row], Asked(task)).target_columns == (target,)


def test_a_task_does_not_forbid_the_only_target():
    assert recognise([{"text": "x", "label": "person: x"}], Asked("ner")).target_columns == ("label",)


def test_columns_that_are_neither_input_nor_target_are_named():
    row = {"id": 1, "source": "flan", "question": "q", "response": "r"}
    assert recognise([row], Asked()).said.endswith("'response' is the target; not part of them: id, source")
    many = {"text": "x", "label": "a", **{f"c{number}": 1 for number in range(9)}}
    assert recognise([many], Asked()).said.endswith("; not part of them: c0, c1, c2, c3, c4, c5, ...")
