"""What the baseline `presidio` looks for."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tunecurve.spec.section import Section

Names = Annotated[list[str], Field(min_length=1)]


class PresidioSpec(Section):
    """What the model presidio looks for; without a key all that Presidio finds."""

    score_threshold: Annotated[float, Field(ge=0, le=1)] | None = Field(
        None, description="findings with a lower score are dropped (default: Presidio's own thresholds, which keep all)"
    )
    entities: Names | None = Field(
        None, description="entities to look for, e.g. [PERSON, EMAIL_ADDRESS] (default: all)"
    )
    recognizers: Names | None = Field(
        None, description="recognizers to look with, e.g. [SpacyRecognizer, EmailRecognizer] (default: all)"
    )
    leave_out: Names | None = Field(
        None, description="entities and recognizers to do without, e.g. [URL, DateRecognizer]"
    )

    def asked(self) -> dict[str, object]:
        """Return the keys that are set, names in alphabetical order: they are sets."""
        values = self.model_dump(exclude_none=True)
        return {key: sorted(set(value)) if isinstance(value, list) else value for key, value in values.items()}

    def in_words(self) -> str:
        """Return the keys that are set as a line; empty: none is."""
        said = [(key, ", ".join(value) if isinstance(value, list) else value) for key, value in self.asked().items()]
        return "; ".join(f"{key.replace('_', ' ')} {value}" for key, value in said)
