"""The runs in a folder as the live page shows them. Files are read when they have changed, and nothing is written."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from tunecurve.errors import TunecurveError
from tunecurve.executors.leases import CLAIMS, LeaseStore
from tunecurve.executors.lock import holder_of
from tunecurve.learners.hosted.prices import money
from tunecurve.report.decision import decision_lines
from tunecurve.report.spent import money_line
from tunecurve.report.tables import with_interval
from tunecurve.report.write import REPORT
from tunecurve.results.model import Results
from tunecurve.results.records.points import best_of
from tunecurve.results.records.trials import FinishedTrial
from tunecurve.results.stored import RESULTS, left_out_line, read_results
from tunecurve.spec.durations import duration
from tunecurve.storage.records import Record
from tunecurve.study.run_log import StudyProgress, progress_of
from tunecurve.study.study_file import STUDY_FILE
from tunecurve.study.trial_folder import TRIALS, TrialFolder, TrialState, trials_of
from tunecurve.view.answering import TunedModel, models_to_ask
from tunecurve.view.launching import Launches

DEPTH = 2  # folders below the one that is shown
MOST_RUNS = 1000
State = Literal["running", "finished", "failed", "interrupted", "cannot be read"]


@dataclass(frozen=True)
class TrialNow(Record):
    """A trial as its folder tells it now."""

    learner: str
    label: str
    state: TrialState
    score: float | None
    failure: str | None
    folder: str


@dataclass(frozen=True)
class RunNow(Record):
    """A run as its files tell it now."""

    id: str
    name: str
    folder: str
    task: str
    state: State
    at_work: str
    """Who runs it; empty where nobody does."""
    problem: str
    """Why nothing can be shown, or what must be known of what is."""
    n_trials: int | None
    """None while that is not known: before the first trial has ended."""
    n_finished: int
    n_failed: int
    metric: str
    best: str
    """The best tuned point, in words."""
    headline: str
    decision: list[tuple[str, str]]
    money: str
    changed: float
    """When results were written last, in seconds since 1970."""
    version: str
    """Another one when the report is another one."""
    now: str
    """What its trials do at this moment, and how long it will take; empty where nobody tells."""
    has_report: bool
    trials: list[TrialNow]
    models: list[TunedModel]
    """Those that can be asked."""

    def summary(self) -> dict[str, object]:
        """Return what the list of runs shows."""
        return {
            **replace(self, trials=[], models=[]).to_json(),
            "decision": self.decision[0][1] if self.decision else "",
        }


@dataclass
class _Kept:
    """What was read of a run, and what its files were like then."""

    stamp: tuple[object, ...]
    results: Results | None
    problem: str
    left_out: dict[str, float | None] = field(default_factory=dict)
    """Scores of the trials that have finished since, by folder."""


class RunsFolder:
    """All runs below a folder, two folders deep, or the one that it is."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.launches = folder, Launches(folder)
        self._kept: dict[Path, _Kept] = {}
        self._sharers: dict[Path, LeaseStore] = {}
        self._lock = threading.Lock()

    def ids(self) -> dict[str, Path]:
        """Return the folders of all runs that are there now, by names under which a browser may ask for them."""
        found = {}
        for path in (*self.launches.paths(), *_run_folders(self.folder, DEPTH)):
            found[run_id(path.relative_to(self.folder))] = path
            if len(found) == MOST_RUNS:
                break
        return found

    def all(self) -> list[RunNow]:
        """Return all runs as they are now, those with the newest results first."""
        runs = [self.now(id, path) for id, path in self.ids().items()]
        return sorted(runs, key=lambda run: (run.state != "running", -run.changed, run.folder))

    def now(self, id: str, path: Path) -> RunNow:
        """Return a run as its files tell it now."""
        launch = self.launches.get(path)
        with self._lock:
            kept = self._read(path)
            at_work = (launch.at_work if launch else "") or self._who_works(path)
            results = kept.results
            trials = _trials_of_results(path, results, kept.left_out) if results else _trials_of_folder(path)
        states = [trial.state for trial in trials]
        changed = _changed(path)
        is_told = launch is not None and not at_work and changed <= launch.ended_at  # else others have gone on since
        ended = launch.problem if launch and is_told else ""
        doing, n_trials = _doing(path) if at_work else ("", None)
        n_left_out = len(kept.left_out) if results and not at_work else 0
        behind = left_out_line(results) if results and n_left_out else ""
        problem = kept.problem or ended or behind
        name = str(path.relative_to(self.folder)) if path != self.folder else path.resolve().name
        run = RunNow(
            id=id, name=name, folder=name, task="", state=_state(kept, states, at_work, ended), at_work=at_work,
            problem=problem, n_trials=n_trials, n_finished=states.count("finished"), n_failed=states.count("failed"),
            metric="", best="", headline="", decision=[], money="", changed=changed,
            version=_report_version(path, is_at_work=bool(at_work)), trials=trials,
            now=doing, has_report=results is not None, models=[],
        )  # fmt: skip
        return _with_results(run, results, n_left_out) if results else run

    def _read(self, path: Path) -> _Kept:
        stamp = tuple(_stamp(path / name) for name in (RESULTS, STUDY_FILE, TRIALS))
        kept = self._kept.get(path)
        if kept is None or kept.stamp != stamp:
            results, problem = None, ""
            try:
                results = read_results(path) if (path / RESULTS).exists() else None
            except (TunecurveError, OSError) as error:
                problem = str(error)
            kept = self._kept[path] = _Kept(stamp, results, problem)
        return kept

    def _who_works(self, path: Path) -> str:
        holder = holder_of(path)
        if holder is not None:
            return str(holder) if holder.is_at_work else ""
        if not (path / CLAIMS / "workers").is_dir():
            return ""
        store = self._sharers.setdefault(path, LeaseStore(path / CLAIMS))
        return "; ".join(store.others())


