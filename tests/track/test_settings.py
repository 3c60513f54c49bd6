"""Settings of the user's environment, and the commands that show a store; no tracker is asked."""

import json
import os
import shlex
import shutil
import typing

import pytest

from tunecurve.results.stored import load
from tunecurve.spec.study import TrackerName
from tunecurve.track import registry, to_trackio, to_wandb
from tunecurve.track.base import Logged
from tunecurve.track.content import tracked_study
from tunecurve.track.log import log_run
from tunecurve.track.to_mlflow import MLflowTracker

TRACKERS = list(registry.TRACKERS.values())


@pytest.fixture
def run(measured, tmp_path):
    """A copy of the study, in a folder whose name has a blank."""
    return shutil.copytree(measured, tmp_path / "my run")


def environment_of(tracker, run, monkeypatch):
    """What the process that logs has in its environment."""
    seen = {}

    def log(self, study, artifacts):
        seen.update(os.environ)
        return Logged(self.name, 0, 0, "", "", "")

    monkeypatch.setattr(tracker, "log", log)
    monkeypatch.setattr(tracker, "packages", ())
    log_run(run, tracker.name)
    return seen


def test_the_study_file_names_the_trackers_that_there_are():
    assert set(typing.get_args(TrackerName)) == set(registry.TRACKERS)


@pytest.mark.parametrize("tracker", TRACKERS)
def test_an_empty_variable_is_no_setting(tracker, run, monkeypatch):
    """An empty WANDB_MODE is offline, an empty TRACKIO_DIR is the run's folder: as `check` and the printed line have it."""
    for name in (*tracker.forgotten, "MLFLOW_TRACKING_URI"):
        monkeypatch.setenv(name, "")
    expected = tracker(run).environment
    for name in expected:
        monkeypatch.setenv(name, "")
    assert tracker(run).environment == expected
    seen = environment_of(tracker, run, monkeypatch)
    assert {name: seen[name] for name in expected} == expected


@pytest.mark.parametrize("tracker", TRACKERS)
def test_a_setting_of_the_user_stays(tracker, run, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")
    names = list(tracker(run).environment)
    values = {name: "offline" if name == "WANDB_MODE" else "1" for name in names}
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    for name in tracker.forgotten:
        monkeypatch.setenv(name, "somewhere")
    seen = environment_of(tracker, run, monkeypatch)
    assert {name: seen[name] for name in names} == values
    assert not set(tracker.forgotten) & set(seen)


@pytest.mark.parametrize(
    ("uri", "opens"),
    [
        ("http://127.0.0.1:5000", None),
        ("https://localhost:5000", None),
        ("https://tracker.example", None),
        ("databricks", None),
        ("sqlite:////data/my store.db", "sqlite:////data/my store.db"),
        ("/data/mlruns", "/data/mlruns"),
        ("file:///data/mlruns", "file:///data/mlruns"),
    ],
)
def test_mlflow_shows_files_with_its_page_and_a_server_shows_itself(tmp_path, monkeypatch, uri, opens):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    words = shlex.split(MLflowTracker(tmp_path).look)
    assert words[:4] == (["open", "it", "there"] if opens is None else ["mlflow", "ui", "--backend-store-uri", opens])


def test_the_command_for_a_folder_with_a_blank_can_be_pasted(run, monkeypatch):
    for name in ("MLFLOW_TRACKING_URI", "TRACKIO_DIR", "WANDB_DIR", "WANDB_MODE"):
        monkeypatch.delenv(name, raising=False)
    study = tracked_study(load(run), run, "0123456789abcdef")
    monkeypatch.setattr(to_trackio, "_keep_whole", lambda study, wanted: set())
    monkeypatch.setattr(to_trackio, "_log_run", lambda *_: None)
    monkeypatch.setattr(to_wandb, "_log_run", lambda *_: None)
    logged = {name: registry.TRACKERS[name](run).log(study, list) for name in ("trackio", "wandb")}
    store = run.resolve() / "trackers"
    assert shlex.split(logged["trackio"].look)[0] == f"TRACKIO_DIR={store / 'trackio'}"
    assert shlex.split(logged["wandb"].look)[2] == f"{store / 'wandb'}/wandb/offline-run-*"
    assert shlex.split(MLflowTracker(run).look)[3] == f"sqlite:///{store / 'mlflow' / 'mlflow.db'}"


def test_a_password_in_the_address_of_a_server_is_not_kept(run, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "online")
    monkeypatch.setenv("WANDB_BASE_URL", "https://ann:hunter2@wandb.example")
    monkeypatch.setattr(to_wandb, "_log_run", lambda *_: None)
    logged = registry.TRACKERS["wandb"](run).log(tracked_study(load(run), run, "0123456789abcdef"), list)
    kept = (run / "trackers" / "wandb" / "logged.jsonl").read_text()
    assert "wandb.example" in logged.where
    assert "hunter2" not in json.dumps(logged.to_json()) + kept
