"""The gate before every verdict: no word on a curve that stands on nothing."""

import html
import json
from dataclasses import replace

import numpy as np
import pytest

from tests.cli.test_commands import invoke
from tests.fakes.records import answer_summary, finished_trial, learner_forecast, point, score, size_forecast
from tunecurve.curve.intervals import Jackknife
from tunecurve.findings import Finding
from tunecurve.learners.base import Completion, Learner, TrainingProgress, TrainingRecord, Tuned, unanswered
from tunecurve.metrics.classification import Accuracy
from tunecurve.results.best_so_far import leak_sentence, percent
from tunecurve.results.collect import describe_metric
from tunecurve.results.gates import answer_findings, constant_findings, floor_findings, gated
from tunecurve.results.model import Results
from tunecurve.results.points import ScoredPoint
from tunecurve.results.records.points import MetricResult
from tunecurve.results.records.test_set import LeakBound, TestSet
from tunecurve.run import StudyRun, run_study
from tunecurve.tasks.lookup import task_of

ACCURACY = describe_metric(Accuracy(["a", "b"]), "")


class Scripted(Learner):
    """A learner whose answers a function of the prompt and of its training size decides."""

    def __init__(self, answer, name="scripted", size=0):
        self.name, self.answer, self.size = name, answer, size

    def identity(self):
        return {"kind": "scripted"}

    def predict_stream(self, prompts, done=()):
        for index, prompt in unanswered(prompts, done):
            found = self.answer(prompt.source, self.size, index)
            yield index, found if isinstance(found, Completion) else Completion(found, "end")

    def resolve_recipe(self, recipe, n_examples):
        return {"name": "scripted", "epochs": 1, "n_steps": 1, "learning_rate": 1.0, "batch_size": 1, "lora_rank": 1}

    def fine_tune(self, job, on_step):
        (job.folder / "size.txt").write_text(str(len(job.examples)))
        on_step(TrainingProgress(1, 1, 0.5, 1.0))
        record = TrainingRecord(1, 1, len(job.examples), [0.5], 0.0, 1, job.recipe, "scripted")
        return Tuned(self.load_tuned(job.folder), record)

    def load_tuned(self, folder):
        return Scripted(self.answer, self.name, int((folder / "size.txt").read_text()))


WORDS = [
    f"{first}{second}" for first in "bcdfghklmnprst" for second in ("ale", "one", "ift", "urn", "eam", "ock", "ash")
]


def class_rows(n, label_of):
    return [
        {"source_text": f"the {WORDS[i % 98]} met a {WORDS[(i * 5 + i // 98) % 98]}", "target_text": label_of(i)}
        for i in range(n)
    ]


def study_of(rows, tmp_path, answer, task="classification", sizes=(10, 20, 40), n_test=40) -> StudyRun:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    study = {
        "task": task,
        "data": {"source": str(path)},
        "split": {"method": "random", "test_size": n_test},
        "train_sizes": list(sizes),
        "models": ["scripted"],
        "shots": [],
        "training_score_rows": 0,
    }
    return run_study(study, out=tmp_path / "run", learners={"scripted": Scripted(answer)})


def codes(results: Results):
    return {finding.code for finding in results.findings}


