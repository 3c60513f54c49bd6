"""The lines of Python in docs/data.md do what the page says, and its tables name what there is."""

import re
from pathlib import Path

from tunecurve.data.drops import REASONS
from tunecurve.data.options import ReadingOptions
from tunecurve.data.shapes.annotated import AnnotatedShape
from tunecurve.data.shapes.registry import SHAPES
from tunecurve.data.sources import read_rows

PAGE = (Path(__file__).parents[2] / "docs" / "data.md").read_text()
BLOCKS = [block for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "def convert" in block]


def convert(sign, row):
    (block,) = (block for block in BLOCKS if sign in block)
    names = {}
    exec(block, names)
    return names["convert"](row)


def test_objects_and_classes():
    assert convert('"fields"', {"fields": {"b": 1, "a": "é"}}) == {"fields": '{"a": "é", "b": 1}'}
    assert convert('one="fire"', {"text": "x", "label": ["water", "fire"]}) == {"text": "x", "label": "yes"}
    assert convert("NFKC", {"label": " Spam. "}) == {"label": "spam"}


def test_single_tokens_become_a_conll_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tokens.csv").write_text(
        "Sentence #,Word,POS,Tag\nSentence: 1,Ada,NNP,B-per\n,left,VBD,O\nSentence: 2,Graz,NNP,B-geo\n"
    )
    (block,) = (block for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "sentences.conll" in block)
    exec(block, {})
    rows = [dict(cells) for _, cells in read_rows("sentences.conll", ReadingOptions())]
    assert rows == [{"tokens": ["Ada", "left"], "tags": ["B-per", "O"]}, {"tokens": ["Graz"], "tags": ["B-geo"]}]


def test_every_reason_stands_in_the_table():
    for reason in REASONS:
        words = re.sub(r"^(input|target) not valid", "not valid", reason)
        words = re.sub(r"^(input|target) not text", "input or target not text", words)
        assert f"| {words} " in PAGE or f", {words} |" in PAGE, reason


def test_every_shape_of_labelled_texts_and_its_options_stand_in_the_page():
    shapes = [shape for shape in SHAPES if isinstance(shape, AnnotatedShape)]
    assert len(shapes) >= 6
    for shape in shapes:
        assert f"| `{shape.name}` |" in PAGE
    for option in {name for shape in shapes for name in shape.option_names} - {"scheme", "tokens"}:  # these are found
        assert f"    {option}: " in PAGE
