"""What all sections of the study file share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

PositiveInt = Annotated[int, Field(ge=1)]
Amount = Annotated[float, Field(ge=0)]


class Section(BaseModel):
    """A section: unknown keys are errors, a text is not a number, and neither are nan and infinity."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


def merge_values(values: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, object]:
    """Return the values with overrides laid over them, mapping by mapping; a list or text in a section's place stays, and is refused."""
    merged = dict(values)
    for key, value in overrides.items():
        below = merged.get(key)
        if isinstance(value, Mapping) and isinstance(below, Mapping | list | str):
            merged[key] = merge_values(below, value) if isinstance(below, Mapping) else below
        else:
            merged[key] = value
    return merged
