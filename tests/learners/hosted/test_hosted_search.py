"""A search for an instruction against a provider on this machine: quoted, capped, paid once, whoever proposes."""

import json

import pytest

from tests.learners.hosted.conftest import LAB
from tunecurve.cli.main import run_command

pytest.importorskip("gepa")

STUDY = """
name: searched
task: masking
data: {{source: {rows}}}
split: {{test_size: 10, method: random}}
models: ["{model}"]
shots: []
train_sizes: []
optimize: {{calls: 24, sizes: [8]{proposer}}}
training_score_rows: 0
hosted:
  ask_above: 0
  prices: {{openai-api/lab/gpt-4.1-mini: {{input: 40, output: 160}}}}
"""


def spent_of(folder):
    return json.loads((folder / "results.json").read_text())["money"]["answers_usd"]


def searched_trial(folder):
    results = json.loads((folder / "results.json").read_text())
    [trial] = [trial for trial in results["trials"] if trial["strategy"] == "optimized"]
    return trial


@pytest.fixture
def study_file(rows_file, tmp_path):
    def write(model, proposer=""):
        path = tmp_path / "study.yaml"
        path.write_text(STUDY.format(rows=rows_file, model=model, proposer=proposer))
        return str(path)

    return write


def test_a_search_is_quoted_capped_and_paid_once(point_at, study_file, tmp_path, capsys):
    state, folder = point_at(), tmp_path / "run"
    path = study_file(LAB)
    assert run_command(["plan", path, "--out", str(folder), "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    [planned] = [trial for trial in plan["trials"] if trial["strategy"] == "optimized"]
    assert (planned["calls"], planned["is_paid"]) == (10 + 24, True)
    assert 0 < planned["usd"] == plan["usd_left"]
    command = ["run", path, "--out", str(folder), "--yes"]
    n_before = 0
    for cap in ("0.05", "0.1", "0.2"):  # every time a little more is allowed: what is paid for is kept
        assert run_command([*command, "--max-cost", cap]) in (6, 9)
        assert spent_of(folder) <= float(cap)
        n_after = sum(state.answers.values())
        assert n_after >= n_before
        n_before = n_after
    assert n_before > 0
    assert run_command([*command, "--max-cost", "20"]) == 0
    trial = searched_trial(folder)
    found = trial["optimisation"]
    assert found["n_answers"] + found["n_proposals"] <= 24
    assert found["n_answers"] + found["n_proposals"] + 10 == sum(state.answers.values())
    assert max(state.answers.values()) == 1, "nothing is asked twice"
    assert trial["cost_usd"] == pytest.approx(spent_of(folder))
    assert 0 < found["cost_usd"] < trial["cost_usd"] <= planned["usd"]
    n_answers = sum(state.answers.values())
    assert run_command([*command, "--max-cost", "20"]) == 0
    assert sum(state.answers.values()) == n_answers


def test_a_hosted_proposer_of_a_local_model_is_paid_and_capped(
    point_at, study_file, tiny_model_folder, tmp_path, capsys
):
    state, folder = point_at(), tmp_path / "run"
    path = study_file(tiny_model_folder, f", proposer: {LAB}")
    assert run_command(["plan", path, "--out", str(folder), "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    [planned] = [trial for trial in plan["trials"] if trial["strategy"] == "optimized"]
    assert planned["is_paid"]
    assert planned["usd"] > 0
    assert 0 < planned["calls"] < 24
    assert not any(finding["code"] == "price-unused" for finding in plan["findings"])
    command = ["run", path, "--out", str(folder)]
    assert run_command(command) == 9, "nobody has agreed to the quote"
    assert not state.answers
    assert run_command([*command, "--yes", "--max-cost", "5"]) == 0
    trial = searched_trial(folder)
    found = trial["optimisation"]
    assert found["proposer"] == LAB
    assert found["n_proposals"] == sum(state.answers.values()) > 0
    assert trial["cost_usd"] == found["cost_usd"] == pytest.approx(spent_of(folder))
    assert trial["cost_usd"] > 0
