"""Studies in MLflow, read back with MLflow's own client from its own store."""

import importlib.util
import shutil
from dataclasses import fields

import pytest

from tests.cli.test_commands import invoke
from tests.cli.test_json_forms import checked
from tests.support.live_page import run_tickets, ticket_rows, write_tickets
from tunecurve.errors import EnvironmentProblem
from tunecurve.privacy import network
from tunecurve.results.records.trials import TrialResult
from tunecurve.results.stored import load
from tunecurve.storage.files import read_checked_json, write_checked_json
from tunecurve.study.found_instruction import Optimisation
from tunecurve.track.live import Tracking
from tunecurve.track.log import log_run, write_artifacts
from tunecurve.track.to_mlflow import MLflowTracker

needs_mlflow = pytest.mark.skipif(importlib.util.find_spec("mlflow") is None, reason="mlflow is not installed")


@pytest.fixture(autouse=True)
def environment(monkeypatch, tmp_path):
    """What logging would set for good, and no settings of whoever runs the tests."""
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in MLflowTracker(tmp_path).environment.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="module")
def empty_store(tmp_path_factory):
    """An SQLite store without runs: MLflow takes seconds to make one."""
    if importlib.util.find_spec("mlflow") is None:
        return None
    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        for name, value in MLflowTracker(path.parent).environment.items():
            patch.setenv(name, value)
        from mlflow import MlflowClient

        MlflowClient(tracking_uri=f"sqlite:///{path}").search_experiments()
    return path


def with_store(run, empty_store):
    """Give a run an empty store of its own; return the run."""
    if empty_store is not None:
        (run / "trackers" / "mlflow").mkdir(parents=True)
        shutil.copy(empty_store, run / "trackers" / "mlflow" / "mlflow.db")
    return run


@pytest.fixture
def run(measured, tmp_path, empty_store):
    """A copy of the study."""
    return with_store(shutil.copytree(measured, tmp_path / "run"), empty_store)


def runs_in(uri, experiment="tunecurve"):
    """The runs of a store: of studies, and of trials by their folders."""
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=uri)
    found = client.search_runs([client.get_experiment_by_name(experiment).experiment_id])
    trials = [one for one in found if one.data.tags["tunecurve.kind"] == "trial"]
    assert len({one.data.tags["tunecurve.trial"] for one in trials}) == len(trials), "a trial is there twice"
    studies = [one for one in found if one.data.tags["tunecurve.kind"] == "study"]
    return client, studies, {one.data.tags["tunecurve.trial"]: one for one in trials}


def own_store(run):
    return f"sqlite:///{run.resolve()}/trackers/mlflow/mlflow.db"


@needs_mlflow
def test_a_study_is_a_run_with_its_trials_nested_in_it(run):
    results, logged = load(run), log_run(run, "mlflow")
    assert (logged.new, logged.before, logged.where) == (5, 0, own_store(run))
    client, (study,), trials = runs_in(logged.where)
    assert study.info.run_id == logged.study
    assert study.info.run_name == "tickets"
    assert study.info.status == "FINISHED"
    assert study.data.tags["tunecurve.test_sha256"] == results.data.test_sha256
    assert study.data.tags["tunecurve.run_folder"] == str(run.resolve())
    assert set(trials) == {trial.folder.removeprefix("trials/") for trial in results.finished}
    for trial in results.finished:
        told = trials[trial.folder.removeprefix("trials/")]
        assert told.data.tags["mlflow.parentRunId"] == study.info.run_id
        assert {name: told.data.metrics[name] for name in trial.scores} == pytest.approx(trial.scores)
        assert told.data.params["model"] == trial.learner
        assert told.data.params["train_size"] == str(trial.train_size)
        assert told.info.status == "FINISHED"
    history = client.get_metric_history(study.info.run_id, "accuracy/tfidf/fine-tune")
    expected = {p.train_size: p.scores["accuracy"].estimate for p in results.points if p.strategy == "fine-tune"}
    assert {one.step: one.value for one in history} == pytest.approx(expected)
    assert len(history) == 2
    files = {one.path for one in client.list_artifacts(study.info.run_id)}
    assert files == {"curve.png", "report.html", "results.json"}


