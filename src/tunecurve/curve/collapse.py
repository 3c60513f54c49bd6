"""Lone runs that may have collapsed, or been lucky: only seeds tell, so the rerun is proposed, with its price."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from tunecurve.curve.decision import Prices
from tunecurve.curve.points import CurvePoints, Floats, PreparedCurve, checked_arrays
from tunecurve.curve.posterior import FEWEST_BEFORE_A_JUMP
from tunecurve.curve.scatter import least_scatter
from tunecurve.wording import chance_in_words

# A lone run at the largest size is doubted when its error is this much above the smallest before it (in logarithms), or above
# twice what the test rows explain; another one when it belongs to the curve with less than even chances.
NOTABLE_FALL = 0.25
SUSPECT = 0.5
# A last score is a jump where it is so many hundredths of the range above all before, and its step so many times the largest earlier one:
# of the published ones 99 of 100 kept half of it or more (`benchmarks/forecast/last_jumps.py`).
JUMP_POINTS, JUMP_STEPS = 10.0, 3.0
# One run among several is odd when its error is this much above all others (in logarithms), of which there must be some, and above
# so many times their range.
ODD_RUN, ODD_RANGES, FEWEST_OTHERS = 0.5, 4.0, 3
# Seeds of the rerun; a jump is told from luck by one.
RERUNS, RERUNS_OF_A_JUMP = 3, 1
# Of a size with a run that is probably broken, so many others, or so large a probability, leave nothing to rerun.
SURELY_BROKEN = 0.99


def may_have_collapsed(curve: PreparedCurve) -> bool:
    """Whether the largest size was run once and scored clearly less than a smaller one."""
    best = int(np.argmin(curve.log_error))
    fall = float(curve.log_error[-1] - curve.log_error[best])
    variance = curve.step_variance(best, -1)
    if curve.scale.kind == "bounded" and not curve.replicated:  # else the runs show it themselves
        variance += float(np.square(least_scatter(curve.log_error[[best, -1]])).sum())
    luck = 2.0 * float(np.sqrt(variance))
    if int(curve.replicates[-1]) != 1 or fall <= max(NOTABLE_FALL, luck):
        return False
    chance = curve.paired.chance_not_worse(float(curve.size[best]), float(curve.size[-1])) if curve.paired else None
    return chance is None or curve.paired is None or chance < curve.paired.tail


def has_unsure_run(curve: PreparedCurve) -> bool:
    """Whether one of few runs of the largest size is probably broken, which more seeds would tell."""
    odd, others = curve.odd_run, int(curve.replicates[-1]) - 1
    return odd is not None and odd.size == len(curve.size) - 1 and others < FEWEST_OTHERS and odd.chance < SURELY_BROKEN


def may_be_luck(curve: PreparedCurve, jump_probability: float) -> bool:
    """Whether the largest size was run once, and scored what the sizes before do not announce."""
    return int(curve.replicates[-1]) == 1 and jump_probability >= SUSPECT


def is_jump(curve: PreparedCurve, jump_probability: float) -> bool:
    """Whether the largest size scored what the sizes before do not announce: by most of the drawn curves, or by the scores alone."""
    if jump_probability >= SUSPECT:
        return True
    if curve.scale.kind == "loss" or len(curve.size) < FEWEST_BEFORE_A_JUMP:
        return False
    scores = curve.scale.sign * curve.mean_score / curve.scale.unit
    earlier = float(np.abs(np.diff(scores[:-1])).max())
    return bool(scores[-1] - scores[:-1].max() >= JUMP_POINTS and scores[-1] - scores[-2] >= JUMP_STEPS * earlier)


def is_lone_jump(curve: PreparedCurve, jump_probability: float) -> bool:
    """Whether such a largest size was run once, so that another seed tells whether it was luck."""
    return int(curve.replicates[-1]) == 1 and is_jump(curve, jump_probability)


def jump_notes(curve: PreparedCurve, jump_probability: float, prices: Prices) -> Iterator[str]:
    """Yield a sentence on a jump onto the largest size: what it is taken for, and of a lone run the rerun."""
    if not is_jump(curve, jump_probability):
        return
    best = float(np.abs(curve.mean_score[:-1] - curve.mean_score[-1]).min())
    runs, last = int(curve.replicates[-1]), f"n={curve.size[-1]:g}"
    said = f"scored {best:.3g} better than all before, which these do not announce: forecasts start from there, as such jumps mostly stay"
    if runs > 1:
        yield f"The {runs} runs at {last} {said}."
        return
    cost = prices.measurement(0.0, RERUNS_OF_A_JUMP, float(curve.size[-1]))
    price = "" if cost is None else f" (costs {cost:.4g})"
    yield f"{last} was run once and {said}; one run cannot tell a jump from luck. Run it again with another seed{price}."


def odd_run_notes(points: CurvePoints, curve: PreparedCurve) -> Iterator[str]:
    """Yield a sentence for each size of which one run is far worse than all others: than near ones, or than a smaller size, too."""
    size, score = checked_arrays(points)
    for index, n in enumerate(curve.size):
        scores = score[size == n]
        if curve.odd_run is not None and curve.odd_run.size == index:
            yield _broken_words(float(n), float(score[curve.odd_run.run]), scores, curve.odd_run.chance)
            continue
        log_error = np.log(curve.scale.error(scores))
        worst = int(np.argmax(log_error))
        others = np.delete(log_error, worst)
        if len(others) < FEWEST_OTHERS or log_error[worst] - others.max() <= max(ODD_RUN, ODD_RANGES * np.ptp(others)):
            continue
        kept = np.delete(scores, worst)
        yield (
            f"Of the {len(scores)} runs at n={n:g}, the one that scored {scores[worst]:.4g} does not fit the others "
            f"({kept.min():.4g} to {kept.max():.4g}): look at its training, and leave it out if that failed."
        )


def _broken_words(n: float, broken: float, scores: Floats, chance: float) -> str:
    kept = np.delete(scores, int(np.flatnonzero(scores == broken)[0]))
    others = f"others ({kept.min():.4g} to {kept.max():.4g})" if len(kept) > 1 else f"other ({kept[0]:.4g})"
    return (
        f"Of the {len(scores)} runs at n={n:g}, the one that scored {broken:.4g} does not fit the {others}: it is far worse, and worse "
        f"than a smaller size, so that it may have collapsed (probability {chance_in_words(chance)}), and weighs so much less. Look at its "
        "training, and leave it out if that failed."
    )


def rerun_notes(curve: PreparedCurve, suspects: Sequence[tuple[float, float]], prices: Prices) -> list[str]:
    """Return one sentence for each lone run that may have collapsed.

    Parameters
    ----------
    curve : PreparedCurve
    suspects : sequence of (size, probability)
        How likely each size does not belong to the curve.
    prices : Prices
        For the rerun.
    """
    notes = []
    for index, (size, chance) in enumerate(suspects):
        last = index == len(curve.size) - 1
        if last and may_have_collapsed(curve):
            best = int(np.argmin(curve.log_error))
            worse = abs(float(curve.mean_score[best] - curve.mean_score[-1]))
            doubt = (
                f"n={size:g} was run once and scored {worse:.3g} worse than n={curve.size[best]:g}: one run cannot tell a "
                "collapse from a plateau"
            )
        elif chance >= SUSPECT:
            doubt = f"The run at n={size:g} does not fit the others (probability {chance_in_words(chance)})"
        else:
            continue
        cost = prices.measurement(0.0, RERUNS, size)
        notes.append(f"{doubt}. Run it again with {RERUNS} more seeds{'' if cost is None else f' (costs {cost:.4g})'}.")
    return notes
