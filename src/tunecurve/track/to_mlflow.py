"""MLflow: a run for the study, and nested in it a run for every trial. What is logged already is asked of MLflow itself."""

from __future__ import annotations

import importlib.util
import shlex
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tunecurve.errors import EnvironmentProblem
from tunecurve.privacy.redact import redact
from tunecurve.track.base import PROJECT, Artifacts, Logged, Tracker, given, is_local
from tunecurve.track.content import LOSS, TrackedStudy, TrackedTrial

if TYPE_CHECKING:
    from mlflow.entities import Run

URI, EXPERIMENT = "MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME"
_ARTIFACTS = "_MLFLOW_SERVER_ARTIFACT_ROOT"
_DATABRICKS = ("databricks", "databricks-uc", "uc")
_MOST_METRICS = 1000  # in one request
_MOST_RUNS = 1000
_PREFIX = "tunecurve."
_STUDY, _KIND, _TRIAL, _DIGEST = (f"{_PREFIX}{name}" for name in ("study", "kind", "trial", "logged"))
_PARENT, _NOTE, _SOURCE = "mlflow.parentRunId", "mlflow.note.content", "mlflow.source.name"


class MLflowTracker(Tracker):
    """Logs to ``$MLFLOW_TRACKING_URI``, else to an SQLite file in the run's folder."""

    name = "mlflow"

    @property
    def uri(self) -> str:
        """The store."""
        return given(URI) or f"sqlite:///{self.own_store / 'mlflow.db'}"

    @property
    def packages(self) -> Sequence[str]:
        """MLflow, and what its databases need."""
        is_database = self.uri.partition(":")[0].partition("+")[0] in ("sqlite", "mysql", "postgresql", "mssql")
        return ("mlflow", "sqlalchemy", "alembic") if is_database else ("mlflow",)

    @property
    def elsewhere(self) -> str | None:
        """MLFLOW_TRACKING_URI, where it is that of a server."""
        uri = given(URI)
        is_here = uri is None or (uri.partition(":")[0] not in _DATABRICKS and is_local(uri))
        return None if is_here else f"{URI}={uri}"

    @property
    def environment(self) -> dict[str, str]:
        """No usage statistics to MLflow's makers, no lines of its own, and a server that is down is told of soon.

        Beside an SQLite file MLflow would make a folder for files where the command was started.
        """
        own = {_ARTIFACTS: str(self.own_store / "artifacts")} if given(URI) is None else {}
        return own | {
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_LOGGING_LEVEL": "ERROR",
            "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
            "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
        }

    def log(self, study: TrackedStudy, artifacts: Artifacts) -> Logged:
        """Log what is not logged yet."""
        from mlflow import MlflowClient

        if given(URI) is None:
            self.own_store.mkdir(parents=True, exist_ok=True, mode=0o700)
        client = MlflowClient(tracking_uri=self.uri)
        experiment = self._experiment(client)
        before, new = _trials_logged(client, experiment, study)
        parent = _parent(client, experiment, study)
        for trial in new:
            _log_trial(client, experiment, parent, study, trial)
        for run in before:
            if run.data.tags.get(_PARENT) != parent:
                client.set_tag(run.info.run_id, _PARENT, parent)
        for path in artifacts():
            client.log_artifact(parent, str(path))
        _say_how_far(client, parent, study)
        where = redact(self.uri)
        return Logged(self.name, len(new), len(before), where, parent, self.look)

    @property
    def look(self) -> str:
        """The command that shows the store; a server shows it itself."""
        if self.elsewhere is not None or self.uri.startswith(("http:", "https:")):
            return "open it there"
        needs = "" if importlib.util.find_spec("flask") else " (its page needs: pip install mlflow)"
        return f"mlflow ui --backend-store-uri {shlex.quote(redact(self.uri))}{needs}"

    def _experiment(self, client: Any) -> str:
        """Return the experiment's number; made where there is none."""
        from mlflow.exceptions import MlflowException

        name = given(EXPERIMENT) or PROJECT
        artifacts = (self.own_store / "artifacts").as_uri() if given(URI) is None else None
        known = client.get_experiment_by_name(name)
        if known is None:
            try:
                return str(client.create_experiment(name, artifact_location=artifacts))
            except MlflowException:  # another study was quicker
                known = client.get_experiment_by_name(name)
                if known is None:
                    raise
        if artifacts is not None and known.artifact_location != artifacts:
            raise EnvironmentProblem(
                f"the store '{self.own_store}' was made for '{known.artifact_location}': the run's folder was moved; move the "
                "store away, and what is in the run is logged anew"
            )
        return str(known.experiment_id)


