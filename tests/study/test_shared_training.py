"""Trials that differ only in how answers are written train once."""

import json
from dataclasses import replace
from typing import ClassVar

import pytest

from tests.fakes.lookup_learner import LookupLearner
from tests.study.test_study import STUDY, StopAfter
from tunecurve.errors import Interrupted
from tunecurve.learners.base import TargetLoss
from tunecurve.run import StudyRun, run_study
from tunecurve.storage.files import read_checked_json, write_checked_json
from tunecurve.study import trial as trial_module
from tunecurve.study.options import StudyOptions
from tunecurve.study.plan import Trial, training_key
from tunecurve.study.prepare import prepare_study
from tunecurve.study.trial import TrialContext

pytestmark = pytest.mark.usefixtures("undrawn")


class Sharing(LookupLearner):
    """Writes answers its own way; its training is that of every learner with the same `training`."""

    trained: ClassVar = []

    def __init__(self, name, known=None, training="same", fail=False):
        super().__init__(name, known)
        self.training, self.fail = training, fail

    def identity(self):
        return {"kind": "lookup", "writes": self.name, "training": self.training}

    def training_identity(self):
        return {"kind": "lookup", "training": self.training}

    def tuned_files(self):
        return ("known.json",)

    def fine_tune(self, job, on_step):
        self.trained.append((self.name, len(job.examples), job.seed))
        if self.fail:
            raise RuntimeError("no luck")
        return super().fine_tune(job, on_step)

    def load_tuned(self, folder):
        return Sharing(self.name, json.loads((folder / "known.json").read_text()), self.training)


@pytest.fixture(autouse=True)
def nothing_trained():
    Sharing.trained.clear()


def run(rows_file, out, learners, progress=None, **overrides) -> StudyRun:
    study = {**STUDY, "data": {"source": str(rows_file)}, "shots": [], "train_sizes": [5], "bootstrap": {"draws": 100}}
    learners = {learner.name: learner for learner in learners}
    return run_study(study, out=out, models=list(learners), learners=learners, progress=progress, **overrides)


def tuned(done):
    return {
        (trial.learner, trial.train_size, trial.seed): trial
        for trial in done.results.trials
        if trial.strategy == "fine-tune"
    }


def test_one_trains_and_the_other_takes_over_model_and_record(rows_file, tmp_path):
    done = run(rows_file, tmp_path / "out", [Sharing("a"), Sharing("b")], seeds=2)
    assert Sharing.trained == [("a", 5, 0), ("a", 5, 1)]
    trials = tuned(done)
    for seed in (0, 1):
        first, second = trials["a", 5, seed], trials["b", 5, seed]
        assert first.folder != second.folder
        assert first.training.taken_from is None
        assert second.training == replace(first.training, taken_from=first.folder.removeprefix("trials/"))
        known = [(tmp_path / "out" / trial.folder / "known.json").read_text() for trial in (first, second)]
        assert known[0] == known[1]
        assert first.scores == second.scores


def test_another_training_is_not_taken_over(rows_file, tmp_path):
    run(rows_file, tmp_path / "out", [Sharing("a"), Sharing("b", training="other"), LookupLearner("c")])
    assert Sharing.trained == [("a", 5, 0), ("b", 5, 0)]


def test_a_learner_added_later_finds_the_trainings_of_a_finished_study(rows_file, tmp_path):
    run(rows_file, tmp_path / "out", [Sharing("a")])
    for path in (tmp_path / "out").rglob("training.json"):  # as written before trainings were shared
        kept = read_checked_json(path)
        del kept["record"]["taken_from"]
        write_checked_json(path, kept)
    done = run(rows_file, tmp_path / "out", [Sharing("a"), Sharing("b")])
    assert done.outcome.n_run == 1
    assert Sharing.trained == [("a", 5, 0)]


def test_where_the_other_trial_failed_or_lost_its_model_the_training_is_done(rows_file, tmp_path):
    done = run(rows_file, tmp_path / "out", [Sharing("a", fail=True), Sharing("b")])
    assert [name for name, _, _ in Sharing.trained] == ["a", "b"]
    assert tuned(done)["b", 5, 0].training.taken_from is None
    for path in (tmp_path / "out").rglob("known.json"):
        path.unlink()
    run(rows_file, tmp_path / "out", [Sharing("a", fail=True), Sharing("b"), Sharing("c")])
    assert Sharing.trained[2:] == [("a", 5, 0), ("c", 5, 0)]


