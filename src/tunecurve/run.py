"""Running a whole study: from its description to results, report and curve on disk.

This is what the command line and Python callers share. The same call continues an interrupted study and does nothing
for a finished one.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tunecurve.data.cleaning import CleaningReport
from tunecurve.data.rows import Row
from tunecurve.errors import DataError, TunecurveError
from tunecurve.learners.base import CostsMoney, CountsTokens, Learner, NeedsAccess, Workload
from tunecurve.learners.floor import FloorLearner
from tunecurve.learners.hosted.account import Account
from tunecurve.learners.registry import build_learners
from tunecurve.report.keep_current import KeepCurrent
from tunecurve.spec import QUICK_STUDY, StudySpec, load_spec, parse_spec
from tunecurve.study.checkpoints import score_checkpoints
from tunecurve.study.choose import Executor, run_trials
from tunecurve.study.dataset import (
    StudyData,
    check_comparable,
    freeze,
    read_clean_rows,
    split_data,
    too_long_test,
)
from tunecurve.study.executors import Outcome, Work, known_failures
from tunecurve.study.integrity import inspect_trials, tell_of_forks
from tunecurve.study.locks import lock_study
from tunecurve.study.plan import PlannedTrial, Trial, estimate_workloads, list_trials, trial_config, trial_folder_name
from tunecurve.study.progress import Progress
from tunecurve.study.results import Collector
from tunecurve.study.storage import make_folder, write_text
from tunecurve.study.study_file import check_study_file, resolved_yaml
from tunecurve.study.together import train_together
from tunecurve.study.trials import TRAINING, is_finished


@dataclass(frozen=True)
class Study:
    """A study that is ready to run.

    Attributes
    ----------
    spec : StudySpec
        With everything resolved.
    folder : Path
        Where it is kept.
    data : StudyData
        Frozen rows and prompts.
    learners : dict of str to Learner
        By name.
    planned : list of PlannedTrial
        In running order.
    account : Account
        Ledger and budget for paid models; untouched where there are none.
    """

    spec: StudySpec
    folder: Path
    data: StudyData
    learners: dict[str, Learner]
    planned: list[PlannedTrial]
    account: Account

    @cached_property
    def workloads(self) -> dict[Trial, Workload]:
        """What each trial computes or sends, in tokens."""
        return estimate_workloads(
            [(item.trial, item.config) for item in self.planned],
            self.data,
            self.learners,
            training_score_rows=self.spec.training_score_rows,
        )

    def estimated_seconds(self) -> dict[Trial, float]:
        """Return about how long each trial takes on this machine, the floor aside."""
        seconds = {}
        for trial, work in self.workloads.items():
            learner = self.learners[trial.learner]
            seconds[trial] = learner.estimate_seconds(work) if isinstance(learner, CountsTokens) else 0.0
        return seconds

    def quotes_usd(self) -> dict[Trial, float | None]:
        """Return about what each trial of a paid model costs, whether it is finished or not; None: unknown."""
        quotes = {}
        for trial, work in self.workloads.items():
            learner = self.learners[trial.learner]
            if isinstance(learner, CostsMoney):
                quotes[trial] = learner.quote_usd(work, is_tuned=trial.strategy == "fine-tune")
        return quotes

    def check_access(self) -> None:
        """Raise EnvironmentProblem when an unfinished trial lacks a key, a login, an address; asks nobody.

        Found here it is one line before anything begins; found later it would be the failure of every trial.
        """
        for name, trials in self._behind_doors().items():
            will_tune = any(item.trial.strategy == "fine-tune" for item in trials)
            _with_access(self.learners[name]).check_access(will_tune=will_tune)

    @cached_property
    def tuning_obstacles(self) -> dict[str, str]:
        """Why models cannot be tuned by this account or on these rows, by name; asked before any money goes."""
        found = {}
        for name, trials in self._behind_doors().items():
            trainings = [
                (self.data.tuning_examples(item.trial.train_size, item.trial.seed), item.config["recipe"])
                for item in trials
                if item.trial.strategy == "fine-tune" and not (item.folder / TRAINING).exists()
            ]
            reason = _with_access(self.learners[name]).tuning_obstacle(trainings) if trainings else None
            if reason is not None:
                found[name] = reason
        return found

    def _behind_doors(self) -> dict[str, list[PlannedTrial]]:
        """Return the unfinished trials of learners that need access, by learner."""
        found: dict[str, list[PlannedTrial]] = {}
        for item in self.planned:
            if isinstance(self.learners[item.trial.learner], NeedsAccess) and not is_finished(item.folder):
                found.setdefault(item.trial.learner, []).append(item)
        return found

    def quote_left_usd(self) -> float | None:
        """Return about what the unfinished trials cost; None: the price of one of them is unknown."""
        quotes = self.quotes_usd()
        left = [quotes[item.trial] for item in self.planned if item.trial in quotes and not is_finished(item.folder)]
        return None if any(quote is None for quote in left) else sum(quote for quote in left if quote is not None)


def _with_access(learner: Learner) -> NeedsAccess:
    assert isinstance(learner, NeedsAccess)
    return learner


@dataclass(frozen=True)
class StudyRun:
    """What `run_study` returns.

    Attributes
    ----------
    folder : Path
        The run's folder, with report.html, curve.png and results.json.
    results : dict
        The content of results.json.
    outcome : Outcome
        How many trials ran now, how many were found finished, which failed.
    """

    folder: Path
    results: dict[str, Any]
    outcome: Outcome


def prepare_study(
    values: Mapping[str, Any],
    *,
    out: str | Path | None = None,
    device: str = "auto",
    threads: int | None = None,
    progress: Progress | None = None,
    origin: str = "study",
    learners: Mapping[str, Learner] | None = None,
    executor: Executor | None = None,
) -> Study:
    """Return a study with data, learners and plan; writes nothing but the model cache.

    Parameters
    ----------
    values : mapping
        A study file's content; sizes that are not given are the default ones that the data can carry.
    out : path, optional
        The run's folder; default ``runs/<name>``.
    device, threads
        Where local models compute.
    progress : Progress, optional
        Told what takes time.
    origin : str
        Where the values come from, for messages.
    learners : mapping of str to Learner, optional
        Learners of your own by model name, instead of those that the names in the study stand for.
    executor : Executor, optional
        How the trials will be run: several workers share this machine's cores.
    """
    progress = progress or Progress()
    executor = executor or Executor()
    spec = parse_spec(values, origin)
    folder = Path(out) if out is not None else Path("runs") / spec.name
    check_comparable(spec, folder)
    asked, spec = spec, _with_what_is_there(spec, folder, origin)
    account = Account(spec.hosted, str(folder.absolute()))
    if learners is None:
        built = build_learners(
            spec.models,
            spec.answers,
            task=spec.task,
            encoder=spec.encoder,
            device=device,
            threads=threads,
            account=account,
            say=progress.message,
            share=executor.workers or 1,
        )
    else:
        built = {"floor": FloorLearner(), **learners}
    # The strictest one says what is too long.
    counters = [learner for learner in built.values() if isinstance(learner, CountsTokens)]
    counter = min(counters, key=lambda learner: learner.context_length(), default=None)
    # Half of the model's context is left to instruction and examples.
    is_too_long = (
        too_long_test(counter.count_tokens, min(spec.data.max_tokens, counter.context_length() // 2))
        if counter
        else None
    )
    rows, cleaning = read_clean_rows(spec, is_too_long)
    spec, data = split_as_asked(spec, rows, cleaning, folder, sizes_are_defaults="train_sizes" not in values)
    built["floor"] = FloorLearner.of_targets(spec.kind.floor, [row.target for row in data.pool])
    planned = []
    wanted = set(
        list_trials(asked, {name: learner for name, learner in built.items() if name in ["floor", *asked.models]})
    )
    for trial in list_trials(spec, built):
        config = trial_config(trial, spec, data, built[trial.learner])
        item = PlannedTrial(trial, config, folder / "trials" / trial_folder_name(trial, config))
        if trial in wanted or is_finished(item.folder):
            planned.append(item)
    return Study(spec, folder, data, built, planned, account)


def _with_what_is_there(spec: StudySpec, folder: Path, origin: str) -> StudySpec:
    """Return the study with the models, shots, sizes and seeds of its earlier runs: a study grows, and loses nothing.

    Of these only finished trials are taken along; what was never finished and is not asked for any more is not run.
    """
    path = folder / "study.yaml"
    if not path.exists():
        return spec
    if Path(origin).absolute() != path.absolute():  # else its user has changed it, and says so
        check_study_file(path)
    before = parse_spec(load_spec(path), str(path))
    return spec.model_copy(
        update={
            "models": list(dict.fromkeys([*before.models, *spec.models])),
            "shots": sorted({*before.shots, *spec.shots}),
            "train_sizes": sorted({*before.train_sizes, *spec.train_sizes}),
            "seeds": max(before.seeds, spec.seeds),
        }
    )


def split_as_asked(
    spec: StudySpec, rows: list[Row], cleaning: CleaningReport, folder: Path, *, sizes_are_defaults: bool
) -> tuple[StudySpec, StudyData]:
    """Split the rows; default sizes that the data cannot carry are left out, sizes that were asked for are an error."""
    while True:
        try:
            return spec, split_data(spec, rows, cleaning, folder)
        except DataError:
            if not sizes_are_defaults or len(spec.train_sizes) < 2:
                raise
            spec = spec.model_copy(update={"train_sizes": spec.train_sizes[:-1]})


def run_study(
    study: str | Path | Mapping[str, Any] | None = None,
    *,
    out: str | Path | None = None,
    device: str = "auto",
    threads: int | None = None,
    progress: Progress | None = None,
    learners: Mapping[str, Learner] | None = None,
    executor: Executor | None = None,
    **overrides: Any,
) -> StudyRun:
    """Measure a learning curve: zero-shot, few-shot and fine-tuned at growing sizes, on one frozen test set.

    Parameters
    ----------
    study : path or mapping, optional
        A study file, or its content; default: the built-in PII study with quick sizes.
    out : path, optional
        The run's folder; default ``runs/<name>``. The same call continues what is there.
    device : {"auto", "cpu", "cuda", "mps"}
        Where local models compute.
    threads : int, optional
        CPU threads; default: physical cores.
    progress : Progress, optional
        Listener.
    learners : mapping of str to Learner, optional
        Learners of your own by name, instead of those that the study's models stand for.
    executor : Executor, optional
        Where the trials run; default: on this machine, one after the other. Results do not depend on it.
    **overrides
        Keys of the study file, e.g. ``train_sizes=[50, 200]`` or ``data={"source": "rows.jsonl"}``; a mapping
        replaces only the keys it names.

    Returns
    -------
    StudyRun
        Folder, results and outcome. Failed trials are listed in ``outcome.failures``; they do not raise.

    Raises
    ------
    TunecurveError
        For bad input, a missing model, a full disk; see `tunecurve.errors`.
    """
    if study is None:
        values: dict[str, Any] = dict(QUICK_STUDY) if "data" not in overrides else {}
    else:
        values = dict(study) if isinstance(study, Mapping) else load_spec(Path(study))
    origin = str(study) if isinstance(study, str | Path) else "study"
    merged = merge_values(values, overrides)
    ready = prepare_study(
        merged,
        out=out,
        device=device,
        threads=threads,
        progress=progress,
        origin=origin,
        learners=learners,
        executor=executor,
    )
    return run_prepared(ready, progress or Progress(), executor)


def merge_values(values: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values with overrides laid over them, mapping by mapping."""
    merged = dict(values)
    for key, value in overrides.items():
        below = merged.get(key)
        merged[key] = merge_values(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return merged


def run_prepared(study: Study, progress: Progress, executor: Executor | None = None) -> StudyRun:
    """Run what is left of a study and bring results and report up to date."""
    executor = executor or Executor()
    study.check_access()
    for name, reason in study.tuning_obstacles.items():
        progress.message(f"'{name}' cannot be tuned, only prompted: {reason}")
    make_folder(study.folder)
    make_folder(study.folder / "trials")
    study.account.say, study.account.should_stop = progress.message, lambda: progress.stop_requested
    with lock_study(study.folder, shared=executor.is_shared):
        inspect_trials(study.planned, progress.message)
        tell_of_forks(study.planned, progress.message)
        freeze(study.data, study.spec, study.folder)
        write_text(study.folder / "study.yaml", resolved_yaml(study.spec))
        collector = Collector(study.spec, study.data, study.planned, study.account)
        current = KeepCurrent(study.folder, collector)
        seconds = study.estimated_seconds()
        left = {item.trial: seconds[item.trial] for item in study.planned if not is_finished(item.folder)}
        progress.study_started(len(study.planned), left)
        work = Work(
            study.planned,
            study.data,
            study.learners,
            collector.metrics,
            seconds,
            study.spec.training_score_rows,
        )
        try:
            if study.spec.train_together:
                train_together(study.planned, study.data, study.learners, progress, study.folder / "together")
            outcome = run_trials(work, executor, study.folder, progress, current.after_a_trial)
            if study.spec.hosted.checkpoints:
                score_checkpoints(study.planned, study.data, study.learners, collector.metrics, progress)
            current.write(known_failures(study.planned))
        except TunecurveError:
            with suppress(TunecurveError, OSError):  # the first error is the one to tell
                current.write(known_failures(study.planned))
            raise
        finally:
            study.account.close()
    return StudyRun(study.folder, current.results, outcome)
