"""Sets of labels as programs print them: Python's `repr`, and arrays of PostgreSQL (manual, 8.15.6)."""

import json

import pytest

from tunecurve.cli.main import run_command
from tunecurve.data.spelled_out import set_of

WRITTEN = {
    "as Python sets": (lambda labels: repr(set(labels)) if labels else "set()"),
    "as frozen sets": (lambda labels: repr(frozenset(labels))),
    "as tuples": (lambda labels: repr(tuple(labels))),
    "as arrays": (lambda labels: "{" + ",".join(f'"{one}"' if " " in one else one for one in labels) + "}"),
}
SETS = [["fire"], ["fire", "no water"], ["storm"], [], ["fire", "storm"]]


@pytest.mark.parametrize("write", WRITTEN.values(), ids=WRITTEN)
def test_a_set_of_labels_is_read_however_it_is_printed(tmp_path, monkeypatch, write):
    monkeypatch.chdir(tmp_path)
    rows = [{"text": f"Report number {n}", "labels": write(SETS[n % 5])} for n in range(40)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    asked = ["--task", "multilabel", "--input-column", "text", "--target-column", "labels"]
    assert run_command(["convert", "rows.jsonl", *asked, "--to", "rows", "-o", "out.jsonl"]) == 0
    found = [json.loads(line)["target"] for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    (tmp_path / "lists.jsonl").write_text(
        "".join(json.dumps({"text": f"Report number {n}", "labels": SETS[n % 5]}) + "\n" for n in range(40))
    )
    assert run_command(["convert", "lists.jsonl", *asked, "--to", "rows", "-o", "lists-out.jsonl"]) == 0
    as_lists = [json.loads(line)["target"] for line in (tmp_path / "lists-out.jsonl").read_text().splitlines()]
    assert found == as_lists
    assert len(set(found)) == 5


@pytest.mark.parametrize(
    "text", ["(other)", "('one label')", "{1, 2}", "{'a': 'b'}", "{{a,b},{c,d}}", '{"cut', "none", "{a}}", "f(x)"]
)
def test_what_is_no_set_of_labels_stays_a_text(text):
    assert set_of(text) is None
