"""Studies side by side: another prompt, model or cleaning of the data. Differences are paired on the test rows that both have.

Rows are the same where input and target are, by their hash. What metrics counted in each row when a trial was scored is read again;
that it gives the trial's score is checked before anything is said of a difference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tunecurve.curve.intervals import (
    Jackknife,
    difference_of,
    mean_of_seeds,
)
from tunecurve.data.rows import Row
from tunecurve.errors import UsageError
from tunecurve.metrics.base import FloatArray, Metric
from tunecurve.results.decision import decision_of
from tunecurve.results.model import Results
from tunecurve.results.points import defined, told_difference
from tunecurve.results.records.compared import ComparedRun, ComparedStudies, PairedDifference, SharedRows
from tunecurve.results.records.points import Difference, MetricResult, Point, best_of
from tunecurve.results.records.trials import FinishedTrial
from tunecurve.results.scoring_again import is_the_score, metrics_of
from tunecurve.results.stored import load
from tunecurve.study.answer_report import row_statistics
from tunecurve.study.frozen import changes, frozen_test_groups
from tunecurve.study.jackknives import jackknife_of
from tunecurve.study.trial_folder import TrialFolder
from tunecurve.study.trial_record import TrialRecord, stored_statistics
from tunecurve.wording import counted

# Keys of a study file in which two studies always differ.
OWN_KEYS = ("name",)
MOST_CHANGES = 12
# Fewer shared rows than this say nothing of two runs.
FEWEST_SHARED = 10
SAME_ROWS = "To compare them, run both with the same test rows: --test-data FILE."
# With so few seeds, an interval that rests on them is as wide as their number makes it.
FEW_SEEDS = 2


def compare_runs(folders: Sequence[Path], metric: str | None = None) -> ComparedStudies:
    """Return run folders side by side, by the first one's headline metric or the named metric; all are compared with the first.

    Raises
    ------
    UsageError
        For fewer than two runs, or a metric that is not in all of them.
    """
    if len(folders) < 2:
        raise UsageError(f"{len(folders)} run folder given; expected two or more, e.g. tunecurve compare runs/a runs/b")
    results = [load(folder) for folder in folders]
    name = metric or results[0].primary_metric
    for folder, one in zip(folders, results, strict=True):
        if name not in {item.name for item in one.metrics}:
            known = ", ".join(item.name for item in one.metrics)
            raise UsageError(
                f"metric '{name}' is not in '{folder}', which has {known}; choose one that all runs have with --metric"
            )
    runs = [_Run(title, one, name) for title, one in zip(run_names(results), results, strict=True)]
    first = runs[0]
    pairs = [_Pair(first, other) for other in runs[1:]]
    described = results[0].metric(name)
    return ComparedStudies(
        schema_version=1,
        metric=name,
        title=described.title,
        direction=described.direction,
        level=results[0].bootstrap.level,
        runs=[run.summary(first) for run in runs],
        shared=[pair.shared for pair in pairs],
        differences=[found for pair in pairs for found in pair.differences()],
    )


def run_names(results: Sequence[Results]) -> list[str]:
    """Return a name for every run that no other has: the study's, else its folder's, else the whole path."""
    for names in (
        [one.name for one in results],
        [one.folder.name if one.folder else "" for one in results],
        [str(one.folder) for one in results],
    ):
        if len(set(names)) == len(names):
            return names
    return [f"{one.name} ({place})" for place, one in enumerate(results, start=1)]


@dataclass(frozen=True)
class _Run:
    """A run with what its answers counted in each test row."""

    name: str
    results: Results
    metric_name: str

    @property
    def folder(self) -> Path:
        assert self.results.folder is not None
        return self.results.folder

    @property
    def described(self) -> MetricResult:
        return self.results.metric(self.metric_name)

    @cached_property
    def metric(self) -> Metric | None:
        """The metric as this study used it; None where it is code of the user's own."""
        return metrics_of(self.results, [self.metric_name]).get(self.metric_name)

    @cached_property
    def row_ids(self) -> list[str]:
        """The test rows in their order."""
        trial = next(iter(self.results.finished), None)
        return [line["row_id"] for line in TrialFolder(self.folder / trial.folder).answers()] if trial else []

    @cached_property
    def groups(self) -> list[int] | None:
        """The number of each row's group; None where groups count and are not known."""
        if self.results.bootstrap.unit == "rows":
            return list(range(len(self.row_ids)))
        return frozen_test_groups(self.folder)

    def counts(self, trial: FinishedTrial) -> FloatArray | None:
        """Return what the metric counted in each row of a trial; None where that does not give the trial's score."""
        if self.metric is None:
            return None
        folder = TrialFolder(self.folder / trial.folder)
        record = TrialRecord.from_json(folder.result(), str(folder))
        kept = stored_statistics(folder, record, record.metric_signatures)
        if kept is None or self.metric_name not in kept:
            lines = folder.answers()
            rows = [Row(line["input"], line["target"], "") for line in lines]
            kept = row_statistics(rows, [line["prediction"] for line in lines], [self.metric])
        counted = kept[self.metric_name]
        score, told = float(self.metric.score(counted.sum(axis=0))), trial.scores.get(self.metric_name)
        return counted if is_the_score(score, told) else None

    def jackknife(self, point: Point, rows: NDArray[np.int_], groups: NDArray[np.int_]) -> Jackknife | None:
        """Return a point's score on some rows and without each of their groups; None where it cannot be found again."""
        found = []
        for trial in (one for one in self.results.finished if one.key == point.key):
            counted = self.counts(trial)
            if counted is None or self.metric is None:
                return None
            found.append(jackknife_of(self.metric, counted[rows], groups))
        return mean_of_seeds(found) if found else None

    @cached_property
    def best(self) -> Point | None:
        """The best tuned point."""
        tuned = [point for point in self.results.points if point.strategy == "fine-tune"]
        return best_of(tuned, lambda point: point.scores[self.metric_name].estimate, self.described)

    def may_say(self, point: Point) -> bool:
        """Return whether the metric may be shown for a point."""
        return self.results.may_say(self.metric_name, point.learner)

    def summary(self, first: _Run) -> ComparedRun:
        """Return the run as it stands in the comparison."""
        changed = _changed(first.results.spec, self.results.spec) if self is not first else []
        is_shown = self.best is not None and self.may_say(self.best)
        return ComparedRun(
            name=self.name,
            folder=str(self.folder),
            n_test=self.results.data.n_test,
            test_sha256=self.results.data.test_sha256,
            is_complete=self.results.complete,
            best=self.best.name if self.best else None,
            score=self.best.scores[self.metric_name] if self.best and is_shown else None,
            decision=decision_of(self.results).sentence,
            changes=changed,
        )


