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
GROUPS_SAID = re.compile(r"rows of (\d+) (?:templates|documents|users)")
GROUPS = 50  # of the smallest test set shown; with 200 the bounds are the same within 0.1


def bound_of(share: float, high: float, groups: int = GROUPS) -> float:
    """One-sided 95 % bound of a share whose two-sided 95 % interval ends at `high`: Clopper-Pearson on an effective sample."""

    def upper(size: float, level: float) -> float:
        return 1.0 - beta.ppf(1.0 - level, size * (1.0 - share), size * share + 1.0)

    def few_groups(level: float) -> float:
        return (norm.ppf(level) / t.ppf(level, groups - 1)) ** 2

    size = brentq(lambda size: upper(size, 0.975) - high, 1.0, 1e5)
    return upper(size * few_groups(0.95) / few_groups(0.975), 0.95)


def fits(share: float, high: float, bound: float, groups: int) -> bool:
    """Return whether a bound is that of the interval's share, or of no leak at all, which it is never below: one leak is no better news."""
    of_own = bound_of(share / 100.0, high / 100.0, groups)
    of_none = bound_of(0.0, high / 100.0, groups)
    return any(bound == pytest.approx(100.0 * expected, abs=0.3) for expected in (of_own, of_none))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_bound_is_that_of_the_interval_before_it(page: Path) -> None:
    found, groups = [], GROUPS
    for line in page.read_text(encoding="utf-8").splitlines():
        if said := GROUPS_SAID.search(line):
            groups = int(said[1])
        elif not line.startswith("|"):
            groups = GROUPS
        found += [(tuple(map(float, parts)), groups) for parts in BOUND.findall(line)]
    assert len(found) >= 5
    for (share, low, high, bound), n_groups in found:
        assert low <= share < bound < high
        assert fits(share, high, bound, n_groups), f"{share} [{low}, {high}] of {n_groups} groups: {bound}"
