"""Which test rows rise and fall together: what intervals are counted over."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tunecurve.spec.study import StudySpec
from tunecurve.study.dataset import StudyData


def groups_of(spec: StudySpec, data: StudyData) -> NDArray[np.int_]:
    """Return the number of each test row's group: its own where rows do not share groups, or may stand on both sides."""
    groups = [row.group for row in data.test]
    if spec.split.keeps_groups and len(set(groups)) < len(groups):
        return np.unique(groups, return_inverse=True)[1]
    return np.arange(len(groups))
