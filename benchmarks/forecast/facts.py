"""Which facts beside the points make forecasts of left-out sources better: floor, labels, few-shot, zero-shot, training score, size one.

    python benchmarks/forecast/facts.py CURVES.csv --work FOLDER [--runs FARM_FOLDER]

CURVES.csv and FOLDER are those of `leave_one_source_out.py`; the curve farm's stored curves stand beside them, each of their sources
left out like the others. `--runs` is the farm's folder, whose run folders know training scores. Before any size is measured a fact may
say where the curve starts; the ways of `with_start` are compared. From one size on it is asked whether a fact explains what the engine's
forecast misses: the forecast is moved and stretched by an amount that depends on the fact, learned from the other sources, against the
same without the fact. Sources count the same.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from curves import Curve, Task
from fewer_sizes import make_tasks, untrained_scores
from leave_one_source_out import farm_curve, read, with_table
from leave_one_source_out import make_tasks as long_tasks
from run_exam import LEVELS
from scipy.optimize import minimize

from tunecurve.curve import priors
from tunecurve.curve.forecast import CurvePoints, forecast_curve
from tunecurve.curve.points import Scale, make_scale

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "curves"))
from points import read_points  # noqa: E402  (a folder of scripts)
from sets import read_sets  # noqa: E402
from track_record import MEASURED, read_curves  # noqa: E402

COEFFICIENTS = (
    4  # a move of the log error and one a unit of the fact; a stretch of its spread and one a unit of the fact
)
RIDGE = 0.1
NO_FLOOR = ("hausa-ner", "isixhosa-ner", "yoruba-ner", "squad v1.1")


@dataclass(frozen=True)
class Known:
    """A curve and what is known beside its points."""

    curve: Curve
    kind: str | None
    is_farm: bool
    metric: str
    floor: float | None = None
    labels: float | None = None
    zero_shot: float | None = None
    few_shot: float | None = None
    training: dict[float, float] | None = None
    """Score on the own training rows, by size."""

    @property
    def scale(self) -> Scale:
        """Range and direction."""
        return make_scale(self.curve.score_range, self.curve.direction, np.array([]))

    @property
    def best_prompt(self) -> float | None:
        """The better one of zero- and few-shot."""
        scores = [score for score in (self.zero_shot, self.few_shot) if score is not None]
        return max(scores, key=lambda score: self.scale.sign * score, default=None)


def published(path: Path) -> Iterator[Known]:
    """Curves of published sources; the floor of a classification is that of even classes, for the sources state none."""
    with (HERE / "label_counts.csv").open(newline="", encoding="utf-8") as file:
        counts = {row["group"]: float(row["labels"]) for row in csv.DictReader(file)}
    metrics, few = {}, defaultdict(lambda: defaultdict(list))
    with path.open(newline="", encoding="utf-8-sig") as file:
        for row in csv.DictReader(file):
            metrics[row["curve_id"]] = row["metric"]
            if row["kind"] == "fewshot":
                few[row["curve_id"]][float(row["n"])].append(float(row["score"]))
    zero = untrained_scores(path)
    for curve in read(path)[0]:
        named = re.search(r"(\d+)-class", curve.group)
        labels = counts.get(curve.group, float(named[1]) if named else None)
        shots = few.get(curve.curve_id)
        yield Known(
            curve,
            None,
            False,
            metrics[curve.curve_id],
            floor=even_floor(curve.group, metrics[curve.curve_id], labels),
            labels=labels,
            zero_shot=zero.get(curve.curve_id),
            few_shot=float(np.mean(shots[min(shots)])) if shots else None,
        )


def even_floor(group: str, metric: str, labels: float | None) -> float | None:
    """What one class for all rows scores where classes are even; None where that is not known."""
    if group in NO_FLOOR or metric == "matthews_correlation":
        return 0.0
    if metric == "roc_auc":
        return 50.0
    if labels is None:
        return None
    return {"accuracy": 100.0 / labels, "macro_f1": 200.0 / (labels * (labels + 1.0))}.get(metric)


def of_the_farm(runs: Path | None) -> Iterator[Known]:
    """The farm's stored curves."""
    sets = read_sets()
    for found in read_curves(read_points(MEASURED), sets):
        one, curve = found.one, farm_curve(found)
        few = [score for name, score in found.rivals.items() if name != "zero-shot"]
        yield Known(
            curve,
            None if found.learner == "tfidf" else priors.LANGUAGE_MODEL,
            True,
            found.metric,
            floor=found.floor,
            labels=one.labels if one.task in ("classification", "multilabel") else None,
            zero_shot=found.rivals.get("zero-shot"),
            few_shot=few[0] if few else None,
            training=training_scores(runs, one.name, found.learner, found.metric),
        )


def training_scores(runs: Path | None, name: str, learner: str, metric: str) -> dict[float, float] | None:
    """Scores on the own training rows out of a run folder of the farm; None where there is none."""
    path = None if runs is None else runs / "runs" / f"{name}--{learner}" / "results.json"
    if path is None or not path.exists():
        return None
    points = json.loads(path.read_text(encoding="utf-8"))["points"]
    found = {
        float(point["train_size"]): point["training_scores"]["scores"].get(metric)
        for point in points
        if point["strategy"] == "fine-tune" and point.get("training_scores")
    }
    return {n: float(score) for n, score in found.items() if score is not None} or None


