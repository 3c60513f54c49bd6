"""Personal data stay where the docs say, keys are nowhere, files are the user's alone, nothing is told to anyone."""

import json
import os
import re
import socket
from pathlib import Path

import pytest

from tests.fakes.lookup_learner import LookupLearner
from tests.hardening.runs import STUDY
from tunecurve.cli.main import run_command
from tunecurve.run import run_study

PERSON = "Xanthippe Quarkmeister"
KEY = "sk-canary-0123456789abcdef"
SOURCE = Path(__file__).parents[2] / "src" / "tunecurve"
# The table in docs/guarantees.md.
HOLD_TEXTS = {"predictions.jsonl", "report.html"}


class Failing(LookupLearner):
    """Fails on one size with a message that quotes what it was given and the environment."""

    def fine_tune(self, job, on_step):
        if len(job.examples) == 5:
            raise RuntimeError(f"Authorization: Bearer {KEY} refused; environment {dict(os.environ)}")
        return super().fine_tune(job, on_step)

    def predict_stream(self, prompts, done=()):
        for index, answer in super().predict_stream(prompts, done):
            yield index, type(answer)("wrong", "end")


def canary_rows(folder):
    path = folder / "rows.jsonl"
    rows = [
        {"source_text": f"{PERSON} lives at number {n}.", "target_text": f"[NAME] lives at number {n}."}
        for n in range(60)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture(params=[True, False], ids=["texts", "no texts"])
def ran(request, tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    values = {**STUDY, "data": {"source": str(canary_rows(tmp_path))}, "show_texts": request.param, "train_sizes": [5]}
    run_study(values, out=tmp_path / "out", learners={"lookup": Failing()})
    printed = "".join(capfd.readouterr())
    return tmp_path / "out", request.param, printed


def test_personal_data_and_keys_in_a_run_and_its_report(ran):
    out, show_texts, printed = ran
    holders = set()
    for path in out.rglob("*"):
        if path.is_file():
            content = path.read_bytes().decode("utf-8", "replace")
            assert KEY not in content, path
            if "Xanthippe" in content or "Quarkmeister" in content:
                holders.add(path.name)
    # known.json is the fake learner's model: what a model has learnt is the model's.
    assert holders - {"known.json"} == (HOLD_TEXTS if show_texts else HOLD_TEXTS - {"report.html"})
    assert KEY not in printed
    assert PERSON not in printed


def test_every_file_is_the_users_alone(ran):
    out, _, _ = ran
    for path in [out, *out.rglob("*")]:
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path


def test_a_local_study_needs_no_socket(tmp_path, monkeypatch):
    def refuse(*arguments, **options):
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    done = run_study({**STUDY, "data": {"source": str(canary_rows(tmp_path))}}, out=tmp_path / "out",
                     learners={"lookup": LookupLearner()})  # fmt: skip
    assert done.results.complete


def test_no_pickle_is_read_from_a_file_and_no_foreign_code_is_run():
    for path in sorted(SOURCE.rglob("*.py")):
        text = path.read_text()
        calls = r"import pickle|cloudpickle|import joblib|joblib\.load|torch\.load\(|(?<!\.)\beval\(|\bexec\(|yaml\.load\((?!.*Loader)"
        assert not re.search(calls, text), path
        assert not re.search(r"trust_remote_code\s*=\s*True", text), path


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "/etc",
        "a/../../b",
        "x\x00y",
        "..",
        "~root/x",
        "a/b/c",
        "C:\\x",
        "http://x/y",
        "-rf",
        "\x1b[2J",
        "a" * 300,
    ],
)
def test_names_of_data_and_models_cannot_leave_the_run_folder(tmp_path, monkeypatch, capsys, name):
    """Nothing is written anywhere for a name that is no file and no hub id, and the error is one line."""
    monkeypatch.chdir(tmp_path)
    for option in ("--data", "--model"):
        other = ["--data", str(canary_rows(tmp_path))] if option == "--model" else []
        code = run_command(["run", *other, option, name, "--out", str(tmp_path / "out")])
        stderr = capsys.readouterr().err
        assert code in (2, 3, 4, 5, 7), (option, code, stderr)
        assert "Traceback" not in stderr
        assert "\x1b" not in stderr
        assert "\x00" not in stderr
        assert {path.name for path in tmp_path.iterdir()} <= {"rows.jsonl"}


@pytest.mark.parametrize("learner", ["../../x", "/abs", "a\x00b", "..", "\x1b[2J", "x" * 500, "модель", ". ."])
def test_a_learners_name_never_leads_out_of_the_trials_folder(tmp_path, learner):
    done = run_study({**STUDY, "data": {"source": str(canary_rows(tmp_path))}, "models": [learner]}, out=tmp_path / "out",
                     learners={learner: LookupLearner(learner)})  # fmt: skip
    trials = (tmp_path / "out" / "trials").resolve()
    for trial in done.results.trials:
        assert (tmp_path / "out" / trial.folder).resolve().parent == trials
    assert {path.name for path in tmp_path.iterdir()} == {"rows.jsonl", "out"}
