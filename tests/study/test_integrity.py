"""What is said of damaged files of trials: where they are now, if anything of them is left, and what follows."""

import pytest

from tunecurve.learners.training import TrainingRecord
from tunecurve.study.integrity import inspect_trials
from tunecurve.study.plan import PlannedTrial, Trial
from tunecurve.study.trial_folder import ANSWERS, CONFIG, RESULT, TRAINING, TrialFolder

CONTENT = {"size": 8}


@pytest.fixture
def planned(tmp_path):
    folder = TrialFolder.of_study(tmp_path, "fine-tune-n8-seed0-abc")
    folder.begin(CONTENT)
    (folder.path / "weights").write_bytes(b"model")
    folder.keep_training(TrainingRecord(steps=3))
    folder.keep_answers([{"row_id": "a", "prediction": "x"}])
    folder.keep_result({"scores": {"bleu": 1.0}})
    return PlannedTrial(Trial("own", "fine-tune", 0, 8, 0), CONTENT, folder)


def said_of(planned):
    said = []
    inspect_trials([planned], said.append)
    return said


def test_nothing_is_said_of_files_that_are_whole(planned):
    assert said_of(planned) == []


@pytest.mark.parametrize(
    ("name", "follows"),
    [(ANSWERS, "scored again"), (RESULT, "scored again"), (TRAINING, "delete the trial's folder"), (CONFIG, "anew")],
)
def test_a_changed_file_is_moved_and_where_to_is_said(planned, name, follows):
    (planned.folder.path / name).write_bytes(b"\xff")
    (line,) = said_of(planned)
    moved = planned.folder.study / "damaged" / planned.folder.name / name
    assert moved.read_bytes() == b"\xff"
    assert f"; moved to '{moved}'; " in line
    assert follows in line


def test_of_a_file_that_is_gone_no_place_is_named(planned):
    (planned.folder.path / ANSWERS).unlink()
    (line,) = said_of(planned)
    assert f"{ANSWERS}' is damaged (it is gone); its trial is scored again" in line
    assert "moved" not in line
    assert not planned.folder.is_finished
    assert planned.folder.is_trained
