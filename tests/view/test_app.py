"""What the live page tells of runs: as their files are now, whoever writes them."""

import json
import logging
import os
import re
import shutil
import socket
import time

import pytest
from starlette.testclient import TestClient

from tests.support.live_page import copy_with_trials
from tunecurve.executors.lock import holder_of, lock_study
from tunecurve.results.stored import RESULTS
from tunecurve.storage.files import write_checked_json, write_text
from tunecurve.view.app import Page, application

TOKEN = "token"
HERE = "http://127.0.0.1:8765"


def open_page(folder, **options):
    page = Page(folder, **options)
    client = TestClient(application(page, TOKEN), base_url=HERE)
    client.page = page
    client.get("/", params={"token": TOKEN})
    return client


def runs_of(client):
    found = client.get("/api/runs")
    assert found.status_code == 200
    return found.json()["runs"]


def only(client):
    (run,) = runs_of(client)
    return client.get(f"/api/runs/{run['id']}").json()


def test_a_finished_run_is_told_as_status_tells_it(tickets):
    from tests.cli.test_commands import invoke

    told = json.loads(invoke("status", tickets, "--json")[1])
    run = only(open_page(tickets.parent))
    assert (run["state"], run["n_trials"], run["n_finished"], run["at_work"]) == ("finished", 3, 3, "")
    assert told["decision"]["sentence"] in run["decision"][0][1]
    assert run["headline"] == told["headline"]
    scores = {trial["label"]: trial["score"] for trial in run["trials"]}
    assert scores == {trial["trial"]: trial["accuracy"] for trial in told["trials"]}
    assert run["money"] == "", "nothing was paid for"


def test_pages_hold_a_policy_and_no_row_texts_in_titles(tickets):
    client = open_page(tickets.parent)
    id = runs_of(client)[0]["id"]
    for path in ("/", f"/runs/{id}", f"/runs/{id}/report"):
        page = client.get(path)
        assert page.status_code == 200
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert "please help" not in re.search("<title>(.*?)</title>", page.text)[1]
    assert "sandbox allow-scripts" in page.headers["content-security-policy"], "a report file is not ours"
    assert "://" not in re.sub(r"http://www\.w3\.org/\S+", "", client.get("/").text), (
        "nothing is fetched from elsewhere"
    )


def test_a_report_that_is_gone_is_made_anew_and_nothing_is_written(tickets, tmp_path):
    copy = tmp_path / "runs" / "copy"
    shutil.copytree(tickets, copy, ignore=shutil.ignore_patterns("report.html"))
    before = {path: path.stat().st_mtime_ns for path in copy.rglob("*")}
    client = open_page(tmp_path / "runs")
    page = client.get(f"/runs/{runs_of(client)[0]['id']}/report")
    assert "What to do" in page.text
    assert {path: path.stat().st_mtime_ns for path in copy.rglob("*")} == before


def test_a_report_is_never_older_than_the_results_beside_it(tickets, tmp_path):
    copy = copy_with_trials(tickets, tmp_path / "copy", 3, 0).folder
    client = open_page(tmp_path)
    versions = []

    def shown():
        run = only(client)
        versions.append(run["version"])
        return client.get(f"/runs/{run['id']}/report").text

    write_text(copy / "report.html", "<title>of the first trial</title>")
    assert "of the first trial" in shown()
    time.sleep(0.02)
    (copy / RESULTS).touch()
    assert "What to do" in shown(), "killed between the two: made anew"
    with lock_study(copy):
        assert "of the first trial" in shown(), "about to be written"
        time.sleep(0.02)
        write_text(copy / "report.html", "<title>of the second trial</title>")
        assert "of the second trial" in shown()
    assert "of the second trial" in shown()
    first, anew, waiting, second, last = versions
    assert first == waiting
    assert second == last
    assert len({first, anew, second}) == 3, "the page asks again when the report is another one"


def test_a_page_that_cannot_be_shown_is_one_line_with_its_code(tmp_path):
    from tests.cli.test_commands import invoke

    code, out, err = invoke("view", tmp_path / "none")
    assert (code, out, err.count("\n")) == (8, "", 1)
    assert "there is no folder" in err
    (tmp_path / "my-runs").mkdir()
    _, _, err = invoke("view", tmp_path / "my-run")
    assert "tunecurve run" in err
    assert "Did you mean 'my-runs'?" in err
    (tmp_path / "rows.csv").touch()
    code, _, err = invoke("view", tmp_path / "rows.csv")
    assert (code, err.count("\n")) == (8, 1)
    assert "is a file" in err
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        code, out, err = invoke("view", tmp_path, "--port", taken.getsockname()[1])
    assert (code, out, err.count("\n")) == (7, "", 1)
    assert "--port" in err


