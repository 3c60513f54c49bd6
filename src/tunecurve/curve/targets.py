"""Sizes at which something happens: a target is reached, fine-tuning overtakes the best prompt.

Both are read off drawn curves, so the answer is a distribution over sizes with mass at "never" (not within the horizon
that is searched), never a single number. Sizes beyond eight times the data are looked at, and called speculative.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from tunecurve.curve.answer import Crossover, Reached, SizeInterval, Target
from tunecurve.curve.points import Floats
from tunecurve.curve.predictive import Predictive

# A next round, and a forecast that is not called speculative, goes at most this far beyond the largest measured size.
TRUSTED_MULTIPLE = 8.0
INTERVAL_LEVEL = 0.8
# A required size is looked for at so many even steps between two searched sizes, and on a line between two of these.
STEPS_BETWEEN = 8


def first_crossing(reached: np.ndarray, size: Floats) -> Floats:
    """First size at which each row of `reached` (n_draws, n_sizes) is true; infinity for never."""
    ever = reached.any(axis=1)
    return np.where(ever, size[np.argmax(reached, axis=1)], np.inf)


def size_interval(crossing: Floats) -> SizeInterval:
    """Median and 80 % interval of a size, None standing for "never", and the share of "never"."""
    tail = (1.0 - INTERVAL_LEVEL) / 2.0
    low, median, high = np.quantile(crossing, [tail, 0.5, 1.0 - tail], method="higher")
    never = float(np.mean(np.isinf(crossing)))
    return SizeInterval(_finite(median), _finite(low), _finite(high), INTERVAL_LEVEL, never)


def _finite(size: float) -> float | None:
    return round(float(size), 1) if np.isfinite(size) else None


def _sizes_of_chances(chance_at: Callable[[Floats], Floats], size: Floats) -> SizeInterval:
    """Return the first sizes with an even chance and with those at the ends of an 80 % interval; of rising curves, their crossings.

    None is sought below the first of `size`: where that has the chance already, it is the answer.
    """
    tail = (1.0 - INTERVAL_LEVEL) / 2.0
    chance = chance_at(size)
    low, median, high = (_first_size(chance_at, chance, size, level) for level in (tail, 0.5, 1.0 - tail))
    return SizeInterval(median, low, high, INTERVAL_LEVEL, 1.0 - float(chance.max()))


def _first_size(chance_at: Callable[[Floats], Floats], chance: Floats, size: Floats, level: float) -> float | None:
    """Return the first size whose chance is a level, found between the searched ones; None where none has it."""
    if chance.max() < level:
        return None
    index = int(np.argmax(chance >= level))
    if index == 0:
        return _finite(size[0])
    between = np.geomspace(size[index - 1], size[index], STEPS_BETWEEN + 1)
    fine = np.concatenate([chance[index - 1 : index], chance_at(between[1:-1]), chance[index : index + 1]])
    later = int(np.argmax(fine >= level))
    share = (level - fine[later - 1]) / (fine[later] - fine[later - 1])
    return _finite(between[later - 1] * (between[later] / between[later - 1]) ** share)


def reach_target(predictive: Predictive, target: float, at: Floats) -> Target:
    """Sizes at which the expected score is at least as good as `target` with even chances, and with small and large ones.

    Parameters
    ----------
    predictive : Predictive
    target : float
        In the metric's own units.
    at : ndarray
        Sizes for which the probability of having reached the target is reported.
    """
    sign = predictive.curve.scale.sign

    def chance_at(size: Floats) -> Floats:
        searched = size is predictive.search_size
        scores = predictive.search_scores if searched else predictive.curve_scores(size)
        return (sign * scores >= sign * target).mean(axis=0)

    chance = chance_at(at) if len(at) else np.empty(0)
    interval = _sizes_of_chances(chance_at, predictive.search_size)
    median = interval.median
    return Target(
        target=target,
        required_size=interval,
        speculative=median is None or median > TRUSTED_MULTIPLE * predictive.last_size,
        by_size=[Reached(float(n), float(p)) for n, p in zip(at, chance, strict=True)],
    )


def crossover(predictive: Predictive, rivals: Mapping[str, tuple[float, Floats | None]]) -> Crossover | None:
    """From which size fine-tuning beats the best rival (zero-shot or few-shot), and with what probability.

    Parameters
    ----------
    predictive : Predictive
    rivals : mapping of name to (score, draws)
        Bootstrap draws of the rival's score from the curve's index set, or None. The part of their error that the
        rival shares with the curve (the same test rows) cancels; without draws the rival's score is taken as exact.
    """
    if not rivals:
        return None
    sign = predictive.curve.scale.sign
    best = max(rivals, key=lambda name: sign * rivals[name][0])
    score, draws = rivals[best]
    shared = predictive.curve.population_variance * np.exp(2.0 * predictive.curve.log_error[-1])
    shared *= predictive.curve.scale.unit**2
    own = max(float(np.var(np.asarray(draws, float))) - shared, 0.0) if draws is not None else 0.0
    level = score + np.sqrt(own) * predictive.rival_normals[:, None]
    size, scores = predictive.search_size, predictive.search_scores
    ahead = sign * scores > sign * level
    now = ahead[:, predictive.search_last].mean()
    interval = size_interval(first_crossing(ahead, size))
    return Crossover(best, float(score), interval, float(now), 1.0 - interval.never_probability)
