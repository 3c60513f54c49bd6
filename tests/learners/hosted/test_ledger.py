"""Ledger, budget, names, prices, secrets: the parts that need no provider."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.learners.hosted.conftest import GEMINI, LAB
from tests.support.processes import run_process
from tunecurve.errors import EnvironmentProblem, MoneyError
from tunecurve.learners.hosted.budget import Budget
from tunecurve.learners.hosted.ledger.answers import AnswerRecord
from tunecurve.learners.hosted.ledger.calls import Ledger
from tunecurve.learners.hosted.ledger.job_rows import JobRow, ProviderJob, TuningRecipe
from tunecurve.learners.hosted.names import parse_hosted_name
from tunecurve.learners.hosted.prices import find_price, money
from tunecurve.privacy.redact import redact

ANSWER = AnswerRecord("x", "end", 10, 5, 0.5, characters_in=40)


@pytest.fixture
def ledger(tmp_path):
    opened = Ledger(tmp_path / "deep" / "ledger.sqlite")
    yield opened
    opened.close()


def test_what_is_recorded_is_found_and_never_claimed_again(ledger):
    ledger.claim("k", study="a", model="m", reserved_usd=1.0).result()
    assert ledger.answers(["k"]) == {}
    ledger.record("k", replace(ANSWER, cost_usd=0.25)).result()
    ledger.claim("k", study="b", model="m", reserved_usd=9.0).result()
    assert ledger.answers(["k", "other"]) == {"k": replace(ANSWER, cost_usd=0.25)}
    assert ledger.spending("a").total_usd == 0.25
    assert ledger.spending("b").total_usd == 0.0


def test_calls_left_in_flight_are_doubts_once(ledger):
    for key in ("k1", "k2"):
        ledger.claim(key, study="a", model="m", reserved_usd=0.5).result()
    ledger.claim("k3", study="other", model="m", reserved_usd=0.5).result()
    assert ledger.settle_doubts("a") == 0  # who sent them is alive
    ledger.close()
    ledger = Ledger(ledger.path)
    assert ledger.settle_doubts("a") == 2
    assert ledger.settle_doubts("a") == 0
    assert (ledger.spending("a").n_doubtful, ledger.spending("a").total_usd) == (2, 1.0)
    ledger.claim("k1", study="a", model="m", reserved_usd=0.5).result()
    ledger.record("k1", replace(ANSWER, cost_usd=0.1)).result()
    assert ledger.spending("a").total_usd == pytest.approx(1.1)


def test_failed_attempts_count_only_when_they_may_be_billed(ledger):
    ledger.claim("k", study="a", model="m", reserved_usd=0.5).result()
    ledger.release("k", may_be_billed=False).result()
    assert ledger.spending("a").total_usd == 0.0
    ledger.claim("k", study="a", model="m", reserved_usd=0.5).result()
    ledger.release("k", may_be_billed=True).result()
    assert ledger.spending("a").total_usd == 0.5


def test_the_file_is_private_and_durable(ledger):
    assert oct(ledger.path.stat().st_mode & 0o777) == "0o600"
    assert ledger._read("PRAGMA journal_mode") == [("wal",)]
    assert ledger._read("PRAGMA synchronous") == [(2,)]  # FULL


def test_writes_of_many_threads_share_commits_and_all_arrive(ledger):
    def write(number):
        ledger.claim(f"k{number}", study="a", model="m", reserved_usd=0.001).result()
        ledger.record(f"k{number}", replace(ANSWER, cost_usd=0.001)).result()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ledger.spending("a").n_answers == 64
    assert ledger.tokens_per_character("m") == (0.25, 5.0)


def test_a_failing_write_reaches_who_asked_for_it(ledger):
    with pytest.raises(Exception, match="no such table"):
        ledger._put(lambda connection: connection.execute("INSERT INTO absent VALUES (1)")).result()
    ledger.claim("k", study="a", model="m", reserved_usd=0.0).result()  # the writer lives on


def test_an_unusable_place_is_one_clear_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(EnvironmentProblem, match="TUNECURVE_LEDGER"):
        Ledger(tmp_path / "file" / "ledger.sqlite")


def test_the_budget_never_goes_over():
    budget = Budget(1.0, spent_usd=0.2)
    done = []

    def spend():
        for _ in range(50):
            try:
                reserved = budget.reserve(0.01, "a call")
            except MoneyError:
                continue
            assert budget.spent_usd + budget.reserved_usd <= 1.0 + 1e-9
            budget.settle(reserved, 0.009)
            done.append(1)

    threads = [threading.Thread(target=spend) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert budget.spent_usd == pytest.approx(0.2 + 0.009 * len(done))
    assert budget.spent_usd <= 1.0


def test_every_booking_is_told_with_the_cap():
    told = []
    budget = Budget(1.0, spent_usd=0.2, on_spent=lambda spent, cap: told.append((round(spent, 6), cap)))
    budget.settle(budget.reserve(0.1, "a call"), 0.05)
    budget.book_job("job", 0.3)
    budget.book_within_cap("deployment", 0.1, "an hour")
    budget.book_job("job", 0.2)
    with pytest.raises(MoneyError):
        budget.book_within_cap("deployment", 2.0, "a day")
    assert told == [(0.25, 1.0), (0.55, 1.0), (0.65, 1.0), (0.55, 1.0)]


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("google/gemini-2.5-flash", ("google", None, "gemini-2.5-flash")),
        ("google/vertex/gemini-2.5-flash", ("google", "vertex", "gemini-2.5-flash")),
        ("openai-api/lab/org/model", ("openai-api", "lab", "org/model")),
        ("openai/gpt-4.1-mini", ("openai", None, "gpt-4.1-mini")),
        ("hosted:google/gemma-3-4b", ("google", None, "gemma-3-4b")),
        ("ollama/llama3", ("ollama", None, "llama3")),
    ],
)
def test_names_that_are_hosted(name, parts):
    found = parse_hosted_name(name)
    assert (found.provider, found.service, found.model) == parts


@pytest.mark.parametrize(
    "name",
    [
        "smollm2-135m-instruct",
        "google/gemma-3-270m-it",
        "openai/gpt-oss-20b",
        "HuggingFaceTB/SmolLM2",
        "hf:google/gemini-x",
    ],
)
def test_names_that_stay_local(name):
    assert parse_hosted_name(name) is None


def test_a_folder_is_a_local_model_whatever_it_is_called(tmp_path, monkeypatch):
    (tmp_path / "ollama" / "mine").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert parse_hosted_name("ollama/mine") is None


def test_prices_have_sources_and_unknown_is_not_zero():
    known = find_price("openai", "gpt-4.1-mini-2025-04-14", tuned=True)
    assert (known.input_usd, known.output_usd, known.training_usd) == (0.80, 3.20, 5.0)
    assert "2026-11" in known.source
    base = find_price("google", "gemini-2.5-flash")
    assert base.input_usd == pytest.approx(0.30)
    assert "genai-prices" in base.source
    unknown = find_price("lab", "nobody-knows")
    assert unknown.call_usd(1, 1) is None
    assert unknown.training_cost_usd(1) is None
    assert money(None) == "unknown"
    own = find_price("lab", "nobody-knows", {"input": 1.0, "output": 2.0})
    assert own.call_usd(1e6, 1e6) == 3.0
    assert own.source == "study file"


def test_secrets_are_redacted(monkeypatch):
    monkeypatch.setenv("LAB_API_KEY", "s3cr3t-value")
    text = redact("sent s3cr3t-value; Authorization: Bearer abc.def-ghi; https://user:pw@host/x?key=abcdefg&y=1")
    assert "s3cr3t" not in text
    assert "abc.def" not in text
    assert "user:pw" not in text
    assert "abcdefg" not in text
    assert "y=1" in text


def test_local_only_refuses_what_leaves_the_machine():
    code = (
        "import socket\nfrom tunecurve.privacy.network import stay_on_this_machine\nstay_on_this_machine()\n"
        "server = socket.create_server(('127.0.0.1', 0))\nsocket.create_connection(server.getsockname())\n"
        "for act in (lambda: socket.getaddrinfo('example.com', 80), lambda: socket.create_connection(('192.0.2.1', 80), 0.1)):\n"
        "    try:\n        act()\n    except Exception as error:\n        print(type(error).__name__, error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert len(lines) == 2
    assert all(line.startswith("EnvironmentProblem --local-only") for line in lines)


DRIVER = """
import sys
from pathlib import Path
from tunecurve.learners.hosted.account import Account
from tunecurve.learners.hosted.build import build_hosted_learner
from tunecurve.learners.hosted.names import parse_hosted_name
from tunecurve.prompts import PromptRenderer
from tunecurve.spec.prompt import AnswerSpec
from tunecurve.spec.hosted import HostedSpec
name, path, n_rows, concurrency = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
prices = {name: {"input": 1.0, "output": 2.0}}
account = Account(HostedSpec(prices=prices, concurrency=concurrency, max_cost=1.0), "study", path)
learner = build_hosted_learner(name, parse_hosted_name(name), AnswerSpec(), account)
prompt = PromptRenderer("Mask.").prompt
stream = learner.predict_stream([prompt(f"row {number}") for number in range(n_rows)])
n_recorded, answers = account.spending().n_answers, {}
for index, answer in stream:
    answers[index] = answer.text
    if len(answers) > n_recorded:
        print("new answer", flush=True)
