"""What curves usually look like: the learned prior over shapes and noise, read from a small table.

The table (`priors.json`, made by `benchmarks/forecast/fit_tables.py`) holds, for bounded metrics, log weights at a few
knots of every axis (midpoint, steepness, floor) of every family, at a few levels of the last error. Between knots
weights are interpolated, so the prior is smooth: a few numbers an axis, not a memory of curves. Beside it stand regimes
set by hand, a few numbers each: for bounded metrics "adapts late", because public curves of language models are few and
jumps that no point foretells are real; for losses they are the whole prior, because two groups of curves teach less
about the next group than they seem to.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
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
LEVELS = np.log([5.0, 20.0, 70.0])


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


def level_position(last_log_error: float) -> Floats:
    """Interpolation weights of the table's levels for a bounded curve whose last log error is given."""
    position = np.interp(last_log_error, LEVELS, np.arange(len(LEVELS))) / (len(LEVELS) - 1)
    return hat_functions(np.array([position]), len(LEVELS))[0]


def normalised(log_weights: Floats) -> Floats:
    """Log weights shifted so that the weights sum to one."""
    top = log_weights.max()
    return log_weights - top - np.log(np.exp(log_weights - top).sum())


def _regime(family: Sequence[float], midpoint: Sequence[float], steepness: Sequence[float], floor: float) -> Floats:
    """Log weights of a hand-set regime: Gaussian in midpoint and log steepness, falling in the floor share."""
    grid = shape_grid()
    position = -0.5 * ((grid.midpoint_doublings - midpoint[0]) / midpoint[1]) ** 2
    bend = -0.5 * ((np.log(grid.steepness) - np.log(steepness[0])) / np.log(steepness[1])) ** 2
    share = np.log(np.maximum(np.array(family), 1e-6) / np.array(FAMILY_SIZES))[grid.family]
    return normalised(position + bend - floor * grid.floor_share + share)


def regime_log_weights(regimes: list[dict]) -> Floats:
    """Log weights of a mixture of hand-set regimes, each with `share`, `family` (shares of the families), `midpoint`
    (mean, SD; doublings beyond the data), `steepness` (centre, factor of one SD) and `floor` (rate of its decay)."""
    parts = [
        np.log(one["share"]) + _regime(one["family"], one["midpoint"], one["steepness"], one["floor"])
        for one in regimes
    ]
    return normalised(np.logaddexp.reduce(parts))


@lru_cache(maxsize=1)
def prior_table() -> dict:
    """The shipped table."""
    return json.loads(resources.files("tunecurve.curve").joinpath("priors.json").read_text(encoding="utf-8"))


def prior_from(entry: dict, last_log_error: float) -> Prior:
    """The prior that one kind's entry of a table stands for, at the level of the last error."""
    log_shape = regime_log_weights(entry["regimes"])
    if "shape_weights" in entry:
        features, _ = prior_features()
        weights = level_position(last_log_error) @ np.array(entry["shape_weights"])
        generic = normalised(base_log_weights() + features @ weights)
        share = entry["regimes_share"]
        log_shape = np.logaddexp(np.log1p(-share) + generic, np.log(share) + log_shape)
    first, two, broken = entry["trouble"]
    return Prior(
        log_shape=log_shape,
        log_noise=normalised(np.array(entry["noise_weights"])),
        trouble=(first, two, broken),
        discrepancy=float(entry["discrepancy_per_doubling"]),
    )


def prior_for(kind: str, last_log_error: float) -> Prior:
    """The shipped prior for a metric kind (``bounded`` or ``loss``) and the level of the last error."""
    return prior_from(prior_table()[kind], last_log_error)
