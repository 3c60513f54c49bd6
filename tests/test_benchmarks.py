"""Benchmarks that need neither a model nor a peer still run."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

OVERHEAD = Path(__file__).parents[1] / "benchmarks" / "executors" / "overhead.py"


def test_what_executors_cost_is_measured_over_trials_that_end():
    command = [sys.executable, str(OVERHEAD), "--trials", "3", "--only", "serial,local,shared"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.split()[:3] for line in lines if "trials on" in line] == [
        ["serial", "3", "trials"], ["local", "3", "trials"], ["shared", "3", "trials"],
    ]  # fmt: skip
