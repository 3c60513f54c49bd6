"""From the statistics of finished trials to curve points, comparisons and the headline: numbers first, then words.

Intervals come from leaving out one group of test rows at a time, the same groups for all trials, so differences are paired. What
the report and the tables show is computed here and nowhere else; the forecaster gets paired bootstrap draws.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunecurve.curve.bootstrap import FloatArray, bootstrap_scores, combine_seeds
from tunecurve.curve.intervals import (
    Jackknife,
    difference_interval,
    difference_of,
    interval,
    jackknife,
    lower_bound,
    mean_of_seeds,
    probability_above_zero,
    sums_by_group,
    upper_bound,
)
from tunecurve.findings import Finding, blocked
from tunecurve.metrics.base import Metric, row_weights
from tunecurve.study.plan import Trial


@dataclass(frozen=True)
class ScoredTrial:
    """A finished trial's scores, jackknives and bootstrap draws by metric name."""

    trial: Trial
    scores: dict[str, float]
    draws: dict[str, FloatArray]
    jackknives: dict[str, Jackknife]


@dataclass(frozen=True)
class Point:
    """All seeds of one (learner, strategy, size) together."""

    learner: str
    strategy: str
    shots: int
    train_size: int
    scores: dict[str, list[float]]
    draws: dict[str, FloatArray]
    jackknives: dict[str, Jackknife]
    floor_title: str = "copying the input"

    @property
    def label(self) -> str:
        """Name for people, e.g. ``3-shot`` or ``tuned on 200``."""
        names = {
            "floor": self.floor_title,
            "baseline": "as it is",
            "zero-shot": "zero-shot",
            "few-shot": f"{self.shots}-shot",
        }
        return names.get(self.strategy, f"tuned on {self.train_size}")


def score_trial(
    trial: Trial,
    statistics: Mapping[str, FloatArray],
    metrics: Sequence[Metric],
    multiplicities: FloatArray,
    groups: NDArray[np.int_],
) -> ScoredTrial:
    """Return a trial's scores, draws and jackknives from its per-row statistics; `groups` numbers each row's group."""
    scores = {metric.name: float(metric.score(statistics[metric.name].sum(axis=0))) for metric in metrics}
    draws = {metric.name: bootstrap_scores(statistics[metric.name], multiplicities, metric.score) for metric in metrics}
    jackknives = {
        metric.name: jackknife(
            sums_by_group(statistics[metric.name], groups),
            metric.score,
            sums_by_group(row_weights(metric, statistics[metric.name]), groups),
        )
        for metric in metrics
    }
    return ScoredTrial(trial, scores, draws, jackknives)


def combine_points(scored: Sequence[ScoredTrial], *, seed: int, floor_title: str = "copying the input") -> list[Point]:
    """Return one point for every (learner, strategy, size), in the order of the trials."""
    grouped: dict[tuple[str, str, int, int], list[ScoredTrial]] = {}
    for item in scored:
        trial = item.trial
        grouped.setdefault((trial.learner, trial.strategy, trial.shots, trial.train_size), []).append(item)
    points = []
    for (learner, strategy, shots, train_size), members in grouped.items():
        names = list(members[0].scores)
        scores = {name: [member.scores[name] for member in members] for name in names}
        draws = {
            name: combine_seeds(scores[name], np.stack([member.draws[name] for member in members]), seed=seed)
            for name in names
        }
        jackknives = {name: mean_of_seeds([member.jackknives[name] for member in members]) for name in names}
        points.append(Point(learner, strategy, shots, train_size, scores, draws, jackknives, floor_title))
    return points


