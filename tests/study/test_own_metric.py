"""A metric of one's own through run, resume, report and predict, from a study file or as an object."""

import json
import sys
from functools import partial

import pytest

from tests.cli.test_commands import invoke
from tests.fakes.lookup_learner import LookupLearner
from tunecurve import own_code
from tunecurve.errors import SpecError
from tunecurve.executors.options import Executor
from tunecurve.metrics import own
from tunecurve.predictor import load_predictor
from tunecurve.results.stored import load
from tunecurve.run import StudyRun, run_study

MODULE = '''
def length_error(prediction, reference, source):
    """Return by how many percent an answer's length is off."""
    return min(100.0, 100.0 * abs(len(prediction) - len(reference)) / max(1, len(reference)))


length_error.direction = "min"
length_error.score_range = (0, 100)
length_error.title = "Length error"


def picky(prediction, reference, source):
    return 1 / 0 if len(source) % 5 == 0 else 1


picky.direction, picky.score_range = "max", (0, 1)
not_a_metric = 3
'''
STUDY = {
    "name": "tiny", "split": {"test_size": 30, "method": "random"}, "models": ["lookup"], "shots": [0], "train_sizes": [5, 20],
    "bootstrap": {"draws": 100},
}  # fmt: skip
REFERENCE = "my_metrics:length_error"


@pytest.fixture(autouse=True)
def _nothing_is_allowed(monkeypatch, tmp_path):
    """Give every test a process that has loaded no code, and a current folder with the module."""
    monkeypatch.setattr(own_code, "_settings", {"is_allowed": False})
    monkeypatch.setattr(own, "_used", {})
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "my_metrics", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_metrics.py").write_text(MODULE)


def study_of(rows_file, **more):
    return {**STUDY, "data": {"source": str(rows_file)}, **more}


def run(rows_file, out, **more) -> StudyRun:
    return run_study(study_of(rows_file, metrics=[REFERENCE]), out=out, learners={"lookup": LookupLearner()}, **more)


def the_function():
    sys.path.append("")
    import my_metrics

    return my_metrics.length_error


def test_from_a_study_file_it_is_the_headline_with_intervals_and_a_place_in_the_report(rows_file, tmp_path):
    results = run(rows_file, tmp_path / "out", allow_code=True).results
    assert results.complete
    assert results.primary_metric == REFERENCE
    described = results.metrics[0]
    assert (described.title, described.direction, tuple(described.range)) == ("Length error", "min", (0, 100))
    assert described.signature.startswith(f"{REFERENCE}|source:")
    assert "bleu" in [metric.name for metric in results.metrics], "the task's metrics stand behind"
    few, many = (p.scores[REFERENCE] for p in results.points if p.strategy == "fine-tune")
    assert 0 <= many.estimate < few.estimate, "less is better, and more rows help"
    assert few.low <= few.estimate <= few.high
    (step,) = [c for c in results.comparisons if (c.from_, c.to) == ("tuned on 5", "tuned on 20")]
    assert step.differences[REFERENCE].difference < 0
    assert step.differences[REFERENCE].p_better > 0.5
    page = (tmp_path / "out" / "report.html").read_text()
    assert "Length error" in page
    assert load(tmp_path / "out").to_frame().query("metric == @REFERENCE").score.notna().all()


def test_an_object_measures_the_same_as_its_name(rows_file, tmp_path):
    named = run(rows_file, tmp_path / "named", allow_code=True).results
    given = run_study(
        study_of(rows_file),
        metrics=[the_function(), "chrf"],
        out=tmp_path / "given",
        learners={"lookup": LookupLearner()},
    ).results
    assert given.spec["metrics"] == [REFERENCE, "chrf"]
    scores = [[point.scores[REFERENCE] for point in results.points] for results in (named, given)]
    assert scores[0] == scores[1]
    page = invoke("report", "given")
    assert page[0] == 0, "the report needs no code"


@pytest.mark.parametrize("began_in", ["here", "elsewhere"])
def test_workers_score_the_same(rows_file, tmp_path, monkeypatch, tmp_path_factory, began_in):
    began = tmp_path if began_in == "here" else tmp_path_factory.mktemp("elsewhere")
    monkeypatch.setattr("multiprocessing.process.ORIGINAL_DIR", str(began))  # where workers start
    alone = run(rows_file, tmp_path / "alone", allow_code=True).results
    shared = run(rows_file, tmp_path / "shared", allow_code=True, executor=Executor("local", workers=2)).results
    assert [p.scores for p in shared.points] == [p.scores for p in alone.points]


