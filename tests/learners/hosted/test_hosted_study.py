"""A whole study with hosted models, from the command line, against a provider on this machine."""

from __future__ import annotations

import json
import os
import signal

import pytest

from tests.fakes.provider_server import GOOD_KEY
from tests.learners.hosted.conftest import LAB, VERTEX
from tests.support.processes import run_process
from tunecurve.cli.main import run_command
from tunecurve.results.stored import without_times

STUDY = """
name: hosted
data: {{source: {rows}}}
split: {{test_size: 30, method: random}}
models: [{models}]
shots: [0, 2]
train_sizes: [12, 30, 80]
recipe: {{epochs: 3}}
prompt: {{system: "{instruction}"}}
hosted:
  tuning: {tuning}
  poll_seconds: 0.05
  ask_above: 0.05
  adopt_wait_seconds: 0.2
  vertex: {{bucket: b}}
  prices: {{openai-api/lab/gpt-4.1-mini: {{input: 0.4, output: 1.6, training: 5}}}}
"""
INSTRUCTION = "Replace every name and every city by its label in square brackets and change nothing else. " * 4


@pytest.fixture
def study_file(tmp_path, rows_file):
    def write(*models, tuning="auto"):
        path = tmp_path / "study.yaml"
        text = STUDY.format(rows=rows_file, models=", ".join(models), tuning=tuning, instruction=INSTRUCTION)
        path.write_text(text)
        return path

    return write


def results_of(folder):
    return json.loads((folder / "results.json").read_text())


@pytest.mark.parametrize(("model", "tuning"), [(VERTEX, "auto"), (LAB, "openai")])
def test_prompted_and_tuned_beside_a_local_model(
    point_at,
    study_file,
    tmp_path,
    tiny_model_folder,
    capsys,
    model,
    tuning,
):
    state = point_at()
    path, folder = study_file(model, str(tiny_model_folder), tuning=tuning), tmp_path / "run"
    command = ["run", str(path), "--out", str(folder), "--yes", "--checkpoints", "--max-cost", "20"]
    assert run_command([*command, "--train-sizes", "12,30,80"]) == 0
    results = results_of(folder)
    by_size = {p["train_size"]: p["scores"]["bleu"]["estimate"] for p in results["points"] if p["learner"] == model}
    assert by_size[12] < by_size[80]
    assert by_size[80] > by_size[0] + 30
    assert {p["learner"] for p in results["points"]} == {"floor", model, str(tiny_model_folder)}
    assert sum(state.creates.values()) == 3
    report = (folder / "report.html").read_text()
    for words in ("Money", "Trained enough?", "gemini-2.5-flash-001" if model == VERTEX else "gpt-4.1-mini"):
        assert words in report
    assert run_command(["predict", str(folder), "--trial", f"{model}/fine-tune-n80-seed0", "--text", "Ada left."]) == 0
    assert capsys.readouterr().out.strip().endswith("[FIRSTNAME] left.")
    elsewhere = {"LAB_BASE_URL": "http://192.0.2.1/v1", "GOOGLE_VERTEX_BASE_URL": "http://192.0.2.1"}
    asked_here = ["predict", folder, "--local-only", "--text", "Ada left.", "--trial", f"{model}/fine-tune-n80-seed0"]
    code, said = run_process(asked_here, environment={**os.environ, **elsewhere})
    assert code == 7
    assert "--local-only" in said
    answered, jobs = sum(state.answers.values()), len(state.jobs)
    before = without_times(results)
    assert run_command(command) == 0
    assert "Nothing to do" in capsys.readouterr().out
    assert (sum(state.answers.values()), len(state.jobs)) == (answered, jobs)
    assert without_times(results_of(folder)) == before
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert GOOD_KEY.encode() not in kept


@pytest.mark.parametrize(("model", "tuning"), [(VERTEX, "auto"), (LAB, "openai")])
def test_the_quote_is_close_to_the_bill(point_at, study_file, tmp_path, model, tuning):
    from tunecurve.run import run_prepared
    from tunecurve.spec.reading import load_spec
    from tunecurve.study.options import StudyOptions
    from tunecurve.study.prepare import prepare_study

    point_at()
    study = prepare_study(load_spec(study_file(model, tuning=tuning)), StudyOptions(out=tmp_path / "run"))
    quote = study.quote_left_usd()
    done = run_prepared(study)
    money = done.results.money
    assert quote == pytest.approx(money.answers_usd + money.jobs_usd, rel=0.15)
    costs = [trial.cost_usd for trial in done.results.trials if trial.learner != "floor"]
    assert sum(costs) == pytest.approx(money.answers_usd + money.jobs_usd)


def test_money_is_asked_for_first(point_at, study_file, tmp_path, capsys):
    state = point_at()
    path, folder = study_file(VERTEX), tmp_path / "run"
    assert run_command(["run", str(path), "--out", str(folder)]) == 9
    assert "--yes" in capsys.readouterr().err
    assert run_command(["plan", str(path), "--out", str(folder)]) == 0
    assert "Left to pay: about $" in capsys.readouterr().out
    assert not state.attempts
    assert not state.jobs


