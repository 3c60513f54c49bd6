"""Looking for a better instruction by asking: how many calls it may take, who proposes, on how many labelled rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field, field_validator

from tunecurve.spec.section import Section

FEWEST_ROWS, FEWEST_CALLS = 4, 20


class OptimizeSpec(Section):
    """Looking for a better instruction on labelled rows (strategy optimized); without calls nothing is looked for."""

    calls: Annotated[int, Field(ge=FEWEST_CALLS)] | None = Field(
        None,
        description="most calls that a search for a better instruction may take, answers and proposals together; null: no search",
    )
    proposer: str | None = Field(
        None, description="model that proposes instructions; null: each model proposes its own"
    )
    sizes: list[Annotated[int, Field(ge=FEWEST_ROWS)]] | None = Field(
        None,
        min_length=1,
        description="numbers of labelled rows that a search may look at; default: the smallest of train_sizes",
    )

    @field_validator("sizes")
    @classmethod
    def _sorted_and_unique(cls, value: list[int] | None) -> list[int] | None:
        return None if value is None else sorted(set(value))

    def sizes_of(self, train_sizes: Sequence[int]) -> list[int]:
        """Return the numbers of labelled rows that instructions are looked for on, in a study of these training sizes."""
        if self.calls is None:
            return []
        return list(train_sizes[:1]) if self.sizes is None else self.sizes
