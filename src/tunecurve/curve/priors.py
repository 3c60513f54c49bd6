"""What curves usually look like: the learned priors over shapes and noise, one for each kind, read from a small table.

The table (`priors.json`) holds, for the two kinds of bounded metrics (language models, made by
`benchmarks/forecast/leave_one_source_out.py`; classical learners, made by `benchmarks/forecast/fit_tables.py`), log
weights at a few knots of every axis (midpoint, steepness, floor) of every family, at a few levels of the last error and,
for language models, of the largest size. Between knots weights are interpolated, so the prior is smooth: a few numbers an
axis, not a memory of curves. Beside the classical prior stands a regime set by hand ("adapts late"); for losses regimes
are the whole prior, because two groups of curves teach less about the next group than they seem to. A curve whose kind
nobody states gets a mixture (`tunecurve.curve.kinds`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

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
# Levels of log(error) of a bounded metric (in per cent) and of log2(largest size) between which a table is interpolated.
LEVELS = np.log([5.0, 20.0, 70.0])
SIZE_LEVELS = np.log2([32.0, 512.0, 8192.0])
# Kinds of learners of a bounded metric. TF-IDF on texts has no prior of its own: it is forecast as either of the others.
LANGUAGE_MODEL, CLASSICAL, TFIDF = KINDS = ("language-model", "classical", "tfidf")
# Losses, and those of fewer than three sizes: one size says little of its curve, and wants a prior that leaves more open.
LOSS, LOSS_FEW = "loss", "loss, few sizes"
# A score of the largest size that is far better than all before announce stays, more or less: of the jumps of one run that were measured
# again at the next size, so many kept at least half (`benchmarks/forecast/last_jumps.py`).
STAYS = 0.95
# How a curve may leave its shape beyond the data. SDs are of the log error: per doubling for the first three; of the one measured
# run for a collapse (always worse) and a scatter (either way), of which the curve itself knows nothing.
DRIFT, JUMP, FALL, COLLAPSE, SCATTER = WAYS = ("drift", "jump", "fall", "collapse", "scatter")


@dataclass(frozen=True)
class Prior:
    """Log prior weights of the shapes, the noise levels, and the chances of trouble."""

    kind: str
    """Name of its entry in the table."""
    log_shape: Floats
    """Shape (n_shapes,)."""
    log_noise: Floats
    """Shape (n_noise_levels,)."""
    trouble: tuple[float, float, float]
    """First size off, first two sizes off, one other run broken."""
    departures: tuple[tuple[float, str, float], ...]
    """How curves leave their shape, and the share of each: see `WAYS`."""
    stays: float = 0.0
    """Share of jumps of one run onto the largest size that stay; the others are luck."""


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


def level_position(value: float, levels: Floats = LEVELS) -> Floats:
    """Interpolation weights of a table's levels at `value`, by default of the last log error of a bounded curve."""
    position = np.interp(value, levels, np.arange(len(levels))) / (len(levels) - 1)
    return hat_functions(np.array([position]), len(levels))[0]


def contexts(names: Sequence[str], last_log_error: float, last_size: float) -> Floats:
    """Return what a prior may depend on: weights of the rows of a table's matrices, block after block as `names` says."""
    blocks = {
        "constant": lambda: np.ones(1),
        "error": lambda: level_position(last_log_error),
        "size": lambda: level_position(float(np.log2(last_size)), SIZE_LEVELS),
    }
    return np.concatenate([blocks[name]() for name in names])


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


def regime_log_weights(regimes: Sequence[Mapping[str, Any]]) -> Floats:
    """Log weights of a mixture of hand-set regimes, each with `share`, `family` (shares of the families), `midpoint`
    (mean, SD; doublings beyond the data), `steepness` (centre, factor of one SD) and `floor` (rate of its decay)."""
    parts = [
        np.log(one["share"]) + _regime(one["family"], one["midpoint"], one["steepness"], one["floor"])
        for one in regimes
    ]
    return normalised(np.logaddexp.reduce(parts))


@lru_cache(maxsize=1)
def prior_table() -> Mapping[str, Any]:
    """Return the shipped table."""
    return json.loads(resources.files("tunecurve.curve").joinpath("priors.json").read_text(encoding="utf-8"))


def prior_from(kind: str, entry: Mapping[str, Any], last_log_error: float, last_size: float) -> Prior:
    """Return the prior that one kind's entry of a table stands for, for a curve that ends at this error and size."""
    context = contexts(entry["contexts"], last_log_error, last_size)
    parts = []
    share = entry.get("regimes_share", 1.0 if "regimes" in entry else 0.0)
    if "shape_weights" in entry:
        features, _ = prior_features()
        weights = context @ np.array(entry["shape_weights"])
        parts.append(np.log1p(-share) + normalised(base_log_weights() + features @ weights))
    if "regimes" in entry:
        parts.append(np.log(share) + regime_log_weights(entry["regimes"]))
    first, two, broken = entry["trouble"]
    return Prior(
        kind=kind,
        log_shape=np.logaddexp.reduce(parts),
        log_noise=normalised(context @ np.array(entry["noise_weights"])),
        trouble=(first, two, broken),
        departures=tuple((share, way, sd) for share, way, sd in entry["departures"]),
        stays=STAYS,
    )
