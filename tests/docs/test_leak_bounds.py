"""The bounds on leaks in the documents: each is that of the interval before it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from scipy.optimize import brentq
from scipy.stats import beta, norm, t

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *(ROOT / "docs" / f"{name}.md" for name in ("results", "how-it-works", "recipes"))]
BOUND = re.compile(r"(\d+\.\d) \[(\d+\.\d), (\d+\.\d)\] ≤ (\d+\.\d)")
MADE_OF_FEW_GROUPS = 50.0  # points: an interval of two to five groups, whose number the table does not tell
GROUPS = 50  # of the smallest test set shown; with 200 the bounds are the same within 0.1


def bound_of(share: float, high: float, groups: int = GROUPS) -> float:
    """One-sided 95 % bound of a share whose two-sided 95 % interval ends at `high`: Clopper-Pearson on an effective sample."""

    def upper(size: float, level: float) -> float:
        return 1.0 - beta.ppf(1.0 - level, size * (1.0 - share), size * share + 1.0)

    def few_groups(level: float) -> float:
        return (norm.ppf(level) / t.ppf(level, groups - 1)) ** 2

    size = brentq(lambda size: upper(size, 0.975) - high, 1.0, 1e5)
    return upper(size * few_groups(0.95) / few_groups(0.975), 0.95)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_bound_is_that_of_the_interval_before_it(page: Path) -> None:
    found = [tuple(map(float, parts)) for parts in BOUND.findall(page.read_text(encoding="utf-8"))]
    assert len(found) >= 5
    for share, low, high, bound in found:
        assert low <= share < bound < high
        if high - low < MADE_OF_FEW_GROUPS:
            assert bound == pytest.approx(100.0 * bound_of(share / 100.0, high / 100.0), abs=0.4)