def describe_point(
    point: Point, metrics: Sequence[Metric], floor: Point | None, level: float, unit: str
) -> dict[str, Any]:
    """Return a point as JSON-able values: every metric with interval, seeds and the share of the way from the floor."""
    described: dict[str, Any] = {
        "learner": point.learner,
        "strategy": point.strategy,
        "shots": point.shots,
        "train_size": point.train_size,
        "label": point.label,
        "n_seeds": len(next(iter(point.scores.values()))),
        "scores": {},
    }
    for metric in metrics:
        values = point.scores[metric.name]
        item = point.jackknives[metric.name]
        low, high = interval(item, metric.score_range, level)
        worst = upper_bound if metric.direction == "min" else lower_bound
        method = f"delete-one jackknife over test {unit}" + (" and seeds" if len(values) > 1 else "")
        estimate = float(np.mean(values))
        described["scores"][metric.name] = {
            "estimate": estimate,
            "low": low,
            "high": high,
            "bound": worst(item, metric.score_range, level),
            "level": level,
            "method": method,
            "by_seed": values,
            "seed_sd": float(np.std(values, ddof=1)) if len(values) > 1 else None,
            "above_floor": _share_above_floor(estimate, floor, metric),
        }
    return described


def _share_above_floor(estimate: float, floor: Point | None, metric: Metric) -> float | None:
    """(score - floor) / (best - floor) in percent: 0 is doing nothing, 100 is perfect."""
    if floor is None:
        return None
    best = metric.score_range[1] if metric.direction == "max" else metric.score_range[0]
    nothing = floor.scores[metric.name][0]
    if not math.isfinite(nothing) or best == nothing:
        return None
    return 100.0 * (estimate - nothing) / (best - nothing)


def compare(first: Point, second: Point, metrics: Sequence[Metric], level: float) -> dict[str, Any]:
    """Return the paired differences second - first by metric, with intervals and P(second is better)."""
    differences = {}
    for metric in metrics:
        item = difference_of(second.jackknives[metric.name], first.jackknives[metric.name])
        width = metric.score_range[1] - metric.score_range[0]
        low, high = difference_interval(item, width, level)
        above = probability_above_zero(item, width)
        better = above if metric.direction == "max" else 1.0 - above
        differences[metric.name] = {
            "difference": item.estimate,
            "low": low,
            "high": high,
            "p_better": better,
        }
    return {
        "learner": second.learner,
        "from": first.label,
        "to": second.label,
        "other_learner": first.learner,
        "differences": differences,
    }


def comparisons(points: Sequence[Point], metrics: Sequence[Metric], level: float) -> list[dict[str, Any]]:
    """Return neighbouring sizes, and the largest size against every strategy without tuning, by learner."""
    found = []
    for learner in dict.fromkeys(point.learner for point in points if point.strategy == "fine-tune"):
        own = [point for point in points if point.learner == learner]
        tuned = sorted((p for p in own if p.strategy == "fine-tune"), key=lambda point: point.train_size)
        rivals = [p for p in own if p.strategy in ("zero-shot", "few-shot")]
        floors = [p for p in points if p.strategy == "floor"]
        pairs = [*itertools.pairwise(tuned), *((rival, tuned[-1]) for rival in floors + rivals)]
        found += [compare(first, second, metrics, level) for first, second in pairs]
    return found


def best_point(points: Sequence[dict[str, Any]], metric: Metric) -> dict[str, Any] | None:
    """Return the described point with the best score of a metric, the floor aside."""
    sign = 1.0 if metric.direction == "max" else -1.0
    rated = [
        point
        for point in points
        if point["strategy"] != "floor" and math.isfinite(point["scores"][metric.name]["estimate"])
    ]
    return max(rated, key=lambda point: sign * point["scores"][metric.name]["estimate"], default=None)


