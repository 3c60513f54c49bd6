"""Rows as the data set cards of SQuAD 1.1 and 2.0 show them."""

import pytest

from tests.support.shapes import read_shape
from tunecurve.data.shapes.base import Asked
from tunecurve.data.shapes.registry import recognise

ROW = {"id": "1", "title": "Porto", "context": "The Douro flows through Porto.", "question": "Which river?"}
SOURCE = "The Douro flows through Porto.\nWhich river?"


@pytest.mark.parametrize(
    "answers",
    [
        {"text": ["Douro"], "answer_start": [4]},
        {"text": ["Douro", "Douro"], "answer_start": [4, 4]},
        [{"text": "Douro", "answer_start": 4}],
    ],
)
def test_text_and_question_make_the_input(answers):
    read = read_shape([{**ROW, "answers": answers}])
    assert read.pairs == [(SOURCE, ["Douro"])]
    assert (
        read.line
        == "read as SQuAD: 'context' and 'question' are the input, the answer is the target; not read: id, title"
    )


@pytest.mark.parametrize(
    ("named", "source", "said"),
    [
        (("question",), "Which river?", "'question' is the input"),
        (("context",), "The Douro flows through Porto.", "'context' is the input"),
        (
            ("question", "context"),
            "Which river?\nThe Douro flows through Porto.",
            "'question' and 'context' are the input",
        ),
    ],
)
def test_a_column_that_is_named_is_the_input_as_named(named, source, said):
    read = read_shape([{**ROW, "answers": {"text": ["Douro"], "answer_start": [4]}}], input_columns=named)
    assert read.pairs == [(source, ["Douro"])]
    assert read.line.partition(";")[0] == f"read as SQuAD: {said}, the answer is the target"


def test_several_answers_are_all_right_and_counted():
    read = read_shape([{**ROW, "answers": {"text": ["Douro", "The Douro"], "answer_start": [4, 0]}}])
    assert read.pairs == [(SOURCE, ["Douro", "The Douro"])]
    assert "1 row has several right answers" in read.line


@pytest.mark.parametrize("answers", [{"text": [], "answer_start": []}, []])
def test_a_question_that_the_text_does_not_answer_is_named(answers):
    rows = [{**ROW, "answers": {"text": ["Douro"], "answer_start": [4]}}, {**ROW, "answers": answers}]
    assert read_shape(rows).pairs[1] == "question without an answer"


@pytest.mark.parametrize("answers", ["Douro", ["Douro"], {"text": ["Douro"]}])
def test_answers_without_places_are_no_squad(answers):
    found = recognise([{**ROW, "answers": answers}], Asked())
    assert found is None or found.shape == "columns"
