"""Learning the prior of language-model curves from the forecasts it makes, every source counting the same.

As in `tuning.py` each task's posterior under a broad prior is drawn once and only reweighted. Here the weights depend on
the last error and on the largest size, noise too, and the drift off the shapes is a mixture whose shares are learned. A
curve belongs to a data set, that to a source: sources weigh the same, those with few curves a little less.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from curves import Task
from tuning import (
    FLAT_LOG_NOISE,
    FLAT_TROUBLE,
    Penalty,
    penalty_matrix,
    proposal_log_shape,
    trouble_kind,
)

from tunecurve.curve.families import low_discrepancy
from tunecurve.curve.points import CurvePoints, prepare
from tunecurve.curve.posterior import NOISE_LEVELS, draw_curves, explain, fit, normal_scores
from tunecurve.curve.priors import (
    COLLAPSE,
    DRIFT,
    FALL,
    JUMP,
    SCATTER,
    Prior,
    base_log_weights,
    contexts,
    normalised,
    prior_features,
)

DRAWS = 1000
CONTEXTS = ("constant", "error", "size")
PENALTY = Penalty(10.0, 3.0, 8.0)
STEPS, RATE = 30, 0.13
# A source of few curves says little: weight n / (n + this). Two sources of many near copies count a quarter.
FEW_CURVES = 3.0
NEAR_COPIES = ("chaturvedi2023", "misc_github")


@dataclass(frozen=True)
class Settings:
    """What was chosen by leaving sources out (`nested.py` shows what that is worth).

    Attributes
    ----------
    departures : tuple of (way, SD)
        How curves leave their shapes; the shares are learned, from the log weights `departures_start`. Up and down are
        apart: late jumps are not as frequent as falls, and a run that collapses says nothing of its curve.
    penalty_share : float
        Weight of `PENALTY` against CRPS.
    """

    departures: tuple[tuple[str, float], ...] = (
        (DRIFT, 0.004),
        (DRIFT, 0.02),
        (DRIFT, 0.06),
        (DRIFT, 0.15),
        (JUMP, 0.35),
        (FALL, 0.35),
        (COLLAPSE, 0.7),
        (SCATTER, 0.1),
        (SCATTER, 0.25),
    )
    departures_start: tuple[float, ...] = (0.5, 0.5, 0.0, -1.0, -2.0, -2.5, -2.5, -1.0, -2.0)
    penalty_share: float = 0.005


SETTINGS = Settings()


@dataclass(frozen=True)
class Draws:
    """Sorted draws of every task, the prior weights behind each, and the gaps on either side of the truth."""

    source: np.ndarray
    shape: np.ndarray
    noise: np.ndarray
    trouble: np.ndarray
    drift: np.ndarray
    score: np.ndarray
    context: np.ndarray
    below: np.ndarray
    above: np.ndarray

    def keep(self, rows: np.ndarray) -> Draws:
        """The chosen tasks."""
        return Draws(**{name: values[rows] for name, values in vars(self).items()})


@dataclass(frozen=True)
class Weights:
    """Log-linear weights: shapes (n_contexts, n_features), noise (n_contexts, n_levels), trouble, drift."""

    shape: np.ndarray
    noise: np.ndarray
    trouble: np.ndarray
    drift: np.ndarray

    def flat(self) -> np.ndarray:
        """All weights in one vector."""
        return np.concatenate([part.ravel() for part in vars(self).values()])

    def moved(self, vector: np.ndarray) -> Weights:
        """These weights plus a vector of moves."""
        parts = np.split(vector, np.cumsum([part.size for part in vars(self).values()])[:-1])
        pairs = zip(vars(self).items(), parts, strict=True)
        return Weights(**{name: part + move.reshape(part.shape) for (name, part), move in pairs})


def departure(
    departures: tuple[tuple[str, float], ...], chosen: np.ndarray, doublings: float, normals: np.ndarray
) -> np.ndarray:
    """What each draw's way of leaving its shape adds to the log error of a measured run."""
    drift, run = normals[:, 1] * doublings, normals[:, 3]
    added = {DRIFT: drift, JUMP: -np.abs(drift), FALL: np.abs(drift), COLLAPSE: np.abs(run), SCATTER: run}
    return np.choose(chosen, [sd * added[way] for way, sd in departures])


def draw_tasks(tasks: list[Task], settings: Settings = SETTINGS) -> Draws:
    """Fit every task under the broad prior and keep its sorted draws of a measured score at the target."""
    chosen = (low_discrepancy(DRAWS, 3)[:, 1] * len(settings.departures)).astype(int)
    normals = normal_scores(DRAWS, 4)
    proposal = Prior("proposal", proposal_log_shape(), normalised(FLAT_LOG_NOISE), FLAT_TROUBLE, ())
    columns: dict[str, list] = {name: [] for name in Draws.__dataclass_fields__}
    for task in tasks:
        curve = prepare(CurvePoints(task.train_size, task.score), task.curve.score_range, task.curve.direction)
        likelihood = explain(curve)
        draws = draw_curves(likelihood, [fit(likelihood, proposal)], [1.0], DRAWS)
        ratio = task.target / curve.size[-1]
        log_error = draws.log_error(np.array([ratio]))[:, 0] + departure(
            settings.departures, chosen, float(np.log2(ratio)), normals
        )
        noise = np.sqrt(draws.noise**2 + curve.seed_variance * ratio**-0.72)
        score = curve.scale.score(np.exp(np.minimum(log_error + noise * normals[:, 2], 50.0)))
        order = np.argsort(score, kind="stable")
        left, right = score[order][:-1], score[order][1:]
        above = np.clip(right - np.maximum(left, task.truth), 0.0, None)
        row = {
            "source": task.curve.source,
            "shape": draws.shape[order],
            "noise": np.searchsorted(NOISE_LEVELS, draws.noise[order]),
            "trouble": trouble_kind(draws.trouble[order]),
            "drift": chosen[order],
            "score": score[order],
            "context": contexts(CONTEXTS, float(curve.log_error[-1]), float(curve.size[-1])),
            "below": right - left - above,
            "above": above,
        }
        for name, value in row.items():
            columns[name].append(value)
    return Draws(**{name: np.array(values) for name, values in columns.items()})


