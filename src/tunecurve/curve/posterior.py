"""Which curves agree with the measured points: evidence for every shape, noise level and kind of trouble at once.

The log error is ``level + log shape(n) + noise``. The level is conjugate (integrated out in closed form); shapes, noise
levels and "trouble" (a start that does not belong to the curve, one broken run) are a grid, so the likelihood of every
cell is two matrix products, computed once, and each prior only weighs its rows (shapes) and columns (noise, trouble). No
sampling error enters. A largest size that is in trouble because it is better than its curve is taken for a jump: the curve
starts anew there, since such scores were seen to stay. Curves are then drawn with a fixed low-discrepancy rule, so the same points
give the same answer for ever. This module knows nothing of score ranges, calibration or words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from tunecurve.curve.families import Floats, ShapeGrid, log_shape, low_discrepancy, shape_grid
from tunecurve.curve.points import PreparedCurve
from tunecurve.curve.priors import Prior

# SD of the log error that the shapes do not explain (and of one run's noise where nothing was repeated).
NOISE_LEVELS = np.array([0.003, 0.01, 0.03, 0.08, 0.2, 0.5])
# Variance of what shapes leave unexplained, against size: runs on few examples are noisier, and a shape that fits
# near the largest size matters more than one that fits far below it.
NOISE_EXPONENT = 0.9
# A point that is in trouble says nothing: its log error may be off by this SD.
TROUBLE_SD = 1.0
# From so many sizes on a largest one that is better than its curve may be a jump that stays (`Prior.stays`).
FEWEST_BEFORE_A_JUMP = 3
# Steps of the sequences that spread what curves are after a jump over the draws, even in each and in both.
GOLDEN, PLASTIC = 0.6180339887498949, 0.7548776662466927
# The level is free: SD of its prior around the last log error.
LEVEL_SD = 2.0


@dataclass(frozen=True)
class Configurations:
    """Noise level x trouble, the columns of the grid.

    `precision` is (n_sizes, n_configurations), `noise` (n_configurations,), `trouble` (n_configurations, n_sizes).
    """

    precision: Floats
    noise: Floats
    trouble: Floats


@dataclass(frozen=True)
class Likelihood:
    """How well each cell of (shape, configuration) explains the points, whatever the prior."""

    relative: Floats
    """Likelihood over that of the best cell, shape (n_shapes, n_configurations)."""
    residual: Floats
    """Log error minus the last log error minus the log shape, shape (n_shapes, n_sizes)."""
    last_log_error: float
    """"""
    configurations: Configurations
    last_variance: float
    """Known variance of the last log error."""
    last_runs: int
    """Runs behind it."""


@dataclass(frozen=True)
class Posterior:
    """One prior's weights of rows (shapes) and columns (configurations); the cells of the likelihood, so weighed, sum to one."""

    shape_weight: Floats
    configuration_weight: Floats
    stays: float
    """Share of jumps of one run onto the largest size that stay."""


def trouble_masks(count: int) -> tuple[Floats, NDArray[np.int64]]:
    """Which of `count` sizes are in trouble, one row a hypothesis, and its sort: 0 none, 1 first size, 2 first two, 3 another."""
    eye = np.eye(count)
    masks, sort = [np.zeros(count), eye[0]], [0, 1]
    if count >= 4:
        masks.append(eye[0] + eye[1])
        sort.append(2)
    return np.array([*masks, *eye[1:]]), np.array([*sort, *[3] * (count - 1)])


def configurations(curve: PreparedCurve) -> Configurations:
    """Combine noise levels with "all sound", "the curve starts later" (first 1 or 2 sizes) and "this run is broken"."""
    count = len(curve.size)
    masks, _ = trouble_masks(count)
    relative = (curve.size / curve.size[-1]) ** -NOISE_EXPONENT
    misfit = NOISE_LEVELS[:, None] ** 2 * relative
    variance = (curve.point_variance + misfit[:, None, :] + masks * TROUBLE_SD**2).reshape(-1, count)
    return Configurations(1.0 / variance.T, np.repeat(NOISE_LEVELS, len(masks)), np.tile(masks, (len(NOISE_LEVELS), 1)))


