"""A hosted teacher and a student on this machine, against a provider on this machine: quoted, capped, paid once."""

import json

from tests.learners.hosted.conftest import LAB
from tunecurve.cli.main import run_command

STUDY = """
name: taught
data: {{source: {rows}}}
split: {{test_size: 20, method: random}}
models: ["{student}+2x:{teacher}"]
shots: []
train_sizes: [8]
recipe: {{epochs: 1}}
training_score_rows: 0
hosted:
  ask_above: 0
  prices: {{openai-api/lab/gpt-4.1-mini: {{input: 40, output: 160}}}}
"""


def test_a_hosted_teacher_is_quoted_capped_and_paid_once(point_at, rows_file, tiny_model_folder, tmp_path, capsys):
    state = point_at()
    path, folder = tmp_path / "study.yaml", tmp_path / "run"
    path.write_text(STUDY.format(rows=rows_file, student=tiny_model_folder, teacher=LAB))
    assert run_command(["plan", str(path), "--out", str(folder), "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    [planned] = [trial for trial in plan["trials"] if trial["strategy"] == "fine-tune"]
    assert (planned["calls"], planned["is_paid"]) == (16, True)
    assert 0 < planned["usd"] == plan["usd_left"]
    assert not any(finding["code"] == "price-unused" for finding in plan["findings"])
    command = ["run", str(path), "--out", str(folder)]
    assert run_command([*command, "--max-cost", "0.0001", "--yes"]) in (6, 9)
    assert run_command(command) == 9, "nobody has agreed to the quote"
    capsys.readouterr()
    assert run_command([*command, "--yes", "--max-cost", "5"]) == 0
    results = json.loads((folder / "results.json").read_text())
    [trial] = [trial for trial in results["trials"] if trial["strategy"] == "fine-tune"]
    teaching = trial["training"]["teaching"]
    assert teaching["asked"] == 16 == teaching["kept"] + sum(teaching["dropped"].values())
    assert trial["cost_usd"] == trial["training"]["cost_usd"]
    assert 0 < trial["cost_usd"] <= results["money"]["answers_usd"] + 1e-9
    assert results["money"]["prices_usd_per_million_tokens"]
    assert results["teaching"][0]["sentence"].endswith("add it (--model " + str(tiny_model_folder) + ").")
    n_answers = sum(state.answers.values())
    assert n_answers >= 16
    assert run_command([*command, "--yes", "--max-cost", "5"]) == 0
    assert sum(state.answers.values()) == n_answers
    again = json.loads((folder / "results.json").read_text())
    assert again["money"]["answers_usd"] == results["money"]["answers_usd"]
