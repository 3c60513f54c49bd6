"""Hosted students of a teacher: what is quoted, capped, uploaded, found again and booked are all rows; n are the labelled ones."""

from __future__ import annotations

import json
import shutil

import pytest

from tests.conftest import simple_rows
from tests.learners.hosted.conftest import LAB, VERTEX
from tunecurve.cli.main import run_command
from tunecurve.errors import UsageError
from tunecurve.learners.base import TrainingJob
from tunecurve.learners.baselines.floor import FloorLearner
from tunecurve.learners.distilled import DistilledLearner

TEACHER = "openai-api/lab/teacher"
N, TIMES = 12, 2
# Every fifth input for the teacher is refused.
INPUTS = [row["source_text"] + (" [[refuse]]" if n % 5 == 0 else "") for n, row in enumerate(simple_rows(220)[150:])]
N_REFUSED = sum("refuse" in text for text in INPUTS[: N * TIMES])
STUDY = """
name: student
data: {{source: {rows}, unlabelled: {more}}}
split: {{test_size: 10, method: random}}
models: ["{student}", "{student}+2x:{teacher}"]
shots: []
train_sizes: [12]
recipe: {{epochs: 3}}
hosted:
  tuning: {tuning}
  poll_seconds: 0.05
  adopt_wait_seconds: 0.2
  vertex: {{bucket: b}}
  prices:
    openai-api/lab/gpt-4.1-mini: {{input: 0.4, output: 1.6, training: 500}}
    openai-api/lab/teacher: {{input: 40, output: 160}}
    google/vertex/gemini-2.5-flash: {{input: 0.4, output: 1.6, training: 500}}
"""
STUDENTS = [(LAB, "openai"), (VERTEX, "auto")]


@pytest.fixture
def study_of(rows_file, tmp_path):
    def write(student, tuning):
        more, path = tmp_path / "more.jsonl", tmp_path / "study.yaml"
        more.write_text("".join(json.dumps({"source_text": text}) + "\n" for text in INPUTS))
        path.write_text(
            STUDY.format(rows=rows_file, more=more, student=student, teacher=TEACHER, tuning=tuning), encoding="utf-8"
        )
        return path

    return write


def taught(results):
    [trial] = [one for one in results["trials"] if "+" in one["learner"]]
    return trial


def results_of(folder):
    return json.loads((folder / "results.json").read_text())


def lines_trained(state):
    return sorted(len(job["text"].splitlines()) for job in state.jobs.values())


