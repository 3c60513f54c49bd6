"""Which gain per doubling matters, and which the test rows can show at all."""

from __future__ import annotations

import numpy as np

from tunecurve.curve.predictive import Predictive

# Default gain per doubling that matters: one point of a 0-100 metric, or one per cent of the last loss.
DEFAULT_DELTA_PERCENT = 1.0
# Of a metric without a best value: this share of the spread of the points.
DEFAULT_DELTA_SPREAD = 0.05


def default_delta(predictive: Predictive) -> float:
    """Smallest gain per doubling that is worth a word, in score units: what matters, or what the test set resolves."""
    return max(matters_by_default(predictive), resolution(predictive))


def matters_by_default(predictive: Predictive) -> float:
    """Gain per doubling that matters where nobody says so, in score units."""
    scale = predictive.curve.scale
    if scale.spread is not None:
        return DEFAULT_DELTA_SPREAD * scale.spread
    last_error = float(np.exp(predictive.curve.log_error[-1]))
    return DEFAULT_DELTA_PERCENT * (1.0 if scale.kind == "bounded" else last_error / 100.0) * scale.unit


def resolution(predictive: Predictive) -> float:
    """SD of the difference of two scores from the test rows alone, in score units; 0 where the rows are not known."""
    last_error = float(np.exp(predictive.curve.log_error[-1]))
    return float(np.sqrt(2.0 * predictive.curve.own_test_variance)) * last_error * predictive.curve.scale.unit