def configuration_weight(prior: Prior, count: int) -> Floats:
    """Prior probability of every configuration of a curve of `count` sizes."""
    _, sort = trouble_masks(count)
    chance = np.array([1.0 - sum(prior.trouble), *prior.trouble[:2], prior.trouble[2] / max(count - 1, 1)])
    return np.outer(np.exp(prior.log_noise), chance[sort]).ravel()


def log_likelihood(residual: Floats, config: Configurations) -> Floats:
    """Log likelihood of every cell, shape (n_shapes, n_configurations), the level integrated out.

    ``r' P r - (1' P r)^2 / (1' P 1 + 1 / sd^2)`` for every shape's residual r and configuration's precision P: one product of
    squares and one of residuals.
    """
    rows, total, log_determinant = _precision_sums(config)
    constant = 0.5 * log_determinant - 0.5 * np.log(total)
    result = residual @ (rows / np.sqrt(total))
    np.square(result, out=result)
    result -= residual**2 @ config.precision
    result *= 0.5
    result += constant
    return result


def _precision_sums(config: Configurations) -> tuple[Floats, Floats, Floats]:
    """Row sums of each precision (n_sizes, n_configurations), its total with the level's own, and its log determinant."""
    return config.precision, config.precision.sum(axis=0) + 1.0 / LEVEL_SD**2, np.log(config.precision).sum(axis=0)


@lru_cache(maxsize=64)
def _all_shapes_at(size_ratio: tuple[float, ...]) -> Floats:
    """Log shape of the whole grid, kept: the curves of one file are mostly measured at the same sizes."""
    shapes = log_shape(shape_grid(), np.array(size_ratio))
    shapes.flags.writeable = False
    return shapes


def explain(curve: PreparedCurve) -> Likelihood:
    """Likelihood of one prepared curve under every shape of `shape_grid` and every configuration."""
    config = configurations(curve)
    last = float(curve.log_error[-1])
    residual = curve.log_error - last - _all_shapes_at(tuple(curve.size / curve.size[-1]))
    relative = log_likelihood(residual, config)
    relative -= relative.max()
    np.exp(relative, out=relative)
    return Likelihood(relative, residual, last, config, float(curve.point_variance[-1]), int(curve.replicates[-1]))


def fit(likelihood: Likelihood, prior: Prior) -> Posterior:
    """Posterior of one curve under one prior."""
    columns = configuration_weight(prior, likelihood.residual.shape[1])
    rows = np.exp(prior.log_shape)
    total = float(rows @ (likelihood.relative @ columns))
    return Posterior(rows / total, columns, prior.stays)


@lru_cache(maxsize=4)
def normal_scores(count: int, dimensions: int) -> Floats:
    """Return fixed standard normal scores, shape (count, dimensions), even in every projection."""
    quantile = NormalDist().inv_cdf
    return np.vectorize(quantile)(low_discrepancy(count, dimensions))


@dataclass(frozen=True)
class CurveDraws:
    """Curves drawn from a posterior: row i is ``level[i] + log shape[shape[i]]`` with run noise `noise[i]` and
    `trouble[i]`, drawn under the prior number `prior[i]`. Where `jumped[i]`, it starts anew at the largest size."""

    grid: ShapeGrid
    shape: np.ndarray
    level: Floats
    noise: Floats
    trouble: Floats
    prior: np.ndarray
    jumped: NDArray[np.bool_]

    def log_error(self, size_ratio: Floats) -> Floats:
        """Log error of every drawn curve, shape (n_draws, n_sizes), at size over the largest measured size."""
        distinct, member = np.unique(self.shape, return_inverse=True)
        return self.level[:, None] + log_shape(self.grid, size_ratio, distinct)[member]