def source_weights(source: np.ndarray, curves_of: dict[str, int]) -> np.ndarray:
    """Weight of every task: sources count the same, but for the two adjustments above; sums to one."""
    names, member, count = np.unique(source, return_inverse=True, return_counts=True)
    few = np.array([curves_of[name] / (curves_of[name] + FEW_CURVES) for name in names])
    few *= np.where(np.isin(names, NEAR_COPIES), 0.25, 1.0)
    weight = (few / count)[member]
    return weight / weight.sum()


def task_weights(draws: Draws, weights: Weights) -> tuple[np.ndarray, np.ndarray]:
    """Weight of every draw under a prior, rows summing to one, and the log prior of the shapes of every task."""
    features, _ = prior_features()
    rows = np.arange(len(draws.score))[:, None]
    log_shape = base_log_weights()[None] + (draws.context @ weights.shape) @ features.T
    top = log_shape.max(axis=1, keepdims=True)
    log_shape -= top + np.log(np.exp(log_shape - top).sum(axis=1, keepdims=True))
    log_weight = log_shape[rows, draws.shape] - proposal_log_shape()[draws.shape]
    log_weight += (draws.context @ weights.noise)[rows, draws.noise]
    log_weight += weights.trouble[draws.trouble] + weights.drift[draws.drift]
    p = np.exp(log_weight - log_weight.max(axis=1, keepdims=True))
    return p / p.sum(axis=1, keepdims=True), log_shape


def crps_gradient(draws: Draws, weights: Weights, task_weight: np.ndarray) -> np.ndarray:
    """Gradient of the weighted mean CRPS with respect to all weights (see `tuning.crps_and_gradient`)."""
    features, _ = prior_features()
    rows = np.arange(len(draws.score))[:, None]
    p, log_shape = task_weights(draws, weights)
    cumulative = np.cumsum(p, axis=1)[:, :-1]
    slope = 2 * (cumulative * draws.below - (1 - cumulative) * draws.above)
    pull = np.zeros_like(p)
    pull[:, :-1] = np.cumsum(slope[:, ::-1], axis=1)[:, ::-1]
    gradient = p * (pull - (p * pull).sum(axis=1, keepdims=True)) * task_weight[:, None]

    def per_task(index: np.ndarray, width: int) -> np.ndarray:
        return np.bincount((rows * width + index).ravel(), gradient.ravel(), len(rows) * width).reshape(-1, width)

    by_cell = per_task(draws.shape, features.shape[0])
    by_feature = (by_cell - by_cell.sum(axis=1, keepdims=True) * np.exp(log_shape)) @ features
    return np.concatenate(
        [
            (draws.context.T @ by_feature).ravel(),
            (draws.context.T @ per_task(draws.noise, len(NOISE_LEVELS))).ravel(),
            np.bincount(draws.trouble.ravel(), gradient.ravel(), len(weights.trouble)),
            np.bincount(draws.drift.ravel(), gradient.ravel(), len(weights.drift)),
        ]
    )


def learn(draws: Draws, curves_of: dict[str, int], settings: Settings = SETTINGS) -> Weights:
    """Minimise the weighted CRPS plus penalty with Adam from the broad prior; deterministic."""
    task_weight = source_weights(draws.source, curves_of)
    rows, features = draws.context.shape[1], prior_features()[0].shape[1]
    ways = np.array(settings.departures_start)
    start = Weights(np.zeros((rows, features)), np.zeros((rows, len(NOISE_LEVELS))), np.zeros(4), ways)
    matrix = penalty_matrix(PENALTY)
    weights = start
    mean = square = np.zeros(start.flat().size)
    for step in range(1, STEPS + 1):
        pull = Weights(
            weights.shape @ matrix + PENALTY.levels * np.vstack([np.zeros(features), weights.shape[1:]]),
            PENALTY.size * weights.noise,
            PENALTY.size * weights.trouble,
            PENALTY.size * (weights.drift - ways),
        )
        slope = crps_gradient(draws, weights, task_weight) + settings.penalty_share * pull.flat()
        mean, square = 0.9 * mean + 0.1 * slope, 0.99 * square + 0.01 * slope**2
        move = -RATE * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.99**step)) + 1e-12)
        weights = weights.moved(move * min(1.0, 2.0 * (1.0 - step / STEPS)))
    return weights


def table_entry(weights: Weights, calibration: dict) -> dict:
    """The table's entry, rounded: three digits are more than the curves can tell."""
    noise = weights.noise.copy()
    noise[0] += FLAT_LOG_NOISE
    trouble = np.exp(normalised(np.log([1 - sum(FLAT_TROUBLE), *FLAT_TROUBLE]) + weights.trouble))
    shares = np.exp(normalised(weights.drift))
    return {
        "contexts": list(CONTEXTS),
        "shape_weights": np.round(weights.shape, 2).tolist(),
        "noise_weights": np.round(noise, 2).tolist(),
        "trouble": np.round(trouble[1:], 3).tolist(),
        "departures": [[round(float(share), 4), *one] for share, one in zip(shares, SETTINGS.departures, strict=True)],
        **calibration,
    }
