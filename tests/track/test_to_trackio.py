"""Studies in trackio without its package: what is asked of it, in the words of its documents. Its own files: test_grouped.py."""

import shutil
import sys
from dataclasses import replace

import pytest

from tests.fakes.trackio_store import TrackioStore
from tunecurve.errors import EnvironmentProblem
from tunecurve.results.stored import load
from tunecurve.track.content import tracked_study
from tunecurve.track.to_trackio import TrackioTracker


@pytest.fixture
def store(tmp_path, monkeypatch):
    """What the fake trackio keeps."""
    kept = TrackioStore(tmp_path / "tunecurve.db")
    for name, module in kept.modules().items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.delenv("TRACKIO_DIR", raising=False)
    return kept


@pytest.fixture
def run(measured, tmp_path):
    """A copy of the study."""
    return shutil.copytree(measured, tmp_path / "run")


@pytest.fixture
def report(tmp_path):
    """The one artifact."""
    (tmp_path / "report.html").write_text("<html>")
    return tmp_path / "report.html"


def study_in(run, identity="0123456789abcdef"):
    return tracked_study(load(run), run, identity)


def log(run, report, study=None):
    return TrackioTracker(run).log(study or study_in(run), lambda: [report])


def by_trial(store):
    found = {kept.config["trial"]: kept for kept in store.runs}
    assert len(found) == len(store.runs), "a trial is there twice"
    return found


def test_a_study_is_a_group_with_a_run_a_trial_and_one_with_the_curves(store, run, report, capsys):
    results, logged = load(run), log(run, report)
    assert (logged.new, logged.before, logged.where) == (5, 0, str(run / "trackers" / "trackio"))
    assert capsys.readouterr().out == "", "what trackio says is not ours to print"
    runs = by_trial(store)
    assert set(runs) == {"", *(trial.folder.removeprefix("trials/") for trial in results.finished)}
    for trial in results.finished:
        kept = runs[trial.folder.removeprefix("trials/")]
        step, scores = kept.rows[0]
        assert step == 0
        assert {name: scores[name] for name in trial.scores} == pytest.approx(trial.scores)
        assert (kept.group, kept.config["train_size"]) == (logged.study, str(trial.train_size))
        assert kept.files == {}
    curve = {step: values["accuracy/tfidf/fine-tune"] for step, values in runs[""].rows if step}
    expected = {p.train_size: p.scores["accuracy"].estimate for p in results.points if p.strategy == "fine-tune"}
    assert curve == pytest.approx(expected)
    assert runs[""].files == {"report.html": b"<html>"}
    assert all(kept.config["rows"] == len(kept.rows) for kept in store.runs)


def test_the_same_again_logs_nothing_twice(store, run, report):
    log(run, report)
    again = log(run, report)
    assert (again.new, again.before, store.n_made) == (0, 5, 6)


def test_runs_cut_short_and_runs_that_changed_are_logged_again(store, run, report):
    study = study_in(run)
    log(run, report, study)
    first, second, *_ = (one.key for one in study.trials)
    by_trial(store)[first].rows.pop()  # a kill cuts a run short
    changed = [replace(t, metrics={"accuracy": 1.0}) if t.key == second else t for t in study.trials]
    logged = log(run, report, replace(study, trials=changed))
    assert (logged.new, logged.before) == (2, 3)
    runs = by_trial(store)
    assert len(runs) == 6
    assert runs[first].config["rows"] == len(runs[first].rows)
    assert runs[second].rows[0][1]["accuracy"] == 1.0


def test_of_a_run_that_is_there_twice_one_stays(store, run, report):
    log(run, report)
    store.runs.append(replace(store.runs[0], id="twin"))
    assert log(run, report).new == 0
    assert len(by_trial(store)) == 6


def test_runs_of_other_studies_stay_as_they_are(store, run, report):
    log(run, report, study_in(run, "another"))
    store.runs[0].rows.pop()
    assert log(run, report).new == 5
    assert len(store.runs) == 12


def test_what_trackio_did_not_keep_is_an_error_that_names_the_run(store, run, report):
    store.is_full = True
    with pytest.raises(EnvironmentProblem, match=r"has not kept all of the run '"):
        log(run, report)
    store.is_full = False
    assert log(run, report).new == 5, "what is not whole is no run"
    assert len(by_trial(store)) == 6


def test_a_folder_of_the_users_is_named_where_it_is_looked_at(store, run, report, monkeypatch):
    monkeypatch.setenv("TRACKIO_DIR", "/data/my runs")
    logged = log(run, report)
    assert logged.where == "/data/my runs"
    assert logged.look == "TRACKIO_DIR='/data/my runs' trackio show --project tunecurve"
