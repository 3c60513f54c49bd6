"""Studies are started, stopped and continued only where that is allowed, and as the command line would."""

import math
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.live_page import copy_with_trials
from tests.view.test_app import only, open_page, runs_of
from tunecurve.errors import StudyStateError, UsageError
from tunecurve.view.launching import Launches

HEADERS = {"Origin": "http://127.0.0.1:8765"}


@pytest.fixture
def commands(monkeypatch):
    """Start, instead of every command, one that sleeps; return what was to be started."""
    started, processes = [], []
    popen = subprocess.Popen

    def sleep(command, **options):
        started.append(command)
        processes.append(popen([sys.executable, "-c", "import time; time.sleep(60)"], **options))
        return processes[-1]

    monkeypatch.setattr(subprocess, "Popen", sleep)
    yield started
    for process in processes:
        process.kill()
        process.wait()


@pytest.mark.parametrize("address", ["/api/start", "/api/runs/{}/stop", "/api/runs/{}/continue"])
def test_a_page_that_only_reads_starts_and_stops_nothing(tickets, commands, address):
    client = open_page(tickets.parent)
    found = client.post(
        address.format(runs_of(client)[0]["id"]), json={"study": "rows.jsonl", "name": "new"}, headers=HEADERS
    )
    assert found.status_code == 403
    assert "--allow-runs" in found.text
    assert commands == []
    assert 'id="start-form"' not in client.get("/").text


@pytest.mark.parametrize("headers", [{}, {"Origin": "http://evil.example"}, {"Origin": "null"}])
def test_another_page_starts_nothing_even_where_runs_are_allowed(tmp_path, commands, headers):
    client = open_page(tmp_path, may_run=True)
    assert client.post("/api/start", json={"study": "rows.jsonl", "name": "new"}, headers=headers).status_code == 403
    assert commands == []


def test_what_is_started_is_the_command_line_and_is_seen_at_once(tmp_path, commands):
    client = open_page(tmp_path, may_run=True)
    form = {"study": "-rows.jsonl", "name": "new", "models": "tfidf tagger", "sizes": "6,12", "task": "", "cost": "5"}
    form["more"] = "--seeds 3 --where 'a = b'"
    found = client.post("/api/start", json=form, headers=HEADERS)
    assert found.status_code == 200
    expected = ["run", f"--out={tmp_path / 'new'}", "--model=tfidf", "--model=tagger", "--train-sizes=6,12", "--max-cost=5",
                "--seeds", "3", "--where", "a = b", "--", "-rows.jsonl"]  # fmt: skip
    assert commands == [[sys.executable, "-m", "tunecurve", *expected]]
    run = only(client)
    assert (run["id"], run["state"], run["folder"]) == (found.json()["id"], "running", "new")
    assert "started from this page" in run["at_work"]
    again = client.post(f"/api/runs/{run['id']}/continue", json={}, headers=HEADERS)
    assert (again.status_code, "worked on already" in again.text) == (409, True)
    assert client.post(f"/api/runs/{run['id']}/stop", json={}, headers=HEADERS).status_code == 200
    end = time.monotonic() + 60
    while only(client)["state"] == "running" and time.monotonic() < end:
        time.sleep(0.05)
    assert (only(client)["state"], only(client)["problem"]) == ("interrupted", "")


@pytest.mark.parametrize("name", ["", "..", "../out", "a/b", "/abs", ".hidden", "-x", "a b", "a\nb", "ü", "x" * 100])
def test_a_name_that_leads_elsewhere_is_refused(tmp_path, commands, name):
    with pytest.raises(UsageError, match="is no name for a run"):
        Launches(tmp_path).start({"study": "rows.jsonl", "name": f"{name}"})
    assert commands == []


@pytest.mark.parametrize(
    "more", ["--yes", "--out=/etc", "--seeds 3 --allow-code", "rows.jsonl", "--where 'open", "--out x"]
)
def test_what_is_decided_in_the_terminal_is_refused_here(tmp_path, commands, more):
    with pytest.raises(UsageError, match="more options"):
        Launches(tmp_path).start({"study": "rows.jsonl", "name": "new", "more": more})
    assert commands == []


