"""Running a whole study: from its description to results, report and curve on disk.

This is what the command line and Python callers share. The same call continues an interrupted study and does nothing
for a finished one.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from tunecurve import own_code
from tunecurve.data.in_memory import FILES, given_undone_on_error, is_given, write_given
from tunecurve.errors import TunecurveError, UsageError
from tunecurve.executors.base import RunSummary
from tunecurve.executors.lock import lock_study
from tunecurve.executors.options import Executor
from tunecurve.executors.run import run_trials
from tunecurve.findings import as_shown
from tunecurve.learners.base import Learner
from tunecurve.report.learning_curve import LearningCurve
from tunecurve.report.live import LiveReport
from tunecurve.results.collect import ResultsBuilder
from tunecurve.results.model import Results
from tunecurve.spec.quick import QUICK_STUDY
from tunecurve.spec.reading import load_study
from tunecurve.spec.section import merge_values
from tunecurve.spec.study import StudySpec
from tunecurve.storage.files import make_folder, write_text
from tunecurve.study.batch_training import train_together
from tunecurve.study.freezing import freeze
from tunecurve.study.integrity import inspect_trials, tell_of_forks
from tunecurve.study.options import StudyOptions
from tunecurve.study.plan import Trial, is_paid
from tunecurve.study.prepare import prepare_study
from tunecurve.study.progress import Progress
from tunecurve.study.provider_checkpoints import score_checkpoints
from tunecurve.study.run_log import RunLog
from tunecurve.study.study import Study
from tunecurve.study.study_file import STUDY_FILE, resolved_yaml
from tunecurve.study.trial import TrialContext
from tunecurve.study.trial_folder import TRIALS
from tunecurve.study.within_time import TimeKeeper
from tunecurve.track.live import Tracking

# The name of a study of rows in memory that is given none.
GIVEN_ROWS = "given-rows"


@dataclass(frozen=True)
class StudyRun:
    """What `run_study` returns."""

    folder: Path
    """The run's folder, with report.html, curve.png and results.json."""
    results: Results
    """The content of results.json."""
    outcome: RunSummary
    """How many trials ran now, how many were found finished, which failed."""
    tracking_failure: str | None = None
    """Why a tracker does not have all of it; None: it does, or there is none."""


def run(study: Any = None, **options: Any) -> Results:
    """Measure a learning curve: zero-shot, few-shot and fine-tuned at growing sizes, on one frozen test set.

    Parameters
    ----------
    study : str, Path, mapping, DataFrame, Dataset, DatasetDict or list, optional
        A study file, or its content, or a data file; or rows in memory, as is ``data``: a pandas DataFrame, a ``datasets.Dataset``, a list
        of (input, target) pairs or of mappings, a ``DatasetDict`` with a split to train on and one to test on.
        Default: the built-in PII study with quick sizes.
    **options
        How it is run, and keys of the study file; see below.

    Other Parameters
    ----------------
    out : str or Path, optional
        The run's folder; default ``runs/<name>``. The same call continues what is there.
    device : {"auto", "cpu", "cuda", "mps"}
        Where local models compute.
    threads : int, optional
        CPU threads; default: those of the folder's finished trials, else physical cores.
    progress : Progress, optional
        Listener.
    learners : mapping of str to Learner, optional
        Learners of your own by name, or classifiers of scikit-learn's interface. Where ``models`` is given it names them, beside models
        that are built by their names; else they are the models.
    executor : Executor, optional
        Where the trials run; default: on this machine, one after the other. Results do not depend on it.
    accept_data_changes : bool, default False
        Whether frozen rows that were changed or are gone are taken as the data hold them now; what they affect is measured
        anew.
    allow_code : bool, default False
        Whether code that the study names (``package.module:name``) may be loaded.
    **keys
        Keys of the study file, e.g. ``train_sizes=[50, 200]`` or ``data={"source": "rows.jsonl"}``; a mapping
        replaces only the keys it names. ``task`` may be a `tunecurve.tasks.base.Task` of your own,
        ``metrics`` may hold functions and classes of your own (docs/add-a-metric.md).

    Returns
    -------
    Results
        What was found; failed trials say so in ``failure`` and do not raise.

    Raises
    ------
    TunecurveError
        For bad input, a missing model, a full disk; see `tunecurve.errors`.

    Examples
    --------
    >>> import tempfile, tunecurve
    >>> words = ["rain", "wind", "snow", "bread", "butter", "cheese"]
    >>> rows = [(f"{word} {number}", "weather" if word in words[:3] else "food") for word in words for number in range(9)]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     results = run(
    ...         rows, out=folder, task="classification", models=["tfidf"], train_sizes=[10, 30],
    ...         split={"method": "random", "test_size": 20}
    ...     )
    ...     again = tunecurve.load(folder)
    ...     answer = tunecurve.load_predictor(folder)("butter and cheese")
    >>> results.study.train_sizes
    [10, 30]
    >>> [point.label for point in results.points if point.strategy == "fine-tune"]
    ['tuned on 10', 'tuned on 30']
    >>> again.headline == results.headline
    True
    >>> answer
    'food'

    ``results.to_frame()`` has the raw scores, ``results.plot()`` draws the curve, ``results.decision`` says what to do.
    """
    return run_study(study, **options).results