def headline(
    points: Sequence[dict[str, Any]], found: Sequence[dict[str, Any]], metrics: Sequence[Metric], leaks: str
) -> str:
    """Return what was found, in two or three sentences that say what the numbers say; `leaks` is the last one."""
    metric = metrics[0]
    best = best_point(points, metric)
    if best is None:
        return "Nothing is measured yet but the floor."
    score = best["scores"][metric.name]
    level = round(100 * score["level"])
    sentences = [
        f"Best so far: {best['learner']}, {best['label']}: {score['estimate']:.1f} {metric.title} "
        f"({level} % interval {score['low']:.1f} to {score['high']:.1f})"
    ]
    rivals = [p for p in points if p is not best and p["strategy"] != "fine-tune"]
    if rivals:
        sentences[0] += "; beside it: " + ", ".join(_name_and_score(rival, best, metric) for rival in rivals[:5])
    sentences += _last_step(best, found, metric)
    return ". ".join([*sentences, *([leaks] if leaks else [])]) + "."


def leak_sentence(
    best: Mapping[str, Any] | None,
    second: str,
    findings: Sequence[Finding],
    n_judged: int | None,
    level: float,
    bound_of_groups: float | None = None,
) -> str:
    """Return how many documents the best point leaks, or why that cannot be said; empty where the task has no leaks.

    Parameters
    ----------
    best : mapping or None
        The described point.
    second : str
        Name of the second metric.
    findings : sequence of Finding
        Those that forbid the claim take its place.
    n_judged : int or None
        Documents that the metric has judged: where none leaks, this says how many may.
    level : float
        Of that bound.
    bound_of_groups : float, optional
        Per cent of groups that may hold a leak if none of these does, where documents share groups.
    """
    if second != "leak_documents" or best is None:
        return ""
    reasons = blocked(findings, "leaks", best["learner"])
    if reasons:
        return f"How many documents leak cannot be said: {reasons[0].text}"
    leak = best["scores"][second]["estimate"]
    if leak is None or not math.isfinite(leak):
        return "How many documents leak cannot be said: none of the answers could be judged"
    missing = best["scores"].get("unanswered", {}).get("estimate") or 0.0
    aside = (
        f"; {percent(missing)} of the rows have no answer, which is no safety, and are not counted" if missing else ""
    )
    bound = f"with {100 * level:.0f} % confidence at most {percent(best['scores'][second]['bound'])}"
    if leak == 0 and n_judged:
        groups = "" if bound_of_groups is None else f", and at most {percent(bound_of_groups)} of their groups"
        return f"No leak was found in the {n_judged:,} documents with personal data ({bound} leak{groups}){aside}"
    return f"{percent(leak)} of the documents with personal data still leak some of it ({bound}){aside}"


def percent(value: float) -> str:
    """Return a percentage in whole per cent, small and nearly full ones finer: nothing rounds to 0 % or 100 %."""
    if value in (0, 100) or 9.5 <= value < 99.0 or value <= -9.5 or value > 100:
        return f"{value:.0f} %"
    if 0 < value < 0.05:
        return "less than 0.1 %"
    if 99.95 <= value < 100:
        return "more than 99.9 %"
    return f"{value:.1f} %"


def _name_and_score(rival: dict[str, Any], best: dict[str, Any], metric: Metric) -> str:
    if rival["strategy"] == "baseline":
        return f"{rival['learner']} {rival['scores'][metric.name]['estimate']:.1f}"
    of_whom = "" if rival["learner"] in ("floor", best["learner"]) else f" of {rival['learner']}"
    return f"{rival['label']}{of_whom} {rival['scores'][metric.name]['estimate']:.1f}"


def _last_step(best: dict[str, Any], found: Sequence[dict[str, Any]], metric: Metric) -> list[str]:
    steps = [
        item
        for item in found
        if item["learner"] == best["learner"] == item["other_learner"]
        and item["from"].startswith("tuned")
        and item["to"].startswith("tuned")
    ]
    if not steps:
        return []
    last = steps[-1]
    change = last["differences"][metric.name]
    sure = "a real difference on this test set" if change["low"] * change["high"] > 0 else "within noise"
    return [
        f"From {last['from'].removeprefix('tuned on ')} to {last['to'].removeprefix('tuned on ')} rows the score changes by "
        f"{change['difference']:+.1f} ({change['low']:+.1f} to {change['high']:+.1f}: {sure})"
    ]
