"""What a study says beside its curve: label by label, training score beside test score, two verdicts that disagree."""

import json
from typing import ClassVar

import numpy as np
import pytest

from tests.conftest import simple_rows
from tests.fakes.lookup_learner import LookupLearner
from tests.fakes.records import learner_forecast, metric_result, point
from tests.study.test_study import StopAfter
from tunecurve.errors import Interrupted
from tunecurve.learners.base import Completion, Learner
from tunecurve.results.diagnosis import diagnose
from tunecurve.results.forecasts import disagreements
from tunecurve.results.labels import LabelAdvisor, LabelScore
from tunecurve.run import run_study


def label_scores(label, recalls, n_gold=60):
    sizes = [50, 100, 200, 400, 800]
    return [LabelScore("tagger", label, size, 0, recall, n_gold) for size, recall in zip(sizes, recalls, strict=True)]


def test_a_label_that_has_stopped_and_one_that_rises_are_told_apart():
    scores = label_scores("EMAIL", [98, 98, 98, 98, 98], 400) + label_scores("STREET", [20, 35, 50, 62, 73], 400)
    rows = {row.label: row for row in LabelAdvisor().advise(scores)["tagger"]}
    assert rows["EMAIL"].word == "flat"
    assert rows["EMAIL"].flat_from < 100
    assert rows["STREET"].word == "rising"
    assert rows["STREET"].expected_gain > 3
    assert rows["STREET"].sentence.startswith("STREET is still rising: recall 73 %")


def test_the_label_that_gains_most_over_all_rows_comes_first():
    scores = label_scores("RARE", [20, 35, 50, 62, 73], 12) + label_scores("OFTEN", [30, 42, 53, 62, 70], 300)
    assert [row.label for row in LabelAdvisor().advise(scores)["tagger"]] == ["OFTEN", "RARE"]


@pytest.mark.parametrize("top", [62.0, 90.0, 94.0, 99.0, 100.0])
@pytest.mark.parametrize("steps", [(20.0, 50.0, 75.0), (60.0, 40.0, 80.0), (90.0, 95.0, 98.0)])
def test_no_label_gains_more_than_is_left_to_full_recall(top, steps):
    recalls = [*(min(step, top) for step in steps), top]
    scores = [LabelScore("t", "CITY", 20 * 2**k, 0, recall, 17) for k, recall in enumerate(recalls)]
    (row,) = LabelAdvisor().advise(scores)["t"]
    assert row.expected_gain <= 100.0 - row.recall
    if top == 100.0:
        assert "nothing is left to gain" in row.sentence
        assert row.word == "flat"
    if row.flat_from is not None and row.flat_from < 160:
        assert "since about" in row.sentence
        assert "(160 measured)" in row.sentence


def test_labels_with_few_gold_examples_or_sizes_are_left_out():
    few = label_scores("FEW", [20, 35, 50, 62, 73], 9)
    short = label_scores("SHORT", [20, 35, 50, 62, 73])[:2]
    assert LabelAdvisor().advise(few + short) == {}


TITLES = "BLEU", "Documents that leak"
FLOOR, BLEU = point("floor", 0, bleu=50.0), metric_result()


@pytest.mark.parametrize(
    ("on_training", "on_test", "word"),
    [(99, 70, "data-starved"), (72, 71, "undertrained"), (80, 65, "both"), (98, 97, "neither")],
)
def test_training_score_beside_test_score(on_training, on_test, word):
    (found,) = diagnose([FLOOR, point(training=on_training, bleu=on_test)], BLEU, {})
    assert found.word == word
    assert f"{on_training:.1f}" in found.sentence


def test_a_flat_curve_is_not_told_to_take_more_of_the_same_rows():
    points = [FLOOR, point(training=99, bleu=70), point(train_size=200, training=99, bleu=71)]
    small, large = diagnose(points, BLEU, {"m": learner_forecast("flat")})
    assert "more rows can help" in small.sentence
    assert "not more of the same rows" in large.sentence


def test_points_without_a_training_score_are_not_judged():
    assert diagnose([FLOOR, point(bleu=70)], BLEU, {}) == []


def verdicts(word):
    return {"m": learner_forecast(word)}


def test_a_flat_headline_is_no_reason_to_stop_while_the_other_metric_improves():
    (found,) = disagreements(verdicts("flat"), verdicts("rising"), TITLES)
    assert found.sentence.startswith("m: BLEU is flat, but Documents that leak is still improving")
    assert disagreements(verdicts("rising"), verdicts("flat"), TITLES) == []
    assert disagreements(verdicts("flat"), verdicts("cannot tell"), TITLES) == []
    assert disagreements(verdicts(None), verdicts("flat"), TITLES) == []


