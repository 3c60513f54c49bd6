"""What teacher rows are worth beside labelled ones: differences are paired on the test rows and on the labelled rows."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tunecurve.curve.intervals import Jackknife, difference_interval, difference_of, mean_of_seeds
from tunecurve.learners.distilled_names import DistilledName, parse_distilled_name
from tunecurve.learners.hosted.prices import money
from tunecurve.results.points import defined, mean_if_known
from tunecurve.results.records.points import MetricResult, Point, is_beyond_noise
from tunecurve.results.records.teaching import CheapestWay, TaughtSize, TeachingResult
from tunecurve.results.records.trials import FinishedTrial
from tunecurve.spec.study import AdviceSpec
from tunecurve.study.plan import PROMPTED


@dataclass(frozen=True)
class MeasuredTrial:
    """A tuned trial with its jackknife of the headline metric."""

    result: FinishedTrial
    score: Jackknife


def teaching_results(trials: Sequence[MeasuredTrial], metric: MetricResult, level: float) -> list[TeachingResult]:
    """Return for every learner with a teacher what its rows are worth, size by size."""
    tuned = [one for one in trials if one.result.strategy == "fine-tune"]
    found = []
    for name in dict.fromkeys(one.result.learner for one in tuned):
        parts = parse_distilled_name(name)
        if parts is None:
            continue
        alone = [one for one in tuned if one.result.learner == parts.student]
        own = [one for one in tuned if one.result.learner == name]
        sizes = sorted({one.result.train_size for one in own} & {one.result.train_size for one in alone})
        each = 1.0 - (1.0 - level) / max(len(sizes), 1)  # the intervals of all sizes hold together
        measured = [_size(n, own, alone, metric, each) for n in sizes]
        found.append(
            TeachingResult(
                name, parts.student, parts.teacher, parts.times, measured, _sentence(parts, measured, metric)
            )
        )
    return found


def _size(
    n: int, own: Sequence[MeasuredTrial], alone: Sequence[MeasuredTrial], metric: MetricResult, level: float
) -> TaughtSize:
    curve: dict[int, list[float]] = {}
    for one in sorted(alone, key=lambda one: one.result.train_size):
        curve.setdefault(one.result.train_size, []).append(one.score.estimate)
    means = {size: float(np.mean(scores)) for size, scores in curve.items()}
    trials = [one.result for one in own if one.result.train_size == n]
    trainings = [trial.training for trial in trials if trial.training is not None]
    taught = [training.teaching for training in trainings if training.teaching is not None]
    costs = [_answers_usd(trial) for trial in trials]
    score = float(np.mean([one.score.estimate for one in own if one.result.train_size == n]))
    gain, low, high = _gain(n, own, alone, metric, level)
    teacher_rows = float(np.mean([one.kept for one in taught])) if taught else 0.0
    same = _rows_alone(means, n, score, metric.sign) if is_beyond_noise(low, high, metric.sign) else None
    return TaughtSize(
        n=n,
        teacher_rows=teacher_rows,
        asked=sum(one.asked for one in taught),
        dropped=dict(sorted(sum((Counter(one.dropped) for one in taught), Counter[str]()).items())),
        score=score,
        alone=means[n],
        gain=gain,
        low=low,
        high=high,
        level=level,
        as_many_alone=same,
        worth=None if same is None or same <= n else teacher_rows / (same - n),
        usd=mean_if_known(costs),
    )


def _answers_usd(trial: FinishedTrial) -> float | None:
    """Return what the teacher's answers of a trial cost; 0 where nothing is paid for them, None where that is not known."""
    taught = trial.training.teaching if trial.training else None
    if taught is not None and taught.answers_usd is not None:
        return taught.answers_usd
    if trial.training is None or trial.cost_usd is None or trial.training.job is not None:
        return None
    return trial.training.cost_usd or 0.0  # as earlier versions keep it, whose students were tuned on this machine


def _tuning_usd(trials: Sequence[FinishedTrial]) -> float | None:
    """Return what a point's tuning jobs or searches for an instruction cost, in the mean; 0 for what is done on this machine."""
    jobs: list[float | None] = []
    for trial in trials:
        training = trial.training
        if trial.optimisation is not None:
            jobs.append(trial.optimisation.cost_usd)
            continue
        if training is None or training.job is None:
            jobs.append(0.0)
            continue
        answers = 0.0 if training.teaching is None else training.teaching.answers_usd
        is_known = training.cost_usd is not None and answers is not None
        jobs.append((training.cost_usd or 0.0) - (answers or 0.0) if is_known else None)
    return mean_if_known(jobs)


def _gain(
    n: int, own: Sequence[MeasuredTrial], alone: Sequence[MeasuredTrial], metric: MetricResult, level: float
) -> tuple[float, float | None, float | None]:
    """Return the mean difference of trials with the same seed, which share their labelled rows, and its interval."""
    by_seed = {one.result.seed: one.score for one in alone if one.result.train_size == n}
    pairs = [
        difference_of(one.score, by_seed[one.result.seed])
        for one in own
        if one.result.train_size == n and one.result.seed in by_seed
    ]
    if not pairs:
        return math.nan, None, None
    paired = mean_of_seeds(pairs)
    low, high = difference_interval(paired, metric.width, level)
    return paired.estimate, defined(low), defined(high)


def _rows_alone(curve: Mapping[int, float], n: int, wanted: float, sign: float) -> float | None:
    """Return with how many labelled rows the student alone first scores what is wanted, from n on; None: with none measured."""
    sizes = [size for size in curve if size >= n]
    for below, above in itertools.pairwise(sizes):
        if sign * (curve[above] - wanted) >= 0:
            if curve[above] == curve[below]:
                return float(above)
            share = (wanted - curve[below]) / (curve[above] - curve[below])
            return float(below * (above / below) ** min(max(share, 0.0), 1.0))
    return None