@pytest.mark.parametrize(
    ("options", "remedy"), [((), "check --target-column"), (("--first-rows",), "--limit draws at random")]
)
@pytest.mark.parametrize("label", ["neg", " neg", "class 1", "日本"])
def test_one_class_is_refused_and_named(tmp_path, label, options, remedy):
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in class_rows(60, lambda i: label)))
    for command in ("validate", "plan"):
        code, _, stderr = invoke(
            command, "--task", "classification", "--data", path, "--test-size", "10", "--train-sizes", "20", "--limit", "50",
            "--model", "tfidf", "--out", tmp_path / "out", *options,
        )  # fmt: skip
        assert code == 3
        assert f"all rows are '{label.strip()}'" in stderr
        assert remedy in stderr
        assert ("is the file sorted" in stderr) == bool(options), "a random draw does not hang on the order of the file"
        assert len(stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("n_rare", "n_rows", "is_said"), [(3, 100, True), (10, 100, True), (30, 100, False), (50, 100, False)]
)
def test_a_frequent_class_is_said_with_the_test_rows_of_the_others(tmp_path, n_rare, n_rows, is_said):
    path = tmp_path / "rows.jsonl"
    rows = class_rows(
        n_rows, lambda i: "fraud" if i % (n_rows // n_rare) == 0 and i // (n_rows // n_rare) < n_rare else "ok"
    )
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    _, stdout, _ = invoke(
        "validate", "--task", "classification", "--data", path, "--test-size", "30", "--train-sizes", "20", "--split", "random"
    )  # fmt: skip
    assert (f"one class is {100 - n_rare} % of the rows ('ok'" in stdout) == is_said
    if is_said:
        assert "test rows of the others, of 30: 'fraud' " in stdout
        assert "--sampling stratified" in stdout
        assert "macro_f1" in stdout


def test_a_model_on_the_floor_is_not_called_flat(tmp_path):
    done = study_of(class_rows(120, lambda i: "ok" if i % 30 else "fraud"), tmp_path, lambda *_: "ok")
    forecast = done.results.forecast["scripted"]
    assert forecast.verdict is None
    assert forecast.forecasts == []
    assert "no size is above the floor" in forecast.refusal
    assert {"not-above-floor", "constant-answers"} <= codes(done.results)
    report = html.unescape((tmp_path / "run" / "report.html").read_text())
    assert "nothing has been learnt yet" in report
    assert "Flat" not in report


def test_a_model_below_the_floor_without_a_rise_has_no_verdict(tmp_path):
    done = study_of(
        class_rows(120, lambda i: "ok" if i % 4 else "fraud"), tmp_path, lambda source, size, index: "fraud"
    )
    assert "no size is above the floor" in done.results.forecast["scripted"].refusal


def test_a_model_above_the_floor_keeps_its_verdict(tmp_path):
    rows = class_rows(160, lambda i: "ab"[i % 2])
    right = {row["source_text"]: row["target_text"] for row in rows}

    def answer(source, size, index):
        return right[source] if (index * 7) % 40 < 20 + size // 4 else "ab"[right[source] == "a"]

    done = study_of(rows, tmp_path, answer, sizes=(20, 40, 80))
    assert done.results.forecast["scripted"].verdict is not None
    assert not codes(done.results) & {
        "not-above-floor",
        "constant-answers",
        "answers-not-whole",
        "floor-at-top",
        "ceiling",
    }


@pytest.mark.parametrize("kind", ["cut", "failed", "empty"])
def test_answers_that_are_not_whole_block_verdict_and_leaks(tmp_path, kind, rows_file):
    bad = {
        "cut": lambda text: Completion(text[:4], "length"),
        "failed": lambda text: Completion("", "error", error="no answer"),
        "empty": lambda text: Completion("", "end"),
    }[kind]
    rows = [json.loads(line) for line in rows_file.read_text().splitlines()]
    right = {row["source_text"]: row["target_text"] for row in rows}

    def answer(source, size, index):
        return bad(right[source]) if index % 3 else right[source]

    done = study_of(rows, tmp_path, answer, task="masking", sizes=(10, 20, 40), n_test=60)
    assert "answers-not-whole" in codes(done.results)
    assert "many answers are not whole" in done.results.forecast["scripted"].refusal
    assert "How many documents leak cannot be said" in done.results.headline
    report = html.unescape((tmp_path / "run" / "report.html").read_text())
    assert report.index("of 60 " + {"cut": "cut", "failed": "failed", "empty": "empty"}[kind]) < report.index(
        "<h2>The curve"
    )


def test_a_few_cut_answers_and_early_ones_block_nothing():
    def trial(size, n_cut, strategy="fine-tune"):
        answers = answer_summary(stop_reasons={"end": 100 - n_cut, "length": n_cut})
        return finished_trial(strategy=strategy, train_size=size, label=f"n{size}", answers=answers)

    assert answer_findings([trial(50, 10), trial(200, 2)], 0) == []
    (early,) = answer_findings([trial(0, 90, "zero-shot"), trial(50, 60), trial(200, 2)], 0)
    assert early.blocks == ()
    assert "60 of 100 cut at the answer cap" in early.text
    (late,) = answer_findings([trial(50, 0), trial(200, 60)], 0)
    assert late.blocks == ("verdict", "leaks")


def test_empty_answers_where_the_right_answer_is_empty_are_whole():
    trial = finished_trial(answers=answer_summary(10, n_empty=6))
    assert answer_findings([trial], 6) == []
    assert len(answer_findings([trial], 2)) == 1


def test_one_answer_for_all_is_said_and_blocks_only_at_the_largest_size():
    def trial(size):
        return finished_trial(train_size=size, label=f"n{size}", folder=str(size), answers=answer_summary(30))

    trials = [trial(10), trial(20)]
    assert constant_findings(trials, {"10": 3, "20": 2}, 2) == []
    (early,) = constant_findings(trials, {"10": 1, "20": 2}, 2)
    assert early.blocks == ()
    (late,) = constant_findings(trials, {"10": 3, "20": 1}, 2)
    assert late.blocks == ("verdict",)
    assert constant_findings(trials, {"10": 1, "20": 1}, 1) == [], "all right answers are the same"


def scored_point(strategy, score, size=0, spread=1.0):
    draws = {ACCURACY.name: score + spread * np.linspace(-1, 1, 201)}
    jackknives = {ACCURACY.name: Jackknife(score, score + 0.05 * spread * np.linspace(-1, 1, 200), np.ones(200))}
    learner = "floor" if strategy == "floor" else "m"
    return ScoredPoint(learner, strategy, 0, size, {ACCURACY.name: [score]}, draws, jackknives, "majority")


@pytest.mark.parametrize(
    ("floor", "scores", "word", "expected"),
    [
        (100.0, [100.0, 100.0, 100.0], "flat", "floor-at-top"),
        (96.7, [96.7, 96.7, 96.7], "flat", "not-above-floor"),
        (60.0, [40.0, 50.0, 55.0], "cannot tell", "not-above-floor"),
        (60.0, [62.0, 70.0, 75.0], "rising", None),
    ],
)
def test_the_floor_forbids_the_verdict(floor, scores, word, expected):
    points = [
        scored_point("floor", floor),
        *(scored_point("fine-tune", score, 10 * 2**i) for i, score in enumerate(scores)),
    ]
    found = floor_findings(points, ACCURACY, 0.95, {"m": word}, task_of("classification"))
    assert [finding.code for finding in found] == ([expected] if expected else [])
    assert all(finding.blocks == ("verdict",) for finding in found)


@pytest.mark.parametrize(
    ("score", "leaks", "said"),
    [
        (
            61.0,
            3.0,
            "something has been learnt (Documents that leak 100.0 -> 3.0 on 20 rows), but what Accuracy gains cannot be told yet",
        ),
        (61.0, 99.5, "by more than noise: whether anything has been learnt cannot be told yet"),
        (55.0, 3.0, "nothing has been learnt yet by Accuracy, though Documents that leak 100.0 -> 3.0 on 20 rows"),
        (55.0, 99.5, ": nothing has been learnt yet"),
    ],
)
def test_the_second_metric_says_what_the_first_cannot(score, leaks, said):
    second = MetricResult("leaks", "Documents that leak", "min", (0.0, 100.0), "sig")
    points = []
    for strategy, value, leak in (("floor", 60.0, 100.0), ("fine-tune", score, leaks)):
        point = scored_point(strategy, value, 20 if strategy == "fine-tune" else 0, spread=40.0)
        other = {second.name: Jackknife(leak, leak + 0.05 * np.linspace(-1, 1, 200), np.ones(200))}
        points.append(replace(point, jackknives=point.jackknives | other, scores=point.scores | {second.name: [leak]}))
    (found,) = floor_findings(points, ACCURACY, 0.95, {"m": "flat"}, task_of("masking"), second)
    assert found.text.endswith(said)
    assert found.blocks == ("verdict",)


def test_a_rising_curve_below_the_floor_is_warned_of_and_keeps_its_verdict():
    points = [
        scored_point("floor", 60.0),
        *(scored_point("fine-tune", score, 10 * 2**i) for i, score in enumerate([20.0, 40.0, 55.0])),
    ]
    (found,) = floor_findings(points, ACCURACY, 0.95, {"m": "rising"}, task_of("masking"))
    assert found.kind == "warning"


def test_a_refusal_takes_the_place_of_everything_that_would_rest_on_the_curve():
    forecast = {name: learner_forecast("flat", forecasts=[size_forecast(1600.0, 81.0)]) for name in "mn"}
    kept = gated(forecast, [Finding("x", "m is blind", blocks=("verdict",), learner="m")])
    assert kept["m"].refusal == "No verdict: m is blind."
    assert kept["m"].points == forecast["m"].points
    assert kept["m"].verdict is None
    assert kept["m"].forecasts == []
    assert kept["n"] == forecast["n"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0, "0 %"), (0.5, "0.5 %"), (0.04, "less than 0.1 %"), (12.4, "12 %"), (99.6, "99.6 %"), (99.99, "nearly 100 %"),
     (100, "100 %"), (-12.4, "-12 %"), (99.99999999999999, "100 %"), (100.00000000000001, "100 %"), (-1e-14, "0 %"), (1e-14, "0 %")],
)  # fmt: skip
def test_no_percentage_is_rounded_to_nothing_or_to_all(value, expected):
    assert percent(value) == expected


