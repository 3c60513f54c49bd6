"""Studies in trackio and Weights & Biases, which know groups of runs; read back from their own files where they are installed."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys

import pytest

from tests.cli.test_commands import invoke
from tests.support.live_page import run_tickets, ticket_rows
from tunecurve.errors import EnvironmentProblem
from tunecurve.privacy import network
from tunecurve.results.stored import load
from tunecurve.track.content import tracked_study
from tunecurve.track.grouped import run_of_study, run_of_trial
from tunecurve.track.to_wandb import WandbTracker


def needs(package):
    missing = importlib.util.find_spec(package) is None
    return pytest.mark.skipif(missing, reason=f"{package} is not among the packages of the tests")


def in_a_process(command, **environment):
    """Run a command of Python's, without settings of whoever runs the tests; return its standard output."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("WANDB_", "TRACKIO_"))}
    done = subprocess.run(
        [sys.executable, *map(str, command)], env=kept | environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def track(run, tracker, **environment):
    return json.loads(
        in_a_process(["-m", "tunecurve", "track", run, "--to", tracker, "--local-only", "--json"], **environment)
    )


@pytest.fixture
def run(measured, tmp_path):
    """A copy of the study."""
    return shutil.copytree(measured, tmp_path / "run")


READ_TRACKIO = """
import json, trackio
from trackio.sqlite_storage import SQLiteStorage
runs = trackio.Api().runs("tunecurve")
print(json.dumps([[one.config, SQLiteStorage.get_logs("tunecurve", one.name, run_id=one.id)] for one in runs]))
"""


def runs_in_trackio(folder):
    """The runs of a store by their trial; that of the study has none."""
    found = json.loads(in_a_process(["-c", READ_TRACKIO], TRACKIO_DIR=str(folder)))
    assert len({config["trial"] for config, _ in found}) == len(found), "a trial is there twice"
    return {config["trial"]: (config, rows) for config, rows in found}


@needs("trackio")
def test_trackio_has_a_run_a_trial_and_one_with_the_curves(run):
    results, logged = load(run), track(run, "trackio")
    assert (logged["new"], logged["before"]) == (5, 0)
    runs = runs_in_trackio(run / "trackers" / "trackio")
    assert set(runs) == {"", *(trial.folder.removeprefix("trials/") for trial in results.finished)}
    for trial in results.finished:
        config, rows = runs[trial.folder.removeprefix("trials/")]
        assert {name: rows[0][name] for name in trial.scores} == pytest.approx(trial.scores)
        assert config["train_size"] == str(trial.train_size)
        assert config["_Group"] == logged["study"]
    curve = {row["step"]: row["accuracy/tfidf/fine-tune"] for row in runs[""][1] if row["step"]}
    expected = {p.train_size: p.scores["accuracy"].estimate for p in results.points if p.strategy == "fine-tune"}
    assert curve == pytest.approx(expected)


@needs("trackio")
def test_trackio_gets_nothing_twice_and_what_is_new(tmp_path):
    folder = run_tickets(tmp_path, tmp_path / "run").folder
    assert track(folder, "trackio")["new"] == 3
    assert track(folder, "trackio")["new"] == 0
    results = run_tickets(tmp_path, folder, seeds=2, train_sizes=[6, 12, 18]).results
    assert track(folder, "trackio")["new"] == 4
    runs = runs_in_trackio(folder / "trackers" / "trackio")
    assert len(runs) == 8
    curve = {row["step"]: row["accuracy/tfidf/fine-tune"] for row in runs[""][1] if row["step"]}
    expected = {p.train_size: p.scores["accuracy"].estimate for p in results.points if p.strategy == "fine-tune"}
    assert curve == pytest.approx(expected)


@needs("trackio")
def test_trackio_follows_a_folder_of_the_users_and_no_space(run, tmp_path):
    logged = track(run, "trackio", TRACKIO_DIR=str(tmp_path / "all"), TRACKIO_SPACE_ID="somebody/space")
    assert logged["where"] == str(tmp_path / "all")
    assert len(runs_in_trackio(tmp_path / "all")) == 6
    texts = [row["text"].encode() for row in ticket_rows()]
    for path in (path for path in (tmp_path / "all").rglob("*") if path.is_file()):
        content = path.read_bytes()
        assert not any(text in content for text in texts), path


READ_WANDB = """
import json, sys
from pathlib import Path
from wandb.proto.wandb_internal_pb2 import Record

def records(path):  # LevelDB's log format: blocks of 32 KiB, chunks with 7 bytes in front
    content, at, parts = path.read_bytes(), 7, b""
    while at + 7 <= len(content):
        if 32768 - at % 32768 < 7:
            at += 32768 - at % 32768
            continue
        size, kind = int.from_bytes(content[at + 4 : at + 6], "little"), content[at + 6]
        parts += content[at + 7 : at + 7 + size]
        at += 7 + size
        if kind in (1, 4):
            yield Record.FromString(parts)
            parts = b""

found = []
for path in sorted(Path(sys.argv[1]).glob("wandb/offline-run-*/*.wandb")):
    config, rows, group, has_exit = {}, [], "", False
    for record in records(path):
        kind = record.WhichOneof("record_type")
        if kind == "run":
            config |= {one.key: json.loads(one.value_json) for one in record.run.config.update}
            group = record.run.run_group
        elif kind == "history":
            rows.append({one.key or "/".join(one.nested_key): json.loads(one.value_json) for one in record.history.item})
        has_exit = has_exit or kind == "exit"
    found.append([config, rows, group, has_exit])
print(json.dumps(found))
"""


@needs("wandb")
def test_wandb_keeps_offline_runs_of_one_group_each_once(run):
    results = load(run)
    assert [track(run, "wandb")["new"] for _ in range(2)] == [5, 0]
    found = json.loads(in_a_process(["-c", READ_WANDB, run / "trackers" / "wandb"]))
    runs = {config["trial"]: (config, rows) for config, rows, _, _ in found}
    assert len(runs) == len(found) == 6
    assert len({group for _, _, group, _ in found}) == 1
    assert all(has_exit for *_, has_exit in found)
    for trial in results.finished:
        _, rows = runs[trial.folder.removeprefix("trials/")]
        assert {name: rows[0][name] for name in trial.scores} == pytest.approx(trial.scores)
    curve = {row["train_rows"]: row["accuracy/tfidf/fine-tune"] for row in runs[""][1] if row["train_rows"]}
    expected = {p.train_size: p.scores["accuracy"].estimate for p in results.points if p.strategy == "fine-tune"}
    assert curve == pytest.approx(expected)


@pytest.mark.parametrize("tracker", ["trackio", "wandb"])
def test_a_missing_package_is_one_line(tmp_path, monkeypatch, tracker):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name == tracker else found(name, *more)
    )
    code, _, stderr = invoke("track", tmp_path, "--to", tracker)
    assert code == 7
    assert stderr.strip().endswith(
        f"({tracker} is missing); run: pip install '.[{tracker}]' in your copy of tunecurve's repository"
    )
    assert len(stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("mode", "is_local_only", "said"),
    [
        ("online", True, "--local-only: WANDB_MODE=online"),
        ("disabled", False, "nothing would be kept"),
        ("shared", False, "expected offline or online"),
        ("dryrun", False, "expected offline or online"),
    ],
)
def test_modes_of_wandb_that_cannot_be_followed_are_refused(tmp_path, monkeypatch, mode, is_local_only, said):
    monkeypatch.setattr(WandbTracker, "packages", ())
    monkeypatch.setattr(network, "_is_on", is_local_only)
    monkeypatch.setenv("WANDB_MODE", mode)
    with pytest.raises(EnvironmentProblem, match=said):
        WandbTracker(tmp_path).check()