def test_before_the_first_study_the_page_of_all_runs_is_empty(tmp_path, monkeypatch):
    from tests.cli.test_commands import invoke
    from tunecurve.view import server

    monkeypatch.chdir(tmp_path)
    served = []
    monkeypatch.setattr(server, "serve", lambda page, port, tell: (served.append(page), tell("http://here")))
    code, out, _ = invoke("view")
    assert (code, out) == (0, "All runs in 'runs', read-only. Open: http://here\n")
    assert not (tmp_path / "runs").exists(), "it only reads"
    client = TestClient(application(served[0], TOKEN), base_url=HERE)
    assert client.get("/", params={"token": TOKEN}).status_code == 200
    assert runs_of(client) == []


def test_serving_closes_no_handler_of_others(tmp_path):
    """A configuration of logging closes all there are, and one whose stream is another's file closes that."""
    from tunecurve.view.server import stoppable

    class Handler(logging.StreamHandler):
        is_closed = False

        def close(self):
            self.is_closed = True
            super().close()

    handler = Handler()
    stoppable(Page(tmp_path, may_run=False, device="cpu"), 0, print)
    assert not handler.is_closed


@pytest.mark.parametrize("id", ["%2e%2e", "..%2f..%2fetc", "tickets", "0" * 16, "%00", "a/../../b", "ü"])
@pytest.mark.parametrize("address", ["/runs/{}", "/runs/{}/report", "/api/runs/{}"])
def test_no_path_leads_out_of_the_folder(tickets, id, address):
    found = open_page(tickets.parent).get(address.format(id))
    assert found.status_code in (404, 405)
    assert "please" not in found.text


def test_a_folder_may_be_a_run_itself_empty_or_full_of_other_things(tickets, tmp_path):
    assert only(open_page(tickets))["n_finished"] == 3
    (tmp_path / "not a run").mkdir()
    (tmp_path / "rows.jsonl").write_text("{}")
    assert runs_of(open_page(tmp_path)) == []
    assert open_page(tmp_path).get("/compare").status_code == 409, "no two runs: said in a line"


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff\xfe", b'{"seal": "0"}'])
def test_a_damaged_run_is_said_to_be_and_the_others_are_shown(tickets, tmp_path, content):
    copy_with_trials(tickets, tmp_path / "good", 2, 2)
    copy_with_trials(tickets, tmp_path / "bad", 2, 2)
    (tmp_path / "bad" / RESULTS).write_bytes(content)
    client = open_page(tmp_path)
    states = {run["folder"]: (run["state"], run["problem"]) for run in runs_of(client)}
    assert states["good"] == ("finished", "")
    assert states["bad"][0] == "cannot be read"
    assert "is damaged" in states["bad"][1]
    bad = next(run["id"] for run in runs_of(client) if run["folder"] == "bad")
    assert client.get(f"/runs/{bad}").status_code == 200
    assert client.get(f"/runs/{bad}/report").status_code == 409


@pytest.mark.parametrize(
    ("n_finished", "n_failed", "state"), [(4, 0, "finished"), (2, 0, "interrupted"), (3, 1, "failed"), (0, 4, "failed")]
)
def test_what_became_of_a_run_that_nobody_works_on(tickets, tmp_path, n_finished, n_failed, state):
    copy_with_trials(tickets, tmp_path / "copy", 4, n_finished, n_failed)
    run = only(open_page(tmp_path))
    assert (run["state"], run["n_finished"], run["n_failed"]) == (state, n_finished, n_failed)
    if n_failed:
        assert "the disk was full" in {trial["failure"] for trial in run["trials"]}


def test_trials_that_end_are_seen_before_results_are_written_and_the_lock_is_not_touched(tickets, tmp_path):
    copy_with_trials(tickets, tmp_path / "copy", 4, 2)
    client = open_page(tmp_path)
    assert only(client)["state"] == "interrupted"
    with lock_study(tmp_path / "copy"):
        run = only(client)
        assert (run["state"], run["n_finished"]) == ("running", 2)
        assert f"process {os.getpid()}" in run["at_work"]
        (tmp_path / "copy" / run["trials"][2]["folder"] / "result.json").touch()
        now = only(client)
        assert now["n_finished"] == 3
        assert dict(now["decision"])["what to do"].startswith("So far (3 of 4 trials are done): ")
        assert only(client)["version"] == run["version"], "the report is the same yet"
        assert str(holder_of(tmp_path / "copy")) in run["at_work"]
    assert only(client)["state"] == "interrupted"


