"""Inputs that are lists of sentences, as the card of SciTLDR shows its rows."""

import pytest

from tests.support.shapes import read_shape
from tunecurve.data.shapes.base import Asked
from tunecurve.data.shapes.registry import recognise
from tunecurve.errors import DataError

SENTENCES = ["We build a mill.", "It stands by the Ilm.", "Grain is ground there."]
SHORT = ["A mill by the Ilm.", "We grind grain."]
SCITLDR = {
    "source": SENTENCES,
    "source_labels": [0, 1, 0],
    "rouge_scores": [0.1, 0.9, 0.2],
    "paper_id": "p1",
    "target": SHORT,
}
TEXT = "\n".join(SENTENCES)


@pytest.mark.parametrize("task", ["", "summarization", "generation"])
def test_sentences_are_joined_and_other_columns_named(task):
    read = read_shape([{**SCITLDR, "target": "A mill."}] * 2, task=task)
    assert read.pairs[0] == (TEXT, "A mill.")
    assert read.line == (
        "read as lists of sentences: the sentences of 'source', joined by line breaks, are the input, 'target' is the target; "
        "not read: source_labels, rouge_scores, paper_id"
    )


def test_a_target_that_is_a_list_stays_one():
    asked = {"task": "summarization", "input_columns": ("source",), "target_columns": ("target",)}
    for several in (SHORT, SHORT[:1]):
        rows = [{**SCITLDR, "target": one} for one in (several, several, SHORT)]
        assert read_shape(rows, **asked).pairs[2] == (TEXT, SHORT)
        assert read_shape(rows, task="summarization").pairs[2] == (TEXT, SHORT)


@pytest.mark.parametrize(
    "row",
    [
        {"article": SENTENCES, "summary": "A mill."},
        {"document": str(SENTENCES), "summary": "A mill."},  # as CSV has it
        {"text": SENTENCES, "label": "mills"},
        {"absatz": SENTENCES, "label": "mills"},
    ],
)
def test_neighbours(row):
    column, target = row
    asked = {"input_columns": (column,)} if column == "absatz" else {}
    read = read_shape([row, {column: "One text.", target: "other"}, row], **asked)
    assert read.pairs[:2] == [(TEXT, row[target]), ("One text.", "other")]


@pytest.mark.parametrize("few", [["One text."], ["One text.", None], ["", "One text."]])
def test_lists_of_one_and_gaps_stand_among_longer_ones(few):
    rows = [{"text": few, "label": "a"}] * 3 + [{"text": SENTENCES, "label": "b"}]
    assert read_shape(rows).pairs[2:] == [("One text.", "a"), (TEXT, "b")]


def test_lists_of_one_alone_are_plain_columns():
    assert recognise([{"text": ["One text."], "label": "a"}] * 3, Asked()) is None


def test_blanks_may_join_them():
    read = read_shape([{"text": SENTENCES, "label": "x"}], options={"joined_by": " "})
    assert read.pairs[0][0] == " ".join(SENTENCES)
    assert "joined by blanks" in read.line


def test_words_are_no_sentences():
    words = {"tokens": ["Ada", "left", "Porto"], "label": "travel"}
    assert recognise([words], Asked(input_columns=("tokens",), target_columns=("label",))).shape == "token-lists"
    with pytest.raises(DataError, match="without names"):
        recognise([{"tokens": ["Ada", "left"], "ner_tags": [1, 0]}], Asked("ner"))


TOKENS = {"tokens": ["Smoke", "in", "Graz", "!"], "slots": ["O", "O", "B-CITY", "O"], "intent": "fire"}


@pytest.mark.parametrize("column", ["tokens", "words", "Tokens", "token list"])
@pytest.mark.parametrize(
    "asked",
    [
        {"target_columns": ("intent",)},
        {"task": "classification"},
        {"task": "multilabel", "target_columns": ("intent",)},
    ],
)
def test_tokens_beside_a_class_are_joined(column, asked):
    rows = [{column: TOKENS["tokens"], "slots": TOKENS["slots"], "intent": "fire"}] * 2
    read = read_shape(rows, **asked)
    assert read.pairs[0] == ("Smoke in Graz !", "fire")
    assert read.line.startswith(
        f"read as lists of tokens: the tokens of '{column}', joined by blanks, are the input, 'intent' is the target"
    )


def test_tokens_are_joined_as_the_study_file_says():
    read = read_shape([TOKENS], task="classification", target_columns=("intent",), options={"joined_by": ""})
    assert read.pairs[0][0] == "SmokeinGraz!"


@pytest.mark.parametrize("asked", [{"task": "ner"}, {"task": "ner", "target_columns": ("slots",)}, {"task": "masking"}])
def test_for_tasks_of_spans_their_tags_are_the_target(asked):
    assert read_shape([TOKENS], **asked).match.shape == "tokens-and-tags"


def test_without_a_task_what_is_meant_is_asked():
    with pytest.raises(DataError, match="for any other task name the columns, too"):
        recognise([TOKENS], Asked())
