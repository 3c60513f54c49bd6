"""Fewer than three sizes: a wide forecast borrowed from other curves, and how many rows to label to find out.

Where a curve starts is known before it is measured: the score of the best prompt stands at a few rows, loosely, where it is above
doing nothing; else a share of the error that doing nothing makes, or, where not even that is known, a usual start. The fit is the same
as for a measured curve, the spread has factors of its own, found by leaving sources out. No verdict comes from it. From one size on
the start is not used: it made held-out forecasts worse.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tunecurve.curve.answer import FirstStudy, StudySize
from tunecurve.curve.calibration import smaller_falls
from tunecurve.curve.next_sizes import in_words, runs_in_words, sizes_in_hand, sizes_up_to
from tunecurve.curve.points import Floats, PreparedCurve
from tunecurve.curve.predictive import Predictive

# The score of a prompt stands at this many rows, with this SD of its log error.
PROMPT_ROWS, PROMPT_SD = 8.0, 0.3
# Where only the floor of a bounded metric is known, or nothing at all: rows, error in per cent of the range, SD of its logarithm.
USUAL_ROWS, SHARE_OF_THE_FLOOR, USUAL_ERROR, USUAL_SD = 32.0, 0.8, 40.0, 0.5
# Sizes of a first forecast without any measured one.
FIRST_SIZES = (100.0, 400.0, 1600.0)
# Largest sizes of a first study that are weighed, and how far beyond the largest of them the forecast is wanted.
FIRST_STUDIES = (100.0, 200.0, 400.0, 800.0, 1600.0)
NEXT_STEPS = (2.0, 4.0, 8.0)
WANTED_BEYOND = 4.0
SEEDS = (1, 3)
# The smallest study that brings this share of what the largest one brings.
ENOUGH = 0.7
IMAGINED_OUTCOMES = 30


def with_start(
    curve: PreparedCurve, prompt: float | None, floor: float | None = None, floor_share: float = SHARE_OF_THE_FLOOR
) -> PreparedCurve | None:
    """Put a start in place of sizes where none is measured; None where nothing at all is known (a loss without a score).

    `prompt` is the score of the untrained model with its best prompt, `floor` that of doing nothing: always the most frequent class, a
    copy of the input, an empty answer; `floor_share` is the share of its error that is left at the start.
    """
    if len(curve.size):
        return curve
    prompted, nothing = (None if score is None else float(curve.scale.error(score)) for score in (prompt, floor))
    if prompted is not None and (nothing is None or prompted < nothing or curve.scale.kind == "loss"):
        rows, error, spread = PROMPT_ROWS, prompted, PROMPT_SD
    elif curve.scale.kind == "bounded":
        error = USUAL_ERROR if nothing is None else floor_share * nothing
        rows, spread = USUAL_ROWS, USUAL_SD
    else:
        return None
    return replace(
        curve,
        size=np.array([rows]),
        mean_score=np.array([float(curve.scale.score(error))]),
        replicates=np.array([1]),
        log_error=np.array([np.log(error)]),
        point_variance=np.array([spread**2]),
        seed_variances=np.zeros(1),
        test_covariance=None,
        starts=1,
    )


# At the best score curves have nowhere to go, whatever few test rows can tell.
NO_WIDTH = ": all curves end at one score there, around which single runs scatter; more test rows may not bear that out"


def rows_to_find_out(predictive: Predictive) -> FirstStudy:
    """Sizes and seeds of the next study for which the forecast is worth most, by what it would leave open.

    Each study is imagined as one measurement at its largest size (the smaller ones cost no labels): outcomes are drawn
    from the forecast, the curves are reweighed, and the 80 % interval of the score far beyond is averaged.
    """
    curve = predictive.curve
    measured = measured_sizes(curve)
    studies = [predictive.last_size * step for step in NEXT_STEPS] if measured else list(FIRST_STUDIES)
    wanted = WANTED_BEYOND * studies[-1]
    score = predictive.curve_scores(np.array([wanted]))[:, 0]
    now = float(np.subtract(*np.quantile(score, [0.9, 0.1])))
    options = [
        StudySize(rows, seeds, _width_after(predictive, rows, seeds, score)) for rows in studies for seeds in SEEDS
    ]
    narrowest = min(options, key=lambda option: option.width)
    gained = now - narrowest.width
    best = next((option for option in options if now - option.width >= ENOUGH * gained > 0), narrowest)
    sizes = sizes_up_to(best.rows, measured_sizes(curve))
    study = FirstStudy(best.rows, best.seeds, wanted, now, best.width, options, "", sizes)
    return replace(study, sentence=_said(study) if gained > 0 else _nothing_narrows(study, studies[-1]))


def within_labelled(study: FirstStudy, predictive: Predictive, labelled: int) -> FirstStudy:
    """Return the next study of somebody who has labelled rows: the sizes missing for a verdict from them, where it asked for more.

    Parameters
    ----------
    study : FirstStudy
        As `rows_to_find_out` returns it.
    predictive : Predictive
        Of the same curve.
    labelled : int
        Rows that are labelled already. What goes beyond them, and beyond the largest size, is said to be labelled first.
    """
    measured = measured_sizes(predictive.curve)
    last = max(measured, default=0.0)
    to_label = max(0, round(study.rows - max(labelled, last)))
    in_hand = sizes_in_hand(measured, labelled) if to_label else []
    narrows = study.width_then < study.width_now
    if not in_hand:
        return replace(study, sentence=_said(study, to_label)) if narrows else study
    if in_hand[-1] <= last:
        return replace(study, sizes=in_hand, sentence=_with_labels(study, to_label) if narrows else study.sentence)
    score = predictive.curve_scores(np.array([study.wanted_n]))[:, 0]
    width = _width_after(predictive, in_hand[-1], 1, score)
    own = replace(study, rows=in_hand[-1], seeds=1, width_then=width, sizes=in_hand)
    return replace(own, sentence=_said(own) if width < own.width_now else _nothing_narrows(own, own.rows))


def measured_sizes(curve: PreparedCurve) -> list[float]:
    """Return the sizes of a curve, smallest first, without a start that stands for them."""
    return [] if curve.starts else [float(size) for size in curve.size]


def _interval(study: FirstStudy) -> str:
    return f"the 80 % interval of the expected score at n={study.wanted_n:g}"


def _said(study: FirstStudy, to_label: int = 0) -> str:
    how = f"{to_label:,} to label; " * bool(to_label) + runs_in_words(study.sizes, study.seeds)
    widths = f"is {study.width_now:.3g} wide now, and about {study.width_then:.3g} then"
    return f"To find out, train on {in_words(study.sizes)} ({how}): {_interval(study)} {widths}."


def _with_labels(study: FirstStudy, to_label: int) -> str:
    widths = f"is {study.width_now:.3g} wide now, and would be about {study.width_then:.3g}"
    rows = f"{in_words([study.rows])} ({to_label:,} to label)"
    return f"The labelled rows hold no larger size: {_interval(study)} {widths} with {rows}."


def _nothing_narrows(study: FirstStudy, largest: float) -> str:
    said = (
        f"No study of up to {largest:g} rows is expected to narrow {_interval(study)}, {study.width_now:.3g} wide now"
    )
    return f"{said}{NO_WIDTH * (study.width_now < 0.01)}."


def _width_after(predictive: Predictive, rows: float, seeds: int, score: Floats) -> float:
    """Mean width of the 80 % interval of `score` once `rows` have been measured with `seeds` runs."""
    curve, doublings = predictive.curve, np.log2(np.array([rows / predictive.last_size]))
    latent = predictive.latent_log_error(rows)[:, None]
    latent = smaller_falls(latent, float(curve.log_error[-1]), doublings, len(curve.size) - curve.starts)[:, 0]
    variance = float(predictive.run_variance(np.array([rows]))[0]) / seeds
    outcomes = np.quantile(latent, (np.arange(IMAGINED_OUTCOMES) + 0.5) / IMAGINED_OUTCOMES)
    weight = np.exp(-0.5 * (outcomes[:, None] - latent[None, :]) ** 2 / max(variance, 1e-8))
    order = np.argsort(score)
    cumulative = np.cumsum(weight[:, order], axis=1)
    cumulative /= cumulative[:, -1:]
    ends = [score[order][np.minimum((cumulative < level).sum(axis=1), len(score) - 1)] for level in (0.1, 0.9)]
    return float(np.mean(ends[1] - ends[0]))
