"""Choices of Prodigy: accepted options are the target, whatever their ids; what was not accepted is no label."""

import pytest

from tests.support.shapes import read_shape
from tunecurve.data.shapes.base import Asked
from tunecurve.data.shapes.registry import recognise

NAMES = ["fire", "water", "wind"]


def row(accept, answer="accept", options=None, **more):
    options = [{"id": name, "text": name.upper()} for name in NAMES] if options is None else options
    return {"text": "Smoke in the hall.", "options": options, "accept": accept, "answer": answer, **more}


@pytest.mark.parametrize(
    "asked", [{}, {"task": "classification"}, {"input_columns": ("text",), "target_columns": ("accept",)}]
)
def test_the_accepted_option_is_the_target(asked):
    read = read_shape([row(["fire"]), row(["wind"], config={"choice_style": "single"})], **asked)
    assert read.pairs == [("Smoke in the hall.", "fire"), ("Smoke in the hall.", "wind")]
    assert read.line.startswith("read as choices of Prodigy: 'text' is the input, the accepted options are the target")


def test_several_accepted_options_are_a_set_of_labels():
    read = read_shape([row(["fire"]), row(["fire", "wind"]), row([])], task="multilabel")
    assert [target for _, target in read.pairs] == ["fire", ["fire", "wind"], []]
    assert "in 1 rows none is accepted" in read.line


@pytest.mark.parametrize(("answer", "name"), [("reject", "rejected"), ("ignore", "ignored")])
def test_what_was_not_accepted_is_no_label(answer, name):
    assert read_shape([row(["fire"]), row(["wind"], answer)]).pairs[1] == name


@pytest.mark.parametrize("ids", [[0, 1, 2], ["1", "2", "3"]])
def test_ids_that_are_numbers_stand_for_the_texts_of_the_options(ids):
    options = [{"id": number, "text": name} for number, name in zip(ids, NAMES, strict=True)]
    assert read_shape([row([ids[2]], options=options), row([ids[0]], options=options)]).pairs[0][1] == "wind"


def test_options_of_each_row_are_no_classes():
    other = [{"id": "a", "text": "It burns."}, {"id": "b", "text": "It rains."}]
    match = recognise([row(["fire"]), row(["a"], options=other)], Asked())
    assert match is None or match.shape != "prodigy-choice"
