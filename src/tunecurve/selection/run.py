"""Every way of choosing rows, replayed with every seed; what is done is kept, so that the same call goes on."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from tunecurve.curve.intervals import Jackknife
from tunecurve.data.rows import ids_hash
from tunecurve.errors import DataError, UsageError
from tunecurve.learners.baselines.tfidf import TfidfLearner
from tunecurve.learners.registry import LearnerOptions, build_learners
from tunecurve.metrics.base import signature_for
from tunecurve.metrics.catalogue import build_metrics
from tunecurve.selection.cheap_learners import CheapLearner, OfTexts, fit_of
from tunecurve.selection.cheap_tagger import VERSION, WordTagger, format_of
from tunecurve.selection.judge import LEVEL, Judge, level_of_each
from tunecurve.selection.records import SelectionTest
from tunecurve.selection.replay import Setting, replay
from tunecurve.selection.sentences import notes, verdict
from tunecurve.selection.vectors import VectorKind, encoder_products, tfidf_products
from tunecurve.selection.ways import WAYS
from tunecurve.spec.study import StudySpec, stable_hash
from tunecurve.storage.files import AppendLog, make_folder, remove_leftovers, write_checked_json
from tunecurve.study.dataset import StudyData
from tunecurve.study.row_groups import groups_of
from tunecurve.tasks.base import Task
from tunecurve.tasks.lookup import task_of

FOLDER, REPLAYS, RESULT = "select-test", "replays.jsonl", "select-test.json"
# Raised when a replay computes something else than before: what was kept is not used again.
REPLAY_VERSION = 1
LearnerKind = VectorKind | Literal["words"]
FIRST_SIZE = 50
FEWEST_ROWS = 20


@dataclass(frozen=True)
class SelectionOptions:
    """What is replayed."""

    vectors: Sequence[VectorKind] = ()
    """What the cheap learners of whole texts read, one learner each; empty: TF-IDF. A tagger reads words."""
    seeds: int = 5
    """Replays of each way."""
    sizes: Sequence[int] = ()
    """The seed set, and how many rows there are after each choice; empty: doubled from 50 up to half of the rows."""
    most_rows: int = 2000
    """Of the pool, which are chosen from."""
    device: str = "auto"
    threads: int | None = None
    """Where the encoder computes."""


# Told: replays done, replays in all, seconds left, what was done last.
OnReplay = Callable[[int, int, float, str], None]


def select_test(
    spec: StudySpec,
    data: StudyData,
    folder: Path,
    options: SelectionOptions,
    on_replay: OnReplay = lambda done, total, left, last: None,
) -> SelectionTest:
    """Return which way of choosing the next rows would have learnt fastest on the labelled pool of a study.

    Replays and result are kept in the run's folder ``select-test``; `on_replay` is told after every replay.

    Raises
    ------
    UsageError
        For tasks whose answers no cheap learner gives, and for sizes that cannot be.
    DataError
        When there are too few rows to choose from.
    """
    kinds, setting = _kinds(data.task, options), _setting(spec, data, options)
    place = make_folder(folder / FOLDER)
    remove_leftovers(place)
    log = AppendLog(place / REPLAYS)
    try:
        learners = [_Learner(kind, setting, data.task, options) for kind in kinds]
        curves = _Replays(setting, learners, options.seeds, log, on_replay).all()
    finally:
        log.close()
    floor = setting.score(_floor_answers(spec, data))
    judge = Judge(setting.metric, setting.sizes, level_of_each(len(curves)), floor)
    results = [result for learner, by_way in curves.items() for result in judge.results(learner, by_way)]
    found = SelectionTest(
        name=spec.name,
        task=spec.task,
        metric=setting.metric.name,
        metric_title=setting.metric.title,
        metric_signature=signature_for(setting.metric, [row.references for row in setting.test]),
        direction=setting.metric.direction,
        n_test=len(setting.test),
        groups_in_test=int(setting.groups.max()) + 1,
        n_pool=len(data.pool),
        n_replayed=len(setting.pool),
        pool_sha256=ids_hash(setting.pool),
        test_sha256=data.facts.test_sha256,
        floor=floor.estimate,
        floor_title=spec.kind.floor.title,
        sizes=list(setting.sizes),
        seeds=options.seeds,
        level=LEVEL,
        level_of_each=judge.level,
        results=results,
        sentence=verdict(results, setting.metric.title, setting.sizes, spec.kind.floor.title),
        notes=notes(list(curves), len(setting.pool), len(data.pool), judge.level),
    )
    write_checked_json(place / RESULT, found)
    return found


def _floor_answers(spec: StudySpec, data: StudyData) -> list[str]:
    rule = spec.kind.floor
    learnt = rule.learn([row.target for row in data.pool])
    return [rule.answer(row.source, learnt) for row in data.test]


def _setting(spec: StudySpec, data: StudyData, options: SelectionOptions) -> Setting:
    task = data.task
    pool = data.training_rows(min(options.most_rows, len(data.pool)), 0)
    metric = build_metrics(spec.metric_names, data.metric_settings)[0]
    return Setting(
        pool,
        data.test,
        groups_of(spec, data),
        metric.for_rows([row.target for row in data.test], [row.source for row in data.test]),
        lambda target: task.labels_of(target, ""),
        task.answer,
        _sizes(options.sizes, len(pool)),
        spec.split.seed,
    )


def _kinds(task: Task, options: SelectionOptions) -> tuple[LearnerKind, ...]:
    """Return what learns in a task's replays."""
    if fit_of(task.answer) is not None:
        return tuple(options.vectors) or ("tfidf",)
    if format_of(task) is None:
        raise UsageError(
            f"the task is {task.name}, and select-test replays classification, multilabel, masking and ner studies: of other answers no "
            "learner is cheap enough to be trained a hundred times; for label kinds worth more rows see the report's section on labels"
        )
    if options.vectors:
        raise UsageError(
            f"--vectors {','.join(options.vectors)}: what learns in a {task.name} study is a tagger, which reads words; leave it out"
        )
    return ("words",)


