"""Logging while a study runs: one process at a time, first after a while, and a tracker that fails costs a line."""

import subprocess
import time

import pytest

from tunecurve.track import live
from tunecurve.track.live import GOES_ON, Tracking


@pytest.fixture
def at_once(monkeypatch):
    """Have a study logged from its first trial on."""
    monkeypatch.setattr(live, "FIRST_AFTER", 0.0)


@pytest.fixture
def logging(tmp_path, monkeypatch):
    """Let a shell script stand for the process that logs; return how often it was started, and with what."""

    def stand_in(script):
        path = tmp_path / "python"
        path.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\n{script}\n')
        path.chmod(0o700)
        monkeypatch.setattr("sys.executable", str(path))

    stand_in.calls = lambda: (tmp_path / "calls").read_text().splitlines() if (tmp_path / "calls").exists() else []
    return stand_in


def tracking(tmp_path, told, name="mlflow"):
    return Tracking(tmp_path / "run", name, told.append)


def test_a_short_study_is_logged_at_its_end_alone(tmp_path, logging):
    logging("echo 'mlflow: 3 trials logged'")
    told = []
    one = tracking(tmp_path, told)
    for _ in range(5):
        one.after_a_trial()
    assert logging.calls() == []
    one.finish()
    assert logging.calls() == [f"-m tunecurve track {tmp_path / 'run'} --to mlflow"]
    assert told == ["mlflow: 3 trials logged"]
    assert one.failure is None


def test_one_process_at_a_time(tmp_path, logging, at_once):
    logging("sleep 0.5; echo logged")
    told = []
    one = tracking(tmp_path, told)
    for _ in range(20):
        one.after_a_trial()
    one.finish()
    assert len(logging.calls()) == 2, "one after the first trial, one at the end"
    assert told == ["logged"]


def test_without_a_tracker_nothing_is_started(tmp_path, logging, at_once):
    logging("echo logged")
    told = []
    one = tracking(tmp_path, told, name=None)
    one.after_a_trial()
    one.finish()
    one.stop()
    assert (logging.calls(), told) == ([], [])


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (f'echo "tunecurve: the store is locked{GOES_ON}" >&2; exit 7', "the store is locked"),
        ('echo "Segmentation fault" >&2; exit 139', "Segmentation fault"),
        ("exit 3", "its process ended with code 3"),
        ("kill -9 $$", "its process ended with code -9"),
    ],
)
def test_a_failure_is_one_line_with_the_command_that_logs_later(tmp_path, logging, script, reason):
    logging(script)
    told = []
    one = tracking(tmp_path, told)
    one.finish()
    command = f"tunecurve track {tmp_path / 'run'} --to mlflow"
    assert told == [f"tracking failed, the study is not affected: {reason}. Log it later with: {command}"]
    assert one.failure == told[0]


def test_a_failure_on_the_way_is_forgotten_once_all_is_logged(tmp_path, logging, at_once):
    logging("exit 3")
    told = []
    one = tracking(tmp_path, told)
    one.after_a_trial()
    one._running.wait(10)
    one.after_a_trial()
    assert len(told) == 1
    assert one.failure == told[0]
    logging("echo logged")
    one.finish()
    assert told[1:] == ["logged"]
    assert one.failure is None


def test_what_hangs_is_killed_with_what_it_started(tmp_path, logging):
    logging(f"sleep 300 & echo $! > {tmp_path}/child; wait")
    told = []
    tracking(tmp_path, told).finish(most_seconds=1.0)
    assert "it was not done after" in told[0]
    child = (tmp_path / "child").read_text().strip()
    ends_by = time.monotonic() + 10
    while _is_at_work(child) and time.monotonic() < ends_by:
        time.sleep(0.05)
    assert not _is_at_work(child)


def _is_at_work(pid):
    state = subprocess.run(["ps", "-o", "stat=", "-p", pid], capture_output=True, text=True, check=False).stdout.strip()
    return state != "" and not state.startswith("Z")


def test_a_stopped_study_leaves_no_process(tmp_path, logging, at_once):
    logging("sleep 300")
    one = tracking(tmp_path, [])
    one.after_a_trial()
    process = one._running._process
    one.stop()
    assert process.poll() is not None
