"""What a tracker is told of a study: one run a trial, and one for the study with its curves. No row texts, no secrets."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tunecurve.privacy.redact import redact
from tunecurve.results.model import Results
from tunecurve.results.records.points import Point
from tunecurve.results.records.trials import FinishedTrial
from tunecurve.spec.study import stable_hash
from tunecurve.study.plan import SIMILAR
from tunecurve.study.trial_folder import RESULT, TrialFolder
from tunecurve.wording import cut

LOSS = "training_loss"
# What MLflow takes in names of metrics, the strictest of the trackers.
_NOT_IN_NAMES = re.compile(r"[^\w./ :-]+", re.ASCII)
_LONGEST_TEXT = 500


@dataclass(frozen=True)
class TrackedTrial:
    """A finished trial as trackers get it."""

    key: str
    """The name of its folder: trial and hash of its config."""
    name: str
    """For people."""
    params: dict[str, str]
    """What was run."""
    metrics: dict[str, float]
    """Its scores, losses, seconds and costs."""
    bounds: dict[str, float]
    """Ends of the scores' intervals, where the trial is its point's only one."""
    losses: list[float]
    """Of training, at every step."""
    ended_at: float
    seconds: float
    """When it ended, in seconds since 1970, and how long it trained and answered."""

    @cached_property
    def digest(self) -> str:
        """Hash of what was measured: a trial with another one is logged anew. Bounds go and come with other seeds."""
        return stable_hash([self.params, self.metrics, self.losses])


@dataclass(frozen=True)
class CurveValue:
    """A value of a curve: the series, the size that it was measured at, the value."""

    series: str
    size: int
    value: float


@dataclass(frozen=True)
class TrackedStudy:
    """A study as trackers get it."""

    id: str
    """Which study it is, wherever its folder lies."""
    name: str
    """For people."""
    params: dict[str, str]
    tags: dict[str, str]
    state: dict[str, str]
    """What was asked for; where it lies, what made it, which split it has; how far it is."""
    headline: str
    """What it found, in a sentence."""
    is_complete: bool
    is_settled: bool
    """Whether every trial is finished; whether every one is finished or failed."""
    trials: list[TrackedTrial]
    """The finished ones."""
    curve: list[CurveValue]
    """Of all points none of whose trials is still to run."""

    @property
    def group(self) -> str:
        """Name for trackers that know groups and no nested runs; studies of one name have different ones."""
        return f"{self.name}-{self.id[:6]}"


def tracked_study(results: Results, folder: Path, study_id: str) -> TrackedStudy:
    """Return what a tracker is told of a study."""
    names = _unique_names(dict.fromkeys(trial.learner for trial in results.trials))
    spec = results.spec
    return TrackedStudy(
        id=study_id,
        name=results.name,
        params=_texts(
            {
                "task": results.task,
                "models": ", ".join(dict.fromkeys(trial.learner for trial in results.trials)),
                "train_sizes": _joined(spec.get("train_sizes")),
                "shots": _joined(spec.get("shots")),
                "seeds": spec.get("seeds"),
                "test_rows": results.data.n_test,
                "pool_rows": results.data.n_pool,
                "headline_metric": results.primary_metric,
            }
        ),
        tags=_texts(
            {
                "run_folder": folder.resolve(),
                "version": results.tunecurve_version,
                "signature": results.signature,
                "split": results.data.split_method,
                "test_sha256": results.data.test_sha256,
                "pool_sha256": results.data.pool_sha256,
            }
        ),
        state=_texts(
            {
                "trials": f"{len(results.finished)} of {len(results.trials)} finished",
                "failed": sum(trial.state == "failed" for trial in results.trials),
                "withheld": ", ".join(_withheld(results)) or "nothing",
            }
        ),
        headline=redact(results.headline),
        is_complete=results.complete,
        is_settled=all(trial.state in ("finished", "failed") for trial in results.trials),
        trials=[_tracked_trial(trial, results, folder) for trial in results.finished],
        curve=[
            value
            for point in _settled(results)
            for value in _curve_values(point, f"{names[point.learner]}/{_strategy(point)}", results)
        ],
    )


def _withheld(results: Results) -> list[str]:
    """Return which metrics are not told of which learners, because they are blind."""
    learners = dict.fromkeys(trial.learner for trial in results.finished)
    return [
        f"{metric.name} of {learner}"
        for learner in learners
        for metric in results.metrics
        if not results.may_say(metric.name, learner)
    ]


def _settled(results: Results) -> list[Point]:
    """Return the points whose value no trial will change that the study still has to run."""
    open_keys = {trial.key for trial in results.trials if trial.state in ("waiting", "started")}
    return [point for point in results.points if point.key not in open_keys]


def _strategy(point: Point) -> str:
    return f"{point.strategy}-k{point.shots}" if point.strategy in SIMILAR else point.strategy


def _size(point: Point) -> int:
    """Return the number of labelled rows that a point takes: to train on or choose from, else in the prompt."""
    return point.train_size or point.shots


def _curve_values(point: Point, name: str, results: Results) -> Iterable[CurveValue]:
    told = {metric: score for metric, score in point.scores.items() if results.may_say(metric, point.learner)}
    values: dict[str, float | None] = {}
    for metric, score in told.items():
        values |= {metric: score.estimate, f"{metric}.low": score.low, f"{metric}.high": score.high}
    if point.loss is not None:
        test = point.loss.test
        values |= {"target_loss_test": test.mean, "target_loss_test.low": test.low, "target_loss_test.high": test.high}
        values["target_loss_train"] = point.loss.train.mean if point.loss.train else None
    for metric, value in _finite(values).items():
        yield CurveValue(f"{_plain(metric)}/{name}", _size(point), value)


def _tracked_trial(trial: FinishedTrial, results: Results, folder: Path) -> TrackedTrial:
    recipe = trial.config.get("recipe") or {}
    shown: dict[str, object] = {
        "model": trial.learner,
        "strategy": trial.strategy,
        "train_size": trial.train_size,
        "shots": trial.shots,
        "seed": trial.seed,
        **{f"recipe.{_plain(name)}": value for name, value in recipe.items()},
    }
    metrics: dict[str, float | None] = {
        _plain(name): score for name, score in trial.scores.items() if results.may_say(name, trial.learner)
    }
    for side, loss in (("test", trial.loss and trial.loss.test), ("train", trial.loss and trial.loss.train)):
        metrics[f"target_loss_{side}"] = loss.mean if loss else None
    train_seconds = trial.training.train_seconds if trial.training else 0.0
    metrics |= {
        "train_seconds": train_seconds,
        "answer_seconds": trial.answer_seconds,
        "cost_usd": trial.cost_usd or None,
    }
    point = next((point for point in results.points if point.key == trial.key), None)
    bounds: dict[str, float | None] = {}
    if point is not None and point.n_seeds == 1:
        for name in set(point.scores) & set(metrics):
            bounds |= {f"{name}.low": point.scores[name].low, f"{name}.high": point.scores[name].high}
    path = folder / trial.folder
    return TrackedTrial(
        key=path.name,
        name=trial.label if trial.learner == trial.label else f"{trial.learner} {trial.label}",
        params=_texts(shown),
        metrics=_finite(metrics),
        bounds=_finite(bounds),
        losses=[loss for loss in (trial.training.losses if trial.training else []) if math.isfinite(loss)],
        ended_at=_ended_at(TrialFolder(path)),
        seconds=train_seconds + trial.answer_seconds,
    )


def _ended_at(folder: TrialFolder) -> float:
    """Return when the result was written; the start of 1970 where it is gone."""
    try:
        return (folder.path / RESULT).stat().st_mtime
    except OSError:
        return 0.0


def _plain(name: str) -> str:
    return _NOT_IN_NAMES.sub("_", name)


def _unique_names(names: Iterable[str]) -> dict[str, str]:
    """Return the names with the characters that all trackers take; two that become the same one are told apart."""
    found: dict[str, str] = {}
    seen: Counter[str] = Counter()
    for name in names:
        plain = _plain(name)
        seen[plain] += 1
        found[name] = plain if seen[plain] == 1 else f"{plain}.{stable_hash(name, 6)}"
    return found


def _finite(values: Mapping[str, float | None]) -> dict[str, float]:
    return {name: float(value) for name, value in values.items() if value is not None and math.isfinite(value)}


def _texts(values: Mapping[str, object]) -> dict[str, str]:
    """Return values as short texts without secrets; what is None is left out."""
    return {name: cut(redact(str(value)), _LONGEST_TEXT) for name, value in values.items() if value is not None}


def _joined(value: object) -> object:
    return ", ".join(map(str, value)) if isinstance(value, Sequence) and not isinstance(value, str) else value
