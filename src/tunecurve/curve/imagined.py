"""Measurements that are not made yet: their outcomes are drawn, and the engine judges the curve that each would leave.

Each outcome becomes a point of the prepared curve as a real one would, and the same fit is asked for the same word. A few outcomes
are judged; the probability of a rise between them is read off the line through them, for it moves smoothly. It costs some five fits a
measurement, so a forecast does it only where it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from tunecurve.curve.collapse import RERUNS
from tunecurve.curve.odd_runs import CALM_FREEDOM, LEAST_GAP, LEAST_RUN_SD, LIKELY, calm_variance, chance_broken
from tunecurve.curve.points import Floats, PreparedCurve
from tunecurve.curve.predictive import Predictive, predict
from tunecurve.curve.seed_noise import PRIOR_DEGREES_OF_FREEDOM, PRIOR_SEED_SHARE, SEED_VARIANCE_EXPONENT
from tunecurve.curve.test_error import LEAST_RIGHT

# How many outcomes are judged, how many are counted, and on how many drawn curves.
JUDGED, COUNTED, DRAWS = 5, 40, 400
# The drawn curves that come nearest to an outcome are one in so many.
NEAREST = 10
# How much larger the test set is that is imagined.
TEST_SET_TIMES = 4.0

StepKind = Literal["seeds", "size", "test set"]


@dataclass(frozen=True)
class Imagined:
    """A measurement: what kind, at which size, and of seeds how many."""

    kind: StepKind
    n: float
    seeds: int = RERUNS

    def outcomes(self, predictive: Predictive) -> Floats:
        """Return outcomes as log errors at the size, evenly spaced in probability: of one run, or of what is measured anew."""
        levels = (np.arange(COUNTED) + 0.5) / COUNTED
        curve, size = predictive.curve, np.array([self.n])
        if self.kind == "size":
            drawn = np.log(curve.scale.error(predictive.measured_scores(size)[:, 0]))
        elif self.kind == "seeds":
            spread = float(np.sqrt(predictive.run_variance(size)[0] / self.seeds))
            drawn = np.log(curve.scale.error(predictive.curve_scores(size)[:, 0])) + spread * predictive.rival_normals
        else:  # the old rows are a part of the new ones
            spread = float(np.sqrt(curve.own_test_variance * (1.0 - 1.0 / TEST_SET_TIMES)))
            drawn = curve.log_error[-1] + spread * predictive.rival_normals
        return np.quantile(drawn, levels)

    def after(self, predictive: Predictive, outcome: float) -> PreparedCurve:
        """Return the curve with one outcome measured; what is known of pairs of its old sizes is left out."""
        curve = replace(predictive.curve, test_covariance=None, paired=None)
        if self.kind == "size":
            return _with_size(curve, self.n, outcome)
        if self.kind == "seeds":
            return _with_seeds(curve, _run_variance_near(predictive, outcome), outcome, self.seeds)
        return _with_test_rows(curve, outcome)


def chance_of_a_word(
    predictive: Predictive,
    step: Imagined,
    rise: Callable[[Predictive], float],
    is_plain: Callable[[PreparedCurve, float], bool],
) -> float:
    """Share of the outcomes of a measurement after which the engine says a plain word.

    Parameters
    ----------
    predictive : Predictive
    step : Imagined
    rise : callable
        Probability that the next doubling of a fitted curve gains what matters.
    is_plain : callable
        Whether a curve with that probability gets a plain word.
    """
    outcomes = step.outcomes(predictive)
    places = np.linspace(0, COUNTED - 1, JUDGED).round().astype(int)
    curves = [step.after(predictive, float(outcome)) for outcome in outcomes]
    judged = [rise(predict(curves[place], predictive.kind, DRAWS)) for place in places]
    rises = np.interp(np.arange(COUNTED), places, judged)
    return float(np.mean([is_plain(curve, float(chance)) for curve, chance in zip(curves, rises, strict=True)]))


def _run_variance_near(predictive: Predictive, outcome: float) -> float:
    """Usual variance of one run's log error at the largest size on the drawn curves that come nearest to an outcome.

    Where no size was run twice, those that take a last run for broken scatter less than those that take it for noise.
    """
    curve, noise = predictive.curve, predictive.draws.noise
    if curve.replicated:
        return float(predictive.run_variance(curve.size[-1:])[0])
    far = np.abs(predictive.latent_log_error(predictive.last_size) - outcome)
    nearest = np.argsort(far, kind="stable")[: max(len(far) // NEAREST, 1)]
    return float(np.median(noise[nearest]) ** 2)


def _seed_parts(curve: PreparedCurve, seed: float, log_error: Floats, replicates: Floats) -> Floats:
    """Return the variance of each mean log error by seeds; `seed` is that of one run at the largest size."""
    relative = (curve.size / curve.size[-1]) ** -SEED_VARIANCE_EXPONENT
    return seed * relative / replicates * np.exp(2.0 * (log_error[-1] - log_error))


def _with_size(curve: PreparedCurve, size: float, outcome: float) -> PreparedCurve:
    """Return the curve with one run more, at a size beyond the largest."""
    error, last = float(np.exp(outcome)), float(np.exp(curve.log_error[-1]))
    seed = curve.seed_variance * (last / error) ** 2 * (size / curve.size[-1]) ** -SEED_VARIANCE_EXPONENT
    share = 1.0
    if curve.scale.has_two_ends:  # the variance of a share of rows
        share = max(100.0 - error, LEAST_RIGHT) * last / (max(100.0 - last, LEAST_RIGHT) * error)
    own = curve.own_test_variance * share
    return replace(
        curve,
        size=np.append(curve.size, size),
        mean_score=np.append(curve.mean_score, curve.scale.score(error)),
        replicates=np.append(curve.replicates, 1),
        log_error=np.append(curve.log_error, outcome),
        seed_variance=seed,
        point_variance=np.append(curve.point_variance, seed + own),
        seed_variances=np.append(curve.seed_variances, seed),
        own_test_variance=own,
        population_variance=curve.population_variance * share,
    )


def _with_seeds(curve: PreparedCurve, run_variance: float, outcome: float, more: int) -> PreparedCurve:
    """Return the curve with more runs of the largest size, which scatter around an outcome as runs are expected to."""
    runs, old, new = int(curve.replicates[-1]), float(np.exp(curve.log_error[-1])), float(np.exp(outcome))
    mean_of_all = (runs * old + more * new) / (runs + more)
    among_new = (more - 1) * run_variance * new**2
    scatter = runs * (old - mean_of_all) ** 2 + more * (new - mean_of_all) ** 2 + among_new
    broken = _old_run_broken(curve, new, more, among_new)
    mean = broken * new + (1.0 - broken) * mean_of_all
    freedom = float(curve.replicates.sum() - len(curve.size))
    known = curve.seed_variance * old**2 * (freedom + PRIOR_DEGREES_OF_FREEDOM)
    if not curve.replicated:
        freedom, known = 0.0, PRIOR_DEGREES_OF_FREEDOM * (PRIOR_SEED_SHARE[curve.scale.kind] * mean) ** 2
    calm = freedom + more + PRIOR_DEGREES_OF_FREEDOM
    seed = (broken * (known + among_new) / (calm - 1.0) + (1.0 - broken) * (known + scatter) / calm) / mean**2
    log_error = np.append(curve.log_error[:-1], np.log(mean))
    replicates = np.append(curve.replicates[:-1], runs + more)
    seeds = _seed_parts(curve, seed, log_error, replicates.astype(float))
    seeds[-1] += broken * (1.0 - broken) * ((old - new) / (runs + more) / mean) ** 2
    return replace(
        curve,
        mean_score=np.append(curve.mean_score[:-1], curve.scale.score(mean)),
        replicates=replicates,
        log_error=log_error,
        seed_variance=seed,
        point_variance=curve.point_variance - curve.seed_variances + seeds,
        seed_variances=seeds,
    )


def _old_run_broken(curve: PreparedCurve, new: float, more: int, among_new: float) -> float:
    """Return how probably the one old run of the largest size is broken, beside so many new ones of that error; 0 below even chances."""
    before = float(curve.log_error[:-1].min()) if len(curve.size) > 1 else np.inf
    freedom = float(curve.replicates.sum() - len(curve.size))
    squares = curve.seed_variance * float(np.exp(2.0 * curve.log_error[-1])) * freedom + among_new
    freedom += more - 1
    kind = curve.scale.kind
    variance = (
        max(calm_variance(squares, freedom, new, kind), LEAST_RUN_SD[kind] ** 2) + curve.own_test_variance * new**2
    )
    run_sd = float(np.sqrt(variance)) / new
    gap = float(curve.log_error[-1]) - max(float(np.log(new)) + run_sd, before)
    if int(curve.replicates[-1]) > 1 or gap < LEAST_GAP:
        return 0.0
    chance = chance_broken(gap, run_sd, more, freedom + CALM_FREEDOM)
    return chance if chance >= LIKELY else 0.0


def _with_test_rows(curve: PreparedCurve, outcome: float) -> PreparedCurve:
    """Return the curve scored on more test rows."""
    own = curve.point_variance - curve.seed_variances
    return replace(
        curve,
        mean_score=np.append(curve.mean_score[:-1], curve.scale.score(np.exp(outcome))),
        log_error=np.append(curve.log_error[:-1], outcome),
        point_variance=curve.point_variance - own * (1.0 - 1.0 / TEST_SET_TIMES),
        own_test_variance=curve.own_test_variance / TEST_SET_TIMES,
        population_variance=curve.population_variance / TEST_SET_TIMES,
        test_rows=None if curve.test_rows is None else curve.test_rows * TEST_SET_TIMES,
    )
