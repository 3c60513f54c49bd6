"""Learning the prior of bounded metrics from the forecasts it makes: tasks, draws, and the gradient of their CRPS.

Each task's posterior under a flat prior is drawn once. Another prior only reweights those draws, so the CRPS of the
reweighted draws, and its exact gradient with respect to the prior's log weights, cost a few array operations, and the
prior can be learned on thousands of tasks in a minute (the reweighting is importance sampling; priors stay close
enough to flat).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from curves import Curve, Task, make_task
from regimes import LATE

from tunecurve.curve.points import CurvePoints, prepare
from tunecurve.curve.posterior import NOISE_LEVELS, draw_curves, explain, fit
from tunecurve.curve.predictive import Predictive
from tunecurve.curve.priors import (
    DRIFT,
    Prior,
    base_log_weights,
    level_position,
    normalised,
    prior_features,
    regime_log_weights,
)

DRAWS_PER_TASK = 400
# The proposal prior: broad, so that reweighting can only sharpen it.
FLAT_LOG_NOISE = np.array([-1.0, -0.5, 0.0, 0.0, -0.5, -1.5])
FLAT_TROUBLE = (0.08, 0.04, 0.08)
PROPOSAL_SHARE = 0.4


@dataclass(frozen=True)
class Penalty:
    """Strength of the penalties: curvature along an axis, size of the weights, difference between levels."""

    curvature: float
    size: float
    levels: float


@dataclass(frozen=True)
class Draws:
    """Posterior draws of many tasks under the proposal prior, sorted within each task.

    `cell`, `noise`, `trouble` index the prior weights behind each draw; `below` and `above` are the lengths of the gaps
    between neighbouring draws on either side of the truth.
    """

    cell: np.ndarray
    noise: np.ndarray
    trouble: np.ndarray
    levels: np.ndarray
    below: np.ndarray
    above: np.ndarray
    outside: np.ndarray


@dataclass(frozen=True)
class Weights:
    """Log-linear weights of a prior: shapes (n_levels, n_weights), noise levels, kinds of trouble."""

    shape: np.ndarray
    noise: np.ndarray
    trouble: np.ndarray


def random_tasks(curves: list[Curve], per_curve: int, seed: int) -> list[Task]:
    """Cut tasks of many forms from curves: 3-8 sizes, steps of 2 or 4, one or three seeds, horizons of 2 to 64."""
    rng = np.random.default_rng(seed)
    tasks = []
    for curve in curves:
        loss = curve.direction == "min"
        starts = sorted(curve.runs)[:4]
        found = 0
        for _ in range(6 * per_curve):
            count = rng.choice([3, 4, 5, 6, 8] if loss else [3, 3, 4, 5, 6])
            horizon = rng.choice([2, 4, 8, 8, 16, 64] if loss else [2, 4, 8, 8, 16])
            observed = rng.choice(starts) * rng.choice([2.0, 4.0]) ** np.arange(count)
            task = make_task(curve, tuple(observed), int(rng.choice([1, 3])), observed[-1] * horizon)
            if task is not None:
                tasks.append(task)
                found += 1
            if found >= per_curve:
                break
    return tasks


def drift_mixture(discrepancy: float) -> tuple[tuple[float, str, float], ...]:
    """Heavy tail of the drift: most curves follow the shapes, some do not (share, way, SD per doubling)."""
    return (0.75, DRIFT, round(0.5 * discrepancy, 5)), (0.25, DRIFT, round(1.8 * discrepancy, 5))


@lru_cache(maxsize=1)
def proposal_log_shape() -> np.ndarray:
    """Log weights of the proposal prior over shapes."""
    late = np.log(PROPOSAL_SHARE) + regime_log_weights(LATE)
    return np.logaddexp(np.log1p(-PROPOSAL_SHARE) + normalised(base_log_weights()), late)


def trouble_kind(mask: np.ndarray) -> np.ndarray:
    """0 sound, 1 first size off, 2 first two off, 3 another run broken; from masks (n_draws, n_sizes)."""
    count = mask.sum(axis=1)
    return np.where(count == 0, 0, np.where(count == 2, 2, np.where(mask[:, 0] > 0, 1, 3)))


def draw_tasks(tasks: list[Task], discrepancy: float) -> Draws:
    """Fit every task under the proposal prior and keep its sorted draws at the target."""
    prior = Prior(
        "proposal", proposal_log_shape(), normalised(FLAT_LOG_NOISE), FLAT_TROUBLE, drift_mixture(discrepancy)
    )
    columns: list[list[np.ndarray]] = [[] for _ in range(7)]
    for task in tasks:
        curve = prepare(CurvePoints(task.train_size, task.score), task.curve.score_range, task.curve.direction)
        likelihood = explain(curve)
        draws = draw_curves(likelihood, [fit(likelihood, prior)], [1.0], DRAWS_PER_TASK)
        predictive = Predictive(curve, draws, [prior], calibrated=False)
        scores = predictive.measured_scores(np.array([task.target]))[:, 0]
        order = np.argsort(scores, kind="stable")
        scores, truth = scores[order], task.truth
        left, right = scores[:-1], scores[1:]
        above = np.clip(right - np.maximum(left, truth), 0.0, None)
        outside = max(scores[0] - truth, 0.0) + max(truth - scores[-1], 0.0)
        row = (
            predictive.draws.shape[order],
            np.searchsorted(NOISE_LEVELS, predictive.draws.noise[order]),
            trouble_kind(predictive.draws.trouble[order]),
            level_position(float(curve.log_error[-1])),
            right - left - above,
            above,
            np.array(outside),
        )
        for column, value in zip(columns, row, strict=True):
            column.append(value)
    cell, noise, trouble, levels, below, above, outside = (np.array(column) for column in columns)
    return Draws(cell, noise, trouble, levels, below, above, outside)


def shape_log_weights(weights: np.ndarray, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Log prior of shapes for one level, and the share of each weight that is generic (not the hand-set regime)."""
    generic = np.log1p(-share) + normalised(base_log_weights() + prior_features()[0] @ weights)
    mixed = np.logaddexp(generic, np.log(share) + regime_log_weights(LATE))
    return mixed, np.exp(generic - mixed)


