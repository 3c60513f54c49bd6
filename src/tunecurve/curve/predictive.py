"""From a posterior to scores: draws of what would be measured, and of the curve behind it, at any size.

Three quantities are kept apart. The curve: the expected score on this test set. A measured score: one more run, with
its seed noise. The population: the curve, with the error of having only this test set added back. All draws share
their random numbers over sizes, so statements about several sizes (a gain, a crossing) agree with each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tunecurve.curve.calibration import narrower, recalibrate, smaller_falls, wider
from tunecurve.curve.kinds import FEWEST_SIZES, kind_probabilities
from tunecurve.curve.points import CEILING_OFFSET, Floats, PreparedCurve
from tunecurve.curve.posterior import CurveDraws, draw_curves, explain, fit, normal_scores
from tunecurve.curve.priors import (
    COLLAPSE,
    DRIFT,
    FALL,
    JUMP,
    LANGUAGE_MODEL,
    SCATTER,
    TFIDF,
    WAYS,
    Prior,
    prior_from,
    prior_table,
)
from tunecurve.curve.scatter import least_scatter
from tunecurve.curve.seed_noise import SEED_VARIANCE_EXPONENT

# Enough that quantiles move by less than 1 % of the interval when it is doubled.
DRAWS = 2000
# Doublings beyond the data that are searched for a crossing; what lies further is "never" for every purpose.
SEARCHED_DOUBLINGS = 10
STEPS_PER_DOUBLING = 4
MOST_STEPS_INSIDE = 60
# Errors beyond are infinite for every purpose.
LARGEST_LOG_ERROR = 300.0


@dataclass(frozen=True)
class Predictive:
    """Forecast distribution of one curve; `calibrated` is off only while the calibration itself is being fitted.

    `priors` are those the draws come from; `kind` is what was said to be trained.
    """

    curve: PreparedCurve
    draws: CurveDraws
    priors: Sequence[Prior]
    kind: str | None = None
    calibrated: bool = True

    @property
    def last_size(self) -> float:
        """Largest measured size."""
        return float(self.curve.size[-1])

    @cached_property
    def _normals(self) -> Floats:
        return normal_scores(len(self.draws.level), 4)

    @cached_property
    def _departure(self) -> tuple[NDArray[np.int64], Floats]:
        """The way in which each draw leaves its shape (index into `WAYS`), and the SD of it."""
        chance = (np.arange(len(self._normals)) * 0.6180339887498949) % 1.0
        way, spread = np.zeros(len(chance), np.int64), np.zeros(len(chance))
        for index, prior in enumerate(self.priors):
            share = np.cumsum([one[0] for one in prior.departures])
            mine = self.draws.prior == index
            chosen = np.minimum(np.searchsorted(share, chance[mine]), len(share) - 1)
            way[mine] = np.array([WAYS.index(name) for _, name, _ in prior.departures])[chosen]
            spread[mine] = np.array([sd for _, _, sd in prior.departures])[chosen]
        return way, spread

    @cached_property
    def _drift(self) -> Floats:
        """Each draw's own departure from its shape, log error per doubling: either way, or a jump, or a fall."""
        way, spread = self._departure
        normal = self._normals[:, 1]
        signs = {DRIFT: normal, JUMP: -np.abs(normal), FALL: np.abs(normal)}
        return spread * np.choose(way, [signs.get(name, np.zeros(len(normal))) for name in WAYS])

    @cached_property
    def _run_departure(self) -> Floats:
        """What a collapse or a scatter adds to the log error of each draw's measured run."""
        way, spread = self._departure
        normal = self._normals[:, 3]
        collapsed = np.where(way == WAYS.index(COLLAPSE), np.abs(normal), 0.0)
        return spread * np.where(way == WAYS.index(SCATTER), normal, collapsed)

    @property
    def rival_normals(self) -> Floats:
        """Normal scores for the own error of a rival strategy."""
        return self._normals[:, 3]

    def run_variance(self, size: Floats) -> Floats:
        """Return the expected variance of the log error of one run at each size."""
        seed = self.curve.seed_variance * (size / self.last_size) ** -SEED_VARIANCE_EXPONENT
        return seed if self.curve.replicated else seed + float(np.mean(self.draws.noise**2))

    def latent_log_error(self, size: float) -> Floats:
        """Draws (n_draws,) of the curve's log error at one size, before recalibration."""
        return self._latent(np.array([size]))[:, 0]

    def suspects(self) -> list[tuple[float, float]]:
        """Sizes and the posterior probability that their run does not belong to the curve."""
        chance = self.draws.trouble.mean(axis=0)
        return [(float(n), float(p)) for n, p in zip(self.curve.size, chance, strict=True)]

    @property
    def jump_probability(self) -> float:
        """Return the probability that the curve started anew at the largest size, with a score that those before did not announce."""
        return float(self.draws.jumped.mean())

    @cached_property
    def _latent_at(self) -> dict[bytes, Floats]:
        return {}

    def _latent(self, size: Floats) -> Floats:
        """Draws of the curve's log error; kept, because several outputs ask for the same sizes."""
        key = size.tobytes()
        if key not in self._latent_at:
            doublings = np.log2(size / self.last_size)
            drift = self._drift[:, None] * np.maximum(doublings, 0.0)
            self._latent_at[key] = self.draws.log_error(size / self.last_size) + drift
        return self._latent_at[key]

    def _scores(self, log_error: Floats, size: Floats) -> Floats:
        doublings = np.log2(size / self.last_size)
        if self.calibrated:
            log_error = self._recalibrated(log_error, doublings)
        return self.curve.scale.score(np.exp(np.minimum(log_error, LARGEST_LOG_ERROR)))

    def _recalibrated(self, log_error: Floats, doublings: Floats) -> Floats:
        """Each kind's draws after its own calibration; that of language models is the last, of all that may be one."""
        sizes, replicated = self._telling_sizes, self.curve.replicated
        result = log_error.copy()
        for index, prior in enumerate(self.priors):
            mine = self.draws.prior == index
            if prior.kind != LANGUAGE_MODEL and mine.any():
                result[mine] = recalibrate(log_error[mine], prior.kind, doublings, sizes, replicated=replicated)
        if any(prior.kind == LANGUAGE_MODEL for prior in self.priors):
            result = recalibrate(result, LANGUAGE_MODEL, doublings, sizes, replicated=replicated)
            result = narrower(result, doublings, sizes) if self.kind == TFIDF else result
        if self.curve.scale.spread is not None:
            result = wider(result, doublings)
        return smaller_falls(result, float(self.curve.log_error[-1]), doublings, sizes)

    @property
    def _telling_sizes(self) -> int:
        """Measured sizes that make the fit surer, which calibration takes back; of a curve that never missed, no more than the fewest."""
        measured = len(self.curve.size) - self.curve.starts
        return min(measured, FEWEST_SIZES) if self.curve.is_flawless else measured

    def curve_scores(self, size: Floats) -> Floats:
        """Draws (n_draws, n_at) of the expected score on this test set."""
        return self._scores(self._latent(size), size)

    @cached_property
    def search_size(self) -> Floats:
        """Sizes from the smallest measured to 1024 times the largest, four a doubling."""
        inside = np.ceil(np.log2(self.last_size / self.curve.size[0]) * STEPS_PER_DOUBLING)
        inside = min(int(inside), MOST_STEPS_INSIDE)
        steps = np.arange(-inside, SEARCHED_DOUBLINGS * STEPS_PER_DOUBLING + 1)
        return self.last_size * 2.0 ** (steps / STEPS_PER_DOUBLING)

    @cached_property
    def search_scores(self) -> Floats:
        """Draws of the curve at `search_size`, shape (n_draws, n_sizes): computed once, asked by every output."""
        return self.curve_scores(self.search_size)

    @property
    def search_last(self) -> int:
        """Index of the largest measured size in `search_size`."""
        return len(self.search_size) - 1 - SEARCHED_DOUBLINGS * STEPS_PER_DOUBLING

    def measured_scores(self, size: Floats) -> Floats:
        """Draws (n_draws, n_at) of the score of one run on this test set."""
        seed = self.curve.seed_variance * (size / self.last_size) ** -SEED_VARIANCE_EXPONENT
        latent, least = self._near_the_best(self._latent(size))
        noise = np.sqrt(self.draws.noise[:, None] ** 2 + seed[None, :] + least**2)
        run = noise * self._normals[:, 2:3] + self._run_departure[:, None]
        return self._scores(latent + run, size)

    def _near_the_best(self, latent: Floats) -> tuple[Floats, Floats]:
        """Draws held at the best score, and the least SD of one run around them (log error).

        Only where runs do not show it themselves and a language model may have been trained.
        """
        may_be_one = any(prior.kind == LANGUAGE_MODEL for prior in self.priors)
        if self.curve.scale.kind != "bounded" or self.curve.replicated or not may_be_one:
            return latent, np.zeros_like(latent)
        held = np.maximum(latent, np.log(CEILING_OFFSET))
        return held, least_scatter(np.minimum(held, LARGEST_LOG_ERROR))

    def population_scores(self, size: Floats) -> Floats:
        """Draws (n_draws, n_at) of the expected score on fresh rows of the same kind as the test set."""
        shared = np.sqrt(self.curve.population_variance) * self._normals[:, 3:4]
        return self._scores(self._latent(size) + shared, size)


def predict(curve: PreparedCurve, kind: str | None = None, draws: int = DRAWS) -> Predictive:
    """Fit a prepared curve and draw from its posterior, under the prior of its kind, or of each kind it may be.

    Parameters
    ----------
    curve : PreparedCurve
    kind : {"language-model", "classical", "tfidf"}, optional
        What was trained; by default its probabilities (`tunecurve.curve.kinds`), and always for a score without a best value.
    draws : int
    """
    kind = None if curve.scale.spread is not None else kind
    chances = kind_probabilities(curve, kind)
    context = float(curve.log_error[-1]), float(curve.size[-1])
    priors = [prior_from(name, prior_table()[name], *context) for name in chances]
    likelihood = explain(curve)
    posteriors = [fit(likelihood, prior) for prior in priors]
    return Predictive(curve, draw_curves(likelihood, posteriors, list(chances.values()), draws), priors, kind)