@pytest.mark.parametrize("mode", [None, "", "offline"])
def test_wandb_is_offline_unless_it_is_told_otherwise(tmp_path, monkeypatch, mode):
    monkeypatch.setattr(WandbTracker, "packages", ())
    monkeypatch.setattr(network, "_is_on", True)
    monkeypatch.delenv("WANDB_MODE", raising=False)
    if mode is not None:
        monkeypatch.setenv("WANDB_MODE", mode)
    monkeypatch.setenv("WANDB_API_KEY", "0123456789abcdef")  # a login is no wish to send
    tracker = WandbTracker(tmp_path)
    tracker.check()
    assert (tracker.mode, tracker.elsewhere) == ("offline", None)
    assert tracker.environment["WANDB_MODE"] == "offline"


def test_rows_have_sizes_as_steps_and_no_interval_decides_whether_a_trial_is_new(measured):
    study = tracked_study(load(measured), measured, "0123456789abcdef")
    assert [step for step, _ in run_of_study(study).rows] == [0, 6, 12]
    floor = next(trial for trial in study.trials if trial.key.startswith("floor"))
    run = run_of_trial(study, floor)
    assert "accuracy.low" in run.rows[0][1]
    assert run_of_trial(study, type(floor)(**{**vars(floor), "bounds": {}})).digest == run.digest
    assert run_of_trial(study, type(floor)(**{**vars(floor), "metrics": {"accuracy": 1.0}})).digest != run.digest