def _sentence(parts: DistilledName, sizes: Sequence[TaughtSize], metric: MetricResult) -> str:
    """Return what the teacher's rows are worth at the largest size where that is certain, else at the largest one."""
    rows = f"{parts.times} rows of {parts.teacher} a labelled row"
    if not sizes:
        return (
            f"{parts.student} with {rows}: what they are worth is not known, because {parts.student} alone is not measured at these sizes; "
            f"add it (--model {parts.student})."
        )
    certain = [size for size in sizes if is_beyond_noise(size.low, size.high, metric.sign)]
    size = (certain or list(sizes))[-1]
    low, high = (number(end) for end in (size.low, size.high))
    gain = f"{size.gain:+.1f} [{low}, {high}] {metric.title} beside {size.n:,} labelled rows alone"
    said = f"{parts.student} with {rows}: {gain}"
    if not certain:
        harm = is_beyond_noise(size.low, size.high, -metric.sign)
        return f"{said}: {'they do harm' if harm else 'no gain that could be told from noise'}."
    if size.as_many_alone is None:
        worths = [f"; beside {one.n:,} it is worth about {one.worth:,.0f}" for one in certain if one.worth is not None]
        unknown = f"more than any measured size of {parts.student} alone scores: a labelled row's worth in teacher rows is not known"
        return f"{said}, {unknown}{''.join(worths[-1:])}."
    if size.worth is None:
        return f"{said}."
    return (
        f"{said}, what about {size.as_many_alone:,.0f} labelled rows score: one labelled row is worth about {size.worth:,.0f} teacher rows "
        "here."
    )


def number(value: float | None) -> str:
    """Return an end of an interval; a dash where there is none."""
    return "–" if value is None else f"{value:+.1f}"


def cheapest_way(
    points: Sequence[Point],
    trials: Sequence[FinishedTrial],
    teaching: Sequence[TeachingResult],
    metric: MetricResult,
    advice: AdviceSpec,
) -> CheapestWay | None:
    """Return the cheapest measured way to the target; None where there is no teacher, no target or no price of a label.

    Ways are all that was measured: tuned models, prompts, and what is done without either. Counted are labels, teachers' answers,
    providers' tuning jobs and searches for an instruction; the requests afterwards are not.
    """
    if not teaching or advice.target is None or advice.label_price is None:
        return None
    taught = {one.learner for one in teaching}
    ways = []
    for point in points:
        estimate = point.scores[metric.name].estimate
        if estimate is None or metric.sign * (estimate - advice.target) < 0:
            continue
        own = [trial for trial in trials if trial.key == point.key]
        answers = mean_if_known([_answers_usd(trial) for trial in own]) if _has_teacher(point, taught) else 0.0
        tuning = _tuning_usd(own)
        is_known = answers is not None and tuning is not None
        cost = _labelled_rows(point) * advice.label_price + (answers or 0.0) + (tuning or 0.0)
        ways.append((cost if is_known else math.inf, point))
    told = f"At {money(advice.label_price)} a label, "
    goal = f"{advice.target:g} {metric.title}"
    if not ways:
        text = f"{told}no measured way reaches {goal}, with teacher rows or without."
        return CheapestWay(advice.target, advice.label_price, None, None, None, None, text)

    def in_order(way: tuple[float, Point]) -> tuple[float, int, float]:
        """Return the cost, of equal ones the labelled rows, of equal ones the score."""
        return way[0], _labelled_rows(way[1]), -metric.sign * (way[1].scores[metric.name].estimate or 0.0)

    usd, best = min(ways, key=in_order)
    unpriced = sum(math.isinf(cost) for cost, _ in ways)
    text = f"{told}the cheapest measured way to {goal} is {_way(best)}"
    is_tuned_elsewhere = any(trial.training and trial.training.job for trial in trials if trial.key == best.key)
    paid = "labels, answers and tuning" if is_tuned_elsewhere else "labels and answers"
    if best.strategy in PROMPTED:
        paid = "labels and searches; its requests are not counted"
    text += ", of which not all prices are known" if math.isinf(usd) else f" ({money(usd)} for {paid})"
    alone = [(cost, point) for cost, point in ways if not _has_teacher(point, taught)]
    if _has_teacher(best, taught):
        others = _named(*min(alone, key=in_order)) if alone else "no measured size reaches it"
        text += f"; without a teacher {others}"
    if unpriced and not math.isinf(usd):
        text += f"; of {unpriced} more a price is unknown"
    return CheapestWay(
        advice.target, advice.label_price, best.learner, best.strategy, _labelled_rows(best), defined(usd), text + "."
    )


def _has_teacher(point: Point, taught: Collection[str]) -> bool:
    return point.strategy == "fine-tune" and point.learner in taught


def _labelled_rows(point: Point) -> int:
    """Return how many labelled rows a point needs: those tuned on, chosen from or looked at, else the examples of its prompt."""
    return point.train_size or point.shots


def _way(point: Point) -> str:
    rows = _labelled_rows(point)
    on = f"on {rows:,} labelled rows" if rows else "without a labelled row"
    return f"{point.learner}{'' if point.strategy == 'fine-tune' else f', {point.label},'} {on}"


def _named(usd: float, point: Point) -> str:
    price = "its price is unknown" if math.isinf(usd) else money(usd)
    return f"{_way(point) if point.strategy != 'fine-tune' else f'{point.learner} on {point.train_size:,}'} ({price})"
