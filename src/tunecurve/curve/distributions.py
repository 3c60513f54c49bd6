"""Quantiles of the normal, beta and Student distributions, by numpy and the standard library alone."""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist

_NORMAL = NormalDist()
_TINY, _PRECISION, _RELATIVE, _MAX_TERMS = 1e-300, 3e-15, 1e-11, 10_000


def normal_cdf(z: float) -> float:
    """Return P(Z <= z) of the standard normal distribution."""
    return 0.5 * math.erfc(-z / math.sqrt(2.0))


def normal_quantile(probability: float) -> float:
    """Return the standard normal quantile; infinite at 0 and 1."""
    if probability <= 0.0:
        return -math.inf
    return math.inf if probability >= 1.0 else _NORMAL.inv_cdf(probability)


def beta_cdf(x: float, a: float, b: float) -> float:
    """Return P(X <= x) of the beta distribution with shapes `a` and `b`, both positive.

    The continued fraction of the regularised incomplete beta function (DLMF 8.17.22), evaluated by Lentz's method.
    """
    if x <= 0.0:
        return 0.0
    if x >= 1.0:
        return 1.0
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    # The fraction converges fast below the mean, hence the reflection.
    if x < (a + 1.0) / (a + b + 2.0):
        return math.exp(log_front) * _beta_fraction(x, a, b) / a
    return 1.0 - math.exp(log_front) * _beta_fraction(1.0 - x, b, a) / b


def _beta_fraction(x: float, a: float, b: float) -> float:
    c, d = 1.0, _away_from_zero(1.0 - (a + b) * x / (a + 1.0))
    d = 1.0 / d
    value = d
    for m in range(1, _MAX_TERMS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1.0 / _away_from_zero(1.0 + term * d)
            c = _away_from_zero(1.0 + term / c)
            value *= d * c
        if abs(d * c - 1.0) < _PRECISION:
            break
    return value


def _away_from_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY


@lru_cache(maxsize=50_000)
def beta_quantile(probability: float, a: float, b: float) -> float:
    """Return the quantile of the beta distribution; 0 for ``a = 0`` and 1 for ``b = 0``, its limits.

    It is held between two bounds that Newton's steps draw together, each a little too long, so that both bounds move; a step
    that leaves them, or is not half of the one before, is to the middle.
    """
    if a <= 0.0:
        return 0.0
    if b <= 0.0:
        return 1.0
    log_scale = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    low, high, x, before = 0.0, 1.0, min(max(a / (a + b), _PRECISION), 1.0 - _PRECISION), 1.0
    while high - low > _RELATIVE * high and high > _TINY:
        beyond = beta_cdf(x, a, b) - probability
        if beyond < 0.0:
            low = x
        else:
            high = x
        log_density = log_scale + (a - 1.0) * math.log(x) + (b - 1.0) * math.log1p(-x)
        step = beyond * math.exp(min(-log_density, 700.0))
        x -= step + math.copysign(0.25 * _RELATIVE * x, step)
        if abs(step) > 0.5 * before or not low < x < high:
            x, step = 0.5 * (low + high), high - low
        before = abs(step)
    return 0.5 * (low + high)


def student_quantile(probability: float, degrees_of_freedom: float) -> float:
    """Return the quantile of Student's distribution, from that of ``t^2 / (df + t^2)`` or of its complement, both beta."""
    if probability < 0.5:
        return -student_quantile(1.0 - probability, degrees_of_freedom)
    half = 0.5 * degrees_of_freedom
    if probability < 0.75:  # whichever is the smaller one is the exact one
        small = beta_quantile(2.0 * probability - 1.0, 0.5, half)
        return math.sqrt(degrees_of_freedom * small / (1.0 - small))
    small = beta_quantile(2.0 * (1.0 - probability), half, 0.5)
    return math.sqrt(degrees_of_freedom * (1.0 - small) / small) if small > 0.0 else math.inf


def student_cdf(t: float, degrees_of_freedom: float) -> float:
    """Return P(T <= t) of Student's distribution."""
    beyond = 0.5 * beta_cdf(degrees_of_freedom / (degrees_of_freedom + t * t), 0.5 * degrees_of_freedom, 0.5)
    return beyond if t < 0 else 1.0 - beyond