def draw_curves(
    likelihood: Likelihood, posteriors: Sequence[Posterior], probability: Sequence[float], count: int
) -> CurveDraws:
    """Draw `count` curves by systematic sampling of the cells of all priors and fixed normal scores for the level."""
    by_shape = [
        chance * one.shape_weight * (likelihood.relative @ one.configuration_weight)
        for chance, one in zip(probability, posteriors, strict=True)
    ]
    cumulative = np.cumsum(np.concatenate(by_shape))
    ticks = (np.arange(count) + 0.5) / count * cumulative[-1]
    row = np.minimum(np.searchsorted(cumulative, ticks), cumulative.size - 1)
    rest = (cumulative[row] - ticks) / np.concatenate(by_shape)[row]  # share of the row's weight beyond the tick
    prior, shape = np.divmod(row, len(likelihood.relative))
    config = _columns(likelihood, posteriors, prior, shape, rest)
    mean, variance = _level(likelihood, shape, config)
    normal = normal_scores(count, 4)[:, 0]
    configs = likelihood.configurations
    level, noise, trouble = mean + np.sqrt(variance) * normal, configs.noise[config], configs.trouble[config]
    jumped = _jumped(likelihood, posteriors, prior, level, trouble)
    shape[jumped], usual = _starts_anew(likelihood, posteriors, prior[jumped])
    if likelihood.last_runs == 1:  # else the seeds themselves say how far runs scatter there
        noise[jumped] = usual
    spread = np.sqrt(likelihood.last_variance + noise[jumped] ** 2)
    level[jumped] = likelihood.last_log_error + spread * normal[jumped]
    trouble[jumped, -1] = 0.0
    return CurveDraws(shape_grid(), shape, level, noise, trouble, prior, jumped)


def _jumped(
    likelihood: Likelihood, posteriors: Sequence[Posterior], prior: NDArray[np.int64], level: Floats, trouble: Floats
) -> NDArray[np.bool_]:
    """Which draws left their shape for a better score at the largest size, to stay there: that of several runs is hardly luck."""
    if trouble.shape[1] < FEWEST_BEFORE_A_JUMP:
        return np.zeros(len(level), bool)
    luck = np.array([1.0 - one.stays for one in posteriors]) ** likelihood.last_runs
    turn = ((np.arange(len(level)) + 0.5) * GOLDEN) % 1.0
    better = (trouble[:, -1] > 0) & (level > likelihood.last_log_error)
    return better & (turn < 1.0 - luck[prior])


def _starts_anew(
    likelihood: Likelihood, posteriors: Sequence[Posterior], prior: NDArray[np.int64]
) -> tuple[NDArray[np.int64], Floats]:
    """Shapes and noise after a jump, each drawn from its prior: what was before says nothing of them."""
    shape, noise = np.zeros(len(prior), np.int64), np.zeros(len(prior))
    for index, one in enumerate(posteriors):
        mine = np.flatnonzero(prior == index)
        chosen = []
        for weight, step in ((one.shape_weight, GOLDEN), (one.configuration_weight, PLASTIC)):
            passed = np.cumsum(weight)
            ticks = ((np.arange(len(mine)) + 0.5) * step) % 1.0 * passed[-1]
            chosen.append(np.minimum(np.searchsorted(passed, ticks), passed.size - 1))
        shape[mine], noise[mine] = chosen[0], likelihood.configurations.noise[chosen[1]]
    return shape, noise


def _columns(
    likelihood: Likelihood,
    posteriors: Sequence[Posterior],
    prior: NDArray[np.int64],
    shape: NDArray[np.int64],
    rest: Floats,
) -> NDArray[np.int64]:
    """Return the configuration of each draw: where the weight of its row that is passed reaches ``1 - rest``."""
    column_weight = np.array([one.configuration_weight for one in posteriors])
    passed = np.cumsum(likelihood.relative[shape] * column_weight[prior], axis=1)
    index = (passed < (1.0 - rest)[:, None] * passed[:, -1:]).sum(axis=1)
    return np.minimum(index, passed.shape[1] - 1)


def _level(likelihood: Likelihood, shape: NDArray[np.int64], config: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Mean and variance of the level (log error at the largest size), given shape and configuration of each draw."""
    rows, total, _ = _precision_sums(likelihood.configurations)
    linear = (likelihood.residual[shape] * rows.T[config]).sum(axis=1)
    return likelihood.last_log_error + linear / total[config], 1.0 / total[config]
