"""Steps on which more data scored less: luck, or a real drop?

Half of all real curves have a step that falls by a point. The shapes never rise in error, so such a step is either noise
or a start that belongs to another regime (the first sizes below the few-shot score, for example). The test compares the
two sizes on the same rows: what they share of the test-set error cancels, because the bootstrap is paired. It informs
the reader only; the posterior weighs the same noise already ("the curve starts later").
"""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

from tunecurve.curve.answer import Drop
from tunecurve.curve.points import PreparedCurve

# A drop is called real below this probability of luck, divided by the number of steps that were looked at.
LUCK = 0.05


def find_drops(curve: PreparedCurve) -> list[Drop]:
    """Every step between neighbouring sizes on which the mean score got worse.

    Notes
    -----
    The variance of the step is that of the seeds, pooled over sizes, plus that of the paired difference over test rows
    (Koehn 2004, "Statistical significance tests for machine translation evaluation", with seeds added).
    """
    steps = len(curve.size) - 1
    known = [
        name for name, there in (("seeds", curve.replicated), ("test rows", curve.population_variance > 0)) if there
    ]
    drops = []
    for index in range(steps):
        worse = float(curve.log_error[index + 1] - curve.log_error[index])
        if worse <= 0:
            continue
        variance = _step_variance(curve, index)
        luck = NormalDist().cdf(-worse / np.sqrt(variance)) if variance > 0 else None
        drops.append(
            Drop(
                from_n=float(curve.size[index]),
                to_n=float(curve.size[index + 1]),
                drop=float(abs(curve.mean_score[index + 1] - curve.mean_score[index])),
                probability_of_luck=luck,
                real=luck is not None and luck < LUCK / steps,
                counts=known,
            )
        )
    return drops


def _step_variance(curve: PreparedCurve, index: int) -> float:
    """Variance of the difference of the log errors of two neighbouring sizes."""
    variance = float(curve.point_variance[index] + curve.point_variance[index + 1])
    if curve.test_covariance is not None:
        pair = curve.test_covariance[index : index + 2, index : index + 2]
        variance += float(pair[0, 0] + pair[1, 1] - 2.0 * pair[0, 1])
    return variance


def drop_note(drop: Drop) -> str:
    """One sentence for the reader about a real drop."""
    missing = "" if len(drop.counts) == 2 else f", counting only {' and '.join(drop.counts)}"
    return (
        f"The score got worse by {drop.drop:.3g} from n={drop.from_n:g} to n={drop.to_n:g}: more than luck "
        f"(probability of luck {drop.probability_of_luck:.2g}{missing}). Shapes never rise in error; what lies before "
        "the drop may not belong to the curve."
    )
