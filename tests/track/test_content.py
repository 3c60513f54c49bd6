"""What trackers are told of a study: the numbers of results.json, by trial and by curve, and nothing that must not leave."""

from dataclasses import replace

import pytest

from tunecurve.findings import Finding
from tunecurve.results.stored import load
from tunecurve.track.content import tracked_study


@pytest.fixture
def run(measured):
    """The study, which no test here writes to."""
    return measured


def told(folder, results=None):
    return tracked_study(results or load(folder), folder, "0123456789abcdef")


def test_every_finished_trial_is_told_with_its_scores(run):
    results = load(run)
    study = told(run)
    assert len(study.trials) == len(results.finished) == 5
    for trial, result in zip(study.trials, results.finished, strict=True):
        assert result.folder == f"trials/{trial.key}"
        assert {name: trial.metrics[name] for name in result.scores} == result.scores
        assert trial.params["train_size"] == str(result.train_size)
        assert trial.params["seed"] == str(result.seed)
        assert trial.ended_at == (run / result.folder / "result.json").stat().st_mtime


def test_curves_have_sizes_and_intervals(run):
    curve = {(one.series, one.size): one.value for one in told(run).curve}
    for point in load(run).points:
        score = point.scores["accuracy"]
        where = f"{point.learner}/{point.strategy}", point.train_size
        assert curve[f"accuracy/{where[0]}", where[1]] == score.estimate
        assert curve[f"accuracy.low/{where[0]}", where[1]] == score.low
        assert curve[f"accuracy.high/{where[0]}", where[1]] == score.high
    assert sorted(size for series, size in curve if series == "accuracy/tfidf/fine-tune") == [6, 12]


def test_an_interval_is_a_trials_own_only_where_it_is_alone(run):
    by_strategy = {trial.params["strategy"]: trial for trial in told(run).trials}
    assert {"accuracy.low", "accuracy.high"} <= set(by_strategy["floor"].bounds)
    assert by_strategy["fine-tune"].bounds == {}, "the point's interval is that of both seeds"


@pytest.mark.parametrize("state", ["waiting", "started"])
def test_a_point_that_more_trials_will_change_is_not_told_yet(run, state):
    results = load(run)
    last = results.trials[-1]
    plain = {name: getattr(last, name) for name in type(last).__mro__[1].__dataclass_fields__}
    unfinished = type(last).__mro__[1](**{**plain, "state": state})
    study = told(run, replace(results, trials=[*results.trials[:-1], unfinished], complete=False))
    sizes = {one.size for one in study.curve if one.series.startswith("accuracy/tfidf")}
    assert sizes == {6}
    assert len(study.trials) == 4
    assert not study.is_complete


def test_a_failed_trial_is_counted_and_its_point_told(run):
    results = load(run)
    last = results.trials[-1]
    plain = {name: getattr(last, name) for name in type(last).__mro__[1].__dataclass_fields__}
    failed = type(last).__mro__[1](**{**plain, "state": "failed", "failure": "the disk was full"})
    study = told(run, replace(results, trials=[*results.trials[:-1], failed], complete=False))
    assert study.state["failed"] == "1"
    assert {one.size for one in study.curve if one.series.startswith("accuracy/tfidf")} == {6, 12}


def test_a_blind_leak_metric_is_not_told_as_a_number(run):
    """A leak metric that cannot see would be a false zero."""
    results = load(run)
    blind = replace(results.metrics[0], name="leak_documents")
    scored = [replace(one, scores={**one.scores, "leak_documents": 0.0}) for one in results.trials]
    points = [replace(one, scores={**one.scores, "leak_documents": one.scores["accuracy"]}) for one in results.points]
    seen = replace(results, metrics=[*results.metrics, blind], trials=scored, points=points)
    finding = Finding("blind", "leaks cannot be seen", blocks=("leaks",), learner="tfidf")
    study = told(run, replace(seen, findings=[finding]))
    told_of = {trial.params["model"] for trial in study.trials if "leak_documents" in trial.metrics}
    assert told_of == {"floor"}
    assert not any(one.series.startswith("leak_documents") and "tfidf" in one.series for one in study.curve)
    assert study.state["withheld"] == "leak_documents of tfidf"


def test_undefined_scores_are_left_out(run):
    results = load(run)
    trials = [replace(one, scores={**one.scores, "macro_f1": None}) for one in results.trials]
    assert all("macro_f1" not in trial.metrics for trial in told(run, replace(results, trials=trials)).trials)


@pytest.mark.parametrize(
    ("names", "plain"),
    [
        (["tagger", "tfidf"], ["tagger", "tfidf"]),
        (["google/gemini-3.5-flash"], ["google/gemini-3.5-flash"]),
        (["tagger+4x:m"], ["tagger_4x:m"]),
        (["modèle"], ["mod_le"]),
    ],
)
def test_names_are_those_that_every_tracker_takes(run, names, plain):
    assert [series_name(run, name) for name in names] == plain


def test_two_models_are_never_one_curve(run):
    results = load(run)
    both = [replace(one, learner=name) for one in results.points[1:] for name in ("a+b", "a&b", "a_b")]
    trials = [replace(one, learner=name) for one in results.trials[1:] for name in ("a+b", "a&b", "a_b")]
    curve = told(run, replace(results, points=both, trials=trials)).curve
    assert len({one.series for one in curve if one.series.startswith("accuracy/")}) == 3
    assert len({(one.series, one.size) for one in curve}) == len(curve)


def series_name(run, learner):
    results = load(run)
    points = [replace(one, learner=learner) for one in results.points[1:]]
    trials = [replace(one, learner=learner) for one in results.trials[1:]]
    study = told(run, replace(results, points=points, trials=trials))
    series = next(one.series for one in study.curve)
    return series.removeprefix("accuracy/").removesuffix("/fine-tune")


def test_secrets_are_blanked_out(run, monkeypatch):
    monkeypatch.setenv("SOME_API_KEY", "sk-4711-abcdefgh")
    results = load(run)
    study = told(run, replace(results, headline="it is sk-4711-abcdefgh", signature="sk-4711-abcdefgh"))
    assert "sk-4711" not in repr(study)


def test_what_was_measured_anew_has_another_digest(run):
    results = load(run)
    one = told(run).trials[-1].digest
    again = [replace(trial, scores={**trial.scores, "accuracy": 1.25}) for trial in results.trials]
    assert told(run).trials[-1].digest == one
    assert told(run, replace(results, trials=again)).trials[-1].digest != one
