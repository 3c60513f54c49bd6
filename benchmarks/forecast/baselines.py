"""What people do today, as fair implementations: every baseline returns a Gaussian forecast (mean, SD) of the target.

Least-squares families are fitted over a fixed grid of their non-linear parameters with the linear ones solved
exactly, which cannot fail to converge; the curve must improve towards a possible end, and the interval is the delta
method's, capped. `curve_fit_pow3` is the exception: it is what users run, failures included (they are scored as the
last value). Checks: `tests/curve/test_baselines.py` recovers noiseless curves of every family, and the grid fit of
pow3 agrees with scipy's optimiser wherever that converges.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Baseline:
    """A Gaussian forecast and whether the method failed and fell back to the last value."""

    mean: float
    sd: float
    failed: bool = False


def grouped(size: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean score of each distinct size."""
    distinct, member = np.unique(size, return_inverse=True)
    return distinct, np.bincount(member, score) / np.bincount(member)


def last_value(size: np.ndarray, score: np.ndarray, target: float, bounded: bool) -> Baseline:
    """The last score, give or take the typical step between neighbouring sizes."""
    _, mean = grouped(size, score)
    return Baseline(float(mean[-1]), float(max(np.abs(np.diff(mean)).mean() / 2, 1e-9)))


def _linear_forecast(design: np.ndarray, at: np.ndarray, value: np.ndarray) -> tuple[float, float]:
    """Least squares with its prediction SD."""
    coefficients, *_ = np.linalg.lstsq(design, value, rcond=None)
    residual = value - design @ coefficients
    freedom = max(len(value) - design.shape[1], 1)
    variance = float(residual @ residual) / freedom
    leverage = float(at @ np.linalg.pinv(design.T @ design) @ at)
    return float(at @ coefficients), float(np.sqrt(variance * (1.0 + leverage)) + 1e-9)


def log2_line(size: np.ndarray, score: np.ndarray, target: float, bounded: bool) -> Baseline:
    """ "Each doubling adds a constant"."""
    distinct, mean = grouped(size, score)
    design = np.stack([np.ones(len(distinct)), np.log2(distinct)], axis=1)
    return Baseline(*_linear_forecast(design, np.array([1.0, np.log2(target)]), mean))


def transformed_line(size: np.ndarray, score: np.ndarray, target: float, bounded: bool) -> Baseline:
    """Bounded metrics: logit of the score against log n. Losses: log loss against log n (a plain power law)."""
    distinct, mean = grouped(size, score)
    if bounded:
        share = np.clip(mean / 100.0, 0.002, 0.998)
        value = np.log(share / (1 - share))
    else:
        value = np.log(np.maximum(mean, 1e-9))
    design = np.stack([np.ones(len(distinct)), np.log(distinct)], axis=1)
    middle, sd = _linear_forecast(design, np.array([1.0, np.log(target)]), value)
    if bounded:
        share = 1 / (1 + np.exp(-middle))
        return Baseline(float(100 * share), float(100 * share * (1 - share) * sd + 1e-9))
    return Baseline(float(np.exp(middle)), float(np.exp(middle) * sd))


def _pow3(x: np.ndarray, p: np.ndarray) -> np.ndarray:
    return x[None] ** -p[:, :1]


def _pow4(x: np.ndarray, p: np.ndarray) -> np.ndarray:
    return (x[None] + np.exp(p[:, 1:2])) ** -p[:, :1]


def _logistic(x: np.ndarray, p: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + (x[None] / np.exp(p[:, 1:2])) ** p[:, :1])


def _grid(*axes: np.ndarray) -> np.ndarray:
    return np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], axis=1)


# The delta method explodes where two parameters trade off; no user would print more than this share of the range.
WIDEST_SD = 0.25
_POWERS = np.geomspace(0.02, 3.0, 60)
_SHIFTS = np.linspace(-6.0, 6.0, 40)
# name -> (basis, grid of its non-linear parameters; shifts in log units of the geometric mean size, linear parameters
# free)
FAMILIES: dict[str, tuple[Callable, np.ndarray, bool]] = {
    "pow3": (_pow3, _grid(_POWERS), True),
    "pow4": (_pow4, _grid(_POWERS, _SHIFTS), True),
    "mmf4": (_logistic, _grid(_POWERS, _SHIFTS), True),
    "m4": (_logistic, _grid(_POWERS, _SHIFTS), False),
}


