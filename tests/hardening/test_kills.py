"""Studies that are killed, at named moments or random ones, by any signal: the same command ends with the same results."""

import json
import os
import random
import signal
import subprocess
import time

import pytest

from tests.conftest import simple_rows
from tests.fakes.slow_learner import SlowLearner, run
from tests.hardening.runs import start_process, write_rows
from tunecurve.executors.options import Executor
from tunecurve.results.stored import without_times
from tunecurve.storage.files import read_checked_json

SIGNALS = [signal.SIGKILL, signal.SIGTERM, signal.SIGINT]


def kill_at_random(start, n_kills, longest_seconds, seed):
    """Start and kill until so many kills have hit a living process; return how the processes ended."""
    dice, codes = random.Random(seed), []
    while len(codes) < n_kills:
        process = start()
        time.sleep(dice.uniform(0.0, longest_seconds))
        number = SIGNALS[len(codes) % len(SIGNALS)]
        process.send_signal(number)
        _, stderr = process.communicate(timeout=120)
        assert process.returncode in (0, 130, -number, 128 + number), stderr
        codes.append(process.returncode)
        if process.returncode == 0:  # it was quicker than the kill: nothing is left to kill
            break
    return codes


def kill_at(start, point):
    """Start a process that ends at a point of this name."""
    process = start(environment={"TUNECURVE_KILL_AT": point})
    _, stderr = process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL, (point, stderr)


def compare_after(tmp_path, executor, kill):
    """Compare a study that `kill`, given a function that starts it, has killed with one that nobody kills."""
    rows, out = write_rows(tmp_path), tmp_path / "out"
    whole = without_times(run(rows, tmp_path / "whole", None, SlowLearner()).results)
    codes = kill(lambda **options: start_process(rows, out, executor=executor, **options))
    done = without_times(run(rows, out, Executor(executor), SlowLearner()).results)
    assert done == whole
    assert without_times(read_checked_json(out / "results.json")) == whole
    assert not list(out.rglob("*.tmp"))
    return codes


ANSWER = "line-of-predictions.partial.jsonl"


@pytest.mark.parametrize(
    ("executor", "points"),
    [
        ("local", ["before-split.json", f"{ANSWER}@40", "before-result.json@3", "after-result.json"]),
        ("shared", ["after-claim@2", f"{ANSWER}@40", "before-result.json@3", "after-results.json"]),
    ],
    ids=["local", "shared"],
)
def test_kills_at_the_moments_that_matter_change_nothing(tmp_path, executor, points):
    compare_after(tmp_path, executor, lambda start: [kill_at(start, point) for point in points])


@pytest.mark.hardening
@pytest.mark.parametrize("executor", ["local", "shared"])
def test_a_hundred_kills_change_nothing(tmp_path, executor):
    codes = compare_after(
        tmp_path, executor, lambda start: kill_at_random(lambda: start(seconds=30.0), 100, longest_seconds=5.0, seed=0)
    )
    assert len(codes) > 50


@pytest.mark.hardening
@pytest.mark.model
def test_kills_in_training_checkpointing_and_scoring_of_a_real_model_change_nothing(tmp_path, tiny_model_folder):
    import sys

    rows = tmp_path / "rows.jsonl"
    rows.write_text("".join(json.dumps(row) + "\n" for row in simple_rows(100)))

    def command(out):
        return [
            sys.executable, "-m", "tunecurve", "run", "--data", str(rows), "--split", "random", "--test-size", "24",
            "--model", str(tiny_model_folder), "--shots", "0", "--train-sizes", "8,16", "--out", str(out), "--device", "cpu",
            "--threads", "1",
        ]  # fmt: skip

    environment = {**os.environ, "TUNECURVE_CHECKPOINT_SECONDS": "0"}

    def start(out):
        return subprocess.Popen(
            command(out), env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def finish(out):
        process = start(out)
        _, stderr = process.communicate(timeout=600)
        assert process.returncode == 0, stderr
        return without_times(read_checked_json(out / "results.json"))

    started = time.monotonic()
    whole = finish(tmp_path / "whole")
    seconds = time.monotonic() - started
    n_killed = n_studies = 0
    while n_killed < 30:  # a study that ends before its kill is followed by another one
        out = tmp_path / f"out{n_studies}"
        codes = kill_at_random(lambda: start(out), 30 - n_killed, seconds, seed=n_studies)  # noqa: B023
        n_killed += sum(code != 0 for code in codes)
        n_studies += 1
        assert finish(out) == whole
