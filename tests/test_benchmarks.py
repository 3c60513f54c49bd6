"""Benchmarks that need neither a model nor a peer still run."""

import ast
import importlib
import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tunecurve.learners.busy import OtherWork

pytestmark = pytest.mark.slow

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
OVERHEAD = BENCHMARKS / "executors" / "overhead.py"
BUSY = BENCHMARKS / "busy" / "compare.py"


def test_what_executors_cost_is_measured_over_trials_that_end():
    command = [sys.executable, str(OVERHEAD), "--trials", "3", "--only", "serial,local,shared"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.split()[:3] for line in lines if "trials on" in line] == [
        ["serial", "3", "trials"], ["local", "3", "trials"], ["shared", "3", "trials"],
    ]  # fmt: skip


def loaded(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("others", "why"),
    [(OtherWork(0.0, 2), None), (OtherWork(0.1, 2), None), (OtherWork(0.5, 2), "0.5 of 2 processors"),
     (OtherWork(7.9, 8), "7.9 of 8 processors"), (None, "does not tell")],
)  # fmt: skip
def test_a_machine_with_other_work_is_never_called_idle(monkeypatch, others, why):
    busy = loaded(BUSY)
    monkeypatch.setattr(busy, "measure_other_work", lambda seconds: others)
    assert why in busy.not_idle() if why else busy.not_idle() is None
    monkeypatch.setattr(sys, "argv", ["compare.py", "--repeats", "0"])
    if why:
        with pytest.raises(SystemExit, match="not measured") as refused:
            busy.main()
        assert len(str(refused.value).splitlines()) == 1


def test_beside_other_work_is_measured_and_a_machine_that_is_not_idle_stands_above_the_table(monkeypatch, capsys):
    busy = loaded(BUSY)
    monkeypatch.setattr(busy, "measure_other_work", lambda seconds: OtherWork(1.0, 2))
    tiny = ["--steps", "2", "--repeats", "1", "--width", "16", "--threads", "1", "--warm-up", "0"]
    monkeypatch.setattr(sys, "argv", ["compare.py", *tiny, "--policies", "passive", "--anyway"])
    busy.main()
    said = capsys.readouterr().out
    assert said.startswith("NOT ON AN IDLE MACHINE (other programs take 1.0 of 2 processors")
    rows = [line.split(" | ") for line in said.splitlines() if line.startswith("| ") and "beside" not in line]
    assert [row[0].removeprefix("| ") for row in rows] == list(busy.BESIDE)
    assert rows[0][-1] == "1.00 |"


def test_the_phases_of_a_study_are_those_that_there_are():
    by_phase = loaded(BENCHMARKS / "study" / "by_phase.py")
    for path in by_phase.PHASES:
        holder, name = by_phase.find(path)
        assert callable(getattr(holder, name)), path


def test_many_curves_and_many_trials_are_measured():
    for path, options in (
        ("forecast/many_curves.py", ["--curves", "2"]),
        ("study/many_trials.py", ["--trials", "4", "--test-rows", "20"]),
    ):
        command = [sys.executable, str(BENCHMARKS / path), *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
        assert done.returncode == 0, done.stderr
        assert len(done.stdout.splitlines()) == 3


def test_what_benchmarks_import_of_the_package_is_there():
    """Most of it is imported when it is needed, in the middle of a measurement."""
    missing = []
    for path in sorted(BENCHMARKS.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "tunecurve":
                module = importlib.import_module(node.module)
                missing += [
                    f"{path.relative_to(BENCHMARKS)}: {node.module}.{alias.name}"
                    for alias in node.names
                    if not hasattr(module, alias.name)
                    and importlib.util.find_spec(f"{node.module}.{alias.name}") is None
                ]
    assert not missing


GPU = BENCHMARKS / "gpu" / "measure.py"


def test_a_whole_study_is_measured_by_the_script_for_a_gpu(tiny_model_folder, tmp_path):
    out = tmp_path / "figures.json"
    options = ["--tiny", "--tokenizer", str(tiny_model_folder), "--out", str(out), "--only", "study"]
    done = subprocess.run(
        [sys.executable, str(GPU), *options], capture_output=True, text=True, check=False, timeout=580
    )
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    assert "TINY SHAPES" in done.stdout
    found = json.loads(out.read_text())
    assert found["tiny"]
    assert found["ended"] == {"study": "done"}
    assert {row["name"] for row in found["figures"]["study"]} >= {"train", "answer rows", "the whole"}


def test_steps_in_all_ways_and_peers_are_measured_by_the_script_for_a_gpu(
    tiny_model_folder, tmp_path, capsys, monkeypatch
):
    monkeypatch.syspath_prepend(BENCHMARKS)  # what the script adds to the path is taken away with it
    measure = loaded(GPU)
    small = measure.measure_small(tmp_path, tiny_model_folder, tiny=True)
    assert [row["name"] for row in small] == ["one training", "2 trainings together"]
    kept, parts, again, *packed = measure.measure_large(tmp_path, tiny_model_folder, tiny=True)
    assert "activation checkpointing" in again["path"]
    assert "in parts of 1 row" in parts["path"]
    assert "parts" not in kept["path"]
    assert max(parts["loss_apart"], again["loss_apart"]) < 1e-2
    has_bitsandbytes = importlib.util.find_spec("bitsandbytes") is not None
    assert [row["name"] for row in packed] == [way.name for way in measure.WAYS if way.four_bit and has_bitsandbytes]
    peers = [row["name"] for row in measure.measure_peers(tmp_path, tiny_model_folder, tiny=True)]
    said = capsys.readouterr().out
    assert "FAILED" not in said
    assert ("weights in 4 bits: not measured" in said) != has_bitsandbytes
    for package in ("trl", "unsloth"):
        is_there = importlib.util.find_spec(package) is not None
        assert (f"{package} cannot be imported here" in said) != is_there
    assert "small, transformers Trainer + PEFT, answer-only loss" in peers
