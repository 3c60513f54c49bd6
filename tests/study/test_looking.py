"""Commands that only look at rows are not refused by what an earlier study left in the usual run folder."""

import json

import pytest

from tests.fakes.lookup_learner import LookupLearner
from tunecurve.cli.main import run_command
from tunecurve.run import run_study


@pytest.fixture
def used_folder(tmp_path, monkeypatch):
    """A folder in which rows.csv was studied before, without groups; the rows are others by now where asked for."""
    monkeypatch.chdir(tmp_path)
    rows = tmp_path / "cls.csv"
    words = ["pay", "refund", "reset", "charge", "ship"]
    lines = [f"please {words[i % 5]} it now number {i},{words[i % 5]},c{i % 30}" for i in range(150)]
    rows.write_text("\n".join(["text,label,customer", *lines, ""]))
    values = {"name": "cls", "task": "classification", "split": {"test_size": 50}, "train_sizes": [10, 40, 80]}
    values |= {"data": {"source": str(rows)}, "models": ["lookup"], "shots": [0]}
    run_study(values, learners={"lookup": LookupLearner()})
    assert (tmp_path / "runs" / "cls" / "split.json").exists()
    return rows


ASKED = ["--task", "classification", "--test-size", "50", "--train-sizes", "10,40,80"]
COMMANDS = [
    ["testset", "--json"],
    ["validate", "--no-suspicious", "--json"],
    ["plan", "--json", "--model", "tfidf"],
]


@pytest.mark.parametrize("change", ["group column", "rows", "columns", "damaged"])
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_another_study_in_the_usual_folder_does_not_refuse_a_look(used_folder, capsys, command, change):
    asked = ["--data", "cls.csv", *(ASKED[:4] if command[0] == "testset" else ASKED)]
    if change == "group column":
        asked += ["--group-column", "customer"]
    elif change == "rows":
        used_folder.write_text(used_folder.read_text().replace("please", "kindly"))
    elif change == "columns":
        used_folder.write_text(used_folder.read_text().replace("text,label,", "sentence,category,"))
    else:
        (used_folder.parent / "runs" / "cls" / "split.json").write_text("{")
    before = sorted(used_folder.parent.rglob("*"))
    assert run_command([*command, *asked]) == 0, capsys.readouterr().err
    findings = json.loads(capsys.readouterr().out)["findings"]
    (told,) = [one for one in findings if one["code"] == "other-study-in-folder"]
    assert "runs/cls" in told["text"]
    assert "--out runs/cls-2" in told["remedy"]
    assert sorted(used_folder.parent.rglob("*")) == before, "nothing is written"


def test_convert_is_not_refused_either(used_folder, capsys):
    assert run_command(["convert", "cls.csv", "--task", "classification", "--group-column", "customer"]) == 0
    assert "'runs/cls' holds another study" in capsys.readouterr().out


@pytest.mark.parametrize("command", COMMANDS[1:], ids=lambda command: command[0])
def test_a_folder_that_is_named_refuses_what_it_would_refuse_a_run(used_folder, capsys, command):
    asked = ["--data", "cls.csv", *ASKED, "--group-column", "customer", "--out", "runs/cls"]
    assert run_command([*command, *asked]) == 8
    assert "other settings" in capsys.readouterr().err


def test_without_an_old_study_nothing_is_said_and_wrong_rows_stay_wrong(used_folder, capsys):
    assert run_command(["testset", "--data", "cls.csv", *ASKED[:4], "--json"]) == 0
    findings = json.loads(capsys.readouterr().out)["findings"]
    assert not [one["text"] for one in findings if one["code"] == "other-study-in-folder"]
    used_folder.write_text("text,label\n")
    assert run_command(["testset", "--data", "cls.csv", *ASKED[:4]]) == 3