def run_id(relative: Path) -> str:
    """Return the name of a run in addresses: it holds no path that could lead elsewhere."""
    return hashlib.sha256(relative.as_posix().encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _run_folders(folder: Path, depth: int) -> Iterator[Path]:
    if (folder / STUDY_FILE).is_file() or (folder / RESULTS).is_file():
        yield folder
        return
    if depth:
        try:
            inner = sorted(entry.name for entry in os.scandir(folder) if entry.is_dir() and entry.name[0] != ".")
        except OSError:
            return
        for name in inner:
            yield from _run_folders(folder / name, depth - 1)


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def is_report_behind(path: Path) -> bool:
    """Return whether the report is gone, or was not written after the results: a run writes it last."""
    results, report = _stamp(path / RESULTS), _stamp(path / REPORT)
    return report is None or (results is not None and report[0] < results[0])


def _report_version(path: Path, *, is_at_work: bool) -> str:
    """Return another text when the report is another one: while a run is at work it is about to write it."""
    names = (REPORT, RESULTS) if is_report_behind(path) and not is_at_work else (REPORT,)
    return hashlib.sha256(repr([_stamp(path / name) for name in names]).encode()).hexdigest()[:16]


def _changed(path: Path) -> float:
    stamps = [stamp[0] for stamp in (_stamp(path / RESULTS), _stamp(path / STUDY_FILE)) if stamp]
    return max(stamps, default=0) / 1e9


def _doing(path: Path) -> tuple[str, int | None]:
    """Return in words what the process at work does, and how many trials it has."""
    told = progress_of(path)
    if told is None:
        return "", None
    running = "; ".join(f"{one.learner} {one.label}: {one.phase}" for one in told.running)
    left = f"about {duration(told.seconds_left)} to go" if told.seconds_left >= 1 else ""
    return ", ".join(part for part in (running, left, _paid(told)) if part), told.n_trials


def _paid(told: StudyProgress) -> str:
    if told.spent_usd is None:
        return ""
    cap = f" of at most {money(told.at_most_usd)}" if told.at_most_usd is not None else ""
    return f"{money(told.spent_usd)} paid so far{cap}"


def _state(kept: _Kept, states: list[TrialState], at_work: str, ended: str) -> State:
    if at_work:
        return "running"
    if kept.problem:
        return "cannot be read"
    if "failed" in states or ended:
        return "failed"
    return "finished" if kept.results is not None and states.count("finished") == len(states) else "interrupted"


def _trials_of_results(path: Path, results: Results, left_out: dict[str, float | None]) -> list[TrialNow]:
    """Return the trials with their states as their folders tell them: results are as old as the last trial that ended."""
    trials = []
    for trial in results.trials:
        state, failure = trial.state, trial.failure
        if isinstance(trial, FinishedTrial):
            score = trial.scores[results.primary_metric]
        else:
            folder = TrialFolder(path / trial.folder)
            state = "finished" if trial.folder in left_out else folder.state
            failure = folder.failure() if state == "failed" else None
            if state == "finished" and trial.folder not in left_out:
                left_out[trial.folder] = folder.score(results.primary_metric)
            score = left_out.get(trial.folder)
        trials.append(TrialNow(trial.learner, trial.label, state, score, failure, trial.folder))
    return trials


def _trials_of_folder(path: Path) -> list[TrialNow]:
    """Return the trials that have begun in a run without results, by the names of their folders."""
    return [
        TrialNow("", one.name.rpartition("-")[0], one.state, None, one.failure(), f"{TRIALS}/{one.name}")
        for one in trials_of(path)
    ]


def _with_results(run: RunNow, results: Results, n_left_out: int) -> RunNow:
    metric = results.metric()
    tuned = [point for point in results.points if point.strategy == "fine-tune"]
    best = best_of(tuned, lambda point: point.scores[metric.name].estimate, metric)
    n_trials = max(run.n_trials or 0, len(run.trials))
    return replace(
        run,
        name=results.name,
        task=results.task,
        n_trials=n_trials,
        models=models_to_ask(results),
        metric=metric.title,
        best=f"{with_interval(best.scores[metric.name])} ({best.name})" if best else "",
        headline=results.headline,
        decision=decision_lines(results, (run.n_finished, n_trials), n_left_out),
        money=money_line(results.money) if results.money else "",
    )
