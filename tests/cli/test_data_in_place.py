"""Rows in the place of the study file: `tunecurve validate rows.jsonl`."""

import json

import pytest

from tunecurve.cli.main import run_command

ROWS = [{"text": f"Ask Ada {'x' * n} today", "label": ["tea", "milk"][n % 2]} for n in range(1, 31)]
SIZES = ["--train-sizes", "10", "--test-size", "10"]
FOUND = "columns found by their names: 'text' is the input, 'label' is the target"


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def invoke(capsys, *arguments):
    code = run_command(list(map(str, arguments)))
    shown = capsys.readouterr()
    return code, shown.out, shown.err


def write(path, text):
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path.name


LINES = "".join(json.dumps(row) + "\n" for row in ROWS)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("calls.jsonl", LINES),
        ("calls.json", json.dumps(ROWS)),
        ("calls.csv", "text,label\n" + "".join(f"{row['text']},{row['label']}\n" for row in ROWS)),
        ("calls.tsv", "text\tlabel\n" + "".join(f"{row['text']}\t{row['label']}\n" for row in ROWS)),
    ],
)
def test_rows_are_a_study(capsys, in_a_folder, name, text):
    code, out, err = invoke(capsys, "validate", write(in_a_folder / name, text), *SIZES)
    assert (code, err) == (0, "")
    assert out.startswith("study    calls (classification), ")
    assert FOUND in out
    assert "no task is named, and classification is found: " in out


def test_a_folder_of_rows_is_a_study(capsys, in_a_folder):
    write(in_a_folder / "calls" / "a.jsonl", LINES)
    assert invoke(capsys, "validate", "calls", *SIZES)[1].startswith("study    calls (classification), ")


def test_options_go_before_what_is_found(capsys, in_a_folder):
    name = write(in_a_folder / "calls.jsonl", LINES)
    code, out, _ = invoke(capsys, "validate", name, "--task", "generation", *SIZES)
    assert code == 0
    assert out.startswith("study    calls (generation), ")
    assert "no task is named" not in out


@pytest.mark.parametrize("ending", [".yaml", ".yml", ".json"])
def test_a_study_file_stays_one(capsys, in_a_folder, ending):
    write(in_a_folder / "calls.jsonl", LINES)
    name = write(in_a_folder / f"study{ending}", json.dumps({"name": "mine", "data": {"source": "calls.jsonl"}}))
    assert invoke(capsys, "validate", name, *SIZES)[1].startswith("study    mine (classification), ")


def test_rows_given_twice_a_run_folder_and_a_missing_file_are_one_line_each(capsys, in_a_folder):
    name = write(in_a_folder / "calls.jsonl", LINES)
    write(in_a_folder / "runs" / "study.yaml", "name: x\n")
    for arguments, said in [
        ((name, "--data", name), "both rows to study"),
        (("runs",), "folder of a run"),
        (("other.jsonl",), "does not exist"),
        (("other.yaml",), "study file 'other.yaml' does not exist"),
    ]:
        code, out, err = invoke(capsys, "validate", *arguments)
        assert code in (2, 3, 4)
        assert (out, len(err.splitlines())) == ("", 1)
        assert said in err


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.jsonl", ""),
        ("a.jsonl", "\n \n"),
        ("a.csv", ""),
        ("a.csv", "text,label\n"),
        ("a.tsv", "text\tlabel\n"),
        ("a.json", "[]"),
    ],
)
@pytest.mark.parametrize("command", ["validate", "plan", "convert"])
def test_data_without_rows_are_named(capsys, in_a_folder, command, name, text):
    code, _, err = invoke(capsys, command, write(in_a_folder / name, text))
    assert code == 3
    assert f"'{name}' has no rows; expected at least a few dozen labelled rows" in err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("data: [a, b]\n", """s.yaml: data: expected keys below it, as 'source: ...', got ["a", "b"]"""),
        ("data:\n- source: rows.csv\n", "s.yaml: data: expected keys below it, as 'source: ...', got [{"),
        ("data: rows.csv\n", """s.yaml: data: expected keys below it, as 'source: ...', got "rows.csv\""""),
        ("data: {source: rows.csv}\nprompt: [a]\n", "s.yaml: prompt: expected keys below it"),
        ("- text: a\n  label: b\n", "s.yaml: expected 'key: value' lines, got a list"),
    ],
)
@pytest.mark.parametrize("options", [[], ["--target-column", "x"]])
def test_a_study_file_with_something_else_in_the_place_of_keys_is_told(capsys, in_a_folder, text, said, options):
    code, _, err = invoke(capsys, "validate", write(in_a_folder / "s.yaml", text), *options)
    assert code == 4
    assert said in err
