"""trackio: a group for the study, a run for its curves and one for every trial, in files of this machine."""

from __future__ import annotations

import io
import shlex
from collections.abc import Mapping
from contextlib import redirect_stdout
from typing import Any

from tunecurve.errors import EnvironmentProblem
from tunecurve.track.base import PROJECT, Artifacts, Logged, Tracker, given
from tunecurve.track.content import TrackedStudy
from tunecurve.track.grouped import GroupedRun, run_of_study, run_of_trial

FOLDER_VARIABLE = "TRACKIO_DIR"


class TrackioTracker(Tracker):
    """Logs to the files of ``$TRACKIO_DIR``, else of the run's folder.

    A Space or a server is not logged to: trackio has no call that tells whether a run is there whole, so that nothing
    would keep a trial from being logged twice. ``trackio sync`` sends the files.
    """

    name = "trackio"
    elsewhere = None
    packages = ("trackio",)
    # Settings under which trackio sends what is logged to other machines.
    forgotten = (
        "TRACKIO_SPACE_ID",
        "TRACKIO_SERVER_URL",
        "TRACKIO_BUCKET_ID",
        "TRACKIO_DATASET_ID",
        "TRACKIO_WEBHOOK_URL",
    )

    @property
    def environment(self) -> dict[str, str]:
        """Where its files are; and that the hub is not asked who the user is, which trackio does for every run."""
        return {FOLDER_VARIABLE: str(self.own_store), "HF_HUB_OFFLINE": "1"}

    def log(self, study: TrackedStudy, artifacts: Artifacts) -> Logged:
        """Log what is not logged yet."""
        trials, whole = [run_of_trial(study, trial) for trial in study.trials], run_of_study(study)
        with redirect_stdout(io.StringIO()):  # it says much
            known = _keep_whole(study, {run.key: run.digest for run in (*trials, whole)})
            new = [run for run in trials if run.key not in known]
            for run in new:
                _log_run(run)
            if whole.key not in known:
                _log_run(whole, artifacts)
        where = given(FOLDER_VARIABLE) or str(self.own_store)
        look = f"{FOLDER_VARIABLE}={shlex.quote(where)} trackio show --project {PROJECT}"
        return Logged(self.name, len(new), len(trials) - len(new), where, study.group, look)


def _keep_whole(study: TrackedStudy, wanted: Mapping[str, str]) -> set[str]:
    """Return the keys of the runs of a study that are logged whole, and delete those that are not, or have changed since."""
    from trackio import Api
    from trackio.sqlite_storage import SQLiteStorage

    if not SQLiteStorage.get_project_db_path(PROJECT).exists():
        return set()
    found: set[str] = set()
    for run in Api().runs(PROJECT):
        config = run.config or {}
        if config.get("study_id") != study.id:
            continue
        key, digest = str(config.get("trial", "")), str(config.get("logged", ""))
        is_whole = SQLiteStorage.get_log_count(PROJECT, run.name, run_id=run.id) == config.get("rows")
        if not is_whole or key in found or wanted.get(key, digest) != digest:
            run.delete()
        else:
            found.add(key)
    return found


def _log_run(run: GroupedRun, artifacts: Artifacts | None = None) -> None:
    import trackio
    from trackio.sqlite_storage import SQLiteStorage

    logged = trackio.init(
        PROJECT,
        name=run.name,
        group=run.study.group,
        config={**run.config, "rows": len(run.rows)},
        embed=False,
        auto_log_gpu=False,
        auto_log_cpu=False,
    )
    if artifacts is not None:
        _log_artifacts(logged, run, artifacts)
    for step, values in run.rows:  # last: their number tells that the run is whole
        logged.log(values, step=step)
    trackio.finish()
    # It warns of what fails, and goes on.
    if SQLiteStorage.get_log_count(PROJECT, run.name, run_id=logged.id) != len(run.rows):
        raise EnvironmentProblem(f"trackio has not kept all of the run '{run.name}'")


def _log_artifacts(logged: Any, run: GroupedRun, artifacts: Artifacts) -> None:
    import trackio

    kept = trackio.Artifact(run.study.group, type="study")
    for path in artifacts():
        kept.add_file(str(path))
    logged.log_artifact(kept, overwrite=True)
