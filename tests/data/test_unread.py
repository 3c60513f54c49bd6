"""Annotations in a form that no shape reads are named for what they are."""

import pytest

from tunecurve.data.unread import way_on

SPAN = {"start": 0, "end": 3, "label": "PER"}


@pytest.mark.parametrize(
    ("cells", "column"),
    [
        ({"text": "Ada left", "ner.responses": [{"user_id": "u", "value": [SPAN]}]}, "ner.responses"),
        (
            {
                "text_snippet": {"content": "Ada"},
                "annotations": [{"text_segment": {"start_offset": 0, "end_offset": 3}}],
            },
            "annotations",
        ),
        ({"text": "Ada", "entities": [{"type": "PER", "text": ["Ada"], "offsets": [[0, 3]]}]}, "entities"),
        ({"location": "a.txt", "entities": [{"labels": [{"category": "PER", "offset": 0, "length": 3}]}]}, "entities"),
    ],
)
def test_spans_in_another_form_are_named(cells, column):
    assert way_on(cells).startswith(f"column '{column}' seems to hold labelled spans in a form that is not read")


@pytest.mark.parametrize("tokens", [["Ad", "##a", "left"], ["\u2581Ada", "\u2581left", "!"], ["[CLS]", "Ada", "left"]])
def test_pieces_are_named(tokens):
    assert "are pieces of a model's vocabulary" in way_on({"tokens": tokens, "tags": ["B-PER", "I-PER", "O"]})


@pytest.mark.parametrize("tags", [["0", "1", "2"], ["OTHER", "PER", "PER"], ["b-per", "i-per", "o"]])
def test_tags_that_are_none_are_named(tags):
    assert "'tokens' and 'ner_tags' look like tokens and their tags" in way_on(
        {"tokens": ["a", "b", "c"], "ner_tags": tags}
    )


@pytest.mark.parametrize("cells", [{"a": "x", "b": "y"}, {"a": "x", "start": 3}, {"a": ["x", "y"], "b": ["z"]}])
def test_other_columns_are_not(cells):
    assert way_on(cells) == ""


@pytest.mark.parametrize("name", ["text", "tokens", "sentences", "Article"])
def test_an_input_of_words_is_told_to_be_joined(name):
    assert way_on({name: ["mill", "lamp"], "label": "a"}).startswith(
        f"column '{name}' holds a list of texts; an input is one text"
    )


@pytest.mark.parametrize(
    "cells", [{"body": "a", "labels": ["a", "b"]}, {"text": "a b", "label": "c"}, {"text": ["a"], "n": 1}]
)
def test_other_lists_are_no_input_of_words(cells):
    assert "an input is one text" not in way_on(cells)
