"""Which gains were measured: before one of them no plateau has begun."""

from __future__ import annotations

import numpy as np

from tunecurve.curve.collapse import may_be_luck
from tunecurve.curve.predictive import Predictive

# A measured difference of so many standard errors is certain.
CERTAIN_ERRORS = 2.0


def last_measured_gain(predictive: Predictive, delta: float) -> float:
    """Return the last size after which the next one measured gained `delta` a doubling or more, beyond noise; 0 where there is none."""
    curve = predictive.curve
    if may_be_luck(curve, predictive.jump_probability):
        return 0.0
    error = np.exp(curve.log_error) * curve.scale.unit
    per_doubling = (error[:-1] - error[1:]) / np.diff(np.log2(curve.size))
    variance = predictive.run_variance(curve.size) / curve.replicates + curve.own_test_variance
    is_certain = -np.diff(curve.log_error) >= CERTAIN_ERRORS * np.sqrt(variance[:-1] + variance[1:])
    found = np.flatnonzero((per_doubling >= delta) & is_certain)
    return float(curve.size[found[-1]]) if found.size else 0.0