def family_forecast(name: str, size: np.ndarray, score: np.ndarray, target: float, bounded: bool) -> Baseline:
    """Least-squares fit of one family on its grid, with the delta method's interval.

    `m4` is the logistic form that falls from the error of no training to an asymptote, with the end of learning
    pinned to a perfect score (three parameters); `mmf4` leaves both ends free.
    """
    basis, grid, free_end = FAMILIES[name]
    distinct, mean = grouped(size, score)
    centre = np.exp(np.log(distinct).mean())
    x = np.append(distinct, target) / centre
    value = mean if free_end else (100.0 - mean if bounded else mean)
    shapes = basis(x, grid)
    fits, level = _linear_fits(shapes[:, :-1], value, free_end)
    if free_end:
        possible = (level[:, 0] <= 100.0) & (level[:, 1] <= 0) if bounded else (level[:, 0] >= 0) & (level[:, 1] >= 0)
        fits = np.where(possible, fits, fits + 1e9)
    best = int(np.argmin(fits))
    forecast, gradient = _forecast_and_gradient(basis, grid, best, x, level[best])
    parameters = gradient.shape[1]
    variance = fits[best] % 1e9 / max(len(value) - parameters, 1)
    leverage = gradient[-1] @ np.linalg.pinv(gradient[:-1].T @ gradient[:-1]) @ gradient[-1]
    sd = float(np.sqrt(max(variance * (1.0 + leverage), 0.0)) + 1e-9)
    sd = min(sd, WIDEST_SD * (100.0 if bounded else float(mean[-1])))
    if not free_end and bounded:
        forecast = 100.0 - forecast
    return Baseline(float(forecast), sd)


def _linear_fits(shapes: np.ndarray, value: np.ndarray, free_end: bool) -> tuple[np.ndarray, np.ndarray]:
    """Residual sum of squares and linear parameters (end, amplitude) for every row of shapes."""
    if not free_end:
        amplitude = shapes @ value / np.maximum((shapes**2).sum(axis=1), 1e-300)
        residual = value - amplitude[:, None] * shapes
        return (residual**2).sum(axis=1), np.stack([np.zeros(len(shapes)), amplitude], axis=1)
    centred = shapes - shapes.mean(axis=1, keepdims=True)
    amplitude = centred @ (value - value.mean()) / np.maximum((centred**2).sum(axis=1), 1e-12)
    end = value.mean() - amplitude * shapes.mean(axis=1)
    residual = value - end[:, None] - amplitude[:, None] * shapes
    return (residual**2).sum(axis=1), np.stack([end, amplitude], axis=1)


def _forecast_and_gradient(
    basis: Callable, grid: np.ndarray, best: int, x: np.ndarray, level: np.ndarray
) -> tuple[float, np.ndarray]:
    """Fitted value at the target, and the gradient of all fitted values in the parameters (numerical in the shape)."""
    parameters = grid[best][None]
    shape = basis(x, parameters)[0]
    columns = [shape] if level[0] == 0.0 else [np.ones(len(x)), shape]
    for index in range(parameters.shape[1]):
        moved = parameters.copy()
        step = 1e-4 * max(abs(float(moved[0, index])), 1.0)
        moved[0, index] += step
        columns.append(level[1] * (basis(x, moved)[0] - shape) / step)
    return float(level[0] + level[1] * shape[-1]), np.stack(columns, axis=1)


def curve_fit_pow3(size: np.ndarray, score: np.ndarray, target: float, bounded: bool) -> Baseline:
    """`scipy.optimize.curve_fit` of ``a - b n^-c`` from the default start, as users do it; failures fall back."""
    from scipy.optimize import curve_fit

    distinct, mean = grouped(size, score)
    try:
        with np.errstate(all="ignore"):
            fitted, covariance = curve_fit(lambda n, a, b, c: a - b * n**-c, distinct, mean)
            a, b, c = fitted
            gradient = np.array([1.0, -(target**-c), b * np.log(target) * target**-c])
            middle = a - b * target**-c
            sd = float(np.sqrt(gradient @ covariance @ gradient))
        if not np.isfinite(middle):
            raise RuntimeError("no finite forecast")
        if not np.isfinite(sd):  # no covariance: all a user has left is the scatter of the fit
            sd = float(np.std(mean - (a - b * distinct**-c))) + 1e-9
    except (RuntimeError, TypeError, ValueError):
        fallback = last_value(size, score, target, bounded)
        return Baseline(fallback.mean, fallback.sd, failed=True)
    return Baseline(float(middle), sd)


def all_baselines() -> dict[str, Callable[[np.ndarray, np.ndarray, float, bool], Baseline]]:
    """Every baseline by name; `curve_fit` only where scipy is installed."""
    methods: dict[str, Callable] = {
        "last value": last_value,
        "log2 line": log2_line,
        "logit / log-log line": transformed_line,
    }
    for name in FAMILIES:
        methods[name] = lambda size, score, target, bounded, name=name: family_forecast(
            name, size, score, target, bounded
        )
    try:
        import scipy  # noqa: F401
    except ImportError:
        return methods
    methods["curve_fit pow3"] = curve_fit_pow3
    return methods
