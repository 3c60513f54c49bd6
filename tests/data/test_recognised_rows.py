"""Rows of `builtin:pii` are recognised in texts that have more or other signs than they; other texts are not."""

import pytest

from tests.conftest import simple_rows
from tunecurve.data.synthetic_pii import LANGUAGES, generate_rows
from tunecurve.data.synthetic_pii.recognised import holds_made_up_row

ROWS = generate_rows(1200, seed=9, language=LANGUAGES)
TARGETS = [row["target_text"] for row in ROWS]
EDITS = {
    "as they are": lambda text: text,
    "before": lambda text: f"Hello. {text}",
    "number before": lambda text: f"#12: {text}",
    "behind": lambda text: f"{text} Thanks!",
    "last sign": lambda text: f"{text[:-1]}!",
    "no signs": lambda text: text.replace(".", "").replace(",", ""),
    "capitals": str.upper,
    "names of labels": lambda text: text.replace("[", "<PII ").replace("]", ">"),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_made_up_rows_are_recognised_in_spite_of_edits(edit):
    assert sum(map(holds_made_up_row, map(edit, TARGETS))) / len(TARGETS) > 0.9


def test_so_are_rows_that_are_joined_and_rows_with_their_values():
    joined = [f"{first} {second}" for first, second in zip(TARGETS[::2], TARGETS[1::2], strict=True)]
    assert sum(map(holds_made_up_row, joined)) / len(joined) > 0.99
    sources = [row["source_text"] for row in ROWS]
    assert sum(map(holds_made_up_row, sources)) / len(sources) > 0.9


@pytest.mark.parametrize("language", LANGUAGES)
def test_in_every_language_most_are_recognised(language):
    rows = [row["target_text"] for row in ROWS if row["language"] == language]
    assert sum(map(holds_made_up_row, rows)) / len(rows) > 0.85


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[NAME]",
        "To whom it may concern: I was born on the [DATE] in [CITY].",
        "The plaintiff, [NAME], resides at [ADDRESS].",
        "We are pleased to offer you the position of [JOB] at [ORG].",
        "Name: [NAME]\nDate of birth: [DATE]\nPhone: [PHONE]",
    ],
)
def test_other_texts_are_not(text):
    assert not holds_made_up_row(text)


def test_rows_of_other_tests_are_not():
    assert not any(holds_made_up_row(row[name]) for row in simple_rows(100) for name in ("source_text", "target_text"))
