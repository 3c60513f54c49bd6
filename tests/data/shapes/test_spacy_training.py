"""Documents in spaCy's training format of version 2, as its documentation shows them."""

import pytest

from tests.support.shapes import read_shape
from tunecurve.data.shapes.base import Asked
from tunecurve.data.shapes.registry import recognise


def sentence(*tokens):
    return {
        "tokens": [{"id": number, "orth": orth, "tag": "X", "ner": ner} for number, (orth, ner) in enumerate(tokens)],
        "brackets": [],
    }


FIRST = sentence(("Ada", "B-PERSON"), ("Lee", "L-PERSON"), ("left", "O"), (".", "O"))
SECOND = sentence(("Graz", "U-GPE"), ("slept", "O"), (".", "O"))


@pytest.mark.parametrize(
    ("paragraphs", "text", "masked"),
    [
        (
            [{"raw": "Ada Lee left. Graz slept.", "sentences": [FIRST, SECOND]}],
            "Ada Lee left. Graz slept.",
            "[PERSON] left. [GPE] slept.",
        ),
        (
            [{"raw": "Ada Lee left.", "sentences": [FIRST]}, {"raw": "Graz slept.", "sentences": [SECOND]}],
            "Ada Lee left.\nGraz slept.",
            "[PERSON] left.\n[GPE] slept.",
        ),
        ([{"sentences": [FIRST, SECOND], "cats": []}], "Ada Lee left . Graz slept .", "[PERSON] left . [GPE] slept ."),
    ],
)
def test_documents_are_rows(paragraphs, text, masked):
    row = {"id": 0, "paragraphs": paragraphs}
    assert read_shape([row], task="masking").pairs == [(text, masked)]
    read = read_shape([row], task="ner")
    assert read.match.shape == "spacy-training"
    assert read.pairs == [(text, "PERSON: Ada Lee; GPE: Graz")]


def test_other_paragraphs_are_none():
    assert recognise([{"id": 0, "paragraphs": [{"context": "x", "qas": []}]}], Asked("ner")) is None
