"""What curves usually look like: the learned prior over shapes and noise, read from a small table.

The table (`priors.json`, made by `benchmarks/forecast/fit_tables.py`) holds, for bounded metrics and for losses, log
weights at a few knots of every axis (midpoint, steepness, floor) of every family, at a few levels of the last error.
Between knots weights are interpolated, so the prior is smooth: a few numbers an axis, not a memory of curves. A
regime for language models that adapt late is mixed in by hand: public curves for it are few, and jumps that no point
foretells are real.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

import numpy as np

from tunecurve.curve.families import (
    FAMILIES,
    FAMILY_SIZES,
    MIDPOINT_DOUBLINGS,
    STEEPNESS,
    Floats,
    ShapeGrid,
    shape_grid,
)

# Knots an axis; few, so that the table stays smooth.
KNOTS = {"midpoint_doublings": 9, "steepness": 7, "floor_share": 7}
# Levels of log(error) of a bounded metric (in per cent) between which the table is interpolated.
LEVELS = {"bounded": tuple(np.log([5.0, 20.0, 70.0]).tolist()), "loss": (0.0,)}


@dataclass(frozen=True)
class Prior:
    """Log prior weights of the shapes, the noise levels, and the chances of trouble.

    Attributes
    ----------
    log_shape : ndarray, shape (n_shapes,)
    log_noise : ndarray, shape (n_noise_levels,)
    trouble : (float, float, float)
        First size off, first two sizes off, one other run broken.
    discrepancy : float
        SD of the log error per doubling beyond the data, on top of the shapes.
    """

    log_shape: Floats
    log_noise: Floats
    trouble: tuple[float, float, float]
    discrepancy: float


def hat_functions(position: Floats, count: int) -> Floats:
    """Linear interpolation weights, shape (len(position), count), of positions in [0, 1] over `count` even knots."""
    scaled = np.clip(position, 0.0, 1.0) * (count - 1)
    left = np.minimum(scaled.astype(int), count - 2)
    share = scaled - left
    hats = np.zeros((len(position), count))
    rows = np.arange(len(position))
    hats[rows, left] = 1.0 - share
    hats[rows, left + 1] = share
    return hats


def _axis_position(grid: ShapeGrid, rows: np.ndarray, family: str, axis: str) -> Floats | None:
    """Position of shapes on an axis of their family, in [0, 1]; None where the family has no such axis."""
    if axis == "floor_share":
        return None if family in ("power", "constant") else grid.floor_share[rows]
    if axis == "steepness":
        if family not in STEEPNESS:
            return None
        low, high = np.log(STEEPNESS[family])
        return (np.log(grid.steepness[rows]) - low) / (high - low)
    if family not in MIDPOINT_DOUBLINGS:
        return None
    low, high = MIDPOINT_DOUBLINGS[family]
    return (grid.midpoint_doublings[rows] - low) / (high - low)


@lru_cache(maxsize=1)
def prior_features() -> tuple[Floats, tuple[int, ...]]:
    """Design matrix (n_shapes, n_weights) of the log-linear prior, and the block sizes of its columns.

    Each family has a block of one column (its own weight) and a block of hat functions for each axis it has.
    """
    grid = shape_grid()
    columns, blocks = [], []
    for index, family in enumerate(FAMILIES):
        rows = grid.family == index
        columns.append(rows.astype(float)[:, None])
        blocks.append(1)
        for axis, knots in KNOTS.items():
            position = _axis_position(grid, rows, family, axis)
            if position is not None:
                block = np.zeros((len(grid), knots))
                block[rows] = hat_functions(position, knots)
                columns.append(block)
                blocks.append(knots)
    return np.hstack(columns), tuple(blocks)


def base_log_weights() -> Floats:
    """Equal weight for every family, spread evenly over its shapes."""
    return -np.log(np.array(FAMILY_SIZES, float))[shape_grid().family]


def level_position(kind: str, last_log_error: float) -> Floats:
    """Interpolation weights of the table's levels for a curve whose last log error is given."""
    levels = np.array(LEVELS[kind])
    if len(levels) == 1:
        return np.ones(1)
    positions = np.interp(last_log_error, levels, np.arange(len(levels))) / (len(levels) - 1)
    return hat_functions(np.array([positions]), len(levels))[0]


def normalised(log_weights: Floats) -> Floats:
    """Log weights shifted so that the weights sum to one."""
    top = log_weights.max()
    return log_weights - top - np.log(np.exp(log_weights - top).sum())


def _regime(
    family: tuple[float, ...], midpoint: tuple[float, float], steepness: tuple[float, float], floor: float
) -> Floats:
    """Log weights of a hand-set regime: Gaussian in midpoint and log steepness, falling in the floor share."""
    grid = shape_grid()
    position = -0.5 * ((grid.midpoint_doublings - midpoint[0]) / midpoint[1]) ** 2
    bend = -0.5 * ((np.log(grid.steepness) - np.log(steepness[0])) / np.log(steepness[1])) ** 2
    share = np.log(np.maximum(np.array(family), 1e-6) / np.array(FAMILY_SIZES))[grid.family]
    return normalised(position + bend - floor * grid.floor_share + share)


@lru_cache(maxsize=2)
def language_model_regime(kind: str) -> Floats:
    """Log weights of the regime set by hand for fine-tuned language models.

    Bounded metrics: "adapts late". The score may sit still while data are few and rise steeply later: the midpoint
    lies from the middle of the data to 64 times beyond, and little error stays for ever. Losses: the rectified
    scaling law (Lin et al. 2024): flat while the data are few against what the model already knows, then a power law
    with a small exponent, most often just ahead of the sizes people measure first.
    """
    if kind == "bounded":
        return _regime((0.6, 0.2, 0.2, 0, 0, 0), midpoint=(1.0, 3.0), steepness=(0.9, 1.8), floor=1.5)
    return _regime((0.15, 0.75, 0.1, 0, 0, 0), midpoint=(1.0, 3.5), steepness=(0.22, 1.7), floor=2.0)


@lru_cache(maxsize=1)
def prior_table() -> dict:
    """The shipped table."""
    return json.loads(resources.files("tunecurve.curve").joinpath("priors.json").read_text(encoding="utf-8"))


def prior_from(entry: dict, kind: str, last_log_error: float) -> Prior:
    """The prior that one kind's entry of a table stands for, at the level of the last error."""
    features, _ = prior_features()
    weights = level_position(kind, last_log_error) @ np.array(entry["shape_weights"])
    generic = normalised(base_log_weights() + features @ weights)
    share = entry["language_model_share"]
    mixed = np.logaddexp(np.log1p(-share) + generic, np.log(share) + language_model_regime(kind))
    first, two, broken = entry["trouble"]
    return Prior(
        log_shape=mixed,
        log_noise=normalised(np.array(entry["noise_weights"])),
        trouble=(first, two, broken),
        discrepancy=float(entry["discrepancy_per_doubling"]),
    )


def prior_for(kind: str, last_log_error: float) -> Prior:
    """The shipped prior for a metric kind (``bounded`` or ``loss``) and the level of the last error."""
    return prior_from(prior_table()[kind], kind, last_log_error)