@needs_mlflow
def test_no_row_text_and_no_secret_is_in_the_store(run, monkeypatch):
    secret = "sk-4711-abcdefgh"
    monkeypatch.setenv("SOME_API_KEY", secret)
    results = run / "results.json"
    write_checked_json(results, {**read_checked_json(results), "headline": f"the key was {secret}"})
    assert secret in results.read_text()
    log_run(run, "mlflow")
    texts = [row["text"].encode() for row in ticket_rows()]
    files = [path for path in (run / "trackers").rglob("*") if path.is_file()]
    assert {"mlflow.db", "report.html", "results.json"} <= {path.name for path in files}
    for path in files:
        content = path.read_bytes()
        assert secret.encode() not in content, path
        assert not any(text in content for text in texts), path


@pytest.mark.parametrize("is_given", [True, False])
def test_an_instruction_that_was_found_may_quote_rows_and_is_not_logged(run, tmp_path, is_given):
    quoted = "Label like: my box came broken"
    found = Optimisation(quoted, is_given, "accuracy", 50.0, 60.0, 5, 5, 40, 30, 3, {}, 2, "m", 0.0, "gepa 0.1.4")
    results = read_checked_json(run / "results.json")
    results["trials"][-1]["optimisation"] = found.to_json()
    write_checked_json(run / "results.json", results)
    files = {path.name: path for path in write_artifacts(run, load(run), tmp_path)}
    assert (quoted in files["results.json"].read_text()) == is_given
    assert is_given or quoted not in files["report.html"].read_text()
    told = read_checked_json(files["results.json"])
    assert told["trials"][-1]["optimisation"]["score"] == 60.0


@needs_mlflow
def test_what_the_command_prints_has_the_form_of_the_page(run):
    [told] = checked("track", [run, "--to", "mlflow"])
    assert (told["tracker"], told["where"]) == ("mlflow", own_store(run))
    assert told["new"] + told["before"] == 5


@needs_mlflow
def test_the_same_again_logs_nothing_twice_and_what_is_missing_is_caught_up(run):
    first = log_run(run, "mlflow")
    client, _, trials = runs_in(first.where)
    again = log_run(run, "mlflow")
    assert (again.new, again.before, again.study) == (0, 5, first.study)
    client.delete_run(next(iter(trials.values())).info.run_id)
    assert log_run(run, "mlflow").new == 1
    # A kill cuts a run short: what says that it is whole comes last.
    client.delete_tag(list(trials.values())[1].info.run_id, "tunecurve.logged")
    assert log_run(run, "mlflow").new == 1
    client, (study,), trials = runs_in(first.where)
    assert len(trials) == 5
    assert len(client.get_metric_history(study.info.run_id, "accuracy/tfidf/fine-tune")) == 2


@needs_mlflow
@pytest.mark.parametrize(("state", "status"), [("failed", "FAILED"), ("waiting", "RUNNING"), ("started", "RUNNING")])
def test_the_studys_run_is_running_while_a_trial_may_still_run(run, state, status):
    ended = log_run(run, "mlflow")
    results = read_checked_json(run / "results.json")
    whole = results["trials"][-1]
    own = {one.name for one in fields(TrialResult)}
    open_trial = {key: value for key, value in whole.items() if key in own} | {"state": state}
    open_trial["failure"] = "the disk was full" if state == "failed" else None
    write_checked_json(
        run / "results.json", results | {"trials": [*results["trials"][:-1], open_trial], "complete": False}
    )
    log_run(run, "mlflow")
    client, (study,), _ = runs_in(ended.where)
    assert study.info.status == status
    write_checked_json(run / "results.json", results)
    log_run(run, "mlflow")
    ended_at = client.get_run(study.info.run_id).info.end_time
    assert client.get_run(study.info.run_id).info.status == "FINISHED"
    log_run(run, "mlflow")
    assert client.get_run(study.info.run_id).info.end_time == ended_at, "logged once more, it did not end later"


@needs_mlflow
def test_more_seeds_and_sizes_leave_one_value_at_every_size(tmp_path, empty_store):
    folder = with_store(run_tickets(tmp_path, tmp_path / "run").folder, empty_store)
    first = log_run(folder, "mlflow")
    results = run_tickets(tmp_path, folder, seeds=2, train_sizes=[6, 12, 18]).results
    second = log_run(folder, "mlflow")
    assert (second.new, second.before) == (4, 3)
    client, (study,), trials = runs_in(first.where)
    history = client.get_metric_history(study.info.run_id, "accuracy/tfidf/fine-tune")
    expected = {p.train_size: p.scores["accuracy"].estimate for p in results.points if p.strategy == "fine-tune"}
    assert len(history) == 3
    assert {one.step: one.value for one in history} == pytest.approx(expected)
    assert {one.data.tags["mlflow.parentRunId"] for one in trials.values()} == {study.info.run_id}


