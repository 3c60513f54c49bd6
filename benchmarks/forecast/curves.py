"""Reading a curves file, and the tasks of the forecasting exam made from it.

A task is (curve, observed sizes, seeds, target size). Rows of kind zeroshot and fewshot are rival strategies and never
points. The truth at the target is the mean of all runs measured there. Curves are split by group (data set), so that no
task of the hold-out shares its data with anything that was tuned.
"""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np


@dataclass
class Curve:
    """All runs of one curve: `runs[size][replicate] = score`; `test_rows` where the source states them."""

    curve_id: str
    source: str
    group: str
    direction: str
    score_range: tuple[float | None, float | None]
    runs: dict[float, dict[str, float]] = field(default_factory=dict)
    test_rows: float | None = None


@dataclass(frozen=True)
class TaskSet:
    """Which sizes are seen, with how many seeds, and which size is asked for."""

    name: str
    source: str
    observed: tuple[float, ...]
    target: float
    seeds: int

    @property
    def relative(self) -> bool:
        """Losses are scored in per cent of the true loss."""
        return self.source == "loss"


@dataclass(frozen=True)
class Task:
    """One forecast to make: runs seen, and the truth at `target`."""

    curve: Curve
    train_size: np.ndarray
    score: np.ndarray
    target: float
    truth: float


def _doublings(count: int) -> tuple[float, ...]:
    return tuple(200.0 * 2.0**i for i in range(count))


EXAM = (
    TaskSet("accuracy 64-512 -> 4096, 3 seeds", "accuracy", (64, 128, 256, 512), 4096, 3),
    TaskSet("accuracy 64,256,1024 -> 8192, 3 seeds", "accuracy", (64, 256, 1024), 8192, 3),
    TaskSet("accuracy 64-1024 -> 8192, 1 seed", "accuracy", (64, 128, 256, 512, 1024), 8192, 1),
    TaskSet("loss, 4 points -> 8x", "loss", _doublings(4), 12800, 1),
    TaskSet("loss, 6 points -> 8x", "loss", _doublings(6), 51200, 1),
    TaskSet("loss, 8 points -> 8x", "loss", _doublings(8), 204800, 1),
    TaskSet("loss, 200,800,3200,12800 -> 102400", "loss", (200, 800, 3200, 12800), 102400, 1),
    TaskSet("loss, 6 points -> 64x", "loss", _doublings(6), 409600, 1),
)


def read_curves(path: Path) -> list[Curve]:
    """Read a curves file (curve_id, source, group, direction, kind, n, score, replicate)."""
    curves: dict[str, Curve] = {}
    with path.open(newline="", encoding="utf-8-sig") as handle:
        for row in csv.DictReader(handle):
            if row["kind"] != "finetune":
                continue
            score_range = (0.0, None) if row["direction"] == "min" else (0.0, 100.0)
            fresh = Curve(row["curve_id"], row["source"], row["group"], row["direction"], score_range)
            curve = curves.setdefault(row["curve_id"], fresh)
            curve.runs.setdefault(float(row["n"]), {})[row["replicate"] or "0"] = float(row["score"])
    return list(curves.values())


def is_holdout(curve: Curve) -> bool:
    """Whether a curve's group is held out: decided by a hash of the group's name, never by its scores.

    Half of the accuracy groups are held out. There are only two loss groups: flan counts as tuning, wmt19 as held out, but
    nothing is learned from either (`regimes.py`).
    """
    if curve.direction == "min":
        return curve.group == "wmt19"
    return int(hashlib.sha256(curve.group.encode()).hexdigest(), 16) % 2 == 1


def make_task(curve: Curve, observed: tuple[float, ...], seeds: int, target: float) -> Task | None:
    """One task with up to `seeds` runs a size, or None when the curve lacks one of its sizes."""
    if any(size not in curve.runs for size in (*observed, target)):
        return None
    sizes, scores = [], []
    for size in observed:
        runs = sorted(curve.runs[size].items())[:seeds]
        sizes += [size] * len(runs)
        scores += [score for _, score in runs]
    truth = float(np.mean(list(curve.runs[target].values())))
    return Task(curve, np.array(sizes), np.array(scores), float(target), truth)


def make_tasks(curves: list[Curve], task_set: TaskSet) -> list[Task]:
    """All tasks of one set."""
    wanted = [curve for curve in curves if (curve.direction == "min") == task_set.relative]
    tasks = (make_task(curve, task_set.observed, task_set.seeds, task_set.target) for curve in wanted)
    return [task for task in tasks if task is not None]