def run_study(
    study: Any = None,
    *,
    out: str | Path | None = None,
    device: str = "auto",
    threads: int | None = None,
    progress: Progress | None = None,
    learners: Mapping[str, Learner | Any] | None = None,
    executor: Executor | None = None,
    accept_data_changes: bool = False,
    allow_code: bool = False,
    **overrides: Any,
) -> StudyRun:
    """Do what `run` does with the same parameters, and also return how the trials ended.

    Failed trials are listed in ``outcome.failures``; they do not raise.
    """
    if allow_code:
        own_code.allow_code()
    with _given_undone_on_error(study, overrides, out) as accept:
        study, overrides = _with_given_rows_on_disk(study, overrides, out)
        executor = executor or Executor()
        values, origin = _values_of(study, overrides)
        options = StudyOptions(
            out, device, threads, executor.workers_here, learners, accept_data_changes, origin, progress or Progress(),
            before_models=executor.refuse_time, will_run=True,
        )  # fmt: skip
        ready = prepare_study(merge_values(values, overrides), options)
        for finding in as_shown(ready.data.findings):
            ready.progress.message(f"{finding.kind}: {finding.line}")
        done = run_prepared(ready, executor, accept)
    if done.tracking_failure:
        warnings.warn(done.tracking_failure, stacklevel=2)
    return done


def _given_undone_on_error(
    study: Any, overrides: Mapping[str, Any], out: str | Path | None
) -> AbstractContextManager[Callable[[], None]]:
    if not _given_rows(study, overrides)[0]:
        return nullcontext(lambda: None)
    return given_undone_on_error(_folder_of_given(study, overrides, out))


def _values_of(
    study: str | Path | Mapping[str, Any] | None, overrides: Mapping[str, Any]
) -> tuple[dict[str, object], str]:
    """Return a study's values and what errors call it."""
    if study is None:
        values: dict[str, object] = dict(QUICK_STUDY) if "data" not in overrides else {}
    else:
        values = dict(study) if isinstance(study, Mapping) else load_study(study)
    return values, str(study) if isinstance(study, str | Path) else "study"


def _with_given_rows_on_disk(
    study: Any, overrides: dict[str, Any], out: str | Path | None
) -> tuple[str | Path | Mapping[str, Any] | None, dict[str, Any]]:
    """Return study and overrides with rows that a caller has in memory as a file of the run's folder."""
    rows, told = _given_rows(study, overrides)
    if not rows:
        return study, overrides
    values, folder = _beside_rows(study), _folder_of_given(study, overrides, out)
    written = {key: str(write_given(value, folder, key)) for key, value in rows.items()}
    data = dict(told) | written
    return values | {"name": _name_of_given(values, overrides)}, {**overrides, "data": data}


def _given_rows(study: Any, overrides: Mapping[str, Any]) -> tuple[dict[str, Any], Mapping[str, Any]]:
    """Return the rows that a caller has in memory, by key of the data section, and what that section says.

    Raises
    ------
    UsageError
        Where they are given twice.
    """
    section = overrides.get("data")
    rows: dict[str, Any] = {"source": study} if is_given(study) else {}
    told = section if isinstance(section, Mapping) and not is_given(section) else {"source": section}
    if rows and told.get("source") is not None:
        raise UsageError("rows are given twice, as study and as data; give them once")
    rows |= {key: told[key] for key in FILES if is_given(told.get(key))}
    return rows, told


