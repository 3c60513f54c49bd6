"""Further right answers in a column that is not read are said, where all answers could be compared with."""

import json

import pytest

from tunecurve.study.settling import settled_study

ANSWERS = {
    "lists": lambda number: [f"short {number}", f"brief {number}"],
    "the target last": lambda number: [f"brief {number}", f"short {number}"],
    "as text": lambda number: json.dumps([f"short {number}", f"brief {number}"]),
    "some alone": lambda number: [f"short {number}", *([f"brief {number}"] if number < 3 else [])],
}
NONE = {
    "one answer each": lambda number: [f"short {number}"],
    "other texts": lambda number: [f"brief {number}", "more"],
    "a text": lambda number: f"short {number}",
    "missing in some": lambda number: [f"short {number}", "brief"] if number else None,
}


def said(tmp_path, make, task, **data):
    rows = [
        {"source_text": f"a text {number}", "target_text": f"short {number}", "targets": make(number)}
        for number in range(20)
    ]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    values = {"name": "s", "task": task, "data": {"source": str(path), **data}}
    return [one.line for one in settled_study(values, out=tmp_path / "run").findings if one.code == "more-answers"]


@pytest.mark.parametrize("task", ["generation", "summarization"])
@pytest.mark.parametrize("make", ANSWERS.values(), ids=ANSWERS)
def test_further_answers_are_said_with_the_option_that_reads_them(tmp_path, make, task):
    (line,) = said(tmp_path, make, task)
    assert "'targets' hold the target 'target_text'" in line
    assert "--target-column targets" in line


@pytest.mark.parametrize("make", NONE.values(), ids=NONE)
def test_other_columns_are_not(tmp_path, make):
    assert said(tmp_path, make, "generation") == []


def test_answers_that_are_read_are_not(tmp_path):
    assert said(tmp_path, ANSWERS["lists"], "generation", target_column="targets") == []


@pytest.mark.parametrize("task", ["classification", "ner"])
def test_tasks_of_one_answer_say_nothing(tmp_path, task):
    assert said(tmp_path, ANSWERS["lists"], task) == []
