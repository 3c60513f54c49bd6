"""The loss of right answers in a study: row by row on disk, means over the same rows, resumed, and never in a score's way."""

import csv
import itertools
import json
import math

import jsonschema
import numpy as np
import pytest

from tests.fakes.lookup_learner import LookupLearner
from tunecurve.curve.intervals import jackknife, positive_interval, sums_by_group
from tunecurve.errors import Interrupted
from tunecurve.learners.base import TargetLoss
from tunecurve.report.export import write_tables
from tunecurve.results.model import results_schema
from tunecurve.results.stored import without_times
from tunecurve.run import StudyRun, run_study
from tunecurve.storage.files import read_lines
from tunecurve.study.plan import MOST_LOSS_ROWS, Trial, sampled_for_loss
from tunecurve.study.progress import Progress

SCHEMA = results_schema()
STUDY = {
    "split": {"test_size": 30, "method": "random"},
    "models": ["lookup"],
    "shots": [0, 2],
    "train_sizes": [5, 20, 80],
    "bootstrap": {"draws": 200},
}


class Knowing(LookupLearner):
    """A lookup learner whose loss a token is 1 / (1 + values known); rows of some inputs are left out."""

    loss_unit, loss_note = "token", "made up"

    def __init__(self, known=None, *, left_out="", error=None):
        super().__init__("lookup", known)
        self.left_out, self.error, self.n_losses = left_out, error, 0

    def load_tuned(self, folder):
        tuned = Knowing(json.loads((folder / "known.json").read_text()), left_out=self.left_out, error=self.error)
        tuned.parent = self
        return tuned

    def target_losses(self, prompts, targets, done=()):
        if self.error is not None:
            raise self.error
        for index, (prompt, target) in enumerate(zip(prompts, targets, strict=True)):
            if index in done:
                continue
            self.n_losses += 1
            if hasattr(self, "parent"):
                self.parent.n_losses += 1
            n_tokens = len(target.split())
            if self.left_out and self.left_out in prompt.source and len(self.known) == 0:
                yield index, TargetLoss(left_out="told so")
            else:
                yield index, TargetLoss(n_tokens / (1 + len(self.known)), n_tokens)


def run(rows_file, out, learner, progress=None, **overrides) -> StudyRun:
    values = {**STUDY, "data": {"source": str(rows_file)}, **overrides}
    return run_study(values, out=out, learners={"lookup": learner}, progress=progress)


def folder_of(done, out, label):
    return out / next(trial.folder for trial in done.results.trials if trial.label == label)


def test_every_trial_that_knows_losses_has_them_row_by_row(rows_file, tmp_path):
    done = run(rows_file, tmp_path / "out", Knowing(), seeds=2)
    jsonschema.validate(json.loads((tmp_path / "out" / "results.json").read_text()), SCHEMA)
    points = {point.label: point for point in done.results.points}
    assert points["copying the input"].loss is None
    assert points["zero-shot"].loss.test.mean == pytest.approx(1.0)
    assert points["zero-shot"].loss.train is None
    means = [points[f"tuned on {size}"].loss.test.mean for size in (5, 20, 80)]
    assert means == sorted(means, reverse=True)
    loss = points["tuned on 20"].loss
    assert (loss.unit, loss.note, loss.train.n_rows) == ("token", "made up", 20)
    assert np.mean(loss.test.by_seed) == pytest.approx(loss.test.mean)
    lines = read_lines(folder_of(done, tmp_path / "out", "fine-tune-n20-seed0") / "losses.jsonl")
    assert [line["side"] for line in lines] == ["test"] * 30 + ["train"] * 20
    predictions = read_lines(folder_of(done, tmp_path / "out", "fine-tune-n20-seed0") / "predictions.jsonl")
    assert [line["row_id"] for line in lines[:30]] == [line["row_id"] for line in predictions]
    nats, tokens = (sum(line[key] for line in lines[:30]) for key in ("nats", "n_units"))
    assert loss.test.by_seed[0] == pytest.approx(nats / tokens)
    assert loss.test.low < loss.test.mean < loss.test.high