class Rule(Learner):
    """A baseline: masks one name, whatever the prompt."""

    name = "rule"

    def identity(self):
        return {"kind": "rule", "version": 1}

    def predict_stream(self, prompts, done=()):
        for index, prompt in enumerate(prompts):
            if index not in done:
                yield index, Completion(prompt.source.replace("Ada", "[FIRSTNAME]"), "end")


def test_baselines_and_training_scores_stand_in_results_and_report(rows_file, tmp_path):
    rows = rows_file
    study = {
        "data": {"source": str(rows), "group_column": "kind"},
        "split": {"test_size": 30, "method": "random"},
        "models": ["rule", "lookup"],
        "shots": [0],
        "train_sizes": [3, 9, 27, 81],
        "training_score_rows": 5,
    }
    run = run_study(study, out=tmp_path / "run", learners={"rule": Rule(), "lookup": LookupLearner()})
    labels = [(trial.learner, trial.label) for trial in run.results.trials]
    assert ("rule", "baseline") in labels
    assert sum(learner == "rule" for learner, _ in labels) == 1
    points = {(p.learner, p.label): p for p in run.results.points}
    tuned = points["lookup", "tuned on 3"]
    assert tuned.training_scores.n_rows == 3  # no more rows than there are
    assert points["lookup", "tuned on 81"].training_scores.n_rows == 5
    assert tuned.training_scores.scores["bleu"] == pytest.approx(100)
    assert tuned.scores["bleu"].estimate < 100
    assert points["rule", "as it is"].training_scores is None
    assert next(item.word for item in run.results.diagnosis) == "data-starved"
    page = (tmp_path / "run" / "report.html").read_text()
    assert "Undertrained or data-starved?" in page
    assert "Which kind of example to label next" in page


class Noting(LookupLearner):
    """Notes how many answers every call asks for; `calls` belongs to all of its tuned copies."""

    calls: ClassVar[list[int]] = []

    def predict_stream(self, prompts, done=()):
        self.calls.append(len(prompts) - len(done))
        return super().predict_stream(prompts, done)

    def load_tuned(self, folder):
        return Noting(self.name, json.loads((folder / "known.json").read_text()))


@pytest.mark.parametrize("stops_after", [None, 3, 31, 34])
def test_rows_that_it_was_tuned_on_are_answered_with_the_test_rows_and_each_once(rows_file, tmp_path, stops_after):
    study = {
        "data": {"source": str(rows_file)},
        "split": {"test_size": 30, "method": "random"},
        "models": ["lookup"],
        "shots": [],
        "train_sizes": [9],
    }
    Noting.calls.clear()
    if stops_after is not None:
        learners, stop = {"lookup": Noting()}, StopAfter(30 + stops_after)  # the floor answers first
        with pytest.raises(Interrupted):
            run_study(study, out=tmp_path / "run", learners=learners, training_score_rows=5, progress=stop)
    run = run_study(study, out=tmp_path / "run", learners={"lookup": Noting()}, training_score_rows=5)
    assert Noting.calls == ([35] if stops_after is None else [35, 35 - stops_after])
    (point,) = [point for point in run.results.points if point.strategy == "fine-tune"]
    assert point.training_scores.n_rows == 5
    assert point.training_scores.scores["bleu"] == pytest.approx(100)
    (finished,) = [trial for trial in run.results.finished if trial.strategy == "fine-tune"]
    lines = (tmp_path / "run" / finished.folder / "predictions.jsonl").read_text().splitlines()
    assert len(lines) == 30, "only test rows are kept as predictions"
    alone = run_study(study, out=tmp_path / "alone", learners={"lookup": LookupLearner()}, training_score_rows=0)
    (without,) = [trial for trial in alone.results.finished if trial.strategy == "fine-tune"]
    assert finished.scores == without.scores
    assert finished.answers.n == without.answers.n == 30


def test_stratified_draws_reach_the_trials(rows_file, tmp_path):
    base = {
        "task": "classification",
        "data": {"source": str(rows_file), "target_column": "kind"},
        "split": {"test_size": 30, "method": "random"},
        "models": ["tfidf"],
        "train_sizes": [5],
    }
    shares = {}
    for sampling in ("random", "stratified"):
        run = run_study({**base, "sampling": sampling}, out=tmp_path / sampling)
        (trial,) = [trial for trial in run.results.trials if trial.strategy == "fine-tune"]
        shares[sampling] = trial.training.path
    assert shares["stratified"] == "5 classes"
    assert run.results.floor.rule == "majority"
    assert run.results.floor.title == "most frequent class"
    assert np.isfinite(run.results.points[0].scores["accuracy"].estimate)


def test_rows_of_the_fake_data_suit_the_tests():
    assert len({row["kind"] for row in simple_rows(150)}) == 5
