"""The shapes a learning curve may have: how the error shrinks as the training set grows.

Every shape is written relative to the largest measured size: ``h(1) = 1`` and ``h`` falls towards ``floor_share``, the
part of today's error that no amount of data removes. A fixed low-discrepancy set of shapes covers five families
(logistic in log n, shifted power law, stretched exponential, power law with a floor, plain power law) and "already
flat". Shapes never rise, so no average of them can promise that more data hurts. This module knows nothing of priors
or data.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FAMILIES = ("logistic", "shifted_power", "stretched_exponential", "power_floor", "power", "constant")
# How many shapes stand for each family: enough that a finer set changes no exam figure in its second digit.
FAMILY_SIZES = (1300, 1000, 500, 400, 80, 1)
# log2(midpoint / largest measured size): from "long past" to "far ahead", as (low, high) for the first three families.
MIDPOINT_DOUBLINGS = {"logistic": (-12.0, 8.0), "shifted_power": (-14.0, 6.0), "stretched_exponential": (-9.0, 7.0)}
STEEPNESS = {  # exponent of the family, sampled evenly in its logarithm
    "logistic": (0.08, 3.0),
    "shifted_power": (0.05, 3.0),
    "stretched_exponential": (0.1, 2.0),
    "power_floor": (0.03, 2.0),
    "power": (0.003, 1.5),
}
LARGEST_EXPONENT = 50.0


@dataclass(frozen=True)
class ShapeGrid:
    """A fixed set of curve shapes."""

    family: NDArray[np.int64]
    """Index into `FAMILIES`, shape (n_shapes,)."""
    midpoint_doublings: Floats
    """log2 of the size where half of the learnable error is gone, relative to the largest measured size, shape (n_shapes,)."""
    steepness: Floats
    """Exponent of the family, shape (n_shapes,)."""
    floor_share: Floats
    """Share of the error at the largest measured size that stays for ever, in [0, 1), shape (n_shapes,)."""

    def __len__(self) -> int:
        return len(self.family)


def low_discrepancy(count: int, dimensions: int) -> Floats:
    """Points of the additive recurrence of Roberts (2018), "The unreasonable effectiveness of quasirandom sequences".

    Returns an array of shape (count, dimensions) in (0, 1): deterministic, and even in every projection.
    """
    root = 2.0
    for _ in range(60):  # the generalised golden ratio: root ** (dimensions + 1) = root + 1
        root = (1.0 + root) ** (1.0 / (dimensions + 1.0))
    steps = (1.0 / root) ** np.arange(1, dimensions + 1)
    return (0.5 + np.outer(np.arange(1, count + 1), steps)) % 1.0


@lru_cache(maxsize=1)
def shape_grid() -> ShapeGrid:
    """Return the fixed set of shapes, built once."""
    parts = []
    for index, (name, count) in enumerate(zip(FAMILIES, FAMILY_SIZES, strict=True)):
        unit = low_discrepancy(count, 3)
        low, high = MIDPOINT_DOUBLINGS.get(name, (0.0, 0.0))
        soft, steep = np.log(STEEPNESS.get(name, (1.0, 1.0)))
        if name == "power":
            unit[:, 1] = (np.arange(count) + 0.5) / count
        floor = np.zeros(count) if name in ("power", "constant") else unit[:, 2]
        steepness = np.exp(soft + (steep - soft) * unit[:, 1])
        parts.append((np.full(count, index), low + (high - low) * unit[:, 0], steepness, floor))
    family, midpoint, steepness, floor = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return ShapeGrid(family, midpoint, steepness, floor)


def _log_fall(grid: ShapeGrid, chosen: NDArray[np.int64], log_ratio: Floats) -> Floats:
    """Log of the falling part g, shape (n_chosen, n_sizes), at log(size / largest measured size)."""
    steepness = grid.steepness[chosen, None]
    family = grid.family[chosen]
    log_time = log_ratio[None, :] - np.log(2.0) * grid.midpoint_doublings[chosen, None]
    result = np.empty_like(log_time)
    for index, name in enumerate(FAMILIES):
        rows = family == index
        if not rows.any():
            continue
        if name == "logistic":
            result[rows] = -np.logaddexp(0.0, steepness[rows] * log_time[rows])
        elif name == "shifted_power":
            result[rows] = -steepness[rows] * np.logaddexp(0.0, log_time[rows])
        elif name == "stretched_exponential":
            result[rows] = -np.exp(np.minimum(steepness[rows] * log_time[rows], LARGEST_EXPONENT))
        elif name == "constant":
            result[rows] = 0.0
        else:
            result[rows] = -steepness[rows] * log_ratio[None, :]
    return result


def log_shape(grid: ShapeGrid, size_ratio: Floats, chosen: NDArray[np.int64] | None = None) -> Floats:
    """Log of the error at each size relative to the error at the largest measured size.

    Parameters
    ----------
    grid : ShapeGrid
    size_ratio : ndarray, shape (n_sizes,)
        Training size over the largest measured size.
    chosen : ndarray of int, optional
        Shapes to evaluate; all of them by default.

    Returns
    -------
    ndarray, shape (n_chosen, n_sizes)
        ``log(floor + (1 - floor) * g(ratio) / g(1))``; zero at ratio 1.
    """
    if chosen is None:
        chosen = np.arange(len(grid))
    log_ratio = np.log(np.append(size_ratio, 1.0))
    log_fall = _log_fall(grid, chosen, log_ratio)
    relative = np.exp(np.clip(log_fall[:, :-1] - log_fall[:, -1:], -LARGEST_EXPONENT, LARGEST_EXPONENT))
    floor = grid.floor_share[chosen, None]
    return np.log(floor + (1.0 - floor) * relative + 1e-300)
