"""The lines of Python in docs/data.md do what the page says, and its tables name what there is."""

import re
from pathlib import Path

from tunecurve.data.cleaning import CleaningRules, clean_rows
from tunecurve.data.drops import REASONS
from tunecurve.tasks.lookup import task_of

PAGE = (Path(__file__).parents[2] / "docs" / "data.md").read_text()
BLOCKS = [block for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "def convert" in block]


def convert(sign, row):
    (block,) = (block for block in BLOCKS if sign in block)
    names = {}
    exec(block, names)
    return names["convert"](row)


def test_tokens_and_tags_make_rows_that_are_read():
    row = {
        "tokens": ["Ada", "Lovelace", "met", "Bo", "Ng", "in", "Rome"],
        "ner_tags": ["B-P", "I-P", "O", "B-P", "B-P", "O", "B-L"],
    }
    made = convert("ner_tags", row)
    assert made == {"text": "Ada Lovelace met Bo Ng in Rome", "entities": "P: Ada Lovelace; P: Bo; P: Ng; L: Rome"}
    assert convert("ner_tags", {"tokens": ["It"], "ner_tags": ["O"]})["entities"] == "none"
    rows, _ = clean_rows(
        [("line 1", made)],
        CleaningRules(input_column="text", target_column="entities", target_rule=task_of("ner").targets),
    )
    assert rows[0].target == made["entities"]


def test_spans_of_both_dresses():
    for spans in ([[0, 3, "NAME"], [9, 13, "CITY"]], [{"start": 9, "end": 13, "label": "CITY"}, [0, 3, "NAME"]]):
        made = convert("spans", {"text": "Ada left Rome.", "spans": spans})
        assert made["masked"] == "[NAME] left [CITY]."
        assert made["entities"] == "NAME: Ada; CITY: Rome"


def test_objects_and_classes():
    assert convert('"fields"', {"fields": {"b": 1, "a": "é"}}) == {"fields": '{"a": "é", "b": 1}'}
    assert convert('one="fire"', {"text": "x", "label": ["water", "fire"]}) == {"text": "x", "label": "yes"}
    assert convert("NFKC", {"label": " Spam. "}) == {"label": "spam"}


def test_every_reason_stands_in_the_table():
    for reason in REASONS:
        words = re.sub(r"^(input|target) not valid", "not valid", reason)
        words = re.sub(r"^(input|target) not text", "input or target not text", words)
        assert f"| {words} " in PAGE or f", {words} |" in PAGE, reason