def test_scores_and_folders_are_those_of_a_learner_without_losses(rows_file, tmp_path):
    with_loss, without = (
        run(rows_file, tmp_path / name, learner).results.trials
        for name, learner in (("with", Knowing()), ("without", LookupLearner()))
    )
    assert [(t.folder, t.scores, t.answers) for t in with_loss] == [(t.folder, t.scores, t.answers) for t in without]
    assert {t.loss is None for t in without} == {True}


@pytest.mark.parametrize("kept", [0, 1, 7, 30, 44])
def test_a_killed_measurement_goes_on_where_it_was(rows_file, tmp_path, kept):
    class Stop(Progress):
        n = 0

        @property
        def stop_requested(self):
            return len(learner_losses) > kept

    learner, learner_losses = Knowing(), []

    def counting(prompts, targets, done=()):
        for index, loss in Knowing.target_losses(tuned, prompts, targets, done):
            learner_losses.append(index)
            yield index, loss

    tuned = None
    load = learner.load_tuned

    def load_tuned(folder):
        nonlocal tuned
        tuned = load(folder)
        tuned_view = load(folder)
        tuned_view.target_losses = counting
        return tuned_view

    learner.load_tuned = load_tuned
    options = {"shots": [], "train_sizes": [20]}
    with pytest.raises(Interrupted):
        run(rows_file, tmp_path / "out", learner, Stop(), **options)
    n_before = len(learner_losses)
    again = Knowing()
    resumed = run(rows_file, tmp_path / "out", again, **options)
    assert n_before + again.n_losses == 30 + 20
    whole = run(rows_file, tmp_path / "whole", Knowing(), **options)
    assert without_times(resumed.results) == without_times(whole.results)
    assert not list((tmp_path / "out").rglob("*.partial.jsonl"))


def test_losses_that_another_version_measured_on_other_training_rows_are_measured_anew(
    rows_file, tmp_path, monkeypatch
):
    options = {"shots": [], "train_sizes": [20]}

    class Stop(Progress):
        stop_requested = False

    stop, learner, n_measured = Stop(), Knowing(), itertools.count(1)
    load = learner.load_tuned

    def load_tuned(folder):
        tuned = load(folder)
        measure = tuned.target_losses

        def stopping(prompts, targets, done=()):
            for index, loss in measure(prompts, targets, done):
                stop.stop_requested = next(n_measured) == 30 + 4
                yield index, loss

        tuned.target_losses = stopping
        return tuned

    learner.load_tuned = load_tuned
    drawn = "tunecurve.study.losses.sampled_for_loss"
    monkeypatch.setattr(drawn, lambda trial: [9, 8, 7, 6, 5, 4])
    with pytest.raises(Interrupted):
        run(rows_file, tmp_path / "out", learner, stop, **options)
    monkeypatch.setattr(drawn, lambda trial: [1, 8, 3, 2])
    again = Knowing()
    resumed = run(rows_file, tmp_path / "out", again, **options)
    assert again.n_losses == 3, "the row that both drew at one place is kept"
    whole = run(rows_file, tmp_path / "whole", Knowing(), **options)
    assert without_times(resumed.results) == without_times(whole.results)


def test_rows_left_out_of_one_point_are_left_out_of_all_of_its_learner(rows_file, tmp_path):
    done = run(rows_file, tmp_path / "out", Knowing(left_out="train"), train_sizes=[5])
    points = {point.label: point.loss for point in done.results.points}
    n_out = sum(
        "train" in line["input"]
        for line in read_lines(folder_of(done, tmp_path / "out", "zero-shot") / "predictions.jsonl")
    )
    assert 0 < n_out < 30
    for label in ("zero-shot", "2-shot", "tuned on 5"):
        assert points[label].test.n_rows == 30 - n_out
        assert points[label].test.left_out == {"told so": n_out}
    trials = {trial.label: trial.loss for trial in done.results.trials if trial.loss}
    assert trials["zero-shot"].test.n_rows == 30 - n_out
    assert trials["fine-tune-n5-seed0"].test.n_rows == 30


@pytest.mark.parametrize("error", [RuntimeError("out of memory"), ValueError("odd model"), KeyError("x")])
def test_a_loss_that_cannot_be_measured_costs_no_score(rows_file, tmp_path, error):
    done = run(rows_file, tmp_path / "out", Knowing(error=error), train_sizes=[5])
    assert not done.outcome.failures
    jsonschema.validate(json.loads((tmp_path / "out" / "results.json").read_text()), SCHEMA)
    trials = [trial for trial in done.results.trials if trial.learner == "lookup"]
    assert all(type(error).__name__ in trial.loss.failure for trial in trials)
    assert all(point.loss is None for point in done.results.points)


