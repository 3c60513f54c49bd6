"""The real thing: the real small model learns to mask, and a killed study ends as an unkilled one."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
import yaml

from tests.conftest import simple_rows
from tunecurve.cli.main import run_command
from tunecurve.predictor import load_predictor
from tunecurve.results.stored import without_times
from tunecurve.run import run_study

pytestmark = pytest.mark.slow


@pytest.mark.model
def test_the_real_model_learns_to_mask_and_the_function_can_be_kept(smollm2, rows_file, tmp_path):
    done = run_study(
        {
            "name": "small",
            "data": {"source": str(rows_file)},
            "split": {"test_size": 12, "method": "random"},
            "prompt": {"system": "Mask the personal data in the text with labels like [FIRSTNAME] or [CITY]."},
            "models": ["smollm2-135m-instruct"],
            "shots": [0],
            "train_sizes": [16],
            "training_score_rows": 4,
            "recipe": {"min_steps": 20, "batch_size": 4, "learning_rate": 8e-4},
        },
        out=tmp_path / "run",
        device="cpu",
    )
    assert not done.outcome.failures
    score = {p.label: p.scores for p in done.results.points}
    assert score["tuned on 16"]["bleu"].estimate > score["zero-shot"]["bleu"].estimate + 20
    assert score["tuned on 16"]["leak_documents"].estimate < 100
    tuned = {t.label: t for t in done.results.trials}["fine-tune-n16-seed0"]
    assert tuned.answers.stop_reasons.get("end", 0) >= 9, "generation stops by itself"
    losses, n_batches = tuned.training.losses, 4  # epochs are compared: single batches hold other rows
    assert sum(losses[-n_batches:]) < 0.5 * sum(losses[:n_batches])
    assert "shared prefix" in tuned.training.path
    mask = load_predictor(tmp_path / "run", device="cpu")
    assert mask("Please call Kattie on Monday.") == mask.complete(["Please call Kattie on Monday."])[0].text != ""


@pytest.fixture
def study_file(tiny_model_folder, tmp_path):
    rows = tmp_path / "rows.jsonl"
    rows.write_text("".join(json.dumps(row) + "\n" for row in simple_rows(100)))
    study = {
        "name": "killed",
        "data": {"source": str(rows)},
        "split": {"test_size": 12, "method": "random"},
        "models": [str(tiny_model_folder)],
        "shots": [0],
        "train_sizes": [8, 16],
        "recipe": {"epochs": 6, "lora_rank": 4},
        "answers": {"batch_size": 4},
        "bootstrap": {"draws": 100},
    }
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(study))
    return path


def start(study_file, out):
    environment = {**os.environ, "TUNECURVE_CHECKPOINT_SECONDS": "0", "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-m", "tunecurve", "run", str(study_file), "--out", str(out), "--device", "cpu"]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def kill_when(process, condition):
    """Kill -9 as soon as the condition holds; fail if the process ends before."""
    deadline = time.monotonic() + 240
    while not condition():
        assert process.poll() is None, f"ended before it could be killed: {process.stderr.read()}"
        assert time.monotonic() < deadline, "the moment to kill never came"
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()


def finish(study_file, out):
    """Run the same command to its end, in this process: it need not be killed."""
    assert run_command(["run", str(study_file), "--out", str(out), "--device", "cpu"]) == 0
    return json.loads((out / "results.json").read_text())


@pytest.mark.model
def test_killed_in_training_and_in_scoring_a_study_ends_as_an_unkilled_one(study_file, tmp_path):
    whole = finish(study_file, tmp_path / "whole")
    out = tmp_path / "killed"
    trials = out / "trials"
    kill_when(start(study_file, out), lambda: any(trials.glob("*n8-seed0*/checkpoint.safetensors")))
    assert not list(trials.glob("*n8-seed0*/result.json"))

    def scoring_has_begun():
        return any(path.stat().st_size > 0 for path in trials.glob("*n16-seed0*/predictions.partial.jsonl"))

    kill_when(start(study_file, out), scoring_has_begun)
    assert not list(trials.glob("*n16-seed0*/result.json"))
    assert without_times(finish(study_file, out)) == without_times(whole)


@pytest.mark.model
def test_control_c_ends_cleanly_and_prints_the_command_that_continues(study_file, tmp_path):
    out = tmp_path / "out"
    process = start(study_file, out)
    deadline = time.monotonic() + 240
    while not list((out / "trials").glob("*n8-seed0*/checkpoint.safetensors")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=120)
    assert process.returncode == 130
    assert f"Continue with: tunecurve run {study_file} --out {out}" in stderr
    assert "Traceback" not in stderr
    assert finish(study_file, out)["complete"]
