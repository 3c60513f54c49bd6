import json

import pytest

from tunecurve.errors import DamagedFile
from tunecurve.learners.training import TrainingRecord
from tunecurve.study.trial_folder import (
    ANSWERS,
    ANSWERS_SO_FAR,
    CHECKPOINT,
    LOSSES_SO_FAR,
    RESULT,
    TRAINING,
    TrialFolder,
    trials_of,
)


@pytest.fixture
def trial(tmp_path):
    folder = TrialFolder.of_study(tmp_path, "fine-tune-n8-seed0-abc")
    folder.begin({"size": 8})
    return folder


def finish(trial):
    (trial.path / "adapter").mkdir()
    (trial.path / "adapter" / "weights").write_bytes(b"model")
    (trial.path / CHECKPOINT).write_bytes(b"state")
    trial.keep_training(TrainingRecord(steps=3))
    trial.keep_answers([{"row_id": "a", "prediction": "x"}])
    return trial.keep_result({"scores": {"bleu": 1.0}})


def test_states_follow_from_the_files(tmp_path):
    trial = TrialFolder.of_study(tmp_path, "floor-abc")
    assert (trial.state, trial.failure(), trial.failed_at()) == ("waiting", None, None)
    trial.begin({})
    assert trial.state == "started"
    trial.keep_failure("no memory", "\nTraceback")
    assert (trial.state, trial.failure()) == ("failed", "no memory")
    assert trial.failed_at() is not None
    trial.keep_answers([])
    trial.keep_result({})
    assert (trial.state, trial.failure()) == ("finished", None)  # what failed once has ended well


def test_beginning_again_keeps_what_is_done_and_drops_half_written_files(trial):
    trial.keep_answers([{"row_id": "a"}])
    (trial.path / "result.json.123-4.tmp").write_text("{")
    trial.begin({"size": 8})
    assert trial.answers() == [{"row_id": "a"}]
    assert [path.name for path in trial.path.iterdir() if path.name.endswith(".tmp")] == []


def test_a_result_vouches_for_its_files_and_ends_what_was_kept_for_a_restart(trial):
    for name in (ANSWERS_SO_FAR, LOSSES_SO_FAR):
        trial.open_log(name)[0].close()
    returned = finish(trial)
    assert trial.result() == returned
    assert set(returned["files"]) == {ANSWERS}
    assert not any(trial.has(name) for name in (ANSWERS_SO_FAR, LOSSES_SO_FAR, CHECKPOINT))
    assert trial.training() == TrainingRecord(steps=3)
    assert set(json.loads((trial.path / TRAINING).read_text())["files"]) == {"adapter/weights"}
    assert trial.damage(RESULT) == trial.damage(TRAINING) == []


@pytest.mark.parametrize(
    ("manifest", "name", "content", "reason"),
    [
        (RESULT, ANSWERS, b"{}\n", "its content does not match its checksum"),
        (RESULT, ANSWERS, None, "it is gone"),
        (RESULT, RESULT, b"{}\n", "it has no checksum, or is of an earlier version of tunecurve"),
        (TRAINING, "adapter/weights", b"modem", "its content does not match its checksum"),
        (TRAINING, "adapter/weights", None, "it is gone"),
        (TRAINING, TRAINING, b"\xff", "it is not UTF-8 text"),
    ],
)
def test_damage_is_named_and_can_be_quarantined(trial, manifest, name, content, reason):
    finish(trial)
    path = trial.path / name
    path.unlink() if content is None else path.write_bytes(content)
    (damaged,) = trial.damage(manifest)
    assert (damaged.path, damaged.reason) == (path, reason)
    moved = trial.quarantine(damaged.path)
    assert moved == trial.study / "damaged" / trial.name / path.name
    assert not path.exists()
    assert moved.exists() == (content is not None)


def test_a_log_of_other_versions_is_quarantined_and_begun_anew(trial, monkeypatch):
    log, said = trial.open_log(ANSWERS_SO_FAR)
    log.append({"index": 0})
    log.close()
    assert said == []
    again, said = trial.open_log(ANSWERS_SO_FAR)
    assert said == []
    assert {"index": 0} in again.values
    again.close()
    monkeypatch.setattr("tunecurve.study.trial_folder.difference", lambda then: "torch 1 -> 2")
    anew, said = trial.open_log(ANSWERS_SO_FAR)
    assert {"index": 0} not in anew.values
    anew.close()
    assert len(said) == 1
    assert "its answers so far are of other versions (torch 1 -> 2); moved to" in said[0]


def test_a_model_is_taken_over_whole_or_not_at_all(trial, tmp_path):
    finish(trial)
    other = TrialFolder.of_study(tmp_path, "other-abc")
    other.begin({})
    assert not other.copy_model(trial, [])
    assert not other.copy_model(trial, ["adapter", "missing"])
    assert not (other.path / "adapter").exists()
    assert other.copy_model(trial, ["adapter"])
    assert (other.path / "adapter" / "weights").read_bytes() == b"model"
    trial.remove(TRAINING)
    assert not other.copy_model(trial, ["adapter"])


def test_namesakes_differ_in_their_config_alone(tmp_path):
    names = ["few-shot-k8-seed0-aaa", "few-shot-k8-seed0-bbb", "few-shot-k8-seed01-ccc", "k8-seed0-ddd"]
    for name in names:
        TrialFolder.of_study(tmp_path, name).begin({})
    wanted = TrialFolder.of_study(tmp_path, "few-shot-k8-seed0-zzz")
    assert [folder.name for folder in wanted.namesakes()] == names[:2]
    assert [folder.name for folder in trials_of(tmp_path)] == names
    assert trials_of(tmp_path / "nothing") == []


def test_a_config_of_an_earlier_version_is_recognised(trial):
    (trial.path / "config.json").write_text('{"size": 8}')
    with pytest.raises(DamagedFile, match="earlier version"):
        trial.config()
