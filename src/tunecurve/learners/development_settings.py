"""What development rows ask for: how many, how many steps more; known to recipes and plans alike."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

DEFAULT_SHARE = 0.2
FEWEST_DEVELOPMENT_ROWS = 5
# Share of the steps after which the best of the tried learning rates goes on alone, and those rates, as multiples of the usual one.
TRIED_SHARE = 0.2
TRIED_FACTORS = (1 / 3, 1.0, 3.0)


@dataclass(frozen=True)
class DevelopmentSettings:
    """What a recipe says of development rows, resolved for a number of rows."""

    share: float | None
    """Of the training rows; None: not asked for; 0: asked for, but there are too few rows."""
    tries_rates: bool
    """Whether the learning rate is chosen on them."""
    n_trained: int
    """About how many rows are left to train on."""

    @classmethod
    def of(cls, given: Mapping[str, Any], n_examples: int) -> DevelopmentSettings:
        """Return the settings of a recipe section without unset values."""
        tries = given.get("learning_rate") == "auto"
        share = given.get("development_share", DEFAULT_SHARE if tries else None)
        if share is None:
            return cls(None, False, n_examples)
        n_development = round(share * n_examples)
        if n_development < FEWEST_DEVELOPMENT_ROWS:
            return cls(0.0, False, n_examples)
        return cls(share, tries, n_examples - n_development)

    def rates(self, usual: float) -> tuple[float, ...] | None:
        """Return the learning rates to try; None: the usual one is taken."""
        return tuple(float(f"{factor * usual:.3g}") for factor in TRIED_FACTORS) if self.tries_rates else None


def n_trained(recipe: Mapping[str, Any], n_examples: int) -> int:
    """Return about how many of the examples a resolved recipe trains on: all but the development rows."""
    return n_examples - round((recipe.get("development_share") or 0.0) * n_examples)


def steps_in_all(recipe: Mapping[str, Any], steps: int) -> int:
    """Return how many steps a training of so many takes, with those at the rates that are tried and then left."""
    return steps + tried_steps(steps) * max(0, len(recipe.get("tried_learning_rates") or ()) - 1)


def tried_steps(steps: int) -> int:
    """Return how many steps of a training every learning rate is tried for."""
    return math.ceil(TRIED_SHARE * steps)
