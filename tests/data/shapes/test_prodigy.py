"""Rows of Prodigy: accepted ones are read, rejected and ignored ones dropped with their reason."""

import json
from pathlib import Path

import pytest

from tests.support.shapes import read_shape
from tunecurve.cli.main import run_command

TEXT = "Ada Lee left Graz."
SPANS = [
    {"start": 0, "end": 7, "token_start": 0, "token_end": 1, "label": "PERSON"},
    {"start": 13, "end": 17, "token_start": 3, "token_end": 3, "label": "CITY"},
]


def row(answer="accept", **more):
    return {
        "text": TEXT,
        "spans": SPANS,
        "answer": answer,
        "_input_hash": 1,
        "_task_hash": 2,
        "_view_id": "ner_manual",
        **more,
    }


def test_accepted_rows_are_read():
    read = read_shape(
        [row(tokens=[{"text": "Ada", "start": 0, "end": 3, "id": 0}], meta={"score": 0.3})], task="masking"
    )
    assert read.match.shape == "prodigy"
    assert read.pairs == [(TEXT, "[PERSON] left [CITY].")]
    assert read_shape([row()], task="ner").pairs == [(TEXT, "PERSON: Ada Lee; CITY: Graz")]


@pytest.mark.parametrize(("answer", "name"), [("reject", "rejected"), ("ignore", "ignored")])
def test_other_answers_are_dropped(answer, name):
    assert read_shape([row(), row(answer), row(answer, spans=[])], task="ner").pairs[1:] == [name, name]


def test_an_accepted_row_without_spans_has_nothing():
    without = {key: value for key, value in row().items() if key != "spans"}
    read = read_shape([row(), without, row(spans=[]), row(spans=None)], task="masking")
    assert read.pairs[1:] == [(TEXT, TEXT)] * 3


def test_a_row_without_answer_and_spans_is_not_labelled():
    read = read_shape([row(), {"text": TEXT, "_input_hash": 3}], task="ner")
    assert read.pairs[1] == "not labelled"


def test_yes_and_no_about_one_suggestion_is_a_warning():
    (finding,) = read_shape([row(_view_id="ner")] * 3, task="ner").findings
    assert "3 rows are answers to one suggestion each" in finding.text
    assert not finding.is_note
    assert finding.places == ("line 1", "line 2", "line 3")


def test_an_answer_of_another_kind_is_no_mark_of_prodigy():
    rows = [{"text": TEXT, "spans": SPANS, "answer": "yes, she did"}]
    assert read_shape(rows, task="ner").match.shape == "spans"


CLASSES = [{"text": f"Text number {n}", "label": "AB"[n % 2], "answer": "accept"} for n in range(260)]


@pytest.mark.parametrize("place", [0, 7, 259])
@pytest.mark.parametrize("answer", ["reject", "ignore"])
def test_classes_that_were_not_accepted_are_not_taken_as_right(tmp_path, monkeypatch, capsys, place, answer):
    """Of a text classification the label is what was shown, and `answer` whether it is right (prodi.gy/docs/api-interfaces)."""
    monkeypatch.chdir(tmp_path)
    rows = [row | {"answer": answer} if n == place else row for n, row in enumerate(CLASSES)]
    Path("rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert run_command(["convert", "rows.jsonl", "--to", "rows", "-o", "all.jsonl"]) == 3
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("tunecurve: ")]
    assert f"line {place + 1}: 'answer' is '{answer}'" in line
    assert "--where answer=accept" in line
    assert run_command(["convert", "rows.jsonl", "--to", "rows", "-o", "some.jsonl", "--where", "answer=accept"]) == 0
    assert len(Path("some.jsonl").read_text().splitlines()) == 259


@pytest.mark.parametrize("columns", [("question", "answer"), ("text", "answer")])
def test_an_answer_that_is_the_target_may_be_any_word(tmp_path, monkeypatch, columns):
    monkeypatch.chdir(tmp_path)
    rows = [dict(zip(columns, (f"Text number {n}", ("reject", "accept")[n % 2]), strict=True)) for n in range(20)]
    Path("rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    names = ["--input-column", columns[0], "--target-column", columns[1]]
    assert run_command(["convert", "rows.jsonl", *names, "--to", "rows", "-o", "all.jsonl"]) == 0
    assert len(Path("all.jsonl").read_text().splitlines()) == 20