@needs_mlflow
def test_two_studies_of_one_name_share_a_store_and_stay_apart(measured, empty_store, tmp_path, monkeypatch):
    uri = f"sqlite:///{shutil.copy(empty_store, tmp_path / 'all.db')}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "curves")
    monkeypatch.chdir(tmp_path)  # where MLflow keeps what belongs to such a file
    run, other = (shutil.copytree(measured, tmp_path / name) for name in ("run", "other"))
    assert [log_run(one, "mlflow").new for one in (run, other, run)] == [5, 5, 0]
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=uri)
    found = client.search_runs([client.get_experiment_by_name("curves").experiment_id])
    assert len(found) == 12
    assert not (run / "trackers" / "mlflow").exists()


@needs_mlflow
def test_a_moved_run_does_not_write_where_it_was(run, tmp_path):
    log_run(run, "mlflow")
    moved = run.rename(tmp_path / "moved")
    with pytest.raises(EnvironmentProblem, match="was moved"):
        log_run(moved, "mlflow")
    assert not run.exists()


@needs_mlflow
def test_a_run_on_the_command_line_is_tracked_to_its_end(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    study, out = write_tickets(tmp_path), tmp_path / "run"
    code, _, stderr = invoke("run", study, "--out", out, "--track", "mlflow")
    assert code == 0, stderr
    assert f"store: {own_store(out)}" in stderr
    assert len(runs_in(own_store(out))[2]) == 3
    assert {path.name for path in tmp_path.iterdir()} == {"tickets.jsonl", "tickets.yaml", "run"}


@needs_mlflow
@pytest.mark.parametrize("uri", ["http://127.0.0.1:9", "/dev/null/mlruns"])
def test_a_store_that_cannot_be_reached_is_one_line_and_stops_nothing(tmp_path, monkeypatch, uri):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    study, out = write_tickets(tmp_path), tmp_path / "run"
    code, stdout, stderr = invoke("run", study, "--out", out, "--track", "mlflow")
    assert code == 0
    assert "Best so far" in stdout
    told = [line for line in stderr.splitlines() if "tracking failed" in line]
    assert len(told) == 1, stderr
    assert told[0].endswith(f"Log it later with: tunecurve track {out} --to mlflow")
    assert len(told[0]) < 600
    assert "Traceback" not in stderr
    assert load(out).complete


def test_a_missing_package_is_one_line_before_anything_is_measured(tmp_path, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name == "mlflow" else found(name, *more)
    )
    study, out = write_tickets(tmp_path), tmp_path / "run"
    for command in (("run", study, "--out", out, "--track", "mlflow"), ("track", out, "--to", "mlflow")):
        code, _, stderr = invoke(*command)
        assert code == 7
        assert stderr.splitlines()[-1].endswith("run: pip install '.[mlflow]' in your copy of tunecurve's repository")
        assert not (out / "trials").exists()


@pytest.mark.parametrize(
    "uri", ["http://10.1.2.3:5000", "https://tracker.example", "databricks", "postgresql://u:p@db/x"]
)
def test_local_only_refuses_another_machine(tmp_path, monkeypatch, uri):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setattr(MLflowTracker, "packages", ())
    MLflowTracker(tmp_path).check()
    monkeypatch.setattr(network, "_is_on", True)
    with pytest.raises(EnvironmentProblem, match="MLFLOW_TRACKING_URI") as raised:
        MLflowTracker(tmp_path).check()
    assert "u:p@" not in str(raised.value)


@pytest.mark.parametrize(
    "uri", ["", "http://127.0.0.1:5000", "http://localhost:5000", "sqlite:///m.db", "file:///x", "mlruns"]
)
def test_local_only_takes_what_is_on_this_machine(tmp_path, monkeypatch, uri):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setattr(MLflowTracker, "packages", ())
    monkeypatch.setattr(network, "_is_on", True)
    MLflowTracker(tmp_path).check()


def test_a_folder_without_results_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(MLflowTracker, "packages", ())
    code, _, stderr = invoke("track", tmp_path, "--to", "mlflow")
    assert code == 8
    assert len(stderr.splitlines()) == 1


def test_what_cannot_be_started_stops_nothing(run, monkeypatch):
    monkeypatch.setattr("sys.executable", "/no/such/python")
    told = []
    Tracking(run, "mlflow", told.append).finish()
    assert len(told) == 1
    assert "tunecurve track" in told[0]
