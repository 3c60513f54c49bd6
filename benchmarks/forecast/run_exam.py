"""The exam: this forecaster against what people do today, on curves that nothing was tuned on.

    python benchmarks/forecast/run_exam.py CURVES.csv [--table priors.json] [--no-baselines]

Prints one table for each half (tuning groups, held-out groups): CRPS, median absolute error, coverage of the 80 and
90 % intervals, width, failures, impossible forecasts, and skill against the last value, with 95 % intervals from a
bootstrap over groups (curves of one data set are not independent). Losses are in per cent of the true loss.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist

import numpy as np
from baselines import Baseline, all_baselines, last_value
from curves import EXAM, Task, TaskSet, is_holdout, make_tasks, read_curves

from tunecurve.curve import priors
from tunecurve.curve.forecast import CurvePoints, forecast_curve

LEVELS = np.arange(1, 20) / 20
NORMAL = np.array([NormalDist().inv_cdf(level) for level in LEVELS])
BOOTSTRAPS = 1000
OURS = "tunecurve"


@dataclass(frozen=True)
class Answer:
    """Nineteen quantiles, and whether the method failed."""

    quantiles: np.ndarray
    failed: bool = False


def ours(task: Task, kind: str | None = None) -> Answer:
    """This forecaster, as a user calls it."""
    points = CurvePoints(task.train_size, task.score)
    curve = task.curve
    answer = forecast_curve(points, curve.score_range, curve.direction, at=[task.target], backtest=False, kind=kind)
    if answer.refusal:
        return Answer(np.full(19, np.unique(task.score)[-1]), failed=True)
    return Answer(np.array(list(answer.forecasts[0].quantiles.values())))


def as_answer(method: Callable[..., Baseline]) -> Callable[[Task], Answer]:
    """A baseline's Gaussian as quantiles."""

    def answer(task: Task) -> Answer:
        forecast = method(task.train_size, task.score, task.target, task.curve.direction == "max")
        return Answer(forecast.mean + forecast.sd * NORMAL, forecast.failed)

    return answer


def crps(quantiles: np.ndarray, truth: float) -> float:
    """Twice the mean pinball loss over the 19 quantiles."""
    miss = truth - quantiles
    return float(2.0 * np.maximum(LEVELS * miss, (LEVELS - 1.0) * miss).mean())


def judge(task: Task, answer: Answer, relative: bool) -> dict[str, float]:
    """All figures of one forecast."""
    q, truth = answer.quantiles, task.truth
    unit = 100.0 / truth if relative else 1.0
    low, high = task.curve.score_range
    impossible = (low is not None and q[0] < low) or (high is not None and q[-1] > high) or not np.isfinite(q).all()
    return {
        "crps": crps(q, truth) * unit,
        "error": abs(q[9] - truth) * unit,
        "in80": float(q[1] <= truth <= q[17]),
        "in90": float(q[0] <= truth <= q[18]),
        "width": (q[17] - q[1]) * unit,
        "failed": float(answer.failed),
        "impossible": float(impossible),
    }


def cluster_interval(value: np.ndarray, group: list[str]) -> tuple[float, float]:
    """95 % interval of a mean, resampling whole groups."""
    names, member = np.unique(group, return_inverse=True)
    total, count = np.bincount(member, value), np.bincount(member)
    drawn = np.random.default_rng(0).integers(0, len(names), (BOOTSTRAPS, len(names)))
    means = total[drawn].sum(axis=1) / count[drawn].sum(axis=1)
    return float(np.quantile(means, 0.025)), float(np.quantile(means, 0.975))


def row(task_set: TaskSet, name: str, figures: list[dict[str, float]], groups: list[str], reference: float) -> str:
    """Markdown row of one method on one set; `reference` is the CRPS of the last value there."""
    mean = {key: float(np.mean([figure[key] for figure in figures])) for key in figures[0]}
    low, high = cluster_interval(np.array([figure["crps"] for figure in figures]), groups)
    median = float(np.median([figure["error"] for figure in figures]))
    return (
        f"| {task_set.name} ({len(figures)}) | {name} | {mean['crps']:.2f} | {low:.2f}-{high:.2f} | {median:.2f} | "
        f"{mean['in80']:.2f} | {mean['in90']:.2f} | {mean['width']:.1f} | {1 - mean['crps'] / reference:.2f} | "
        f"{mean['failed']:.2f} | {mean['impossible']:.2f} |"
    )


HEADER = (
    "| set (curves) | method | CRPS | 95 % interval | median error | in 80 % | in 90 % | width | skill | failed "
    "| impossible |\n|---|---|---|---|---|---|---|---|---|---|---|"
)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("curves", type=Path)
    parser.add_argument("--table", type=Path, help="another table than the shipped one (cross-fitting)")
    parser.add_argument("--kind", choices=priors.KINDS, help="state the kind of learner; by default it is not known")
    parser.add_argument("--no-baselines", action="store_true")
    options = parser.parse_args()
    if options.table:
        table = json.loads(options.table.read_text(encoding="utf-8"))
        priors.prior_table.cache_clear()
        priors.prior_table().update(table)
    baselines = {"last value": last_value} if options.no_baselines else all_baselines()
    methods = {name: as_answer(method) for name, method in baselines.items()}
    methods[OURS] = lambda task: ours(task, options.kind)
    curves = read_curves(options.curves)
    results = []
    for task_set in EXAM:
        tasks = make_tasks(curves, task_set)
        figures = {
            name: [judge(task, method(task), task_set.relative) for task in tasks] for name, method in methods.items()
        }
        results.append((task_set, tasks, figures))
    for half, wanted in (("tuning groups", (False,)), ("held-out groups", (True,)), ("all groups", (False, True))):
        print(f"\n## {half}\n\n{HEADER}")
        for task_set, tasks, figures in results:
            chosen = [index for index, task in enumerate(tasks) if is_holdout(task.curve) in wanted]
            if not chosen:
                continue
            groups = [tasks[index].curve.group for index in chosen]
            reference = float(np.mean([figures["last value"][index]["crps"] for index in chosen]))
            for name, all_figures in figures.items():
                print(row(task_set, name, [all_figures[index] for index in chosen], groups, reference), flush=True)


if __name__ == "__main__":
    main()