def _changed(before: Mapping[str, object], now: Mapping[str, object]) -> list[str]:
    found = changes(
        {k: v for k, v in before.items() if k not in OWN_KEYS}, {k: v for k, v in now.items() if k not in OWN_KEYS}
    )
    return found[:MOST_CHANGES] + ([f"{len(found) - MOST_CHANGES} more"] if len(found) > MOST_CHANGES else [])


def _why_wide(item: Jackknife) -> str:
    """Return why an interval is wide where that is for the few seeds, not for the test rows; else nothing."""
    if 1 < len(item.seed_scores) <= FEW_SEEDS and item.seed_variance > item.row_variance:
        return f"wide because of {len(item.seed_scores)} seeds only"
    return ""


class _Pair:
    """The first run and a later one, with the rows that they share."""

    def __init__(self, first: _Run, second: _Run) -> None:
        self.first, self.second = first, second
        places = {row_id: place for place, row_id in enumerate(first.row_ids)}
        both = [(places[row_id], place) for place, row_id in enumerate(second.row_ids) if row_id in places]
        self.rows = tuple(np.array(side, dtype=np.int_) for side in zip(*both, strict=True)) if both else ()

    @cached_property
    def groups(self) -> NDArray[np.int_] | None:
        """The shared rows' groups: those of the run that counts by groups; None where they are not known."""
        if not self.rows:
            return None
        sides = [(self.first, self.rows[0]), (self.second, self.rows[1])]
        run, rows = next((side for side in sides if side[0].results.bootstrap.unit == "groups"), sides[0])
        known = run.groups
        return None if known is None else np.unique(np.array(known)[rows], return_inverse=True)[1]

    @property
    def shared(self) -> SharedRows:
        """Return what is said of the rows."""
        n_first, n_second = len(self.first.row_ids), len(self.second.row_ids)
        n_shared = len(self.rows[0]) if self.rows else 0
        n_groups = None if self.groups is None else int(self.groups.max()) + 1
        names = f"{self.second.name} and {self.first.name}"
        if n_shared == 0:
            sentence = f"{names} share no test row: each score is of its own rows, and no difference between them is tested. {SAME_ROWS}"
        elif n_shared < FEWEST_SHARED:
            rows = counted(n_shared, "test row")
            sentence = (
                f"{names} share only {rows} (of {n_second:,} and {n_first:,}), too few to compare them on. {SAME_ROWS}"
            )
        elif n_shared == n_first == n_second:
            sentence = f"{names} have the same {n_shared:,} test rows: differences are paired on them."
        else:
            sentence = (
                f"{names} share {n_shared:,} test rows (of {n_second:,} and {n_first:,}): differences are paired on these alone, and "
                "say nothing of the others."
            )
        if n_shared >= FEWEST_SHARED and self.groups is None:
            sentence += " Which of them belong together is not known, so differences have no interval: run tunecurve run once more on both."
        return SharedRows(self.second.name, n_shared, n_first, n_second, n_groups, sentence)

    def differences(self) -> list[PairedDifference]:
        """Return the best tuned points, and every point that both have; nothing where too few rows are shared."""
        if not self.rows or len(self.rows[0]) < FEWEST_SHARED:
            return []
        best = [(self.first.best, self.second.best, True)] if self.first.best and self.second.best else []
        mine = {point.key: point for point in self.first.results.points if point.strategy != "floor"}
        same = [(mine[point.key], point, False) for point in self.second.results.points if point.key in mine]
        return [self._difference(*pair) for pair in [*best, *same]]

    def _difference(self, first: Point, second: Point, is_best: bool) -> PairedDifference:
        def say(
            why: str, found: Difference | None = None, scores: tuple[float | None, float | None] = (None, None)
        ) -> PairedDifference:
            return PairedDifference(self.second.name, second.name, first.name, is_best, *scores, found, why)

        if not self.first.may_say(first) or not self.second.may_say(second):
            return say("the metric is blind in one of them: see its findings")
        if self.first.described.signature != self.second.described.signature:
            return say("the metric is computed in another way in one of them")
        alone = np.arange(len(self.rows[0]))
        groups = alone if self.groups is None else self.groups
        ours = self.first.jackknife(first, self.rows[0], groups)
        theirs = self.second.jackknife(second, self.rows[1], groups)
        if ours is None or theirs is None:
            return say("what the metric counted in each row cannot be found again")
        item = difference_of(theirs, ours)
        scores = defined(ours.estimate), defined(theirs.estimate)
        if self.groups is None or not item.is_defined:
            why = "which rows belong together is not known" if self.groups is None else "too few rows are shared"
            return say(why, Difference(defined(item.estimate), None, None, None), scores)
        tested = told_difference(item, self.first.described, self.first.results.bootstrap.level)
        return say(_why_wide(item), tested, scores)