def _sizes(asked: Sequence[int], n_pool: int) -> list[int]:
    """Return the sizes that are asked for, else doubled ones up to half of the rows: beyond it there is little left to choose."""
    if n_pool < FEWEST_ROWS:
        raise DataError(
            f"{n_pool} training rows are left beside the test rows, and a replay needs {FEWEST_ROWS} to choose from; give more "
            "labelled rows, or a smaller --test-size"
        )
    if asked:
        return _checked_sizes(asked, n_pool)
    first = min(FIRST_SIZE, max(n_pool // 8, 2))
    return [first * 2**step for step in range(int(math.log2(n_pool / 2 / first)) + 1)]


def _checked_sizes(asked: Sequence[int], n_pool: int) -> list[int]:
    sizes = sorted(set(asked))
    if len(sizes) < 2 or sizes[0] < 1 or sizes[-1] > n_pool:
        raise UsageError(
            f"--sizes {','.join(map(str, asked))}: expected at least two sizes from 1 to {n_pool:,}, the rows that are chosen from; "
            "the first is the seed set"
        )
    if sizes[-1] == n_pool and len(sizes) == 2:
        raise UsageError(
            f"--sizes {','.join(map(str, asked))}: {n_pool:,} are all rows, which every way chooses alike; end below it"
        )
    return sizes


class _Learner:
    """One cheap learner; what it reads is made when a replay needs it."""

    def __init__(self, kind: LearnerKind, setting: Setting, task: Task, options: SelectionOptions) -> None:
        self.kind, self._setting, self._task = kind, setting, task
        self._encoder = _untrained_encoder(options) if kind == "encoder" else None

    @property
    def identity(self) -> list[object]:
        """What determines it."""
        if self._encoder is not None:
            return [self.kind, self._encoder.identity()]
        more = [VERSION, self._task.form.to_json()] if self.kind == "words" else []
        return [self.kind, TfidfLearner().identity(), *more]

    @cached_property
    def learner(self) -> CheapLearner:
        """What is trained."""
        pool, test = ([row.source for row in rows] for rows in (self._setting.pool, self._setting.test))
        fit, formats = fit_of(self._task.answer), format_of(self._task)
        if formats is not None:
            return WordTagger(pool, test, formats)
        assert fit is not None, "checked before"
        products = tfidf_products(pool, test) if self._encoder is None else encoder_products(self._encoder, pool, test)
        return OfTexts(fit, products)


def _untrained_encoder(options: SelectionOptions) -> Any:
    learners = build_learners(
        ["classifier"], LearnerOptions(task=task_of("classification"), device=options.device, threads=options.threads)
    )
    return learners["classifier"]


class _Replays:
    """All replays, those that are kept already taken from the log."""

    def __init__(
        self, setting: Setting, learners: Sequence[_Learner], seeds: int, log: AppendLog, on_replay: OnReplay
    ) -> None:
        self._setting, self._learners, self._seeds = setting, learners, seeds
        self._log, self._on_replay = log, on_replay
        self._kept: dict[str, Any] = {value["key"]: value["scores"] for value in log.values}
        self._n_done, self._seconds, self._n_computed = 0, 0.0, 0
        self._n_all = len(learners) * len(WAYS) * seeds

    def all(self) -> dict[str, dict[str, list[list[Jackknife]]]]:
        """Return the scores of every replay, by learner and way, in the order of the seeds."""
        found: dict[str, dict[str, list[list[Jackknife]]]] = {}
        for learner in self._learners:
            curves: dict[str, list[list[Jackknife]]] = {way: [] for way in WAYS}
            for seed in range(self._seeds):
                for way in WAYS:
                    curves[way].append(self._one(learner, way, seed))
            found[learner.kind] = curves
        return found

    def _one(self, learner: _Learner, way: str, seed: int) -> list[Jackknife]:
        key = stable_hash([self._setting.identity(), REPLAY_VERSION, learner.identity, way, seed])
        kept = self._kept.get(key)
        if kept is None:
            started = time.perf_counter()
            scores = replay(self._setting, learner.learner, way, seed)
            self._seconds += time.perf_counter() - started
            self._n_computed += 1
            kept = [[item.estimate, item.left_out.tolist(), item.weights.tolist()] for item in scores]
            self._log.append({"key": key, "way": way, "seed": seed, "scores": kept})
        self._n_done += 1
        left = (self._n_all - self._n_done) * self._seconds / max(self._n_computed, 1)
        self._on_replay(self._n_done, self._n_all, left, f"{learner.kind}, {way}, seed {seed}")
        is_smooth = self._setting.metric.is_smooth
        return [
            Jackknife(estimate, np.array(left_out), np.array(weights), is_smooth=is_smooth)
            for estimate, left_out, weights in kept
        ]
