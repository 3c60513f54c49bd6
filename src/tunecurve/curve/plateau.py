"""Where the curve flattens, and whether it still rises: a size, a probability, and a plain word.

A curve is on its plateau from the first size after which no doubling gains more than `delta`. The word for today is
about the next doubling: `rising`, `flat`, or `cannot tell`, and for the last, what would settle it (`settling`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tunecurve.curve.answer import Plateau, SettlingStep, Verdict, Word
from tunecurve.curve.collapse import has_unsure_run, is_lone_jump, may_be_luck, may_have_collapsed
from tunecurve.curve.decision import Prices
from tunecurve.curve.deltas import matters_by_default, resolution
from tunecurve.curve.drops import drop_at_the_end, end_words
from tunecurve.curve.imagined import COUNTED
from tunecurve.curve.measured_gain import last_measured_gain
from tunecurve.curve.points import Floats
from tunecurve.curve.predictive import STEPS_PER_DOUBLING, Predictive
from tunecurve.curve.settling import (
    LEAST_SPAN,
    SURE,
    are_too_close,
    cheapest,
    count_apart,
    is_plain,
    may_settle,
    settling_steps,
)
from tunecurve.curve.targets import TRUSTED_MULTIPLE, first_crossing, size_interval
from tunecurve.curve.units import in_digits
from tunecurve.wording import chance_in_words, of_hundred

# Doublings beyond the data that a plateau must hold.
PLATEAU_DOUBLINGS = 3
# What is said where a gain is unlikely, but the test set could not have shown it.
NOTHING_SHOWN: Word = "no gain that this test set can show"
# Its reason where the last score is the best there is, and what is said then; rows without a miss bound the share of misses among all.
BEST_SCORE, BOUND_BY_LUCK = "best score", 0.05
AT_BEST = "At the best score: nothing above it can be shown."
# What is said beside it where seeds are in the way, and with `flat` where the test rows are not known.
SEEDS_TOO = " No number of test rows would show it: runs with other seeds differ by too much."
NOT_CHECKED = " How many test rows stand behind it is not known: whether they could show such a gain is not checked."
# A curve of fewer sizes, or of a narrower span, leaves its bend open.
ENOUGH_SIZES, ENOUGH_SPAN = 4, 8.0
FEWEST_TO_COMPARE = 2
# Why a curve is not clear, in words, and the step that answers it (a kind of step of `settling_steps`).
REASONS = {
    "training not settled": ("training has not settled at the largest size", "training"),
    "test set": ("the test set is too small to show a gain of that size", "test set"),
    "collapse": (
        "the one run of the largest size may have collapsed, which one run cannot tell from a plateau",
        "seeds",
    ),
    "broken run": (
        "one run of the largest size lies far below the others, which so few cannot tell from noise",
        "seeds",
    ),
    "jump": (
        "the one run of the largest size scored what the sizes before do not announce, which one run cannot tell from luck",
        "seeds",
    ),
    "noise": ("runs of one size differ by as much as the gain in question", "seeds"),
    "sizes": ("the sizes are too few or too close", "size"),
    "shapes": ("curves that go on and curves that stop both fit the points", "size"),
}
# Of these the one run of the largest size is taken at its word for the numbers, and a rerun is the step, whatever it may settle.
ONE_RUN = ("collapse", "jump")
# What is said where the step against a reason would settle the word too seldom.
HARDLY = {"test set": "one four times as large", "noise": "three more seeds"}
# The kinds of steps, as they are named beside another one.
STEPS = {"seeds": "more seeds", "size": "one more size", "test set": "more test rows"}


def doubling_gains(predictive: Predictive) -> tuple[Floats, Floats]:
    """Sizes, and the gain in score (positive is better) from doubling each, shape (n_draws, n_sizes).

    Sizes end at eight times the data: the plateau must hold so far, and no farther is known.
    """
    sign = predictive.curve.scale.sign
    count = predictive.search_last + PLATEAU_DOUBLINGS * STEPS_PER_DOUBLING + 1
    scores = predictive.search_scores
    later = scores[:, STEPS_PER_DOUBLING : count + STEPS_PER_DOUBLING]
    return predictive.search_size[:count], sign * (later - scores[:, :count])


def find_plateau(predictive: Predictive, delta: float) -> Plateau:
    """Size from which no doubling (up to eight times the data) gains `delta`.

    ``size`` is the best estimate, the median over drawn curves; ``sure_size`` the first size where every later gain is
    small with P >= 0.8, which comes later by its nature. ``observed`` says whether the plateau has begun by the
    largest measured size with P >= 0.8, from sizes that are not too close for any word; until then the words are "not yet
    observed". Before a gain that was measured none has begun, whatever curves say that start anew at a jump.
    """
    size, gains = doubling_gains(predictive)
    small = gains < delta
    small[:, size <= last_measured_gain(predictive, delta)] = False
    for_good = np.logical_and.accumulate(small[:, ::-1], axis=1)[:, ::-1]
    sure = np.flatnonzero(np.minimum.accumulate(small.mean(axis=0)[::-1])[::-1] >= SURE)
    crossing = size_interval(first_crossing(for_good, size))
    begun = float(for_good[:, predictive.search_last].mean())
    sure_size = round(float(size[sure[0]]), 1) if sure.size else None
    is_observed = begun >= SURE and not are_too_close(predictive.curve)
    return Plateau(crossing.median, crossing.low, crossing.high, sure_size, is_observed, begun, delta)


def judge(
    predictive: Predictive,
    delta: float,
    prices: Prices | None = None,
    *,
    settled: bool = True,
    judged_steps: bool = False,
) -> Verdict:
    """Say whether the next doubling of the data gains at least `delta`, and if not, what would settle it at what cost.

    Parameters
    ----------
    predictive : Predictive
    delta : float
        Gain that matters, in score units.
    prices : Prices, optional
    settled : bool
        Whether the training behind the largest size had settled.
    judged_steps : bool
        Whether the outcomes of each step are judged by the whole engine (some 20 ms a step), not counted roughly.
    """
    last = predictive.last_size
    gain = doubling_gains(predictive)[1][:, predictive.search_last]
    rising = float(np.mean(gain >= delta))
    expected = float(gain.mean())
    low, high = np.quantile(gain, [0.1, 0.9])
    shown, from_, to = (in_digits(value, delta) for value in (expected, low, high))
    numbers = f"doubling the {last:g} examples would gain {shown} on average (80 % interval {from_} to {to})"
    is_luck = may_be_luck(predictive.curve, predictive.jump_probability)
    if predictive.curve.is_at_best and settled and not is_luck:
        return _no_gain(predictive, delta, rising, expected, numbers)
    if is_plain(predictive.curve, rising) and not is_luck:
        sentence = f"Rising: {numbers}; a gain of {delta:.3g} or more has probability {chance_in_words(rising)}."
        verdict = Verdict("rising", sentence, rising, expected, [])
        verdict = verdict if rising >= SURE else _no_gain(predictive, delta, rising, expected, numbers)
        return _beside_a_drop(predictive, verdict, gain >= delta, prices)
    settle = settling_steps(predictive, gain >= delta, prices or Prices(), delta if judged_steps else None)
    reason = _reason(predictive, delta, settle, settled=settled)
    words, step_kind = _words(predictive, reason, settle, judged=judged_steps)
    sides = "on both sides of" if rising > 1.0 - SURE else "less than"
    is_one_run = reason in ONE_RUN
    alone = "its" if is_one_run else "their" if are_too_close(predictive.curve) else ""
    by_luck = " (so much two scores differ by the luck of the test rows)" if delta == resolution(predictive) else ""
    chance = chance_in_words(rising)
    sentence = (
        f"Cannot tell: {numbers}, {sides} the {delta:.3g} that matters{by_luck} (probability {chance}), because {words}."
        if not alone
        else f"Cannot tell, because {words}. Taken at {alone} word, {numbers}; probability of {delta:.3g} or more {chance}."
    )
    is_settled = reason != "training not settled"
    sentence += "" if is_settled else " First step: train longer at the largest size."
    # What a run that may have collapsed, or been lucky, needs is a rerun, whatever it may settle.
    weighed = (
        settle if not is_one_run and reason != "broken run" else [step for step in settle if step.kind == step_kind]
    )
    answer = cheapest(weighed, step_kind) if is_settled else None
    return Verdict("cannot tell", sentence, rising, expected, settle, reason, answer)


def _no_gain(predictive: Predictive, delta: float, rising: float, expected: float, numbers: str) -> Verdict:
    """`flat` where the test set could have shown a gain of delta; otherwise only that nothing was shown."""
    shows = resolution(predictive)
    if predictive.curve.is_at_best:
        sentence = f"{AT_BEST}{_misses_left(predictive.curve.test_rows)}"
        return Verdict(NOTHING_SHOWN, sentence, rising, expected, [], BEST_SCORE)
    if shows >= delta:
        sentence = (
            f"{NOTHING_SHOWN.capitalize()}: {numbers}; with its rows, two scores differ by {shows:.3g} by chance alone."
        )
        if _seeds_hide(predictive, delta):
            sentence += SEEDS_TOO
        return Verdict(NOTHING_SHOWN, sentence, rising, expected, [], "test set")
    sentence = f"Flat: {numbers}; a gain of {delta:.3g} or more has probability {chance_in_words(rising, few='only ')}."
    if shows == 0.0 and predictive.curve.scale.has_two_ends:
        sentence += NOT_CHECKED
    return Verdict("flat", sentence, rising, expected, [])


def _misses_left(rows: float | None) -> str:
    """Return what share of all rows may be missed when none of these is (Clopper-Pearson, rows counted as independent)."""
    if rows is None:
        return " How many test rows stand behind it is not known, so neither is how many others would be missed."
    bound = 100.0 * (1.0 - BOUND_BY_LUCK ** (1.0 / rows))
    return f" {rows:g} test rows without a miss leave it open whether up to {bound:.2g} % of all such rows would be missed (95 %)."


def _beside_a_drop(predictive: Predictive, verdict: Verdict, rises: np.ndarray, prices: Prices | None) -> Verdict:
    """Return a verdict that names a real drop onto the largest size; of a lone run that is flat, with the rerun as answer."""
    curve = predictive.curve
    drop, runs = drop_at_the_end(curve), int(curve.replicates[-1])
    if drop is None:
        return verdict
    start = "Yet " if verdict.word == "rising" else "More data gained nothing: "
    rerun = [
        step
        for step in (settling_steps(predictive, rises, prices or Prices()) if verdict.word == "flat" else [])
        if step.kind == "seeds" and runs == 1
    ]
    sentence = f"{verdict.sentence} {start}{end_words(drop, runs)}"
    return replace(verdict, sentence=sentence, answer=rerun[0] if rerun else None)


def _reason(predictive: Predictive, delta: float, steps: Sequence[SettlingStep], *, settled: bool) -> str:
    """Return the first thing in the way of a clear word, or too few or too close sizes where only more may settle it."""
    curve = predictive.curve
    if not settled:
        return "training not settled"
    if are_too_close(curve):
        return "sizes"
    if may_have_collapsed(curve):
        return "collapse"
    if has_unsure_run(curve):
        return "broken run"
    if is_lone_jump(curve, predictive.jump_probability):
        return "jump"
    last_error = float(np.exp(curve.log_error[-1])) * curve.scale.unit
    run = float(predictive.run_variance(curve.size[-1:])[0]) / curve.replicates[-1]
    first, of_runs, of_rows = "shapes", float(np.sqrt(2.0 * run)) * last_error, resolution(predictive)
    if _seeds_hide(predictive, delta) or (curve.replicated and of_runs >= max(delta, of_rows)):
        return "noise"
    if of_rows >= delta:
        first = "test set"
    elif of_runs >= delta:
        first = "noise"
    has_few = len(curve.size) < ENOUGH_SIZES or curve.size[-1] < ENOUGH_SPAN * curve.size[0]
    return "sizes" if has_few and (first == "shapes" or not may_settle(steps, REASONS[first][1])) else first


def _seeds_hide(predictive: Predictive, delta: float) -> bool:
    """Whether no number of test rows would tell the gain, by the measured runs of the two largest sizes: so say the words on test rows."""
    curve = predictive.curve
    if curve.paired is None or curve.test_rows is None or len(curve.size) < FEWEST_TO_COMPARE:
        return False
    if (
        curve.odd_run is not None and curve.odd_run.size >= len(curve.size) - FEWEST_TO_COMPARE
    ):  # a collapse is no noise of seeds
        return False
    wanted = matters_by_default(predictive) if delta == resolution(predictive) else delta
    return curve.paired.seeds_hide(float(curve.size[-2]), float(curve.size[-1]), wanted, round(curve.test_rows))


def _words(predictive: Predictive, reason: str, steps: Sequence[SettlingStep], *, judged: bool) -> tuple[str, str]:
    """Return a reason in words, and the kind of step that answers it."""
    words, kind = REASONS[reason]
    size = predictive.curve.size
    if reason == "noise" and not predictive.curve.replicated:
        words = "two runs of one size are guessed to differ by as much as the gain in question (no size was run twice)"
    if reason == "sizes":
        few, close = f"{len(size)} sizes are too few", f"sizes from {size[0]:g} to {size[-1]:g} are too close"
        words = close if size[-1] < ENOUGH_SPAN * size[0] else few
        if size[-1] >= LEAST_SPAN * size[0] and are_too_close(predictive.curve):
            words = f"of the {len(size)} sizes only {count_apart(size)} lie a quarter apart"
    elif reason in HARDLY and not may_settle(steps, kind):
        best = max(step.chance for step in steps if step.kind == kind)
        words += (
            f"; {HARDLY[reason]} would settle it in {of_hundred(best, COUNTED)} of the outcomes that are expected"
            if judged
            else f"; by a rough count {HARDLY[reason]} would hardly settle it"
        )
    return words, kind


def is_speculative(size: float, last_size: float) -> bool:
    """Whether a size lies so far out that its forecast is called speculative."""
    return size > TRUSTED_MULTIPLE * last_size * 1.0001


def why_another_step(verdict: Verdict) -> str:
    """Return why the step of a `cannot tell` is none against its reason, as the end of a sentence; empty where it is one."""
    own = REASONS[verdict.reason][1] if verdict.reason in REASONS else None
    if own not in STEPS or verdict.answer is None or verdict.answer.kind == own:
        return ""
    return f", as {STEPS[own]} would hardly settle it"
