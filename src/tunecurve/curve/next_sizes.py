"""Fewer than three sizes: which to train on next, and how that is said. Sizes are numbers of training rows.

A study for more rows is measured together with smaller sizes, which cost no labels, so that no step of the curve is wider than
four times the rows, or narrower than twice.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from tunecurve.curve.kinds import FEWEST_SIZES

# Each size is so many times the next smaller one.
LEAST_TIMES, MOST_TIMES = 2.0, 4.0
# A size that is less than so many times the largest one tells hardly more than that one.
LEAST_STEP = 1.25
# Half the smallest size is proposed down to so many rows.
FEWEST_ROWS = 4


def sizes_up_to(rows: float, measured: Sequence[float]) -> list[float]:
    """Return the sizes to train on with so many rows, smallest first: as many as a verdict lacks, and more where a step is wide.

    Parameters
    ----------
    rows : float
        The largest of them, beyond those measured.
    measured : sequence of float
        At most two, smallest first.
    """
    if not measured:
        return [float(math.ceil(rows / MOST_TIMES**2)), float(round(rows / MOST_TIMES)), rows]
    last = measured[-1]
    if rows > MOST_TIMES * last:
        return [rows / MOST_TIMES, rows]
    if len(measured) + 1 >= FEWEST_SIZES:
        return [rows]
    if rows >= LEAST_TIMES**2 * last:
        return [rows / LEAST_TIMES, rows]
    return [float(int(last / LEAST_TIMES)), rows] if last / LEAST_TIMES >= FEWEST_ROWS else [rows]


def sizes_in_hand(measured: Sequence[float], labelled: int) -> list[float]:
    """Return the sizes missing for a verdict within the labelled rows, smallest first; none where those hold too few.

    Twice the largest size goes before half the smallest one; all labelled rows go before that where nothing larger is there.
    """
    sizes, found = list(measured), list[float]()
    while sizes and len(sizes) < FEWEST_SIZES:
        larger, smaller = min(LEAST_TIMES * max(sizes), labelled), min(sizes) / LEAST_TIMES
        can_halve = smaller >= FEWEST_ROWS
        is_larger = larger >= (LEAST_TIMES if found and can_halve else LEAST_STEP) * max(sizes)
        if not is_larger and not can_halve:
            return []
        found.append(float(int(larger if is_larger else smaller)))
        sizes.append(found[-1])
    return sorted(found)


def no_verdict(measured: Sequence[float], proposed: Sequence[float], labelled: int | None = None) -> str:
    """Return why there is no verdict, and how many sizes to measure.

    Parameters
    ----------
    measured, proposed : sequence of float
        Sizes.
    labelled : int, optional
        Rows that are labelled already, where it is known: they may hold no size that is far enough from the others.
    """
    n, more = len(measured), len(proposed) or FEWEST_SIZES - len(measured)
    said = (
        f"No verdict from {n or 'no'} training size{'s' * (n != 1)}: with fewer than {FEWEST_SIZES} sizes the bend of the curve is "
        f"unknown. Measure {more} more"
    )
    rule = f"{LEAST_TIMES:g} to {MOST_TIMES:g} times the next smaller one"
    steps = list(pairwise(sorted([*measured, *proposed])))
    odd = {step for step in steps if not LEAST_TIMES * step[0] <= step[1] <= MOST_TIMES * step[0]}
    if labelled is not None and any(step[1] == labelled and labelled in proposed for step in odd):
        return f"{said}: each size should be {rule}, but {labelled:,} rows are all that are labelled."
    return f"{said}, so that each {'new ' * bool(odd)}size is {rule}."


def in_words(sizes: Sequence[float]) -> str:
    """Return ``48 and 96 rows``."""
    *smaller, largest = (f"{size:,g}" if size < 1 else f"{size:,.0f}" for size in sizes)
    noun = "row" if sizes == [1] else "rows"
    return f"{', '.join(smaller)} and {largest} {noun}" if smaller else f"{largest} {noun}"


def runs_in_words(sizes: Sequence[float], seeds: int) -> str:
    """Return how many runs a study takes: one a size, and of the largest one `seeds`."""
    if seeds == 1:
        return "one run each" if len(sizes) > 1 else "one run"
    return f"{seeds} seeds at the largest" if len(sizes) > 1 else f"{seeds} seeds"
