"""Texts in pieces, as SNIPS and Dialogflow write them: joined they are the text, those with a label its spans."""

import json

import pytest

from tests.support.shapes import read_shape
from tunecurve.data.shapes.base import Asked
from tunecurve.data.shapes.registry import recognise
from tunecurve.data.sources import read_rows
from tunecurve.errors import DataError

PIECES = [
    {"text": "Play "},
    {"text": "Ada Quill", "entity": "artist"},
    {"text": " in "},
    {"text": "Graz", "entity": "city"},
]
PLAIN = [{"text": "Stop."}]


@pytest.mark.parametrize(("key", "label"), [("entity", "artist"), ("slot_name", "artist"), ("alias", "artist")])
def test_pieces_are_joined_and_listed_or_masked(key, label):
    pieces = [{key if name == "entity" else name: value for name, value in piece.items()} for piece in PIECES]
    rows = [{"data": pieces}, {"data": PLAIN}]
    assert read_shape(rows, task="ner").pairs == [
        ("Play Ada Quill in Graz", f"{label}: Ada Quill; city: Graz"),
        ("Stop.", "none"),
    ]
    assert read_shape(rows, task="masking").pairs[0] == ("Play Ada Quill in Graz", "Play [ARTIST] in [CITY]")


@pytest.mark.parametrize("column", ["data", "chunks", "segments"])
def test_the_column_may_have_any_name_and_be_spelled_out(column):
    for cell in (PIECES, json.dumps(PIECES), str(PIECES)):
        assert read_shape([{column: cell, "intent": "play"}], task="ner").pairs[0][0] == "Play Ada Quill in Graz"


def test_which_task_is_meant_is_asked():
    with pytest.raises(DataError, match=r"--task masking .* or --task ner"):
        recognise([{"data": PIECES}], Asked())


@pytest.mark.parametrize(
    "cell",
    [
        PLAIN,
        [{"text": "a", "entity": "x", "start": 0}],
        [{"text": 3, "entity": "x"}],
        [{"role": "user", "text": "hi"}],
        [],
    ],
)
def test_other_lists_are_no_pieces(cell):
    match = recognise([{"data": cell, "text": "x", "label": "a"}], Asked())
    assert match is None or match.shape != "text-chunks"


def test_a_file_of_one_intent_is_read_as_snips_has_it(tmp_path):
    (tmp_path / "train_PlayMusic.json").write_text(json.dumps({"PlayMusic": [{"data": PIECES}, {"data": PLAIN}]}))
    rows = [cells for _, cells in read_rows(str(tmp_path / "train_PlayMusic.json"))]
    assert [target for _, target in read_shape(rows, task="ner").pairs] == ["artist: Ada Quill; city: Graz", "none"]
