"""Tuning jobs: made once, found again, followed to their end; the real SDKs against a provider on this machine."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.learners.hosted.conftest import LAB, VERTEX
from tunecurve.errors import ModelError, MoneyError
from tunecurve.learners.base import Pending, TrainingJob, Tuned, predict
from tunecurve.prompts import PromptRenderer

FAST = {"poll_seconds": 0.01, "adopt_wait_seconds": 0.05, "vertex": {"bucket": "b"}, "tuning": "auto"}
BOTH = [(VERTEX, {**FAST}), (LAB, {**FAST, "tuning": "openai"})]
NAMES = ["Ada", "Bo", "Cleo", "Dan", "Eve", "Finn", "Gus", "Hal", "Ida", "Jon", "Kim", "Lea"]


def examples(n=12):
    renderer = PromptRenderer("Mask the names.")
    return [renderer.tuning_example(f"{name} is here.", "[FIRSTNAME] is here.") for name in NAMES[:n]]


def begin(learner, folder, rows=None, epochs=2):
    """Bring a job on its way, or look at it."""
    rows = rows or examples()
    recipe = learner.resolve_recipe({"epochs": epochs}, len(rows))
    return learner.fine_tune(TrainingJob(rows, recipe, 0, folder), lambda step: None)


def begin_and_wait(learner, folder, rows=None, epochs=2):
    """Return what a job that is not done waits for."""
    found = begin(learner, folder, rows, epochs)
    assert isinstance(found, Pending)
    return found.reason


def tune(learner, folder, rows=None, most_looks=40):
    for _ in range(most_looks):
        found = begin(learner, folder, rows)
        if isinstance(found, Tuned):
            return found
        time.sleep(min(found.seconds, 0.05))
    raise AssertionError("the job never ended")


@pytest.mark.parametrize(("name", "settings"), BOTH)
def test_a_job_from_nothing_to_answers(point_at, learner_of, prompts_of, tmp_path, name, settings):
    state = point_at()
    learner = learner_of(name, **settings)
    ended = tune(learner, tmp_path)
    tuned, record = ended.learner, ended.record
    assert [a.text for a in predict(tuned, prompts_of(["Ada met Zoe."]))] == ["[FIRSTNAME] met Zoe."]
    assert record.epochs == 2
    assert record.tokens_trained > 0
    assert record.cost_usd == pytest.approx(record.tokens_trained * 3.0 / 1e6)
    assert record.job["id"] in state.jobs
    assert list(state.creates.values()) == [1]
    same = tune(learner, tmp_path).record
    assert (same.job, sum(state.creates.values())) == (record.job, 1)
    assert len(learner.checkpoints(tmp_path)) == 2
    assert learner.account.spending().jobs_usd == record.cost_usd


def test_the_tuned_endpoint_is_called_where_it_is_and_thinks_as_little(point_at, learner_of, prompts_of, tmp_path):
    state = point_at()
    tuned = tune(learner_of(VERTEX, **FAST), tmp_path).learner
    assert "/locations/us/endpoints/" in tuned.target.model  # tuned in us-central1
    assert tuned.base.model == "gemini-2.5-flash"
    predict(tuned, prompts_of(["Ada"]))
    assert state.requests[-1]["thinkingConfig"]["thinking_budget"] == 0


@pytest.mark.parametrize(
    ("name", "settings", "drops_metadata"), [(*BOTH[0], False), (*BOTH[1], False), (*BOTH[1], True)]
)
def test_a_creation_without_an_answer_is_adopted(
    point_at, learner_of, tmp_path, name, settings, drops_metadata, monkeypatch
):
    from tunecurve.learners.hosted.tuning.types import CreationUnclear

    state = point_at()
    state.drops_metadata = drops_metadata
    learner = learner_of(name, **{**settings, "adopt_wait_seconds": 60.0})
    create = learner.backend.create

    def answer_is_lost(request, training_file):
        create(request, training_file)
        raise CreationUnclear("the connection broke")

    monkeypatch.setattr(learner.backend, "create", answer_is_lost)
    record = tune(learner, tmp_path).record
    assert sum(state.creates.values()) == 1
    assert record.job["id"] in state.jobs


def test_only_after_looking_for_long_enough_is_another_one_made(point_at, learner_of, tmp_path, monkeypatch):
    from tunecurve.learners.hosted.tuning.types import CreationUnclear

    state = point_at()
    learner = learner_of(LAB, **{**FAST, "tuning": "openai", "adopt_wait_seconds": 0.3})
    create, calls = learner.backend.create, []

    def first_is_lost(request, training_file):
        calls.append(time.monotonic())
        if len(calls) == 1:
            raise CreationUnclear("never arrived")
        return create(request, training_file)

    monkeypatch.setattr(learner.backend, "create", first_is_lost)
    tune(learner, tmp_path)
    assert len(calls) == 2
    assert calls[1] - calls[0] >= 0.3
    assert sum(state.creates.values()) == 1


def test_a_deployment_answers_for_a_tuned_model(point_at, learner_of, prompts_of, tmp_path, monkeypatch):
    state = point_at()
    settings = {**FAST, "tuning": "openai"}
    record = tune(learner_of(LAB, **settings), tmp_path).record
    name = record.job["tuned_model"]
    state.masks["my-deployment"] = state.masks.pop(name)
    renamed = learner_of(LAB, **settings, deployments={name: "my-deployment"}).load_tuned(tmp_path)
    assert [a.text for a in predict(renamed, prompts_of(["Ada met Zoe."]))] == ["[FIRSTNAME] met Zoe."]
    monkeypatch.setenv("LAB_BASE_URL", "https://mine.openai.azure.com/openai/v1")
    with pytest.raises(ModelError, match=r"hosted\.deployments"):
        learner_of(LAB, **settings, azure={"deploy_as": "none"}).load_tuned(tmp_path)
    assert learner_of(LAB, **settings, deployments={name: "d"}).load_tuned(tmp_path).target.model == name


def test_one_job_at_a_time_and_a_full_quota_wait(point_at, learner_of, tmp_path):
    state = point_at(concurrent_jobs=1, polls=3)
    learner = learner_of(VERTEX, **{**FAST, "jobs_at_once": 5})
    first, second = examples(), examples(11)
    assert "tuning job" in begin_and_wait(learner, tmp_path, first)
    assert "no further job now" in begin_and_wait(learner, tmp_path, second)
    tune(learner, tmp_path, first)
    tune(learner, tmp_path, second)
    assert sum(state.creates.values()) == 2
    careful = learner_of(VERTEX, ledger="third", **FAST)
    begin_and_wait(careful, tmp_path, first, epochs=7)
    assert "1 at once are allowed" in begin_and_wait(careful, tmp_path, second, epochs=7)


@pytest.mark.parametrize("status", ["expired", "cancelled"])
def test_a_job_that_ended_without_a_model_fails_its_trial(point_at, learner_of, tmp_path, status):
    state = point_at()
    learner = learner_of(VERTEX, **FAST)
    begin_and_wait(learner, tmp_path)
    next(iter(state.jobs.values()))["force"] = f"JOB_STATE_{status.upper()}"
    with pytest.raises(
        ModelError, match=f"{status}: the provider gives no reason; .* stay booked, because it may have been trained"
    ):
        tune(learner, tmp_path)
    assert learner.account.spending().jobs_usd == 0.0


def test_a_failed_job_says_why_and_is_repeated_only_when_asked(point_at, learner_of, tmp_path):
    state = point_at()
    learner = learner_of(VERTEX, **FAST)
    begin_and_wait(learner, tmp_path)
    next(iter(state.jobs.values()))["fails"] = True
    for _ in range(2):
        with pytest.raises(ModelError, match=r"invalid example at line 3.*jobs retry"):
            tune(learner, tmp_path)
    assert sum(state.creates.values()) == 1
    from tunecurve.cli.main import run_command

    learner.account.close()
    key = next(iter(state.creates))
    assert run_command(["jobs", "retry", key[:20]]) == 0
    record = tune(learner_of(VERTEX, **FAST), tmp_path).record
    assert sum(state.creates.values()) == 2
    assert record.job["key"] != key


def test_no_money_before_limits_and_account_are_checked(point_at, learner_of, tmp_path):
    state = point_at()
    settings = {**FAST, "tuning": "openai"}
    with pytest.raises(ModelError, match="fewer than the 10"):
        tune(learner_of(LAB, **settings), tmp_path, examples(5))
    with pytest.raises(MoneyError, match="--max-cost"):
        tune(learner_of(LAB, **settings, max_cost=0.0001), tmp_path)
    with pytest.raises(ModelError, match="no tuning job was made"):
        tune(learner_of("openai-api/lab/untunable", **settings), tmp_path)
    state_without = point_at(key="no-tuning-canary-11")
    with pytest.raises(ModelError, match="cannot tune") as caught:
        tune(learner_of(LAB, **settings), tmp_path)
    assert "canary" not in str(caught.value)
    assert not state.creates
    assert not state_without.files


def test_a_used_up_account_does_not_wait_for_ever(point_at, learner_of, tmp_path, monkeypatch):
    import httpx2
    import openai

    point_at()
    learner = learner_of(LAB, **{**FAST, "tuning": "openai"})
    response = httpx2.Response(429, request=httpx2.Request("POST", "http://127.0.0.1/"))
    error = openai.RateLimitError("insufficient_quota: add credits", response=response, body=None)

    def refuse(**_):
        raise error

    monkeypatch.setattr(learner.backend.client.fine_tuning.jobs, "create", refuse)
    with pytest.raises(ModelError, match="insufficient_quota"):
        tune(learner, tmp_path)
    assert learner.account.spending().jobs_usd == 0.0


@pytest.mark.parametrize(("name", "settings"), BOTH)
def test_trouble_that_passes_is_waited_out(point_at, learner_of, tmp_path, name, settings, monkeypatch):
    from tunecurve.learners.hosted import tunable

    state = point_at(polls=3)
    learner = learner_of(name, **settings)
    assert "tuning job" in begin_and_wait(learner, tmp_path)
    state.outage = True
    for _ in range(2):
        assert "cannot be reached" in begin_and_wait(learner, tmp_path)
    monkeypatch.setattr(tunable, "LONGEST_TROUBLE_SECONDS", 0.0)
    with pytest.raises(ModelError, match="was not to be reached"):
        begin(learner, tmp_path)
    state.outage = False
    tune(learner, tmp_path)
    assert list(state.creates.values()) == [1]


def test_commands_list_sync_cancel_and_show(point_at, learner_of, tmp_path, capsys):
    from tunecurve.cli.main import run_command

    state = point_at(polls=50)
    learner = learner_of(VERTEX, **FAST)
    begin_and_wait(learner, tmp_path)
    learner.account.close()
    key = next(iter(state.creates))
    for command, expected in [
        (["jobs"], "running"),
        (["jobs", "sync"], "running"),
        (["jobs", "show", key], '"provider_id": "projects/p/'),
        (["jobs", "cancel", key], "cancelled"),
        (["jobs", "list", "--provider"], "cancelled"),
    ]:
        assert run_command(command) == 0
        assert expected in capsys.readouterr().out
    assert run_command(["jobs", "cancel", key]) == 8
    assert run_command(["jobs", "show", "nonsense"]) == 2


DRIVER = """
import sys, time
from pathlib import Path
from tests.learners.hosted.test_jobs import FAST, examples, tune
from tunecurve.learners.hosted.account import Account
from tunecurve.learners.hosted.build import build_hosted_learner
from tunecurve.learners.hosted.names import parse_hosted_name
from tunecurve.spec.prompt import AnswerSpec
from tunecurve.spec.hosted import HostedSpec
name = sys.argv[1]
settings = {**FAST, "adopt_wait_seconds": 1.0, "tuning": "openai" if "lab" in name else "auto"}
account = Account(HostedSpec(**settings), "study", Path(sys.argv[2]))
learner = build_hosted_learner(name, parse_hosted_name(name), AnswerSpec(), account)
learner.backend
print("ready", flush=True)
tune(learner, Path(sys.argv[3]), most_looks=10**6)
print("done", flush=True)
"""


def kill_around_creation(name: str, folder: Path, n_kills: int, seed: int) -> int:
    """Kill a process that makes a job `n_kills` times at random moments, then let it finish; return how many died."""
    draws, n_died = random.Random(seed), 0
    command = [sys.executable, "-c", DRIVER, name, str(folder / "ledger.sqlite"), str(folder)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[3]), *sys.path])}
    for number in range(n_kills + 1):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        assert process.stdout.readline().strip() == "ready"
        if number < n_kills:
            time.sleep(draws.uniform(0.0, 0.12))
            process.send_signal(signal.SIGKILL)
        n_died += process.wait(timeout=60) == -signal.SIGKILL
    return n_died


@pytest.mark.hardening  # the moments that matter are each met in test_job_faults.py
@pytest.mark.parametrize("name", [VERTEX, LAB])
def test_kills_around_the_creation_make_no_second_job(point_at, tmp_path, name):
    state = point_at(delay=0.05, polls=3)
    assert kill_around_creation(name, tmp_path, n_kills=3, seed=1) >= 1
    assert list(state.creates.values()) == [1]


def test_no_credential_of_an_address_is_stored_or_shown(point_at, learner_of, tmp_path, monkeypatch, capsys):
    from tunecurve.cli.main import run_command

    point_at()
    address = os.environ["LAB_BASE_URL"].replace("http://", "http://someone:open-sesame-7@")
    monkeypatch.setenv("LAB_BASE_URL", address)
    learner = learner_of(LAB, **{**FAST, "tuning": "openai"})
    record = tune(learner, tmp_path).record
    learner.account.close()
    for command in (["show", record.job["id"]], ["list"], ["list", "--json"], ["sync"]):
        assert run_command(["jobs", *command]) == 0
    said = capsys.readouterr()
    assert record.job["id"] in said.out
    assert "127.0.0.1" in said.out
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"open-sesame" not in kept
    assert "open-sesame" not in said.out + said.err