def rows_of(n_rows=100, n_groups=100):
    leaks = LeakBound(n_rows, n_groups, float(n_groups), 0.95, 3.0, 3.0, 6.0, 1.0, None, 299)
    return TestSet(n_rows, n_groups, 0.95, [], leaks, [])


def test_no_leak_is_said_with_the_most_that_may_leak():
    def best(estimate, bound=3.0):
        return point(leak_documents=score(estimate, bound=bound))

    said = leak_sentence(best(0.0), rows_of(), [], 100)
    assert said.startswith("No leak was found in the 100 documents")
    assert "at most 3.0 % leak" in said
    assert "and at most 6.0 % of their groups" in leak_sentence(best(0.0), rows_of(100, 40), [], 100)
    some = leak_sentence(best(0.5, 2.7), rows_of(), [], 200)
    assert some.startswith("0.5 % of the documents")
    assert "at most 2.7 %" in some
    nothing = leak_sentence(best(0.0, 100.0), rows_of(40, 2), [], 40)
    assert (
        "(but nothing is shown by these rows: with 95 % confidence up to all leak, and at most 6.0 % of their groups)"
        in nothing
    )
    assert "leak some of it (these rows set it no upper bound)" in leak_sentence(best(50.0, 99.7), rows_of(), [], 40)
    assert "cannot be said" in leak_sentence(best(None), rows_of(), [], 0)
    blind = Finding("blind-leaks", "copying leaks nothing", blocks=("leaks",))
    assert leak_sentence(best(0.0), rows_of(), [blind], 100) == (
        "How many documents leak cannot be said: copying leaks nothing"
    )
    assert leak_sentence(point(macro_f1=3.0), rows_of(), [], 100) == ""
    assert leak_sentence(None, rows_of(), [], 100) == ""


@pytest.mark.parametrize(
    ("share", "n_judged", "said"),
    [
        (200 / 95, 95, "No leak was found in the 95 documents with personal data (with 95 % confidence at most 3.0 % leak), but parts of "
         "values stay in 2 of them (2.1 %)"),
        (650 / 95, 95, " leak), but parts of values stay in about 6.5 of them (6.8 %)"),
        (2.0, None, "leak some of it (with 95 % confidence at most 3.0 %), but parts of values stay in 2.0 % of them"),
        (0.0, 95, " leak)"),
        (None, 95, " leak)"),
    ],
)  # fmt: skip
def test_parts_that_stay_are_told_where_no_leak_is_found(share, n_judged, said):
    best = point(leak_documents=score(0.0, bound=3.0), leak_parts_documents=score(share))
    told = leak_sentence(best, rows_of(), [], n_judged)
    assert told.endswith(said)
    assert "parts" not in leak_sentence(point(leak_documents=score(0.0, bound=3.0)), rows_of(), [], n_judged)