def crps_and_gradient(draws: Draws, weights: Weights, share: float) -> tuple[np.ndarray, Weights]:
    """CRPS of every task under a prior, and the gradient of their sum.

    Notes
    -----
    With sorted draws x and weights p, CRPS is the integral of (F - 1[x >= truth])^2: a sum over gaps of squared
    cumulative weights, so its derivative with respect to each weight is a reversed cumulative sum.
    """
    features, _ = prior_features()
    proposal = proposal_log_shape()
    mixed, generic = zip(*(shape_log_weights(row, share) for row in weights.shape), strict=True)
    change = np.array(mixed) - proposal
    log_weight = sum(draws.levels[:, [k]] * change[k][draws.cell] for k in range(len(change)))
    log_weight = log_weight + weights.noise[draws.noise] + weights.trouble[draws.trouble]
    p = np.exp(log_weight - log_weight.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    cumulative = np.cumsum(p, axis=1)[:, :-1]
    crps = (cumulative**2 * draws.below + (1 - cumulative) ** 2 * draws.above).sum(axis=1) + draws.outside
    slope = 2 * (cumulative * draws.below - (1 - cumulative) * draws.above)
    pull = np.zeros_like(p)
    pull[:, :-1] = np.cumsum(slope[:, ::-1], axis=1)[:, ::-1]
    gradient = p * (pull - (p * pull).sum(axis=1, keepdims=True))
    shape_gradient = np.empty_like(weights.shape)
    for k in range(len(change)):
        by_cell = np.bincount(draws.cell.ravel(), (gradient * draws.levels[:, [k]]).ravel(), len(proposal)) * generic[k]
        centre = np.exp(normalised(mixed[k] + np.log(generic[k]))) @ features
        shape_gradient[k] = by_cell @ features - by_cell.sum() * centre
    noise = np.bincount(draws.noise.ravel(), gradient.ravel(), len(weights.noise))
    trouble = np.bincount(draws.trouble.ravel(), gradient.ravel(), len(weights.trouble))
    return crps, Weights(shape_gradient, noise, trouble)


def penalty_matrix(penalty: Penalty) -> np.ndarray:
    """Quadratic penalty on the weights of one level."""
    _, blocks = prior_features()
    matrix = np.eye(sum(blocks)) * penalty.size
    start = 0
    for block in blocks:
        if block > 2:
            second = np.diff(np.eye(block), 2, axis=0)
            matrix[start : start + block, start : start + block] += penalty.curvature * second.T @ second
        start += block
    return matrix


def learn(draws: Draws, penalty: Penalty, share: float, steps: int = 90, rate: float = 0.08) -> Weights:
    """Minimise mean CRPS plus penalty with Adam from the flat prior; deterministic."""
    levels = draws.levels.shape[1]
    width = prior_features()[0].shape[1]
    matrix = penalty_matrix(penalty)
    weights = Weights(np.zeros((levels, width)), np.zeros(len(NOISE_LEVELS)), np.zeros(4))
    sizes = (levels * width, len(NOISE_LEVELS), 4)
    mean, square = np.zeros(sum(sizes)), np.zeros(sum(sizes))
    for step in range(1, steps + 1):
        _, gradient = crps_and_gradient(draws, weights, share)
        middle = weights.shape.mean(axis=0)
        shape = gradient.shape + (matrix @ middle) / levels + penalty.levels * (weights.shape - middle)
        shape += 0.1 * penalty.size * weights.shape
        noise = gradient.noise + penalty.size * weights.noise
        trouble = gradient.trouble + penalty.size * weights.trouble
        flat = np.concatenate([shape.ravel(), noise, trouble])
        mean, square = 0.9 * mean + 0.1 * flat, 0.99 * square + 0.01 * flat**2
        move = -rate * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.99**step)) + 1e-12)
        move *= min(1.0, 2.0 * (1.0 - step / steps))
        parts = np.split(move, np.cumsum(sizes)[:-1])
        weights = Weights(
            weights.shape + parts[0].reshape(levels, width), weights.noise + parts[1], weights.trouble + parts[2]
        )
    return weights
