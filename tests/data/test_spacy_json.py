"""spaCy's examples as JSON: pairs of a text and its annotations, in an array, one a line, or under a key beside the classes."""

import json
from typing import Any

import pytest

from tunecurve.data.options import ReadingOptions
from tunecurve.data.sources import read_rows

PAIR: Any = ["Ada left Graz.", {"entities": [[0, 3, "PERSON"], [9, 13, "CITY"]]}]
CELLS = {"text": PAIR[0], "entities": PAIR[1]["entities"]}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("rows.json", json.dumps([PAIR, PAIR])),
        ("rows.json", json.dumps([PAIR, PAIR], indent=2)),
        ("rows.jsonl", f"{json.dumps(PAIR)}\n{json.dumps(PAIR)}\n"),
        ("rows.json", json.dumps({"classes": ["PERSON", "CITY"], "annotations": [PAIR, None, PAIR]})),
    ],
)
def test_pairs_are_rows(tmp_path, name, content):
    path = tmp_path / name
    path.write_text(content)
    assert [dict(cells) for _, cells in read_rows(str(path), ReadingOptions())] == [CELLS, CELLS]