def test_a_loss_that_is_no_number_is_left_out_and_counted(rows_file, tmp_path):
    class Infinite(Knowing):
        def load_tuned(self, folder):
            return Infinite(json.loads((folder / "known.json").read_text()))

        def target_losses(self, prompts, targets, done=()):
            for index, loss in super().target_losses(prompts, targets, done):
                yield index, TargetLoss(math.inf, 3) if index in (2, 5) else loss

    done = run(rows_file, tmp_path / "out", Infinite(), train_sizes=[5])
    loss = next(point.loss for point in done.results.points if point.label == "tuned on 5")
    assert loss.test.n_rows == 28
    assert list(loss.test.left_out.values()) == [2]


def test_exports_hold_losses_as_metrics_and_as_columns(rows_file, tmp_path):
    done = run(rows_file, tmp_path / "out", Knowing(left_out="train"), train_sizes=[5])
    rows = done.results.rows
    found = {(row["strategy"], row["metric"]) for row in rows if row["metric"].startswith("target_loss")}
    assert found == {
        ("zero-shot", "target_loss_test"),
        ("few-shot", "target_loss_test"),
        ("fine-tune", "target_loss_test"),
        ("fine-tune", "target_loss_train"),
    }
    _, predictions = write_tables(tmp_path / "out", done.results, tmp_path / "export", "csv")
    with predictions.open(newline="") as file:
        table = list(csv.DictReader(file))
    zero = [row for row in table if row["strategy"] == "zero-shot"]
    assert all((row["target_left_out"] != "") == ("train" in row["input"]) for row in zero)
    assert all(row["target_nats"] == "" for row in table if row["strategy"] == "floor")
    assert {float(row["target_units"]) for row in zero if row["target_nats"]} <= set(range(2, 12))


@pytest.mark.parametrize(("size", "n"), [(1, 1), (100, 100), (101, 100), (5000, 100)])
def test_the_sample_of_training_rows_is_fixed_random_and_within_the_rows(size, n):
    trial = Trial("x", "fine-tune", train_size=size, seed=3)
    sample = sampled_for_loss(trial)
    assert sample == sampled_for_loss(trial) == sorted(set(sample))
    assert len(sample) == n <= MOST_LOSS_ROWS
    assert sample[0] >= 0
    assert sample[-1] < size
    if size == 5000:
        assert 2000 < np.mean(sample) < 3000  # from the whole of the rows
        assert sample != sampled_for_loss(Trial("x", "fine-tune", train_size=size, seed=4))


@pytest.mark.parametrize("n_groups", [20, 51, 200])
def test_intervals_of_losses_hold_the_truth_as_often_as_they_say(n_groups):
    generator = np.random.default_rng(n_groups)
    n_rows, n_studies, hits = 200, 400, 0
    for _ in range(n_studies):
        groups = np.unique(
            generator.choice(n_groups, n_rows, p=generator.dirichlet(np.full(n_groups, 3.0))), return_inverse=True
        )[1]
        units = generator.integers(5, 40, n_rows)
        rate = np.exp(generator.normal(0, 0.7, n_groups)[groups] + generator.normal(0, 0.5, n_rows) - (0.49 + 0.25) / 2)
        summed = sums_by_group(np.stack([rate * units, units], axis=1), groups)
        item = jackknife(summed, lambda s: s[..., 0] / s[..., 1], summed[:, 1])
        low, high = positive_interval(item)
        hits += low <= 1.0 <= high
    assert 0.90 <= hits / n_studies <= 0.98


def test_of_several_right_answers_the_first_is_measured(tmp_path):
    rows = [{"source_text": f"text {n}", "target_text": [f"first of {n}", "second"]} for n in range(60)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    options = {"task": "generation", "shots": [0], "train_sizes": []}
    done = run(tmp_path / "rows.jsonl", tmp_path / "out", Knowing(), **options)
    lines = read_lines(folder_of(done, tmp_path / "out", "zero-shot") / "losses.jsonl")
    assert {line["n_units"] for line in lines} == {3}