def _runs(client: Any, experiment: str, study: TrackedStudy, kind: str) -> list[Run]:
    """Return the runs of a study, the newest first; what was deleted is not among them."""
    found: list[Run] = []
    token = None
    while True:
        wanted = f"tags.`{_STUDY}` = '{study.id}' and tags.`{_KIND}` = '{kind}'"
        page = client.search_runs([experiment], wanted, max_results=_MOST_RUNS, page_token=token)
        found += page
        token = page.token
        if not token:
            return found


def _trials_logged(client: Any, experiment: str, study: TrackedStudy) -> tuple[list[Run], list[TrackedTrial]]:
    """Return the runs of trials that are logged whole, and the trials that are not.

    A run that a kill has cut short, or of a trial that was measured anew, is deleted; MLflow can restore it.
    """
    wanted = {trial.key: trial for trial in study.trials}
    known: dict[str, Run] = {}
    for run in _runs(client, experiment, study, "trial"):
        key = run.data.tags.get(_TRIAL, "")
        trial = wanted.get(key)
        if key in known or (trial is not None and run.data.tags.get(_DIGEST) != trial.digest):
            client.delete_run(run.info.run_id)
        else:
            known[key] = run
    return list(known.values()), [trial for trial in study.trials if trial.key not in known]


def _log_trial(client: Any, experiment: str, parent: str, study: TrackedStudy, trial: TrackedTrial) -> None:
    ended = _milliseconds(trial.ended_at or time.time())
    began = ended - _milliseconds(trial.seconds)
    tags = _tags(study, "trial") | {_TRIAL: trial.key, _PARENT: parent}
    run = client.create_run(experiment, start_time=began, tags=tags, run_name=trial.name).info.run_id
    values = [(name, value, 0) for name, value in {**trial.metrics, **trial.bounds}.items()]
    values += [(LOSS, loss, step) for step, loss in enumerate(trial.losses, 1)]
    _log_values(client, run, values, ended, trial.params)
    client.set_tag(run, _DIGEST, trial.digest)
    client.set_terminated(run, end_time=ended)


def _parent(client: Any, experiment: str, study: TrackedStudy) -> str:
    """Return the run of the study, with its curves; made where there is none, or where a value that it has is another one now."""
    runs = _runs(client, experiment, study, "study")
    kept, others = (runs[0], runs[1:]) if runs else (None, [])
    logged = _curve_of(client, kept) if kept is not None else {}
    now = {(one.series, one.size): one.value for one in study.curve}
    if kept is None or any(now.get(place) != value for place, value in logged.items()):
        others, logged = runs, {}
        tags = _tags(study, "study")
        parent = client.create_run(experiment, tags=tags, run_name=study.name).info.run_id
    else:
        parent = kept.info.run_id
    new = [one for one in study.curve if (one.series, one.size) not in logged]
    _log_values(client, parent, [(one.series, one.value, one.size) for one in new], _milliseconds(time.time()))
    facts = {f"{_PREFIX}{name}": text for name, text in {**study.params, **study.state}.items()}
    for name, text in {**_tags(study, "study"), **facts, _NOTE: study.headline}.items():
        client.set_tag(parent, name, text)
    for run in others:
        client.delete_run(run.info.run_id)
    return parent


def _say_how_far(client: Any, parent: str, study: TrackedStudy) -> None:
    """Set the state of the study's run, with the time at which it ended; it has failed where only failed trials are left to run."""
    status = "RUNNING" if not study.is_settled else "FINISHED" if study.is_complete else "FAILED"
    if client.get_run(parent).info.status == status:
        return
    if study.is_settled:
        client.set_terminated(parent, status=status)
    else:
        client.update_run(parent, status=status)


def _curve_of(client: Any, run: Run) -> dict[tuple[str, int], float]:
    histories = (client.get_metric_history(run.info.run_id, name) for name in run.data.metrics)
    return {(value.key, value.step): value.value for history in histories for value in history}


def _log_values(
    client: Any, run: str, values: Sequence[tuple[str, float, int]], at: int, params: Mapping[str, str] | None = None
) -> None:
    from mlflow.entities import Metric, Param

    metrics = [Metric(name, value, at, step) for name, value, step in values]
    given_params = [Param(name, value) for name, value in (params or {}).items()]
    client.log_batch(run, metrics[:_MOST_METRICS], given_params)
    for start in range(_MOST_METRICS, len(metrics), _MOST_METRICS):
        client.log_batch(run, metrics[start : start + _MOST_METRICS])


def _tags(study: TrackedStudy, kind: str) -> dict[str, str]:
    own = {f"{_PREFIX}{name}": text for name, text in study.tags.items()}
    return {**own, _STUDY: study.id, _KIND: kind, f"{_PREFIX}name": study.name, _SOURCE: "tunecurve"}


def _milliseconds(seconds: float) -> int:
    return round(1000 * seconds)