def test_a_kill_between_the_copy_and_its_record_does_no_harm(rows_file, tmp_path, monkeypatch):
    from tunecurve.study import trial_folder

    def killed(folder):
        raise KeyboardInterrupt

    run(rows_file, tmp_path / "out", [Sharing("a")])
    with monkeypatch.context() as patch:
        patch.setattr(trial_folder, "flush_to_disk", killed)
        with pytest.raises(KeyboardInterrupt):
            run(rows_file, tmp_path / "out", [Sharing("a"), Sharing("b")])
    done = run(rows_file, tmp_path / "out", [Sharing("a"), Sharing("b")])
    assert done.results.complete
    assert tuned(done)["b", 5, 0].training.taken_from is not None


def test_an_interrupted_study_shares_as_an_uninterrupted_one(rows_file, tmp_path):
    whole = tuned(run(rows_file, tmp_path / "whole", [Sharing("a"), Sharing("b")]))
    with pytest.raises(Interrupted):
        run(rows_file, tmp_path / "cut", [Sharing("a"), Sharing("b")], StopAfter(75))
    cut = tuned(run(rows_file, tmp_path / "cut", [Sharing("a"), Sharing("b")]))
    assert {key: trial.training.taken_from for key, trial in cut.items()} == {
        key: trial.training.taken_from for key, trial in whole.items()
    }


def test_the_key_depends_on_everything_that_training_depends_on(rows_file, tmp_path):
    study = {**STUDY, "data": {"source": str(rows_file)}, "models": ["a"], "train_sizes": [5, 20], "seeds": 2}
    ready = prepare_study(study, StudyOptions(out=tmp_path, learners={"a": Sharing("a")}))
    configs = {item.trial: item.config for item in ready.planned}
    config = configs[Trial("a", "fine-tune", train_size=5)]
    learner = ready.learners["a"]
    key = training_key(config, learner)
    others = [
        configs[Trial("a", "fine-tune", train_size=20)],
        configs[Trial("a", "fine-tune", train_size=5, seed=1)],
        *({**config, name: "other"} for name in ("train_sha256", "system", "template", "recipe")),
    ]
    assert len({key, *(training_key(other, learner) for other in others)}) == 7
    assert training_key({**config, "test_sha256": "other", "learner": {}}, learner) == key
    assert training_key(configs[Trial("a", "zero-shot")], learner) is None
    assert training_key(config, LookupLearner("a")) is None


class SharingLosses(Sharing):
    """Counts the losses that are measured; two such learners differ in their note alone."""

    measured: ClassVar = []
    loss_unit = "token"

    @property
    def loss_note(self):
        return f"of {self.name}"

    def load_tuned(self, folder):
        return SharingLosses(self.name, json.loads((folder / "known.json").read_text()), self.training)

    def target_losses(self, prompts, targets, done=()):
        for index, target in enumerate(targets):
            if index not in done:
                self.measured.append((self.name, index))
                yield index, TargetLoss(float(len(target)), 2)


@pytest.mark.parametrize(("training", "n_measured"), [("same", 1), ("another", 2)])
def test_models_of_one_training_have_one_loss_measured_once(rows_file, tmp_path, training, n_measured):
    SharingLosses.measured.clear()
    done = run(rows_file, tmp_path / "out", [SharingLosses("a"), SharingLosses("b", training=training)])
    assert len(SharingLosses.measured) == n_measured * (30 + 5)
    losses = {name: tuned(done)[name, 5, 0].loss for name in "ab"}
    assert [losses[name].note for name in "ab"] == ["of a", "of b"]
    assert losses["a"].test == losses["b"].test
    files = [tmp_path / "out" / tuned(done)[name, 5, 0].folder / "losses.jsonl" for name in "ab"]
    assert files[0].read_text() == files[1].read_text()
    again = run(rows_file, tmp_path / "out", [SharingLosses("a"), SharingLosses("b", training=training)])
    assert again.outcome.n_run == 0


def test_trainings_are_hashed_once_and_not_anew_for_every_trial(rows_file, tmp_path, monkeypatch):
    learners = {name: Sharing(name) for name in ("one", "two")}
    values = {
        **STUDY,
        "data": {"source": str(rows_file)},
        "shots": [],
        "models": list(learners),
        "train_sizes": [5, 10, 20],
    }
    hashed = []
    monkeypatch.setattr(
        trial_module, "training_key", lambda config, learner: hashed.append(1) or training_key(config, learner)
    )
    study = prepare_study({**values, "seeds": 4}, StudyOptions(out=tmp_path / "run", learners=learners))
    context = TrialContext(study.planned, study.data, study.learners, [])
    tuned = [item for item in study.planned if item.trial.strategy == "fine-tune"]
    for item in tuned:
        [other] = context.same_training(item)
        assert other.name.startswith("two" if item.trial.learner == "one" else "one")
        assert f"-n{item.trial.train_size}-seed{item.trial.seed}-" in other.name
    assert len(hashed) == len(study.planned) + len(tuned), "of all once, and of each its own"
