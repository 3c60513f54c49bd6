"""Names of replicates: a score may be one run, or a published mean of several."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# Name of a replicate that is a mean: of a stated number of runs, or of an unstated one. At most four digits, as runs are counted.
MEAN_OF_RUNS = re.compile(r"m(\d{0,4})|mean|average|avg", re.IGNORECASE)


def runs_behind(replicate: Sequence[object] | None, count: int) -> NDArray[np.int64]:
    """Return the number of runs behind each of `count` scores: ``m10`` is a mean of 10, all else counts as one."""
    runs = np.ones(count, np.int64)
    for index, name in enumerate(replicate if replicate is not None else ()):
        found = MEAN_OF_RUNS.fullmatch(str(name))
        if found and found[1]:
            runs[index] = max(int(found[1]), 1)
    return runs


def mean_note(replicate: Sequence[object] | None) -> str | None:
    """Return what is said of scores that are means already: how single runs scatter around them is not in the file."""
    names = [str(name) for name in replicate] if replicate is not None else []
    means = [name for name in names if MEAN_OF_RUNS.fullmatch(name)]
    if not means:
        return None
    return (
        f"{len(means)} of {len(names)} scores are read as means of several runs (replicate {means[0]!r}): "
        "how far a single run scatters around them is not known from them."
    )
