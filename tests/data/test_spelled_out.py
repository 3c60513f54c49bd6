"""Sets of labels as programs print them: Python's `repr`, and arrays of PostgreSQL (manual, 8.15.6)."""

import json

import numpy as np
import pytest

from tunecurve.cli.main import run_command
from tunecurve.data.spelled_out import list_of, set_of

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


CHAT = [
    {"role": "user", "content": "Is the lamp 'on' {or} off?\nSay so."},
    {"role": "assistant", "content": "It's \u201con\u201d\u2028."},
]


@pytest.mark.parametrize(
    "items",
    [
        ["fire", "no water"],
        ["it's", 'say " "', "both ' and \" signs"],
        ["a\nb", "c\u2028d", "é ' '"],
        CHAT,
        ["} {", "' '", '" "'],
    ],
)
def test_lists_as_numpy_prints_them_are_those_lists_letter_for_letter(items):
    assert list_of(str(np.array([*items, None], dtype=object)[:-1])) == items
    assert list_of(repr(items)) == items


@pytest.mark.parametrize("text", ["['a' 'b' ... 'c' 'd']", "['a' 'b]", "[a b]", "['a' 1]", "[f'x' 'y']"])
def test_what_numpy_cuts_or_is_no_list_of_texts_stays_a_text(text):
    assert list_of(text) is None


def test_chats_as_pandas_writes_numpy_arrays_into_a_csv_file_are_chats(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    chats = [
        [CHAT[0] | {"content": f"Question {n} of {'abcdefgh'[n % 8]}"}, CHAT[1] | {"content": f"Answer {n}"}]
        for n in range(40)
    ]
    cells = [str(np.array([*chat, None], dtype=object)[:-1]).replace('"', '""') for chat in chats]
    (tmp_path / "chats.csv").write_text("id,messages\n" + "".join(f'{n},"{cell}"\n' for n, cell in enumerate(cells)))
    assert run_command(["convert", "chats.csv", "--to", "rows", "-o", "out.jsonl"]) == 0
    found = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert found[3]["target"] == "Answer 3"
    assert len(found) == 40