def quantiles(one: Known, task: Task, prompts: dict[str, float], floor: float | None, kind: str | None) -> np.ndarray:
    """The engine's quantiles of one task."""
    points = CurvePoints(task.train_size, task.score, n_test=one.curve.test_rows if len(task.score) else None)
    answer = forecast_curve(
        points,
        one.curve.score_range,
        one.curve.direction,
        at=[task.target],
        rivals={name: (score, None) for name, score in prompts.items()},
        backtest=False,
        kind=kind,
        floor=floor,
    )
    return np.array(list(answer.forecasts[0].quantiles.values()))


def left_out(rows: Sequence[tuple[Known, Task]], work: Path, ask: Callable[[Known, Task], np.ndarray]) -> np.ndarray:
    """Quantiles of all tasks, each under the language-model prior that its source had no part in."""
    answers = np.empty((len(rows), len(LEVELS)))
    for source in {one.curve.source for one, _ in rows}:
        file = work / f"{source}.json"
        entry = {priors.LANGUAGE_MODEL: json.loads(file.read_text(encoding="utf-8"))} if file.exists() else {}
        mine = [index for index, (one, _) in enumerate(rows) if one.curve.source == source]
        answers[mine] = with_table(entry, lambda mine=mine: [ask(*rows[index]) for index in mine])
    return answers


def even_weights(rows: Sequence[tuple[Known, Task]]) -> np.ndarray:
    """Weights by which every source counts the same; they sum to one."""
    _, member, count = np.unique([one.curve.source for one, _ in rows], return_inverse=True, return_counts=True)
    weight = (1.0 / count)[member]
    return weight / weight.sum()


