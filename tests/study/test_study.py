"""A whole study with an instant learner: results, resume, failures, refusals."""

import json

import jsonschema
import pytest

import tunecurve
from tests.fakes.lookup_learner import LookupLearner
from tunecurve.errors import DataError, EnvironmentProblem, Interrupted, StudyStateError, UsageError
from tunecurve.executors.lock import lock_study
from tunecurve.results.model import results_schema
from tunecurve.results.stored import without_times
from tunecurve.run import StudyRun, run_study
from tunecurve.storage.files import read_checked_json, sha256_of, write_checked_json
from tunecurve.study.progress import Progress

SCHEMA = results_schema()
STUDY = {
    "name": "tiny",
    "split": {"test_size": 30, "method": "random"},
    "models": ["lookup"],
    "shots": [0, 2],
    "train_sizes": [5, 20, 80],
    "bootstrap": {"draws": 200},
}


def run(rows_file, out, learner=None, **overrides) -> StudyRun:
    learner = learner or LookupLearner()
    progress = overrides.pop("progress", None)
    return run_study(
        {**STUDY, "data": {"source": str(rows_file)}},
        out=out,
        learners={"lookup": learner},
        progress=progress,
        **overrides,
    )


def test_a_study_measures_a_rising_curve_and_writes_everything(rows_file, tmp_path):
    done = run(rows_file, tmp_path / "out", seeds=2)
    jsonschema.validate(json.loads((tmp_path / "out" / "results.json").read_text()), SCHEMA)
    tuned = [p.scores["bleu"].estimate for p in done.results.points if p.strategy == "fine-tune"]
    assert tuned == sorted(tuned)
    assert tuned[-1] > tuned[0] + 20
    assert done.outcome.n_run == 1 + 1 + 2 + 6
    for name in ("study.yaml", "split.json", "results.json", "curve.png", "curve.svg", "report.html"):
        assert (tmp_path / "out" / name).stat().st_size > 100
    assert done.results.complete
    assert "tuned on 80" in done.results.headline


def test_every_number_in_the_results_can_be_traced(rows_file, tmp_path):
    results = run(rows_file, tmp_path / "out").results
    for metric in results.metrics:
        assert metric.signature
    for trial in results.trials:
        assert trial.config["test_sha256"] == results.data.test_sha256
        assert (tmp_path / "out" / trial.folder / "predictions.jsonl").exists()
    for point in results.points:
        score = point.scores["bleu"]
        assert score.low <= score.estimate <= score.high
        assert score.method == "delete-one jackknife over test rows"
        assert len(score.by_seed) == point.n_seeds


class Scores(Progress):
    """Keeps the scores that are told, by the trial's label."""

    def __init__(self):
        self.metric, self.scores = None, {}

    def scored_by(self, metric):
        self.metric = metric.name

    def scored(self, trial, score):
        self.scores[trial.label] = score


def scores_in(results):
    return {trial.label: trial.scores["bleu"] for trial in results.finished}


def test_scores_are_told_of_what_runs_and_of_what_is_found_finished(rows_file, tmp_path):
    first, second = Scores(), Scores()
    some = run(rows_file, tmp_path / "out", train_sizes=[5], progress=first).results
    assert (first.metric, first.scores) == ("bleu", scores_in(some))
    more = run(rows_file, tmp_path / "out", train_sizes=[5, 20], progress=second).results
    assert second.scores == scores_in(more)
    assert len(second.scores) == 1 + len(first.scores)


def test_a_finished_study_run_again_does_nothing(rows_file, tmp_path):
    first = run(rows_file, tmp_path / "out")
    written = {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "trials").rglob("*")}
    learner = LookupLearner()
    second = run(rows_file, tmp_path / "out", learner)
    assert (second.outcome.n_run, learner.n_answers) == (0, 0)
    assert second.results == first.results
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "trials").rglob("*")} == written


class StopAfter(Progress):
    """Asks to stop after so many answers."""

    def __init__(self, n_answers):
        self.left = n_answers

    def answered(self, *arguments):
        self.left -= 1
        self.stop_requested = self.left <= 0


@pytest.mark.parametrize("n_answers", [1, 31, 70, 133])
def test_an_interrupted_study_continues_and_equals_an_uninterrupted_one(rows_file, tmp_path, n_answers):
    whole = run(rows_file, tmp_path / "whole").results
    with pytest.raises(Interrupted):
        run(rows_file, tmp_path / "cut", progress=StopAfter(n_answers))
    learner = LookupLearner()
    continued = run(rows_file, tmp_path / "cut", learner)
    assert without_times(continued.results) == without_times(whole)
    assert learner.n_answers < 6 * 30, "stored answers are not asked for again"


def test_a_failing_trial_does_not_stop_the_others(rows_file, tmp_path):
    done = run(rows_file, tmp_path / "out", LookupLearner(fail_on_size=20))
    assert {trial.train_size: reason for trial, reason in done.outcome.failures.items()} == {
        20: "RuntimeError: the lookup table caught fire"
    }
    states = {trial.label: trial.state for trial in done.results.trials}
    assert states["fine-tune-n20-seed0"] == "failed"
    assert states["fine-tune-n80-seed0"] == "finished"
    assert "caught fire" in (tmp_path / "out" / "report.html").read_text()
    again = run(rows_file, tmp_path / "out")
    assert again.outcome.n_run == 1
    assert again.results.complete


def test_more_sizes_and_seeds_extend_a_study_on_the_same_test_set(rows_file, tmp_path):
    first = run(rows_file, tmp_path / "out", split={"method": "group"}, train_sizes=[5])
    second = run(rows_file, tmp_path / "out", split={"method": "group"}, train_sizes=[5, 20], seeds=2)
    assert second.results.data.test_sha256 == first.results.data.test_sha256
    assert second.outcome.n_found_finished == 4


