"""How sure scores are: the section `bootstrap` of a study."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tunecurve.spec.section import Section


class BootstrapSpec(Section):
    """How sure scores are: the level of all intervals, and the draws that the forecast gets."""

    draws: Annotated[int, Field(ge=100)] = Field(
        2000, description="bootstrap draws for the forecast, shared by all trials"
    )
    level: Annotated[float, Field(gt=0.5, lt=1)] = Field(0.95, description="level of the intervals")
    seed: Annotated[int, Field(ge=0)] = Field(0, description="seed of the draws")
