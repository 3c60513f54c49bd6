"""A whole study whose tuned models answer from deployments: from the command line, killed and interrupted, and its books."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pytest

from tests.fakes.faulty_foundry import FaultyFoundry
from tests.fakes.faulty_together import FaultyTogether
from tests.support.processes import StartedProcess
from tunecurve.cli.main import run_command
from tunecurve.learners.hosted.deployments import keeper as deployment_keeper
from tunecurve.learners.hosted.ledger.calls import Ledger

AZURE, TOGETHER = "openai-api/azure/gpt-4.1-mini", "together/Qwen/Qwen3-8B"
SERVERS = {AZURE: FaultyFoundry, TOGETHER: FaultyTogether}
STUDY = """
name: deployed
data: {{source: {rows}}}
split: {{test_size: 12, method: random}}
models: [{model}]
shots: [0]
train_sizes: [{sizes}]
recipe: {{epochs: 2}}
hosted:
  tuning: {tuning}
  poll_seconds: 0.05
  adopt_wait_seconds: 0.3
  concurrency: 2
  azure: {{subscription: sub, resource_group: group, resource: mine}}
  hosting: {{poll_seconds: 0.05}}
  prices: {{{model}: {{input: 1.0, output: 2.0, training: 3.0}}}}
"""


@pytest.fixture
def begin(monkeypatch, only_loopback, tmp_path, rows_file, started):
    """Return a function that starts a provider and writes a study of its model."""
    monkeypatch.setattr(deployment_keeper, "DELETION_POLL_SECONDS", 0.02)

    def start(model, sizes="12, 20", **behaviour):
        server = started(SERVERS[model](**behaviour))
        values = {
            "AZURE_API_KEY": "canary-azure-key", "AZURE_BASE_URL": server.url + "/openai/v1",
            "AZURE_MANAGEMENT_URL": server.url, "AZURE_MANAGEMENT_TOKEN": "canary-management-token",
            "TOGETHER_API_KEY": "canary-together-key", "TOGETHER_BASE_URL": server.url + "/v1",
            "TUNECURVE_LEDGER": str(tmp_path / "ledger.sqlite"),
        }  # fmt: skip
        for name, value in values.items():
            monkeypatch.setenv(name, value)
        path, tuning = tmp_path / "study.yaml", "azure" if model == AZURE else "auto"
        path.write_text(STUDY.format(rows=rows_file, model=model, sizes=sizes, tuning=tuning))
        return server, ["run", str(path), "--out", str(tmp_path / "run"), "--yes"]

    return start


def deployments_in(folder):
    ledger = Ledger(folder / "ledger.sqlite")
    try:
        return ledger.deployments()
    finally:
        ledger.close()


def money_of(folder):
    return json.loads((folder / "run" / "results.json").read_text())["money"]


def paid(money):
    return money["answers_usd"] + money["jobs_usd"] + money["hosting_usd"] + money["in_doubt"]["at_most_usd"]


@pytest.mark.parametrize("model", list(SERVERS))
def test_a_study_pays_for_the_time_of_every_deployment_and_leaves_none(begin, tmp_path, capsys, model):
    server, command = begin(model)
    assert run_command(["plan", *command[1:2], "--max-cost", "20"]) == 0
    planned = capsys.readouterr().out
    assert "answers from a deployment of its own" in planned
    assert "60 min a trial" in planned
    assert run_command([*command, "--max-cost", "20"]) == 0
    money = money_of(tmp_path)
    assert len(server.stood_seconds) == 2
    assert server.deployments == {}
    assert money["hosting_usd"] == pytest.approx(server.hosting_usd)
    assert paid(money) >= server.whole_bill_usd - 1e-9
    trials = json.loads((tmp_path / "run" / "results.json").read_text())["trials"]
    costs = [trial["cost_usd"] for trial in trials if trial["learner"] == model]
    assert sum(costs) == pytest.approx(money["answers_usd"] + money["jobs_usd"] + money["hosting_usd"], abs=1e-6)
    assert "for deployments by time" in capsys.readouterr().out
    assert run_command(["jobs"]) == 0
    listed = capsys.readouterr().out
    assert listed.count("deployment, ") == 2
    assert "canary" not in listed


def test_a_student_with_a_teacher_pays_for_its_deployment_too(begin, tmp_path, capsys):
    name = f"{TOGETHER}+2x:{TOGETHER}"
    server, command = begin(TOGETHER, sizes="12")
    path = tmp_path / "study.yaml"
    path.write_text(
        path.read_text().replace(f"models: [{TOGETHER}]", f'models: ["{name}"]').replace("shots: [0]", "shots: []")
    )
    assert run_command(["plan", *command[1:2], "--max-cost", "20"]) == 0
    assert "answers from a deployment of its own" in capsys.readouterr().out
    assert run_command([*command, "--max-cost", "20"]) == 0
    money = money_of(tmp_path)
    assert len(server.stood_seconds) == 1
    assert server.deployments == {}
    assert money["hosting_usd"] == pytest.approx(server.hosting_usd)
    assert paid(money) >= server.whole_bill_usd - 1e-9
    [trial] = [
        one for one in json.loads((tmp_path / "run" / "results.json").read_text())["trials"] if one["learner"] == name
    ]
    assert trial["training"]["teaching"]["kept"] == 24
    assert trial["training"]["examples_seen"] == 2 * 36
    assert trial["cost_usd"] == pytest.approx(money["answers_usd"] + money["jobs_usd"] + money["hosting_usd"], abs=1e-6)


def test_a_cap_below_hosting_pays_for_the_prompts_and_the_jobs_alone(begin, tmp_path, capsys):
    server, command = begin(AZURE, sizes="12")
    assert run_command([*command, "--max-cost", "1.5"]) == 9
    assert "hosting a deployment" in capsys.readouterr().err
    assert server.deployment_bodies == []
    assert paid(money_of(tmp_path)) < 1.5


def wait_for(condition, seconds=120.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.parametrize("model", list(SERVERS))
def test_after_a_kill_between_creation_and_deletion_the_next_start_deletes_it_first(begin, tmp_path, capsys, model):
    server, command = begin(model, sizes="12", looks=10**9)
    process = StartedProcess(command)
    wait_for(lambda: server.deployments)
    time.sleep(0.2)
    process.kill()
    assert len(server.deployments) == 1  # it stands, and costs
    server.behaviour["looks"] = 0
    assert run_command(command) == 0
    assert server.deployments == {}
    assert {row.state for row in deployments_in(tmp_path)} == {"deleted"}
    assert len(server.creations) == 1
    assert paid(money_of(tmp_path)) >= server.whole_bill_usd - 1e-9


def test_an_interrupt_deletes_it_before_the_command_ends(begin, tmp_path):
    server, command = begin(AZURE, sizes="12", looks=10**9)
    process = StartedProcess(command)
    wait_for(lambda: server.deployments)
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    assert process.wait() != 0
    assert server.deployments == {}
    assert [row.state for row in deployments_in(tmp_path)] == ["deleted"]


def test_the_commands_on_a_deployment_that_could_not_be_deleted(begin, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(deployment_keeper, "CONFIRMATION_SECONDS", 0.1)
    server, command = begin(AZURE, sizes="12", undeploy="500")
    assert run_command(command) == 0
    said = capsys.readouterr()
    assert "MAY STILL STAND" in said.out + said.err
    assert "az cognitiveservices account deployment delete" in said.out + said.err
    assert "deployments that may still stand" in said.out
    row = deployments_in(tmp_path)[0]
    assert row.state == "undeleted"
    assert run_command(["jobs", "sync"]) == 5
    assert "may still stand and cost" in capsys.readouterr().err
    assert run_command(["jobs", "show", row.key]) == 0
    assert json.loads(capsys.readouterr().out)["model"] == row.model
    assert run_command(["jobs", "retry", row.key]) == 2  # nothing to repeat
    capsys.readouterr()
    server.behaviour["undeploy"] = ""
    monkeypatch.setattr(deployment_keeper, "CONFIRMATION_SECONDS", 60.0)
    assert run_command(["jobs", "sync"]) == 0
    assert "Deployments left over: 1, deleted: 1." in capsys.readouterr().out
    assert server.deployments == {}
    assert run_command(["jobs", "cancel", row.key]) == 8
    assert "nothing to delete" in capsys.readouterr().err
    assert run_command(["jobs", "forget", row.key]) == 8


def test_one_of_another_ledger_is_shown_and_left(begin, tmp_path, capsys, monkeypatch):
    server, command = begin(AZURE, sizes="12")
    assert run_command(command) == 0
    other = {"name": "tunecurve-other-1", "model": "ft", "answers_as": "x", "sku": {}, "since": time.time(), "looks": 9}
    server.deployments["tunecurve-other-1"] = other
    capsys.readouterr()
    assert run_command(["jobs", "list", "--provider"]) == 0
    listed = capsys.readouterr().out
    assert "tunecurve-other-1" in listed
    assert run_command(["jobs", "sync"]) == 0
    assert list(server.deployments) == ["tunecurve-other-1"]


def test_a_kept_one_is_deleted_by_its_user(begin, tmp_path, capsys):
    server, command = begin(AZURE, sizes="12")
    path = Path(command[1])
    path.write_text(path.read_text().replace("hosting: {", "hosting: {keep: true, "))
    assert run_command(command) == 0
    assert len(server.deployments) == 1
    row = deployments_in(tmp_path)[0]
    assert "1 deployments still stand" in capsys.readouterr().out
    assert run_command(["jobs", "sync"]) == 0
    assert len(server.deployments) == 1
    assert run_command(["jobs", "cancel", row.key]) == 0
    assert server.deployments == {}


@pytest.mark.parametrize("heading", ["Azure AI Foundry", "Together AI"])
def test_plan_takes_the_documents_examples(begin, tmp_path, capsys, rows_file, heading):
    begin(AZURE)
    text = (Path(__file__).parents[3] / "docs" / "hosted.md").read_text()
    section = text.partition(f"\n### {heading}\n")[2].partition("\n### ")[0]
    example = section.partition("```yaml\n")[2].partition("```")[0]
    path = tmp_path / "example.yaml"
    path.write_text(example.replace("rows.jsonl", str(rows_file)).replace("[50, 200, 800]", "[12, 20, 40]"))
    assert run_command(["plan", str(path), "--test-size", "30"]) == 0
    said = capsys.readouterr().out
    assert "Left to pay: about $" in said
    assert "answers from a deployment of its own" in said
