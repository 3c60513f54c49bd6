"""What all sections of the study file share."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

PositiveInt = Annotated[int, Field(ge=1)]
Amount = Annotated[float, Field(ge=0)]


class Section(BaseModel):
    """A section: unknown keys are errors, a text is not a number."""

    model_config = ConfigDict(extra="forbid", strict=True)
