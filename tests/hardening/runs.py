"""Small studies with an instant learner, for tests that break things around them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import simple_rows
from tests.fakes.lookup_learner import LookupLearner
from tunecurve.run import run_study

STUDY = {
    "name": "small",
    "split": {"test_size": 12, "method": "random"},
    "models": ["lookup"],
    "shots": [0],
    "train_sizes": [5, 40],
    "bootstrap": {"draws": 100},
}


def write_rows(folder: Path) -> Path:
    """Write 150 rows."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in simple_rows(150)))
    return path


def run_small(rows: Path, out: Path, learner=None, **options):
    """Run the study."""
    values = {**STUDY, "data": {"source": str(rows)}, **options.pop("study", {})}
    return run_study(values, out=out, learners={"lookup": learner or LookupLearner()}, **options)


def start_process(rows: Path, out: Path, seconds: float = 0.0, executor: str = "local", **options):
    """Start the study of `tests.fakes.slow_learner` as a process of its own."""
    command = [sys.executable, "-m", "tests.fakes.slow_learner", str(rows), str(out), executor, str(seconds)]
    environment = {**os.environ, **options.pop("environment", {})}
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, **options
    )
