"""How far one run scatters near the best score, however smooth a curve looks there."""

from __future__ import annotations

import numpy as np

from tunecurve.curve.odd_runs import LEAST_RUN_SD
from tunecurve.curve.points import CEILING_OFFSET, Floats

# One run of a language model scatters by this much at least, in per cent of the range, however near the best score it comes: the
# least that was seen from 1,000 rows on. All of it up to the first distance from the best score, none from the second on.
LEAST_SCATTER = LEAST_RUN_SD["bounded"]
ALL_UP_TO, NONE_FROM = 3.0, 11.0


def least_scatter(log_error: Floats) -> Floats:
    """Return the least standard deviation of one run's log error, from log errors of a bounded metric, none below the best score's."""
    distance = np.exp(log_error) - CEILING_OFFSET
    share = np.clip((NONE_FROM - distance) / (NONE_FROM - ALL_UP_TO), 0.0, 1.0)
    return LEAST_SCATTER * share / (distance + CEILING_OFFSET)
