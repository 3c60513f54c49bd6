"""What would settle a `cannot tell`, how often, and at what price: found by asking the drawn curves.

Imagine the new measurement, update, and count how often the word would be clear.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tunecurve.curve.answer import SettlingStep
from tunecurve.curve.collapse import RERUNS, RERUNS_OF_A_JUMP, is_lone_jump, may_have_collapsed
from tunecurve.curve.decision import Prices, labels_missing
from tunecurve.curve.deltas import default_delta
from tunecurve.curve.imagined import TEST_SET_TIMES, Imagined, StepKind, chance_of_a_word
from tunecurve.curve.kinds import FEWEST_SIZES
from tunecurve.curve.points import Floats, PreparedCurve
from tunecurve.curve.predictive import Predictive

# How sure the tool must be before it uses a plain word.
SURE = 0.8
IMAGINED_OUTCOMES = 40
# A step that settles the word less often is no answer to what is in the way.
WORTH_A_TRY = 0.1
# Sizes that say anything of the next doubling span one themselves, and as many as a bend takes lie so far apart.
LEAST_SPAN, APART = 2.0, 1.25


def may_settle(steps: Sequence[SettlingStep], kind: str) -> bool:
    """Whether one of the steps of a kind settles the word often enough to be tried."""
    return any(step.kind == kind and step.chance >= WORTH_A_TRY for step in steps)


def cheapest(steps: Sequence[SettlingStep], kind: str) -> SettlingStep:
    """Return the step with the lowest price, else with the fewest labels and runs: of those of a kind that may settle it.

    Where none of these may, of all that may; where nothing may, of that kind all the same.
    """
    own = [step for step in steps if step.kind == kind]
    hopeful = [[step for step in some if step.chance >= WORTH_A_TRY] for some in (own, steps)]
    return min(next(filter(None, hopeful), own), key=lambda step: (step.cost or 0.0, step.more_labels, step.more_runs))


def settling_steps(
    predictive: Predictive, rises: np.ndarray, prices: Prices, judged_by: float | None = None
) -> list[SettlingStep]:
    """Measurements that could settle the word, the most promising first.

    Each is imagined as one more observation of the curve at a size: its outcome is drawn from the forecast, the drawn
    curves are reweighted, and the share of outcomes that end with a plain word is counted (a pre-posterior analysis).
    With `judged_by`, the gain that matters, this very engine judges the curves that some outcomes leave, instead.
    The cost is that of labels and training runs, as far as they have a price; None when nothing has one.
    """
    last = predictive.last_size
    run = float(predictive.run_variance(np.array([last]))[0])
    own = predictive.curve.own_test_variance
    seeds, reruns = "three more seeds", RERUNS
    if is_lone_jump(predictive.curve, predictive.jump_probability):
        seeds, reruns = "another seed", RERUNS_OF_A_JUMP
    options: list[tuple[StepKind, str, float, float, float, int]] = [
        ("seeds", f"{seeds} at the largest size", last, run / reruns, 0.0, reruns),
        ("size", f"one more size: {2 * last:g} examples", 2.0 * last, run, last, 1),
        ("size", f"one more size: {4 * last:g} examples", 4.0 * last, run, 3.0 * last, 1),
    ]
    if own > 0:
        more = (TEST_SET_TIMES - 1.0) * (predictive.curve.test_rows or 0.0)
        noise = (run + own) / TEST_SET_TIMES
        options.append(("test set", "a test set four times as large", last, noise, more, 0))
    steps = []
    for kind, what, size, variance, more_rows, runs in options:
        if judged_by is None:
            chance = _chance_to_settle(predictive.latent_log_error(size), variance, rises)
        else:
            chance = _judged_chance(predictive, Imagined(kind, size, max(runs, 1)), judged_by)
        more_labels = float(labels_missing(more_rows, last, prices.labelled))
        cost = prices.measurement(more_labels, runs, size)
        steps.append(SettlingStep(kind, what, size, chance, more_labels, runs, cost))
    return sorted(steps, key=lambda step: -step.chance)


def _judged_chance(predictive: Predictive, step: Imagined, delta: float) -> float:
    """Share of imagined outcomes after which this engine says a plain word of the next doubling from the largest size then."""
    is_default = delta == default_delta(predictive)

    def rise(later: Predictive) -> float:
        wanted = default_delta(later) if is_default else delta
        scores = later.curve_scores(later.last_size * np.array([1.0, 2.0]))
        return float(np.mean(later.curve.scale.sign * (scores[:, 1] - scores[:, 0]) >= wanted))

    return chance_of_a_word(predictive, step, rise, is_plain)


def count_apart(sizes: Floats) -> int:
    """Return how many sizes there are, those left out that are hardly larger than one before."""
    apart, before = 1, float(sizes[0])
    for size in sizes[1:]:
        if size >= APART * before:
            apart, before = apart + 1, float(size)
    return apart


def are_too_close(curve: PreparedCurve) -> bool:
    """Whether the sizes lie too close for a word on the next doubling; at the best score there is nothing to tell."""
    is_narrow = curve.size[-1] < LEAST_SPAN * curve.size[0]
    return not curve.is_at_best and (is_narrow or count_apart(curve.size) < FEWEST_SIZES)


def is_plain(curve: PreparedCurve, rising: float) -> bool:
    """Whether a curve whose next doubling gains what matters with that probability gets a word other than `cannot tell`."""
    if are_too_close(curve):
        return False
    return (rising >= SURE or rising <= 1.0 - SURE) and not may_have_collapsed(curve)


def _chance_to_settle(latent: Floats, variance: float, rises: np.ndarray) -> float:
    """Share of imagined outcomes after which P(rises) is above 0.8 or below 0.2."""
    outcomes = np.quantile(latent, (np.arange(IMAGINED_OUTCOMES) + 0.5) / IMAGINED_OUTCOMES)
    spread = max(variance, 1e-8)
    weight = np.exp(-0.5 * (outcomes[:, None] - latent[None, :]) ** 2 / spread)
    chance = weight @ rises / np.maximum(weight.sum(axis=1), 1e-300)
    return float(np.mean((chance >= SURE) | (chance <= 1.0 - SURE)))
