"""Tokens and spans that count tokens; where nothing shows what an end is, it is asked for."""

import pytest

from tests.support.shapes import read_shape
from tunecurve.data.shapes.base import Asked
from tunecurve.data.shapes.registry import recognise
from tunecurve.errors import DataError

TOKENS = ["Ada", "Lee", "left", "Graz"]
LISTED = ("Ada Lee left Graz", "PER: Ada Lee; LOC: Graz")


@pytest.mark.parametrize(
    "row",
    [
        {
            "tokens": TOKENS,
            "entities": [{"start": 0, "end": 2, "type": "PER"}, {"start": 3, "end": 4, "type": "LOC"}],
            "orig_id": 1,
        },
        {"tokenized_text": TOKENS, "ner": [[0, 1, "PER"], [3, 3, "LOC"]]},
        {"tokenized_text": [*TOKENS, "."], "ner": [[0, 1, "PER"], [2, 4, "LOC"]]},
    ],
)
def test_ends_are_seen_from_the_rows(row):
    read = read_shape([row], task="ner")
    assert read.match.shape == "token-spans"
    assert read.pairs[0][1].startswith("PER: Ada Lee; LOC: ")
    if "." not in row.get("tokenized_text", ()):
        assert read.pairs == [LISTED]


def test_ends_that_show_nothing_are_asked_for():
    row = {"tokens": [*TOKENS, "today", "."], "spans": [[0, 2, "PER"], [3, 4, "LOC"]]}
    with pytest.raises(DataError, match=r"nothing in the first 2 rows shows .*offsets: tokens inclusive"):
        read_shape([row] * 2, task="ner")
    assert read_shape([row], task="ner", options={"offsets": "tokens"}).pairs[0][1] == "PER: Ada Lee; LOC: Graz"
    assert (
        read_shape([row], task="ner", options={"offsets": "tokens inclusive"}).pairs[0][1]
        == "PER: Ada Lee left; LOC: Graz today"
    )
    with pytest.raises(DataError, match="expected 'tokens' or 'tokens inclusive'"):
        read_shape([row], task="ner", options={"offsets": "bytes"})


def test_masked_and_said():
    row = {"tokens": TOKENS, "entities": [[0, 2, "PER"], [3, 4, "LOC"]]}
    read = read_shape([row, {"tokens": ["It"], "entities": []}], task="masking")
    assert read.pairs == [("Ada Lee left Graz", "[PER] left [LOC]"), ("It", "It")]
    assert read.line.startswith(
        "read as tokens and spans over them: tokens joined by blanks, spans count tokens, the end behind it; "
    )


def test_spans_beyond_the_tokens_drop_their_row():
    rows = [{"tokens": TOKENS, "entities": [[0, 2, "PER"], [3, 4, "LOC"]]}] * 3
    read = read_shape(
        [*rows, {"tokens": TOKENS, "entities": [[0, 9, "PER"]]}, {"tokens": [], "entities": []}], task="ner"
    )
    assert read.pairs[3:] == ["spans outside the tokens", "no tokens"]


def test_a_text_beside_them_is_read_by_characters():
    row = {"text": "Ada Lee left Graz", "tokens": TOKENS, "spans": [[0, 7, "PER"]]}
    assert read_shape([row], task="ner").match.shape == "spans"


def test_other_tasks():
    assert recognise([{"tokens": TOKENS, "entities": [[0, 2, "PER"], [3, 4, "LOC"]]}], Asked("generation")) is None