@pytest.mark.parametrize("command", ["run", "plan", "validate", "testset"])
def test_a_study_file_runs_no_code_by_itself(rows_file, tmp_path, command):
    (tmp_path / "study.yaml").write_text(json.dumps(study_of(rows_file, metrics=[REFERENCE], models=["presidio"])))
    code, _, stderr = invoke(command, "study.yaml")
    assert code == 4
    assert len(stderr.splitlines()) == 1
    assert f"metric '{REFERENCE}' is code" in stderr
    assert "--allow-code" in stderr
    assert "my_metrics" not in sys.modules


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("my_metrics:missing", "has no 'missing'"),
        ("not_there.at_all:f", "cannot import not_there.at_all"),
        ("my_metrics:not_a_metric", r"is 3 \(int\); expected a function"),
        ("my_metrics:picky", r"failed: ZeroDivisionError.*\(row \d+ of 30"),
        ("my_metrics", "unknown metric 'my_metrics'"),
    ],
)
def test_what_cannot_be_used_is_one_line_before_anything_is_trained(rows_file, tmp_path, reference, said):
    learner = LookupLearner()
    with pytest.raises(SpecError, match=said) as told:
        run_study(
            study_of(rows_file, metrics=[reference]),
            out=tmp_path / "out",
            learners={"lookup": learner},
            allow_code=True,
        )
    assert "\n" not in str(told.value)
    assert learner.n_answers == 0


def test_the_same_metric_resumes_and_a_tuned_model_needs_none(rows_file, tmp_path):
    run(rows_file, tmp_path / "out", allow_code=True)
    again = run(rows_file, tmp_path / "out", allow_code=True)
    assert again.outcome.n_run == 0
    assert load(tmp_path / "out").complete


def test_after_a_change_answers_are_scored_anew_and_what_cannot_be_is_left_out(rows_file, tmp_path):
    before = run(rows_file, tmp_path / "out", allow_code=True).results
    (tmp_path / "my_metrics.py").write_text(MODULE.replace("100.0 * abs", "50.0 * abs"))
    del sys.modules["my_metrics"]
    sys.path_importer_cache.clear()
    done = run(rows_file, tmp_path / "out", allow_code=True)
    assert done.outcome.n_run == 0, "no answer is asked for again"
    for old, new in zip(before.points, done.results.points, strict=True):
        assert new.scores[REFERENCE].estimate == pytest.approx(old.scores[REFERENCE].estimate / 2)
        assert new.scores["bleu"] == old.scores["bleu"]
        if new.strategy == "fine-tune":
            assert old.training_scores.scores[REFERENCE] is not None
            assert new.training_scores.scores[REFERENCE] is None, "it was of the metric before the change"
            assert new.training_scores.scores["bleu"] == old.training_scores.scores["bleu"]
    signatures = {results.metrics[0].signature for results in (before, done.results)}
    assert len(signatures) == 2


def test_a_function_that_cannot_be_told_by_name_is_refused(rows_file, tmp_path):
    with pytest.raises(SpecError, match="expected a function"):
        run_study(study_of(rows_file), metrics=[partial(the_function())], out=tmp_path / "out", learners={})


def test_a_predictor_needs_no_metric(rows_file, tmp_path, monkeypatch):
    run(rows_file, tmp_path / "out", allow_code=True)
    own._used.clear()
    own_code._settings["is_allowed"] = False
    monkeypatch.setattr("tunecurve.predictor.build_learners", lambda names, options: {"lookup": LookupLearner()})
    results = load(tmp_path / "out")
    assert results.metrics[0].name == REFERENCE
    assert load_predictor(tmp_path / "out").trial_label.startswith("lookup/fine-tune")


def test_checkpoints_of_a_provider_keep_no_score_of_another_metric(rows_file, tmp_path):
    from tunecurve.study.trial_folder import TrialFolder
    from tunecurve.study.trial_record import stored_checkpoints

    results = run(rows_file, tmp_path / "out", allow_code=True).results
    tuned = next(trial for trial in results.trials if trial.strategy == "fine-tune")
    folder = TrialFolder(tmp_path / "out" / tuned.folder)
    folder.keep_provider_checkpoints([{"epoch": 1, "scores": {REFERENCE: 3.0, "bleu": 5.0}, "answers": {}}])
    now = {metric.name: metric.signature for metric in results.metrics}
    assert stored_checkpoints(folder, now)[0]["scores"] == {REFERENCE: 3.0, "bleu": 5.0}
    changed = {**now, REFERENCE: f"{REFERENCE}|source:other", "bleu": "other"}
    assert stored_checkpoints(folder, changed)[0]["scores"] == {REFERENCE: None, "bleu": 5.0}