def test_asking_for_one_more_size_keeps_what_was_measured(rows_file, tmp_path):
    run(rows_file, tmp_path / "out", train_sizes=[5, 20])
    done = run(rows_file, tmp_path / "out", train_sizes=[80], shots=[])
    assert done.outcome.n_run == 1
    assert [p.label for p in done.results.points] == [
        "copying the input",
        "zero-shot",
        "2-shot",
        "tuned on 5",
        "tuned on 20",
        "tuned on 80",
    ]


def test_two_models_with_the_same_trial_labels_are_told_apart(rows_file, tmp_path):
    from tunecurve.results.choosing import choose_trial

    class Forgetful(LookupLearner):
        def load_tuned(self, folder):
            return LookupLearner(self.name, {})

    learners = {"good": LookupLearner("good"), "bad": Forgetful("bad")}
    study = {**STUDY, "data": {"source": str(rows_file)}, "models": ["good", "bad"], "train_sizes": [80]}
    results = run_study(study, out=tmp_path / "out", learners=learners).results
    assert choose_trial(results, None).learner == "good"
    assert choose_trial(results, "bad/fine-tune-n80-seed0").learner == "bad"
    with pytest.raises(UsageError, match="several trials are called"):
        choose_trial(results, "fine-tune-n80-seed0")


@pytest.mark.parametrize(
    "change",
    [
        {"prompt": {"system": "Other. {labels}"}},
        {"split": {"seed": 1}},
        {"answers": {"max_extra_tokens": 1}},
        {"metrics": ["chrf"]},
    ],
)
def test_a_changed_study_is_refused_with_what_changed(rows_file, tmp_path, change):
    run(rows_file, tmp_path / "out")
    with pytest.raises(StudyStateError, match=r"other settings \(.* -> .*choose another folder"):
        run(rows_file, tmp_path / "out", **change)


def test_changed_data_is_refused(rows_file, tmp_path):
    run(rows_file, tmp_path / "out")
    lines = rows_file.read_text().splitlines()
    rows_file.write_text("\n".join([lines[0].replace("Ada", "Zoe"), *lines[1:]]))
    with pytest.raises(
        StudyStateError,
        match=r"1 of the 150 rows .* are not as they were \(1 changed\): line 1: .*--accept-data-changes",
    ):
        run(rows_file, tmp_path / "out")


def test_predictions_of_other_rows_are_refused(rows_file, tmp_path):
    run(rows_file, tmp_path / "out")
    path = next((tmp_path / "out" / "trials").glob("lookup-zero-shot*")) / "predictions.jsonl"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[1], lines[0], *lines[2:]]) + "\n")
    result = path.with_name("result.json")  # as if they had been scored so: not damaged, but those of other rows
    write_checked_json(result, read_checked_json(result) | {"files": {path.name: sha256_of(path)}})
    with pytest.raises(StudyStateError, match="do not belong to this test set"):
        run(rows_file, tmp_path / "out")


def test_a_second_process_is_told_who_holds_the_study(rows_file, tmp_path):
    run(rows_file, tmp_path / "out")
    told = r"is being worked on by process \d+ on .+ since \d{4}-\d\d-\d\d \d\d:\d\d UTC; wait for it"
    with lock_study(tmp_path / "out"), pytest.raises(StudyStateError, match=told):
        run(rows_file, tmp_path / "out")


def test_sizes_that_were_asked_for_must_fit_and_default_sizes_are_fitted(rows_file, tmp_path):
    with pytest.raises(DataError, match="lower --test-size or --train-sizes"):
        run(rows_file, tmp_path / "out", train_sizes=[500])
    study = {key: value for key, value in STUDY.items() if key != "train_sizes"}
    done = run_study(
        {**study, "data": {"source": str(rows_file)}}, out=tmp_path / "fitted", learners={"lookup": LookupLearner()}
    )
    assert done.results.spec["train_sizes"] == [50]


def test_a_folder_that_is_a_file_is_an_error_with_advice(rows_file, tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(EnvironmentProblem, match="name another one"):
        run(rows_file, tmp_path / "out")


@pytest.mark.parametrize(
    "error",
    [OSError(28, "No space left on device", "x"), ValueError("I/O error: No space left on device (os error 28)")],
)
def test_a_full_disk_stops_the_study_and_names_the_way_on(rows_file, tmp_path, error):
    class FullDisk(LookupLearner):
        def fine_tune(self, *arguments, **options):
            raise error

    with pytest.raises(EnvironmentProblem, match=r"no space left on the disk.*run the same command again"):
        run(rows_file, tmp_path / "out", FullDisk())
    assert run(rows_file, tmp_path / "out").results.complete


def test_run_folders_are_private(rows_file, tmp_path):
    run(rows_file, tmp_path / "out")
    for path in (tmp_path / "out").rglob("*"):
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path


def test_the_curve_object_has_raw_values_a_plot_and_a_notebook_face(rows_file, tmp_path):
    run(rows_file, tmp_path / "out", seeds=2)
    curve = tunecurve.load(tmp_path / "out")
    frame = curve.to_frame()
    raw = frame[(frame.metric == "bleu") & (frame.strategy == "fine-tune")]
    assert len(raw) == 6
    assert set(raw.columns) >= {"learner", "train_size", "seed", "score", "steps"}
    axes = curve.plot()
    assert axes.get_xscale() == "log"
    assert curve.plot(axes) is axes
    assert "<table>" in curve._repr_html_()
    assert "tuned on 80" in repr(curve)


def test_a_folder_without_results_is_an_error(tmp_path):
    with pytest.raises(StudyStateError, match=r"no results\.json"):
        tunecurve.load(tmp_path)
