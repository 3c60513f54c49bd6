"""Steps on which more data scored less: luck, or a real drop?

Half of all real curves have a step that falls by a point. The shapes never rise in error, so such a step is either noise
or a start that belongs to another regime (the first sizes below the few-shot score, for example). The test compares the
two sizes on the same rows: what they share of the test-set error cancels, because the bootstrap is paired. Where each
size's score without each group of rows is known, the distribution is that of the printed comparison (`paired`). It informs the
reader only; the posterior weighs the same noise already ("the curve starts later").
"""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

from tunecurve.curve.answer import Drop
from tunecurve.curve.points import PreparedCurve

# A drop is called real below this probability of luck, divided by the number of steps that were looked at; never where the printed
# interval of the two sizes' difference leaves 0 in.
LUCK = 0.05
# A smaller probability of luck is said to be less than this.
SMALLEST_SHOWN = 0.0001


def find_drops(curve: PreparedCurve) -> list[Drop]:
    """Every step between neighbouring sizes on which the mean score got worse.

    Notes
    -----
    The variance of the step is that of the seeds, pooled over sizes, plus that of the paired difference over test rows
    (Koehn 2004, "Statistical significance tests for machine translation evaluation", with seeds added). With `PairedSizes` the
    luck is the larger of that one and of the printed comparison's: the first pools seeds, the second counts few groups and
    rows that hardly differ.
    """
    steps = len(curve.size) - 1
    least = LUCK / max(steps, 1) if curve.paired is None else min(LUCK / max(steps, 1), curve.paired.tail)
    known = [
        name for name, there in (("seeds", curve.replicated), ("test rows", curve.population_variance > 0)) if there
    ]
    drops = []
    for index in range(steps):
        worse = float(curve.log_error[index + 1] - curve.log_error[index])
        if worse <= 0:
            continue
        luck = _luck(curve, index, worse)
        drops.append(
            Drop(
                from_n=float(curve.size[index]),
                to_n=float(curve.size[index + 1]),
                drop=float(abs(curve.mean_score[index + 1] - curve.mean_score[index])),
                probability_of_luck=luck,
                real=luck is not None and luck < least,
                counts=known,
            )
        )
    return drops


def _luck(curve: PreparedCurve, index: int, worse: float) -> float | None:
    """Return how probable such a step is between equally good sizes; None where nothing is known of the noise."""
    variance = curve.step_variance(index, index + 1)
    known = [NormalDist().cdf(-worse / float(np.sqrt(variance)))] if variance > 0 else []
    if curve.paired is not None:
        paired = curve.paired.chance_not_worse(float(curve.size[index]), float(curve.size[index + 1]))
        known += [] if paired is None else [paired]
    return max(known, default=None)


def drop_at_the_end(curve: PreparedCurve) -> Drop | None:
    """Return the real drop onto the largest size, if there is one: a reader must not take its verdict for a plateau or a rise alone."""
    return next((drop for drop in find_drops(curve) if drop.real and drop.to_n == curve.size[-1]), None)


def end_words(drop: Drop, runs: int) -> str:
    """Return what a verdict says of a real drop onto the largest size, of which there are so many runs, and of what to do first."""
    known = "seeds and test rows do not explain"
    if drop.counts == ["seeds"]:
        known = "seeds do not explain (what the test rows do is not known)"
    elif drop.counts == ["test rows"]:
        known = "the test rows do not explain (how far seeds differ is not measured)"
    rerun = "run it again with other seeds, and look at its training" if runs == 1 else "look at its training"
    return f"n={drop.to_n:g} scored {drop.drop:.3g} worse than n={drop.from_n:g}, which {known}: first {rerun}."


def drop_note(drop: Drop) -> str:
    """One sentence for the reader about a real drop."""
    missing = "" if len(drop.counts) == 2 else f", counting only {' and '.join(drop.counts)}"
    luck = drop.probability_of_luck or 0.0
    shown = f"{luck:.2g}" if luck >= SMALLEST_SHOWN else f"less than {SMALLEST_SHOWN:g}"
    return (
        f"The score got worse by {drop.drop:.3g} from n={drop.from_n:g} to n={drop.to_n:g}: more than luck "
        f"(probability of luck {shown}{missing}). Shapes never rise in error: what lies before the drop, or the run at "
        f"n={drop.to_n:g}, may not belong to the curve."
    )