def test_finished_trials_that_results_do_not_know_are_told_where_nobody_takes_them_up(tickets, tmp_path):
    copy_with_trials(tickets, tmp_path / "copy", 4, 2)
    client = open_page(tmp_path)
    assert only(client)["problem"] == ""
    one = only(client)["trials"][2]
    write_checked_json(tmp_path / "copy" / one["folder"] / "result.json", {"scores": {"accuracy": 62.5}})
    with lock_study(tmp_path / "copy"):
        assert only(client)["problem"] == "", "who is at work takes it up"
    run = only(client)
    assert (run["state"], run["n_finished"], run["trials"][2]["score"]) == ("interrupted", 3, 62.5)
    assert run["problem"].startswith("1 finished trial of ")
    told = dict(run["decision"])["what to do"]
    assert told.startswith("So far (3 of 4 trials are done, 1 of them not counted yet): ")


@pytest.mark.parametrize(
    ("holder", "state"),
    [
        ("process 99999999 on {here} since 2026-01-01 10:00 UTC", "interrupted"),
        ("process {pid} on {here} since 2001-01-01 10:00 UTC", "interrupted"),  # another process has its number by now
        ("process 1 on elsewhere since 2026-01-01 10:00 UTC", "running"),
        ("process {pid} on {here} since {now} UTC", "running"),
        ("nonsense", "interrupted"),
        ("", "interrupted"),
    ],
)
def test_a_killed_process_does_not_count_as_running(tickets, tmp_path, holder, state):
    copy_with_trials(tickets, tmp_path / "copy", 4, 2)
    now = time.strftime("%Y-%m-%d %H:%M", time.gmtime())
    text = holder.format(here=os.uname().nodename, pid=os.getpid(), now=now)
    (tmp_path / "copy" / ".lock").write_text(text)
    assert only(open_page(tmp_path))["state"] == state


def test_before_the_first_trial_has_ended_the_number_of_trials_is_not_known(tickets, tmp_path):
    copy_with_trials(tickets, tmp_path / "copy", 3, 0)
    (tmp_path / "copy" / RESULTS).unlink()
    client = open_page(tmp_path)
    run = only(client)
    assert (run["n_trials"], run["n_finished"], run["state"]) == (None, 0, "interrupted")
    assert client.get(f"/runs/{run['id']}").status_code == 200
    assert "no trial has ended" in client.get(f"/runs/{run['id']}/report").text


def test_many_runs_of_a_hundred_trials_are_read_once(tickets, tmp_path, monkeypatch):
    import tunecurve.view.runs

    for number in range(8):
        copy_with_trials(tickets, tmp_path / f"run{number}", 100, 100 if number else 60)
    reads = []
    read = tunecurve.view.runs.read_results
    monkeypatch.setattr(tunecurve.view.runs, "read_results", lambda path: reads.append(path) or read(path))
    client = open_page(tmp_path)
    for _ in range(3):
        assert sum(run["n_finished"] for run in runs_of(client)) == 760
    assert len(reads) == 8, "nothing has changed"
    os.utime(tmp_path / "run7" / RESULTS)
    runs_of(client)
    assert reads[8:] == [tmp_path / "run7"]
    assert len(client.get("/api/runs").content) < 8 * 4000, "trials are asked for run by run"


def test_runs_are_compared_on_the_page_of_compare(tickets, tmp_path):
    for name in ("a", "b"):
        shutil.copytree(tickets, tmp_path / name)
    client = open_page(tmp_path)
    ids = [run["id"] for run in runs_of(client)]
    page = client.get("/compare", params={"run": ids})
    assert page.status_code == 200
    assert "The best of each" in page.text
    one = client.get("/compare", params={"run": [ids[0], "0" * 16]})
    said = re.search('<p class="warning">(.*)</p>', one.text)
    assert (one.status_code, bool(said)) == (409, True), "said in a line, on a page that leads back"
    assert 'href="/"' in one.text
    assert client.get("/runs/nothing").status_code == 404
    assert "there is no such run here any more" in client.get("/runs/nothing").text
    assert client.get("/api/runs/nothing").text == "there is no such run here any more\n", "scripts read lines"
    assert client.get("/compare", params={"run": ids, "metric": "bleu"}).status_code == 409