def test_a_run_that_is_there_is_not_started_over(tickets, tmp_path, commands):
    copy_with_trials(tickets, tmp_path / "there", 2, 1)
    with pytest.raises(StudyStateError, match="already"):
        Launches(tmp_path).start({"study": "rows.jsonl", "name": "there"})
    with pytest.raises(StudyStateError, match="a run itself"):
        Launches(tmp_path / "there").start({"study": "rows.jsonl", "name": "inner"})
    assert commands == []


def test_two_pages_that_ask_at_once_start_one_study(tmp_path, commands):
    client = open_page(tmp_path, may_run=True)
    form = {"study": "rows.jsonl", "name": "new"}
    with ThreadPoolExecutor(4) as pages:
        asked = [pages.submit(client.post, "/api/start", json=form, headers=HEADERS) for _ in range(4)]
    assert sorted(one.result().status_code for one in asked) == [200, 409, 409, 409]
    assert len(commands) == 1
    refused = client.post("/api/start", json=form, headers=HEADERS)
    assert (refused.status_code, "already" in refused.text) == (409, True)
    assert client.post("/api/start", json=form | {"name": "other"}, headers=HEADERS).status_code == 200


def test_a_run_goes_on_with_its_own_study_file(tickets, tmp_path, commands):
    copy_with_trials(tickets, tmp_path / "there", 2, 1)
    client = open_page(tmp_path, may_run=True)
    id = only(client)["id"]
    assert client.post(f"/api/runs/{id}/continue", json={}, headers=HEADERS).status_code == 200
    assert commands[0][3:] == ["run", f"--out={tmp_path / 'there'}", "--", str(tmp_path / "there" / "study.yaml")]
    assert only(client)["state"] == "running"


def test_why_a_start_failed_is_told_in_the_line_that_the_command_said(tmp_path):
    client = open_page(tmp_path, may_run=True)
    client.post("/api/start", json={"study": str(tmp_path / "no such.jsonl"), "name": "new"}, headers=HEADERS)
    end = time.monotonic() + 300
    while only(client)["state"] == "running" and time.monotonic() < end:
        time.sleep(0.1)
    run = only(client)
    assert run["state"] == "failed"
    assert "no such.jsonl" in run["problem"]
    assert "code" in run["problem"]
    assert client.get(f"/runs/{run['id']}").status_code == 200


@pytest.mark.parametrize(
    ("n_finished", "n_failed", "state"), [(2, 0, "finished"), (1, 0, "interrupted"), (1, 1, "failed")]
)
def test_why_a_start_failed_is_past_once_the_study_went_on_elsewhere(
    tickets, tmp_path, monkeypatch, n_finished, n_failed, state
):
    popen = subprocess.Popen
    fails = [sys.executable, "-c", "import sys; sys.exit('it costs more than is agreed to')"]
    monkeypatch.setattr(subprocess, "Popen", lambda command, **options: popen(fails, **options))
    client = open_page(tmp_path, may_run=True)
    client.post("/api/start", json={"study": "rows.jsonl", "name": "new"}, headers=HEADERS)
    launch = client.page.runs.launches.get(tmp_path / "new")
    end = time.monotonic() + 60
    while launch.ended_at == math.inf and time.monotonic() < end:
        time.sleep(0.05)
    assert (only(client)["state"], "costs more" in only(client)["problem"]) == ("failed", True)
    time.sleep(0.05)  # files tell their time in ticks of the system's clock
    copy_with_trials(tickets, tmp_path / "new", 2, n_finished, n_failed)
    assert (only(client)["state"], only(client)["problem"]) == (state, "")


def test_a_study_of_another_terminal_is_asked_to_stop(tickets, tmp_path):
    copy_with_trials(tickets, tmp_path / "there", 2, 1)
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    now = time.strftime("%Y-%m-%d %H:%M", time.gmtime())
    (tmp_path / "there" / ".lock").write_text(f"process {other.pid} on {os.uname().nodename} since {now} UTC")
    try:
        Launches(tmp_path).stop(tmp_path / "there")
        assert other.wait(60) == -signal.SIGTERM
    finally:
        other.kill()
    with pytest.raises(StudyStateError, match="nobody works"):
        Launches(tmp_path).stop(tmp_path / "there")
    (tmp_path / "there" / ".lock").write_text("process 1 on elsewhere since 2026-01-01 10:00 UTC")
    with pytest.raises(StudyStateError, match="where it was started"):
        Launches(tmp_path).stop(tmp_path / "there")
