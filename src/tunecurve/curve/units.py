"""Scores, a target and a gain in one unit: a fraction among per cents makes every answer wrong."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike


def in_digits(gain: float, matters: float) -> str:
    """Return a gain in three digits, and in none that are less than a hundredth of a gain that matters."""
    decimals = max(0, 2 - math.floor(math.log10(matters))) if matters > 0 else 3
    return f"{round(gain, decimals):z.3g}"


def outside_range(
    score_range: tuple[float | None, float | None], target: float | None, delta: float | None
) -> str | None:
    """Return what is wrong with a target or a gain that the metric's range cannot hold: another unit, most likely."""
    low, high = score_range
    if low is None or high is None:
        return None
    span = f"the metric's range {low:g} to {high:g}"
    if target is not None and not low <= target <= high:
        return f"target {target:g} lies outside {span}; write target and scores in one unit, or give the range with --range"
    if delta is not None and delta >= high - low:
        return (
            f"delta {delta:g} is as wide as {span}; write delta and scores in one unit, or give the range with --range"
        )
    return None


def untrained_in_another_unit(
    score_range: tuple[float | None, float | None], tuned: Sequence[float], untrained: Sequence[tuple[str, float]]
) -> Iterator[str]:
    """Yield doubts whether a floor and the scores of prompts, each with the name of its kind, are in the unit of the curve."""
    if score_range != (0.0, 100.0):
        return
    everything = [*tuned, *(score for _, score in untrained)]
    for kind, score in dict(untrained).items():
        if 0 < score < 1 and max(everything) > 10:
            yield (
                f"Score {score:g} of kind {kind} beside {max(everything):g}: read as per cent; if it is a fraction, write it in per "
                "cent, as the others."
            )
        elif score > 1 and len(tuned) and 0 < max(tuned) <= 1:
            yield (
                f"Score {score:g} of kind {kind} beside a curve that ends at {max(tuned):g} at most: all are read as per cent; if the "
                "curve is in fractions, write all in one unit."
            )


def unit_notes(
    scores: ArrayLike, score_range: tuple[float | None, float | None], target: float | None, delta: float | None
) -> list[str]:
    """Return doubts whether scores, target and gain are in one unit."""
    values = np.asarray(scores, float)
    outside = outside_range(score_range, target, delta)
    notes = [outside[:1].upper() + outside[1:] + "."] if outside else []
    if score_range != (0.0, 100.0) or not values.size or float(values.max()) <= 10:
        return notes
    small = values[(values > 0) & (values < 1)]
    if small.size:
        notes.append(
            f"Score {small[0]:g} beside {values.max():g}: if it is a fraction, write it in per cent, as the others."
        )
    if target is not None and 0 < target < 1:
        notes.append(f"Target {target:g} of scores in per cent: if it is a fraction, write it in per cent.")
    return notes
