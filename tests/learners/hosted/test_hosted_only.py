"""A study of hosted models alone needs nothing of local ones, and the worked example is quoted without key or network."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.fakes.faulty_server import FaultyServer
from tests.learners.hosted.conftest import LAB

ROOT = Path(__file__).parents[3]
# Packages of local models are not there, and no connection leaves this machine.
WITHOUT = """
import socket, sys
for name in ("torch", "transformers", "peft", "safetensors"):
    sys.modules[name] = None
connect = socket.socket.connect
def guarded(self, address):
    assert not isinstance(address, tuple) or address[0] == "127.0.0.1", address
    return connect(self, address)
socket.socket.connect = guarded
from tunecurve.cli.main import run_command
sys.exit(run_command(sys.argv[1:]))
"""


def run_without_local(arguments, folder, **environment):
    clean = {key: value for key, value in os.environ.items() if "GOOGLE" not in key and "GEMINI" not in key}
    clean |= {"TUNECURVE_LEDGER": str(folder / "ledger"), **environment}
    command = [sys.executable, "-c", WITHOUT, *map(str, arguments)]
    return subprocess.run(command, cwd=folder, env=clean, capture_output=True, text=True, check=False)


def test_a_hosted_study_needs_no_torch_and_speaks_of_no_matrix_speed(tmp_path):
    server = FaultyServer("usage-missing")
    rows = [{"source_text": f"{name} Lee left.", "target_text": "[NAME] Lee left."} for name in
            ("Ada", "Bo", "Cleo", "Dai", "Eve", "Finn", "Gus", "Hal", "Ida", "Jo", "Kim", "Lea")]  # fmt: skip
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    study = {"name": "s", "data": {"source": "rows.jsonl"}, "models": [LAB], "shots": [0], "train_sizes": [],
             "split": {"test_size": 6, "method": "random"},
             "hosted": {"tuning": "none", "prices": {LAB: {"input": 1.0, "output": 2.0}}}}  # fmt: skip
    (tmp_path / "study.yaml").write_text(json.dumps(study))
    address = {"LAB_API_KEY": "k", "LAB_BASE_URL": server.url + "/v1"}
    done = run_without_local(["run", "study.yaml", "--yes", "--out", "run"], tmp_path, **address)
    assert done.returncode == 0, done.stderr
    assert "matrix" not in done.stdout + done.stderr
    # What is booked without the server's word for it is said.
    assert re.search(r"\$\S+ of it for 6 answers is an estimate, because the server tells no usable usage", done.stdout)
    money = json.loads((tmp_path / "run" / "results.json").read_text())["money"]
    assert money["estimated"] == {"n_answers": 6, "n_jobs": 0, "usd": money["answers_usd"]}
    assert "of it is an estimate, for 6 answers" in (tmp_path / "run" / "report.html").read_text()
    planned = run_without_local(["plan", "study.yaml", "--out", "run"], tmp_path, **address)
    assert "matrix" not in planned.stdout + planned.stderr
    assert re.search(
        r"paid so far: \$\S+ \(\$\S+ estimated, because the server tells no usable usage included\)", planned.stdout
    )


@pytest.fixture(scope="module")
def quoted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("example")
    done = run_without_local(["plan", ROOT / "examples" / "gemini-pii.yaml"], folder)
    assert done.returncode == 0, done.stderr
    assert not list(folder.iterdir())  # nothing is written, the ledger included
    return done.stdout


def test_the_worked_example_is_quoted_without_key_or_network(quoted):
    costs = {}
    for line in quoted.splitlines():
        if line.startswith("google/vertex/gemini-3.5-flash-lite") and "$" in line and "per million" not in line:
            cells = re.split(r"\s{2,}", line)
            costs[cells[1]] = (int(cells[3].replace(",", "")), float(cells[8].removeprefix("$")))
            assert cells[7] == "200"  # one call for each test row
    assert list(costs) == ["zero-shot", "few-shot-k3-seed0", *(f"fine-tune-n{n}-seed0" for n in (50, 200, 800, 6400))]
    left = float(re.search(r"Left to pay: about \$([\d.]+)", quoted).group(1))
    assert left == pytest.approx(sum(cost for _, cost in costs.values()), abs=0.03)
    tokens, cost = costs["fine-tune-n6400-seed0"]
    assert tokens > 100 * costs["fine-tune-n50-seed0"][0]
    assert cost == pytest.approx(tokens * 5.0 / 1e6 + costs["zero-shot"][1], rel=0.02)
    assert "trained $5.00" in quoted
    assert "study file" in quoted
    assert "set GOOGLE_CLOUD_PROJECT" in quoted


def test_the_worked_example_is_the_articles(quoted):
    study = yaml.safe_load((ROOT / "examples" / "gemini-pii.yaml").read_text())
    assert study["split"] == {"method": "random", "test_size": 200, "seed": 42}
    assert (study["shots"], study["train_sizes"], study["recipe"]) == ([0, 3], [50, 200, 800, 6400], {"epochs": 2})
    assert study["hosted"]["safety"] == "off"  # and not the false that YAML makes of a bare off
    assert "random rows, seed 42: 200 test rows" in quoted
    assert "retired" not in quoted
