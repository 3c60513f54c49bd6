"""What the atlas can say to someone without data: what similar tasks needed, and what their curves gained from a size on.

Nothing is fitted and nothing extrapolated: a target counts as reached at a size that was measured, and a gain is read
between sizes that were measured. The answers are ranges over a few curves that happen to be published, not intervals,
and say so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tunecurve.atlas.load import Atlas, Curve
from tunecurve.errors import UsageError
from tunecurve.storage.records import Record
from tunecurve.wording import counted

# Gains are asked for at these multiples of a size, as far as the curves go.
MULTIPLES = (2, 4, 8, 16)


@dataclass(frozen=True)
class Need(Record):
    """Where one curve reached a target."""

    family: str
    learner: str
    metric: str
    reached_at: int | None
    """Smallest measured size whose mean score reaches the target; None when no size does."""
    missed_at: int | None
    """Largest measured size below it; the need lies between the two. None when the smallest size reaches it already."""
    fell_back: bool
    """Whether a larger size missed the target again."""
    largest_size: int
    """Up to where the curve was measured."""
    without_tuning: list[str]
    """Strategies without tuning that reach the target, e.g. ``["3-shot"]``."""


@dataclass(frozen=True)
class Needed(Record):
    """What the curves of a task needed to reach a target."""

    task: str
    metric: str
    target: float
    n_curves: int
    n_data_sets: int
    n_reached: int
    n_never: int
    smallest: int | None
    """Of `reached_at`, where it was reached; so are median and largest."""
    median: float | None
    largest: int | None
    needs: list[Need]
    n_at_smallest_size: int
    """Reached at the smallest size measured, where fewer rows may do."""
    caution: str
    """The sentence on how little that proves."""


@dataclass(frozen=True)
class Gain(Record):
    """What curves of the atlas gained up to a size, as a range over the curves."""

    n: float
    low: float
    high: float
    """In the metric's units, positive is better."""
    n_curves: int


@dataclass(frozen=True)
class AtlasGains(Record):
    """What a family's data sets gained from the largest measured size on; shown only where there is no forecast."""

    prior: str
    metric: str
    from_size: float
    gains: list[Gain]
    metrics: list[str]
    """What the family has curves in."""
    sentence: str


def what_was_needed(atlas: Atlas, target: float, task: str, metric: str, learner: str | None) -> Needed:
    """Return what the curves of a task needed to reach a target.

    Parameters
    ----------
    atlas : Atlas
        The curves.
    target : float
        Score to reach, from 0 to 100; for metrics where less is better, to come down to.
    task : str
        Kind of task.
    metric : str
        Name of the metric.
    learner : str or None
        Part of a learner's name; default: all learners.

    Raises
    ------
    UsageError
        For a target outside 0 to 100, or a task, metric or learner without a curve.
    """
    if not 0.0 <= target <= 100.0:
        raise UsageError(
            f"--target {target:g}: expected a score from 0 to 100; every metric of the atlas has that range."
        )
    atlas.select(task)  # an unknown task is complained about as such, not as a metric without curves
    curves = [curve for curve in atlas.select(task, metric, learner) if curve.runs]
    needs = [need_of(curve, target) for curve in curves]
    reached = sorted(need.reached_at for need in needs if need.reached_at is not None)
    data_sets = len({curve.family.dataset for curve in curves})
    return Needed(
        task=task,
        metric=metric,
        target=target,
        n_curves=len(needs),
        n_data_sets=data_sets,
        n_reached=len(reached),
        n_never=len(needs) - len(reached),
        smallest=reached[0] if reached else None,
        median=float(np.median(reached)) if reached else None,
        largest=reached[-1] if reached else None,
        needs=needs,
        n_at_smallest_size=sum(need.reached_at is not None and need.missed_at is None for need in needs),
        caution=caution(len(needs), data_sets, reached),
    )


def need_of(curve: Curve, target: float) -> Need:
    """Return where a curve, which has a tuned size, reached a target."""
    sizes, scores = curve.points()
    good = curve.sign * scores >= curve.sign * target
    first = int(np.argmax(good)) if good.any() else None
    without = [name for name, score in curve.without_tuning.items() if curve.sign * score >= curve.sign * target]
    return Need(
        family=curve.family.name,
        learner=curve.learner,
        metric=curve.metric,
        reached_at=None if first is None else int(sizes[first]),
        missed_at=int(sizes[-1]) if first is None else (int(sizes[first - 1]) if first else None),
        fell_back=first is not None and not bool(good[first:].all()),
        largest_size=int(sizes[-1]),
        without_tuning=without,
    )


def caution(n_curves: int, n_data_sets: int, reached: Sequence[int]) -> str:
    """Return the sentence on how little a range over the atlas proves."""
    curves = f"{counted(n_curves, 'curve')} of {counted(n_data_sets, 'data set')}"
    spread = f", and they alone differ {max(reached) / min(reached):,.0f}-fold" if len(set(reached)) > 1 else ""
    return (
        f"This proves little: {curves}, chosen by what happened to be published, none of them yours{spread}. Three sizes of "
        "your own rows say more (tunecurve run)."
    )


def borrowed_gains(curves: Sequence[Curve], metric: str, size: float) -> list[Gain]:
    """Return what curves gained from a size on, for every multiple of it that one was measured up to.

    Parameters
    ----------
    curves : sequence of Curve
        Of a family, in all metrics.
    metric : str
        Metric to look at.
    size : float
        Training rows from which the gain is counted: the largest size a study has measured.

    Notes
    -----
    Between two measured sizes a curve is read off the straight line in log n; beyond its ends not at all.
    """
    usable = [curve for curve in curves if curve.metric == metric and len(curve.runs) > 1]
    gains = []
    for multiple in MULTIPLES:
        found = [gain for curve in usable if (gain := _gain(curve, size, multiple * size)) is not None]
        if found:
            gains.append(Gain(multiple * size, min(found), max(found), len(found)))
    return gains


def _gain(curve: Curve, start: float, end: float) -> float | None:
    """Return the improvement between two sizes; None where one of them lies outside what was measured."""
    sizes, scores = curve.points()
    if start < sizes[0] or end > sizes[-1]:
        return None
    before, after = np.interp(np.log([start, end]), np.log(sizes), scores)
    return float(curve.sign * after - curve.sign * before)


def borrowed_advice(atlas: Atlas, family_name: str, metric: str, size: float) -> AtlasGains:
    """Return `borrowed_gains` of a family with the sentence that marks them as borrowed."""
    curves = [curve for curve in atlas.curves if curve.family is atlas.family(family_name)]
    gains, metrics = borrowed_gains(curves, metric, size), list(dict.fromkeys(curve.metric for curve in curves))
    sentence = f"Borrowed from the atlas, not measured here ({family_name}): {_in_words(gains, metrics, metric, size)}"
    return AtlasGains(family_name, metric, size, gains, metrics, sentence)


def _in_words(gains: Sequence[Gain], metrics: Sequence[str], metric: str, size: float) -> str:
    if metric not in metrics:
        return f"no curve in {metric}, only in {', '.join(metrics)}."
    if not gains:
        return f"no curve in {metric} was measured from {size:,.0f} rows to twice as many."
    parts = [
        f"{gain.low:+.1f} to {gain.high:+.1f} by {gain.n:,.0f} rows ({counted(gain.n_curves, 'curve')})"
        for gain in gains
    ]
    return (
        f"from {size:,.0f} rows on, {metric} improved by {', '.join(parts)}. That is another data set: a range over its curves, "
        "no forecast of yours."
    )