def _beside_rows(study: Any) -> dict[str, Any]:
    """Return what a study says beside rows in memory."""
    if is_given(study) or study is None:
        return {}
    return dict(study) if isinstance(study, Mapping) else load_study(study)


def _name_of_given(values: Mapping[str, Any], overrides: Mapping[str, Any]) -> str:
    return str(overrides.get("name") or values.get("name") or GIVEN_ROWS)


def _folder_of_given(study: Any, overrides: Mapping[str, Any], out: str | Path | None) -> Path:
    """Return the folder that rows in memory are written to, where there are any."""
    return Path(out) if out is not None else Path("runs") / _name_of_given(_beside_rows(study), overrides)


def learning_curve(study: Any = None, **options: Any) -> LearningCurve:
    """Run a study (see `run`, same parameters) and return its learning curve."""
    return LearningCurve(run_study(study, **options).results)


def run_prepared(
    study: Study, executor: Executor | None = None, on_start: Callable[[], None] = lambda: None
) -> StudyRun:
    """Run what is left of a study and bring results and report up to date."""
    executor, progress = executor or Executor(), study.progress
    _check_before_start(study, executor)
    make_folder(study.folder)
    make_folder(study.folder / TRIALS)
    with lock_study(study.folder, shared=executor.is_shared):
        progress = log = RunLog(study.folder, progress)
        inspect_trials(study.planned, progress.message)
        tell_of_forks(study.planned, progress.message)
        freeze(study.data, study.spec, study.folder)
        on_start()
        write_text(study.folder / STUDY_FILE, resolved_yaml(study.spec))
        builder = ResultsBuilder(study.spec, study.data, study.planned, study.account)
        seconds = study.estimated_seconds()
        left = {item.trial: seconds[item.trial] for item in study.planned if not item.folder.is_finished}
        live = LiveReport(study.folder, builder, progress.message, sum(left.values()))
        tracking = Tracking(study.folder, study.spec.track, progress.message)

        def after_a_trial(failures: Mapping[Trial, str]) -> None:
            live.after_a_trial(failures)
            tracking.after_a_trial()

        def plan_changed(spec: StudySpec) -> None:
            builder.narrow(spec)
            live.plan_changed()

        progress.study_started(len(study.planned), left)
        if (others := study.work_beside()) is not None:
            progress.message(others.sentence())
        context = TrialContext(
            study.planned,
            study.data,
            study.learners,
            builder.metrics,
            seconds,
            study.spec.training_score_rows,
            study.proposer,
            TimeKeeper.of(study, seconds, progress, plan_changed),
        )
        try:
            _take_up_what_a_killed_run_left(study, live, len(left))
            if study.spec.train_together:
                train_together(context, progress, study.folder / "together")
            outcome = run_trials(context, executor, study.folder, progress, after_a_trial)
            if study.spec.hosted.checkpoints:
                score_checkpoints(context, progress)
            results = live.write(study.known_failures())
            tracking.finish()
        except TunecurveError:
            with suppress(TunecurveError, OSError):  # the first error is the one to tell
                live.write(study.known_failures())
            raise
        finally:
            live.stop()
            tracking.stop()
            log.close()
            study.account.close()
    return StudyRun(study.folder, results, outcome, tracking.failure)


def _check_before_start(study: Study, executor: Executor) -> None:
    executor.refuse_time(study.spec)
    Tracking.check(study.folder, study.spec.track)
    study.check_access()
    for line in study.obstacle_lines():
        study.progress.message(line)


def _take_up_what_a_killed_run_left(study: Study, live: LiveReport, n_left: int) -> None:
    """Delete what stands by the hour, and write results that know all finished trials, before anything else takes its time."""
    if any(is_paid(item.config) for item in study.planned):
        from tunecurve.learners.hosted.build import remove_left_overs

        remove_left_overs(study.account)
    if 0 < n_left < len(study.planned):
        live.after_a_trial(study.known_failures())


class _CallableModule(ModuleType):
    """This module, callable: its name in the package is that of its main function, as in ``tunecurve.run("study.yaml")``."""

    __call__ = staticmethod(run)


sys.modules[__name__].__class__ = _CallableModule