assert answers == {number: f"row {number}" for number in range(n_rows)}
print("done", account.spending().n_doubtful, account.spending().answers_usd, flush=True)
"""


def kill_while_answering(name, ledger_path, *, n_rows, concurrency, n_kills, seed):
    """Kill a process that asks for answers `n_kills` times at random moments, then let it finish.

    Returns
    -------
    n_doubtful : int
        Calls in doubt in the end.
    new_doubts : list of int
        Doubts that each kill left behind.
    """
    draws = random.Random(seed)
    command = [sys.executable, "-c", DRIVER, name, str(ledger_path), str(n_rows), str(concurrency)]
    doubts, new_doubts, lines = 0, [], []
    for number in range(n_kills + 1):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=dict(os.environ))
        if number < n_kills:
            process.stdout.readline()  # calls are in flight once there is a new answer
            time.sleep(draws.uniform(0.0, 0.08))
            process.send_signal(signal.SIGKILL)
        lines = process.stdout.read().splitlines()
        process.wait(timeout=120)
        opened = Ledger(Path(ledger_path))
        opened.settle_doubts("study")
        now = opened.spending("study").n_doubtful
        opened.close()
        new_doubts.append(now - doubts)
        doubts = now
    assert lines[-1].startswith("done")
    return doubts, new_doubts


def answer_until(point, name, ledger_path):
    """Ask for 60 answers, one after the other, in a process that ends at a named moment."""
    environment = {**os.environ, "TUNECURVE_KILL_AT": point}
    code, said = run_process([name, ledger_path, "60", "1"], code=DRIVER, environment=environment)
    assert code == -signal.SIGKILL, said
    opened = Ledger(ledger_path)
    opened.settle_doubts("study")
    spent = opened.spending("study")
    opened.close()
    return spent


@pytest.mark.parametrize("name", [GEMINI, LAB])
def test_a_kill_before_or_after_the_provider_answers_leaves_one_doubt(point_at, tmp_path, name):
    state, path = point_at(), tmp_path / "kills.sqlite"
    spent = answer_until("after-call-claim@10", name, path)
    assert (spent.n_answers, spent.n_doubtful, sum(state.answers.values())) == (9, 1, 9)
    spent = answer_until("after-call@10", name, path)
    assert (spent.n_answers, spent.n_doubtful, sum(state.answers.values())) == (18, 2, 19)


@pytest.mark.hardening
@pytest.mark.parametrize(("name", "concurrency"), [(GEMINI, 1), (LAB, 8)])
def test_kills_lose_nothing_and_pay_nothing_twice(point_at, tmp_path, name, concurrency):
    state = point_at(delay=0.02)
    path = tmp_path / "kills.sqlite"
    doubts, new_doubts = kill_while_answering(
        name, path, n_rows=60, concurrency=concurrency, n_kills=4, seed=concurrency
    )
    assert max(new_doubts) <= concurrency
    # What was answered twice are calls that were in flight at a kill.
    assert sum(state.answers.values()) - 60 <= doubts
    opened = Ledger(path)
    assert opened.spending("study").n_answers == 60
    opened.close()


def test_a_new_ledger_is_opened_by_many_at_once(tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    for number in range(10):
        path = tmp_path / f"{number}.sqlite"
        with ThreadPoolExecutor(8) as pool:
            ledgers = list(pool.map(lambda _, path=path: Ledger(path), range(8)))
        for ledger in ledgers:
            assert ledger.jobs() == []
            ledger.close()


def test_a_call_whose_end_could_not_be_written_is_in_doubt_and_can_be_sent_again(tmp_path):
    """A full disk, say: the process lives on, and must not wait for itself."""
    ledger = Ledger(tmp_path / "ledger.sqlite")
    claim = {"study": "s", "model": "m", "reserved_usd": 0.5}
    assert ledger.claim("k", **claim).result().state == "yours"
    assert ledger.claim("k", **claim).result().state == "taken"
    assert ledger.claim("other", **claim).result().state == "yours"

    def full(connection):
        raise sqlite3.OperationalError("database or disk is full")

    with (
        ledger._lock
    ):  # the writer waits with an operation of its own, so that the two after it go to the disk together
        ledger._put(lambda connection: None)
        while not ledger._waiting.empty():
            time.sleep(0.01)
        time.sleep(0.1)
        recorded, failed = ledger.record("k", ANSWER), ledger._put(full)
    for future in (recorded, failed):
        with pytest.raises(sqlite3.OperationalError):
            future.result()
    assert ledger.claim("other", **claim).result().state == "taken"
    assert ledger.claim("k", **claim).result().state == "yours"
    spent = ledger.spending("s")
    assert (spent.n_doubtful, spent.doubtful_usd, spent.n_answers) == (1, 0.5, 0)
    ledger.close()


OLD_JOB = {
    "tokens": 900, "n_rows": 12, "recipe": {"name": "default", "backend": "openai", "epochs": 2, "n_steps": 4, "batch_size": 8,
    "learning_rate": None, "learning_rate_multiplier": None, "lora_rank": None, "adapter_size": None},
    "place": {"backend": "openai", "provider": "openai-api", "service": "lab", "base_url": "http://127.0.0.1:1/v1"},
    "training_usd": 3.0, "keep_training_file": False, "training_file": None, "deleted_file": "file-1", "claimed_at": 5.0,
    "looked_for_until": 9.0, "owner": None, "differences": ["1 epochs instead of 2"], "has_run": True, "is_estimated": False,
    "job": {"provider_id": "ftjob-1", "state": "succeeded", "key": "tunecurve-1", "base_model": "m", "tuned_model": "ft:m",
            "checkpoints": [[1, "ft:m:1"], [2, "ft:m"]], "tokens_billed": 800, "steps": None, "error": None, "suffix": None,
            "raw_state": "succeeded", "training_file": "file-1", "created_at": 5.0, "hyperparameters": {"epochs": 2},
            "points": [[3, "ft:m"]], "usd_billed": None, "may_have_run": False, "tokens_are_most": False},
}  # fmt: skip
OLD_DEPLOYMENT = {
    "place": {"backend": "azure", "path": "/subscriptions/s", "deploy_as": "standard", "url": "https://a"}, "billed_seconds": 3600,
    "owner": "somebody", "sent_at": 7.0, "raw_state": "Succeeded", "answers_as": "tunecurve-d-1", "answers_at": None,
}  # fmt: skip


def test_jobs_and_deployments_of_a_ledger_of_an_earlier_version_are_read(tmp_path):
    path = tmp_path / "ledger.sqlite"
    Ledger(path).close()
    with sqlite3.connect(path) as connection:
        job = (
            "tunecurve-1",
            "study",
            "openai abc",
            "m",
            "n12-seed0",
            "succeeded",
            1,
            "ftjob-1",
            json.dumps(OLD_JOB),
            0.0,
            0.0024,
            4.0,
            6.0,
        )
        connection.execute(
            "INSERT INTO jobs (key, study, backend, model, label, state, attempt, provider_id, detail, reserved_usd, cost_usd, "
            "created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", job)  # fmt: skip
        there = (
            "tunecurve-d-1",
            "study",
            "azure abc",
            "ft:m",
            "standing",
            "tunecurve-d-1",
            json.dumps(OLD_DEPLOYMENT),
            1.7,
            3.4,
            None,
            8.0,
            9.0,
        )
        connection.execute(
            "INSERT INTO deployments (key, study, backend, model, state, provider_id, detail, usd_per_hour, reserved_usd, cost_usd, "
            "created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", there)  # fmt: skip
    ledger = Ledger(path)
    row = ledger.job("tunecurve-1")
    assert row.booked_usd == 0.0024
    assert row.recipe.epochs == 2
    assert row.job.checkpoints == ((1, "ft:m:1"), (2, "ft:m"))
    assert row.job.tuned_model == "ft:m"
    assert row.place["service"] == "lab"
    assert row.differences == ("1 epochs instead of 2",)
    changed = ledger.change_job(row.key, lambda current: replace(current, is_given_up="by its user"))
    assert ledger.job(row.key) == changed
    assert changed.job == row.job
    (standing,) = ledger.left_over_deployments()
    assert standing.usd_per_hour == 1.7
    assert standing.sent_at == 7.0
    assert standing.booked_usd > 3.4  # it has stood since 1970
    assert ledger.spending("study").n_standing == 1
    ledger.close()


def test_a_row_comes_back_as_it_was_written(ledger):
    job = ProviderJob(
        "p", "running", key="k", checkpoints=((1, "a"),), hyperparameters={"epochs": 3, "lr": 0.5}, remarks=("packed",)
    )
    row = JobRow(
        "k", "s", "b", "m", "l", "running", 2, "p", 1.5, None, 1.0, 2.0, TuningRecipe(3, batch_size=8),
        {"backend": "x", "n": 2, "none": None},
        12, 900, 4000, 3.0, training_file="f", claimed_at=4.0, job=job, differences=("a", "b"), has_run=True, double_of="other",
    )  # fmt: skip
    written = ledger.add_job(row)
    assert ledger.job("k") == written
    assert replace(written, updated_at=2.0) == row


def test_a_closed_ledger_has_no_thread_and_may_be_closed_again(tmp_path):
    def writers():
        return [thread for thread in threading.enumerate() if thread.name == "tunecurve-ledger"]

    before = writers()
    ledger = Ledger(tmp_path / "ledger.sqlite")
    ledger.claim("k", study="a", model="m", reserved_usd=1.0).result()
    assert len(writers()) == len(before) + 1
    assert any(ledger.owner.folder.iterdir())
    for _ in range(2):
        ledger.close()
        assert writers() == before
        assert not any(ledger.owner.folder.iterdir())