@pytest.mark.parametrize(("student", "tuning"), STUDENTS)
def test_quote_file_record_and_books_count_all_rows_and_n_the_labelled_ones(
    point_at, study_of, tmp_path, capsys, student, tuning
):
    state = point_at()
    path, out = study_of(student, tuning), tmp_path / "out"
    assert run_command(["plan", str(path), "--out", str(out), "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    alone, more = (one for one in plan["trials"] if one["strategy"] == "fine-tune")
    assert more["tokens_trained"] == pytest.approx((1 + TIMES) * alone["tokens_trained"], rel=0.01)
    assert more["calls"] == alone["calls"] + TIMES * N
    assert more["usd"] > (1 + TIMES) * 0.9 * alone["usd"]
    assert run_command(["run", str(path), "--out", str(out), "--yes"]) == 0
    results, kept = results_of(out), TIMES * N - N_REFUSED
    trial = taught(results)
    assert trial["train_size"] == N
    assert trial["training"]["teaching"]["dropped"] == {"refused": N_REFUSED}
    assert lines_trained(state) == [N, N + kept]
    assert trial["training"]["examples_seen"] == 3 * (N + kept)
    assert list(state.creates.values()) == [1, 1]
    job_usd = trial["training"]["job"]["tokens_billed"] * 500 / 1e6
    answers_usd = trial["training"]["teaching"]["answers_usd"]
    assert trial["training"]["cost_usd"] == pytest.approx(job_usd + answers_usd)
    [own] = [one for one in results["trials"] if one["strategy"] == "fine-tune" and one is not trial]
    assert results["money"]["jobs_usd"] == pytest.approx(job_usd + own["training"]["cost_usd"])
    assert results["teaching"][0]["sizes"][0]["usd"] == pytest.approx(answers_usd)
    assert trial["cost_usd"] <= more["usd"]


def test_a_cap_that_does_not_hold_the_job_of_all_rows_uploads_nothing(point_at, study_of, tmp_path, capsys):
    state = point_at()
    path, out = study_of(LAB, "openai"), tmp_path / "out"
    run_command(["plan", str(path), "--out", str(out), "--json"])
    plan = json.loads(capsys.readouterr().out)
    alone, more = (one["usd"] for one in plan["trials"] if one["strategy"] == "fine-tune")
    cap = alone + more / 2
    command = ["run", str(path), "--out", str(out), "--yes", "--max-cost"]
    assert run_command([*command, str(cap)]) in (6, 9)
    assert len(state.jobs) == 1
    assert len(state.files) <= 1
    assert sum(state.answers.values()) <= 10, (
        "no teacher is paid for a job that cannot be; the student alone may have answered"
    )
    assert run_command([*command, "100"]) == 0
    assert lines_trained(state) == [N, N + N * TIMES - N_REFUSED]
    assert taught(results_of(out))["state"] == "finished"
    assert sum(state.answers.values()) == N * TIMES + 2 * 10
    assert max(state.answers.values()) == 1


@pytest.mark.parametrize("share", [0.2, 0.5, 0.97])
def test_a_cap_below_the_quote_pays_no_teacher_and_one_above_it_is_enough(point_at, study_of, tmp_path, capsys, share):
    state = point_at()
    path, out = study_of(LAB, "openai"), tmp_path / "out"
    text = path.read_text().replace(f'"{LAB}", "{LAB}+2x', f'"{LAB}+2x')
    path.write_text(text)
    assert run_command(["plan", str(path), "--out", str(out), "--json"]) == 0
    [quoted] = [one["usd"] for one in json.loads(capsys.readouterr().out)["trials"] if one["strategy"] == "fine-tune"]
    command = ["run", str(path), "--out", str(out), "--yes", "--max-cost"]
    assert run_command([*command, str(share * quoted)]) == 9
    assert "24 of them still to be paid for" in capsys.readouterr().err
    assert not state.answers
    assert not state.files
    assert run_command([*command, str(1.4 * quoted)]) == 0
    shutil.rmtree(out / taught(results_of(out))["folder"])
    assert run_command([*command, str(1.4 * quoted)]) == 0
    assert max(state.answers.values()) == 1


def test_a_study_that_lost_its_trial_finds_the_job_of_the_same_file_again(point_at, study_of, tmp_path):
    state = point_at()
    path, out = study_of(LAB, "openai"), tmp_path / "out"
    command = ["run", str(path), "--out", str(out), "--yes"]
    assert run_command(command) == 0
    before = taught(results_of(out))
    shutil.rmtree(out / before["folder"])
    assert run_command(command) == 0
    assert taught(results_of(out))["training"]["job"] == before["training"]["job"]
    assert list(state.creates.values()) == [1, 1]
    assert max(state.answers.values()) == 1


def test_where_no_job_may_be_made_the_teacher_is_not_paid(point_at, study_of, tmp_path, capsys):
    state = point_at(key="no-tuning-for-this-key")
    path, out = study_of(LAB, "openai"), tmp_path / "out"
    assert run_command(["run", str(path), "--out", str(out), "--yes"]) in (5, 6)
    assert f"'{LAB}+2x:{TEACHER}' cannot be tuned: this account or address" in capsys.readouterr().err
    assert sum(state.answers.values()) == 0
    assert not state.files
    assert "its teacher is not asked" in taught(results_of(out))["failure"]


class Student(FloorLearner):
    """Is tuned elsewhere, by the rule of steps."""

    name, is_paid = "student", True

    def resolve_recipe(self, recipe, n_examples):
        return {"epochs": recipe.get("epochs") or max(1, -(-100 // n_examples)), "n_steps": None}

    def fine_tune(self, job, on_step):
        raise AssertionError


@pytest.mark.parametrize("n_kept", [0, 1, 7, 13, 20, 27, 39, 40])
@pytest.mark.parametrize("asked", [{}, {"epochs": 4}])
def test_however_many_answers_are_dropped_no_more_is_trained_than_was_quoted(tmp_path, n_kept, asked):
    learner = DistilledLearner("student+4x:floor", Student(), TeacherOf(), 4)
    recipe = learner.resolve_recipe(asked, 10)
    job = TrainingJob(["row"] * 10, recipe, 0, tmp_path)
    made = learner._job_of_student(job, ["row"] * (10 + n_kept))
    assert made.n_taught == n_kept
    assert made.recipe["epochs"] * (10 + n_kept) <= recipe["epochs"] * 50
    assert made.recipe["epochs"] >= recipe["epochs"]


class TeacherOf(FloorLearner):
    name, takes_prompts = "teacher", True


def test_a_model_that_is_prompted_only_is_no_student(learner_of):
    with pytest.raises(UsageError, match="cannot be fine-tuned, expected a student that can"):
        DistilledLearner("x+4x:teacher", learner_of(LAB), TeacherOf(), 4)
