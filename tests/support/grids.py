"""Grids of settings: some of them are tested always, all of them in the hardening tier."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product

import pytest


def sample_of(*axes: Iterable[object], every: int) -> list[object]:
    """Return all combinations of some axes, of which only each so many-th is not left to the hardening tier.

    An element of an axis that is a tuple stands for several parameters. Where `every` and the length of the last axis
    have no common divisor, each value of each axis is among what is tested always.
    """
    combinations = [_flat(combination) for combination in product(*axes)]
    return [
        pytest.param(*combination, marks=() if number % every == 0 else pytest.mark.hardening)
        for number, combination in enumerate(combinations)
    ]


def _flat(combination: Sequence[object]) -> list[object]:
    return [value for item in combination for value in (item if isinstance(item, tuple) else (item,))]