def crps_of(answers: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """CRPS of every task."""
    miss = truth[:, None] - answers
    return 2.0 * np.maximum(LEVELS * miss, (LEVELS - 1.0) * miss).mean(axis=1)


def figures(rows: Sequence[tuple[Known, Task]], answers: np.ndarray) -> str:
    """CRPS and coverage, for a cell."""
    truth, weight = np.array([task.truth for _, task in rows]), even_weights(rows)
    ends = [(answers[:, low] - 1e-9, answers[:, 18 - low] + 1e-9) for low in (1, 0)]
    held = [float(((low <= truth) & (truth <= high)) @ weight) for low, high in ends]
    return f"{crps_of(answers, truth) @ weight:.2f}, {held[0]:.2f} / {held[1]:.2f}"


# Ways to say where a curve starts, in their order: the prompts and the floor that the engine is told.
STARTS: dict[str, Callable[[Known], tuple[dict[str, float], float | None]]] = {
    "nothing": lambda one: ({}, None),
    "floor": lambda one: ({}, one.floor),
    "zero-shot": lambda one: ({"zero-shot": one.zero_shot}, None),
    "zero-shot and floor": lambda one: ({"zero-shot": one.zero_shot}, one.floor),
    "both prompts and floor": lambda one: ({"zero-shot": one.best_prompt}, one.floor),
}


def print_starts(known: Sequence[Known], work: Path) -> None:
    """Print how forecasts without any size do, by what is known of the start."""
    print(f"| no size; curves whose; tasks | {' | '.join(STARTS)} |")
    groups = {
        "floor is known": (lambda one: one.floor is not None, ("nothing", "floor")),
        "zero-shot score and floor are known": (
            lambda one: one.floor is not None and one.zero_shot is not None,
            tuple(STARTS),
        ),
    }
    for words, (is_in, ways) in groups.items():
        for name, is_farm in (("published", False), ("farm", True)):
            rows = [
                (one, task)
                for one in known
                if one.is_farm == is_farm and is_in(one)
                for task in make_tasks(one.curve, 0)
            ]
            cells = []
            for way, start in STARTS.items():
                if way not in ways:
                    cells.append("")
                    continue
                answers = left_out(
                    rows, work, lambda one, task, start=start: quantiles(one, task, *start(one), one.kind)
                )
                cells.append(figures(rows, answers))
            print(f"| {name}, {words}; {len(rows)} | {' | '.join(cells)} |", flush=True)


FACTS: dict[str, Callable[[Known, Task], float | None]] = {
    "few-shot score": lambda one, task: _gap(one, task, one.few_shot),
    "zero-shot score": lambda one, task: _gap(one, task, one.zero_shot),
    "floor": lambda one, task: _gap(one, task, one.floor),
    "number of labels": lambda one, task: np.log2(one.labels) if one.labels else None,
    "training score": lambda one, task: _gap(one, task, (one.training or {}).get(float(task.train_size[-1]))),
}


def _gap(one: Known, task: Task, score: float | None) -> float | None:
    """Log error of a score over that of the largest size shown."""
    scale = one.scale
    return None if score is None else float(np.log(scale.error(score) / scale.error(task.score[-1])))


@dataclass(frozen=True)
class Residuals:
    """Tasks with one fact: the engine's log errors at all levels, rising, and what came."""

    log_error: np.ndarray
    error: np.ndarray
    unit: np.ndarray
    reach: np.ndarray
    fact: np.ndarray

    def rows(self, chosen: np.ndarray) -> Residuals:
        """The chosen tasks."""
        return Residuals(*(values[chosen] for values in vars(self).values()))

    def moved(self, weights: np.ndarray) -> np.ndarray:
        """Log errors after a move and a stretch that depend on the fact."""
        middle = self.log_error[:, 9:10]
        stretch = np.exp(weights[2] + weights[3] * self.fact)[:, None]
        return (
            middle + (self.log_error - middle) * stretch + ((weights[0] + weights[1] * self.fact) * self.reach)[:, None]
        )

    def crps(self, log_error: np.ndarray) -> np.ndarray:
        """CRPS in points."""
        return crps_of(np.minimum(np.exp(log_error), 101.0), self.error) * self.unit


def residuals(rows: Sequence[tuple[Known, Task]], answers: np.ndarray, facts: np.ndarray) -> Residuals:
    """Bring forecasts and outcomes into the engine's error space; the fact in units of its spread over sources."""
    scales = [one.scale for one, _ in rows]
    weight = even_weights(rows)
    middle = facts @ weight
    spread = np.sqrt((facts - middle) ** 2 @ weight)
    return Residuals(
        log_error=np.sort(np.log([scale.error(found) for scale, found in zip(scales, answers, strict=True)]), axis=1),
        error=np.array([float(scale.error(task.truth)) for scale, (_, task) in zip(scales, rows, strict=True)]),
        unit=np.array([scale.unit for scale in scales]),
        reach=np.array([min(np.log2(task.target / task.train_size[-1]), 3.0) / 3.0 for _, task in rows]),
        fact=np.clip((facts - middle) / spread, -2.5, 2.5),
    )


def learned(known: Residuals, weight: np.ndarray, free: Sequence[int]) -> np.ndarray:
    """The weights of least CRPS among the free ones, pulled to no change."""

    def whole(values: np.ndarray) -> np.ndarray:
        weights = np.zeros(COEFFICIENTS)
        weights[list(free)] = values
        return weights

    def loss(values: np.ndarray) -> float:
        return float(known.crps(known.moved(whole(values))) @ weight / weight.sum() + RIDGE * values @ values)

    options = {"maxiter": 8, "xtol": 1e-3, "ftol": 1e-5}
    return whole(minimize(loss, np.zeros(len(free)), method="Powell", options=options).x)


def print_fact(title: str, rows: Sequence[tuple[Known, Task]], answers: np.ndarray, facts: np.ndarray) -> None:
    """Print what a fact adds on left-out sources, with a 95 % interval over sources."""
    source = np.array([one.curve.source for one, _ in rows])
    names = np.unique(source)
    if len(names) < 4:
        print(f"| {title} | {len(rows)} | {len(names)} | too few sources | | |")
        return
    known, weight = residuals(rows, answers, facts), even_weights(rows)
    found = {free: np.empty_like(known.log_error) for free in ((0, 2), (0, 1, 2, 3))}
    for name in names:
        mine = source == name
        for free, moved in found.items():
            moved[mine] = known.rows(mine).moved(learned(known.rows(~mine), weight[~mine], free))
    scores = [known.crps(log_error) for log_error in (known.log_error, *found.values())]
    plain, without, with_fact = (np.array([score[source == name].mean() for name in names]) for score in scores)
    gain = with_fact - without
    draws = gain[np.random.default_rng(0).integers(0, len(gain), (4000, len(gain)))].mean(axis=1)
    low, high = np.quantile(draws, [0.025, 0.975])
    cells = [f"{value.mean():.2f}" for value in (plain, without, with_fact)]
    print(
        f"| {title} | {len(rows)} | {len(names)} | {' | '.join(cells)} | {gain.mean():+.2f} [{low:.2f}, {high:.2f}], "
        f"{int((gain < 0).sum())} of {len(gain)} |",
        flush=True,
    )


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("curves", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--runs", type=Path)
    options = parser.parse_args()
    known = [*published(options.curves), *of_the_farm(options.runs)]
    print_starts(known, options.work)
    print("| fact, sizes shown | tasks | sources | engine | moved alike | moved by the fact | difference, better in |")
    for count, words in ((1, "one"), (2, "two"), (3, "three or more")):
        rows = [
            (replace(one, kind=one.kind if one.is_farm else priors.LANGUAGE_MODEL), task)
            for one in known
            for task in (make_tasks(one.curve, count) if count < 3 else long_tasks([one.curve]))
        ]
        answers = left_out(rows, options.work, lambda one, task: quantiles(one, task, {}, None, one.kind))
        for name, fact in FACTS.items():
            values = [fact(*row) for row in rows]
            kept = [index for index, value in enumerate(values) if value is not None]
            if kept:
                print_fact(
                    f"{name}, {words}", [rows[i] for i in kept], answers[kept], np.array([values[i] for i in kept])
                )


if __name__ == "__main__":
    main()
