"""Which curves agree with the measured points: evidence for every shape, noise level and kind of trouble at once.

The log error is ``level + log shape(n) + noise``. The level is conjugate (integrated out in closed form); shapes, noise
levels and "trouble" (a start that does not belong to the curve, one broken run) are a grid, so the whole posterior is
two matrix products and no sampling error enters. Curves are then drawn from it with a fixed low-discrepancy rule, so
the same points give the same answer for ever. This module knows nothing of score ranges, calibration or words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

import numpy as np

from tunecurve.curve.families import Floats, ShapeGrid, log_shape, low_discrepancy, shape_grid
from tunecurve.curve.points import PreparedCurve

# SD of the log error that the shapes do not explain (and of one run's noise where nothing was repeated).
NOISE_LEVELS = np.array([0.003, 0.01, 0.03, 0.08, 0.2, 0.5])
# Variance of what shapes leave unexplained, against size: runs on few examples are noisier, and a shape that fits
# near the largest size matters more than one that fits far below it.
NOISE_EXPONENT = 0.9
# A point that is in trouble says nothing: its log error may be off by this SD.
TROUBLE_SD = 1.0
# The level is free: SD of its prior around the last log error.
LEVEL_SD = 2.0


@dataclass(frozen=True)
class Configurations:
    """Noise level x trouble.

    `precision` is (n_sizes, n_configurations), or (n_configurations, n_sizes, n_sizes) where the test-set error of the
    sizes is correlated; `trouble` is (n_configurations, n_sizes).
    """

    precision: Floats
    log_prior: Floats
    noise: Floats
    trouble: Floats


@dataclass(frozen=True)
class Posterior:
    """Weights over (shape, configuration), and the level's conditional mean and variance.

    Attributes
    ----------
    weight : ndarray, shape (n_shapes, n_configurations)
        Sums to one.
    level_mean : ndarray, shape (n_shapes, n_configurations)
    level_variance, noise : ndarray, shape (n_configurations,)
    trouble : ndarray, shape (n_configurations, n_sizes)
        One where a size is taken not to belong to the curve.
    log_evidence : float
        How well the prior explains the points, up to a constant that all priors of one curve share.
    """

    grid: ShapeGrid
    weight: Floats
    level_mean: Floats
    level_variance: Floats
    noise: Floats
    trouble: Floats
    log_evidence: float


def configurations(
    curve: PreparedCurve, log_noise_prior: Floats, trouble: tuple[float, float, float]
) -> Configurations:
    """Combine noise levels with "all sound", "the curve starts later" (first 1 or 2 sizes) and "this run is broken".

    Parameters
    ----------
    curve : PreparedCurve
    log_noise_prior : ndarray, shape (n_noise_levels,)
    trouble : (float, float, float)
        Prior probabilities: first size is off, first two sizes are off, one other point is broken.
    """
    count = len(curve.size)
    first, two, broken = trouble
    masks = [np.zeros(count)]
    prior = [1.0 - first - two - broken]
    masks.append((np.arange(count) < 1).astype(float))
    prior.append(first)
    if count >= 4:
        masks.append((np.arange(count) < 2).astype(float))
        prior.append(two)
    for index in range(1, count):
        masks.append((np.arange(count) == index).astype(float))
        prior.append(broken / (count - 1))
    relative = (curve.size / curve.size[-1]) ** -NOISE_EXPONENT
    misfit = NOISE_LEVELS[:, None] ** 2 * relative
    variance = curve.point_variance + misfit[:, None, :] + np.array(masks)[None] * TROUBLE_SD**2
    log_prior = log_noise_prior[:, None] + np.log(np.array(prior))[None]
    noise = np.repeat(NOISE_LEVELS, len(prior))
    trouble_of = np.tile(np.array(masks), (len(NOISE_LEVELS), 1))
    variance = variance.reshape(-1, count)
    if curve.test_covariance is None:
        precision = 1.0 / variance.T
    else:
        precision = np.linalg.inv(curve.test_covariance + np.eye(count) * variance[:, None, :])
    return Configurations(precision, log_prior.ravel(), noise, trouble_of)


def log_evidence(residual: Floats, config: Configurations) -> tuple[Floats, Floats, Floats]:
    """Log evidence, level mean (n_shapes, n_configurations) and level variance (n_configurations,).

    `residual` (n_shapes, n_sizes) is the log error minus the last log error minus the log shape.
    """
    if config.precision.ndim == 3:
        return _correlated_log_evidence(residual, config)
    total = config.precision.sum(0) + 1.0 / LEVEL_SD**2
    linear = residual @ config.precision
    square = residual**2 @ config.precision
    normaliser = 0.5 * np.log(config.precision).sum(0) - 0.5 * np.log(total)
    evidence = -0.5 * (square - linear**2 / total) + normaliser + config.log_prior
    return evidence, linear / total, 1.0 / total


def _correlated_log_evidence(residual: Floats, config: Configurations) -> tuple[Floats, Floats, Floats]:
    """`log_evidence` with a full precision matrix for every configuration."""
    row_sums = config.precision.sum(axis=2)
    total = row_sums.sum(axis=1) + 1.0 / LEVEL_SD**2
    linear = residual @ row_sums.T
    square = np.stack([((residual @ matrix) * residual).sum(axis=1) for matrix in config.precision], axis=1)
    normaliser = 0.5 * np.linalg.slogdet(config.precision)[1] - 0.5 * np.log(total)
    evidence = -0.5 * (square - linear**2 / total) + normaliser + config.log_prior
    return evidence, linear / total, 1.0 / total


@lru_cache(maxsize=64)
def _all_shapes_at(size_ratio: tuple[float, ...]) -> Floats:
    """Log shape of the whole grid, kept: the curves of one file are mostly measured at the same sizes."""
    shapes = log_shape(shape_grid(), np.array(size_ratio))
    shapes.flags.writeable = False
    return shapes


def fit(curve: PreparedCurve, log_shape_prior: Floats, config: Configurations) -> Posterior:
    """Posterior of one prepared curve under a prior over the shapes of `shape_grid`."""
    grid = shape_grid()
    residual = curve.log_error - curve.log_error[-1] - _all_shapes_at(tuple(curve.size / curve.size[-1]))
    evidence, level, variance = log_evidence(residual, config)
    evidence += log_shape_prior[:, None]
    top = float(evidence.max())
    weight = np.exp(evidence - top)
    total = float(weight.sum())
    level = curve.log_error[-1] + level
    return Posterior(grid, weight / total, level, variance, config.noise, config.trouble, top + float(np.log(total)))


@lru_cache(maxsize=4)
def normal_scores(count: int, dimensions: int) -> Floats:
    """Fixed standard normal scores, shape (count, dimensions), even in every projection."""
    quantile = NormalDist().inv_cdf
    return np.vectorize(quantile)(low_discrepancy(count, dimensions))


@dataclass(frozen=True)
class CurveDraws:
    """Curves drawn from a posterior: row i is ``level[i] + log shape[shape[i]]`` with run noise `noise[i]` and
    `trouble[i]`, drawn under the prior number `prior[i]`."""

    grid: ShapeGrid
    shape: np.ndarray
    level: Floats
    noise: Floats
    trouble: Floats
    prior: np.ndarray

    def log_error(self, size_ratio: Floats) -> Floats:
        """Log error of every drawn curve, shape (n_draws, n_sizes), at size over the largest measured size."""
        distinct, member = np.unique(self.shape, return_inverse=True)
        return self.level[:, None] + log_shape(self.grid, size_ratio, distinct)[member]


def prior_probabilities(posteriors: Sequence[Posterior], shares: Sequence[float]) -> Floats:
    """Probability of each prior, given the points: its share times its evidence."""
    log_weight = np.array([one.log_evidence for one in posteriors]) + np.log(np.array(shares))
    weight = np.exp(log_weight - log_weight.max())
    return weight / weight.sum()


def draw_curves(posteriors: Sequence[Posterior], probability: Floats, count: int) -> CurveDraws:
    """Draw `count` curves by systematic sampling of the cells of all priors and fixed normal scores for the level."""
    first = posteriors[0]
    weight = np.concatenate([chance * one.weight.ravel() for chance, one in zip(probability, posteriors, strict=True)])
    cumulative = np.cumsum(weight)
    ticks = (np.arange(count) + 0.5) / count * cumulative[-1]
    cell = np.minimum(np.searchsorted(cumulative, ticks), cumulative.size - 1)
    prior, cell = np.divmod(cell, first.weight.size)
    shape, config = np.unravel_index(cell, first.weight.shape)
    # The cells of all priors are the same; only their weights differ.
    level = first.level_mean[shape, config] + np.sqrt(first.level_variance[config]) * normal_scores(count, 4)[:, 0]
    return CurveDraws(first.grid, shape, level, first.noise[config], first.trouble[config], prior)