@pytest.mark.parametrize(
    ("model", "missing", "said"),
    [
        (VERTEX, "GOOGLE_CLOUD_PROJECT", "set GOOGLE_CLOUD_PROJECT"),
        (LAB, "LAB_API_KEY", "set LAB_API_KEY"),
        (LAB, "LAB_BASE_URL", "set LAB_BASE_URL"),
    ],
)
def test_what_is_missing_is_one_line_before_anything_begins(
    point_at, study_file, tmp_path, capsys, monkeypatch, model, missing, said
):
    state = point_at()
    monkeypatch.delenv(missing)
    path, folder = study_file(model, tuning="openai" if model == LAB else "auto"), tmp_path / "run"
    assert run_command(["run", str(path), "--out", str(folder), "--yes"]) == 7
    last_line = capsys.readouterr().err.splitlines()[-1]
    assert said in last_line
    assert last_line.startswith("tunecurve: ")
    assert not state.attempts
    assert not folder.exists()
    assert run_command(["plan", str(path), "--out", str(folder)]) == 0  # a quote needs no account
    assert said in capsys.readouterr().out


def test_a_missing_bucket_is_told_before_money_goes(point_at, study_file, tmp_path, capsys):
    state = point_at()
    path, folder = study_file(VERTEX), tmp_path / "run"
    path.write_text(path.read_text().replace("vertex: {bucket: b}", ""))
    assert run_command(["run", str(path), "--out", str(folder), "--yes"]) == 7
    assert "set hosted.vertex.bucket" in capsys.readouterr().err
    assert not state.attempts


def test_an_account_that_cannot_tune_is_told_before_money_goes(point_at, study_file, tmp_path, capsys):
    state = point_at(key="no-tuning-canary-11")
    path, folder = study_file(LAB, tuning="openai"), tmp_path / "run"
    command = ["run", str(path), "--out", str(folder)]
    path.write_text(path.read_text().replace("ask_above: 0.05", "ask_above: 100"))
    assert run_command(command) == 9
    said = capsys.readouterr().err
    assert "cannot be tuned, only prompted: this account or address cannot tune 'gpt-4.1-mini'" in said
    assert "canary" not in said
    assert not state.attempts
    assert run_command([*command, "--yes"]) == 6  # agreed to: prompting is measured, tuning trials say why they are not
    assert sum(state.answers.values()) == 60
    assert not state.files


def test_the_cap_ends_the_study_and_a_higher_one_continues(point_at, study_file, tmp_path, capsys):
    state = point_at()
    path, folder = study_file(LAB, tuning="none"), tmp_path / "run"
    command = ["run", str(path), "--out", str(folder), "--yes", "-j", "4"]
    assert run_command([*command, "--max-cost", "0.004"]) == 9
    assert "is reached" in capsys.readouterr().err
    spent = sum(state.answers.values())
    assert 0 < spent < 60
    assert run_command([*command, "--max-cost", "1"]) == 0
    assert sum(state.answers.values()) == 60
    assert max(state.answers.values()) == 1


def test_odd_answers_are_in_the_report(point_at, tmp_path, capsys):
    point_at()
    marks = ["", "[[block:prompt]]", "[[empty]]", "[[refuse]]", "[[maxtokens]]", ""]
    rows = [
        {"source_text": f"Ada{n} is here {marks[n % 6]}", "target_text": f"[FIRSTNAME] is here {marks[n % 6]}"}
        for n in range(60)
    ]
    (tmp_path / "odd.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    folder = tmp_path / "run"
    command = ["run", "--data", str(tmp_path / "odd.jsonl"), "--model", LAB, "--split", "random", "--test-size", "30"]
    assert run_command([*command, "--train-sizes", "12", "--shots", "0", "--out", str(folder), "--yes"]) == 0
    trial = next(t for t in results_of(folder)["trials"] if t["learner"] == LAB)
    reasons = trial["answers"]["stop_reasons"]
    assert sum(reasons.values()) == 30
    assert {"end", "blocked", "refused", "length"} <= set(reasons)
    assert trial["answers"]["n_empty"] > reasons["blocked"] + reasons["refused"]
    report = (folder / "report.html").read_text()
    assert "Answers that are not whole" in report
    assert "I cannot help with that." in report


def test_local_only_refuses_hosted_models(point_at, study_file, tmp_path):
    point_at()
    environment = {**os.environ, "LAB_BASE_URL": "http://192.0.2.1/v1"}
    command = ["run", study_file(LAB, tuning="none"), "--yes", "--local-only", "--out", tmp_path / "run"]
    code, said = run_process(command, environment=environment)
    assert code == 7
    assert "--local-only: 'openai-api/lab/gpt-4.1-mini' is behind another machine's API" in said


KILLED_AT = ["after-call-claim@20", "after-call@12", "line-of-predictions.partial.jsonl@35", "after-job-creation"]


def test_a_study_killed_again_and_again_equals_an_unkilled_one(point_at, study_file, tmp_path, monkeypatch):
    state = point_at(polls=4)
    path = study_file(VERTEX)
    results = []
    for points in (KILLED_AT, []):
        folder = tmp_path / f"killed{len(points)}"
        monkeypatch.setenv("TUNECURVE_LEDGER", f"{folder}.sqlite")
        command = ["run", str(path), "--out", str(folder), "--yes", "-j", "4"]
        for point in points:
            code, said = run_process(command, environment={**os.environ, "TUNECURVE_KILL_AT": point})
            assert code == -signal.SIGKILL, (point, said)
        assert run_command(command) == 0
        results.append(without_times(results_of(folder)))
    assert results[0] == results[1]
    assert sorted(state.creates.values()) == [1, 1, 1]
