"""Weights & Biases, offline: a group for the study, a run for its curves and one for every trial, in files that `wandb sync` sends."""

from __future__ import annotations

import shlex
from pathlib import Path

from tunecurve.errors import EnvironmentProblem
from tunecurve.privacy.redact import redact
from tunecurve.spec.study import stable_hash
from tunecurve.storage.files import AppendLog
from tunecurve.track.base import PROJECT, Artifacts, Logged, Tracker, given
from tunecurve.track.content import TrackedStudy
from tunecurve.track.grouped import GroupedRun, run_of_study, run_of_trial

MODE, DIRECTORY, PROJECT_VARIABLE, SERVER = "WANDB_MODE", "WANDB_DIR", "WANDB_PROJECT", "WANDB_BASE_URL"
SIZE, STEP = "train_rows", "training_step"


class WandbTracker(Tracker):
    """Logs to files in ``$WANDB_DIR``, else in the run's folder; to the server if ``$WANDB_MODE`` is ``online``.

    Files of offline runs cannot be asked, so that a list in the run's folder says what was logged.
    """

    name = "wandb"
    packages = ("wandb",)

    @property
    def mode(self) -> str:
        """How it logs."""
        return given(MODE) or "offline"

    @property
    def elsewhere(self) -> str | None:
        """WANDB_MODE, where it is that of a server."""
        return f"{MODE}={self.mode}" if self.mode != "offline" else None

    @property
    def environment(self) -> dict[str, str]:
        """Offline, silent, without reports of its errors to its makers."""
        return {
            MODE: "offline",
            DIRECTORY: str(self.own_store),
            "WANDB_DATA_DIR": str(self.own_store),
            "WANDB_CACHE_DIR": str(self.own_store / "cache"),
            "WANDB_SILENT": "true",
            "WANDB_CONSOLE": "off",
            "WANDB_ERROR_REPORTING": "false",
            "WANDB_DISABLE_GIT": "true",
            "WANDB_DISABLE_CODE": "true",
        }

    def check(self) -> None:
        """Refuse modes that keep nothing, or share runs with other programs."""
        super().check()
        if self.mode not in ("offline", "online"):
            raise EnvironmentProblem(
                f"{MODE}={self.mode}: nothing would be kept; expected offline or online, or unset it"
            )

    def log(self, study: TrackedStudy, artifacts: Artifacts) -> Logged:
        """Log what is not logged yet."""
        directory = Path(given(DIRECTORY) or self.own_store)
        project = given(PROJECT_VARIABLE) or PROJECT
        where = f"{redact(given(SERVER) or 'wandb.ai')}, project {project}" if self.mode == "online" else str(directory)
        for folder in (self.own_store, directory):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        trials = [run_of_trial(study, trial) for trial in study.trials]
        # A run that is there cannot be taken back: that of the curves waits for the end.
        whole = [run_of_study(study)] if study.is_settled else []
        known = AppendLog(self.own_store / "logged.jsonl")
        try:
            done = {value["id"] for value in known.values if value["where"] == where}
            new = [run for run in trials if _id(run) not in done]
            for run in (*new, *(one for one in whole if _id(one) not in done)):
                _log_run(run, project, artifacts)
                known.append({"id": _id(run), "where": where, "trial": run.key})
        finally:
            known.close()
        sync = f"wandb sync {shlex.quote(str(directory))}/wandb/offline-run-*"
        look = "open it there" if self.mode == "online" else sync
        return Logged(self.name, len(new), len(trials) - len(new), where, study.group, look)


def _id(run: GroupedRun) -> str:
    """Return the run's id: the same one for the same content, so that a server has it once, however often it is sent."""
    return stable_hash([run.study.id, run.key, run.digest], 16)


def _log_run(run: GroupedRun, project: str, artifacts: Artifacts) -> None:
    import wandb

    logged = wandb.init(
        project=project,
        id=_id(run),
        name=run.name,
        group=run.study.group,
        job_type="study" if run.is_study else "trial",
        config=run.config,
        # Nothing of the machine, its command lines and its code.
        settings=wandb.Settings(x_disable_meta=True, x_disable_stats=True, save_code=False),
    )
    try:
        axis = SIZE if run.is_study else STEP
        logged.define_metric("*", step_metric=axis)
        for step, values in run.rows:
            logged.log({axis: step, **values})
        if run.is_study:
            kept = wandb.Artifact(run.study.group, type="study")
            for path in artifacts():
                kept.add_file(str(path))
            logged.log_artifact(kept)
    except BaseException:
        logged.finish(exit_code=1)
        raise
    logged.finish()
