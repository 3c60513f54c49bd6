"""What models named `gliner:FOLDER` are asked for."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from tunecurve.spec.section import Section

Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
THRESHOLD = 0.5  # GLiNER's own


class GlinerSpec(Section):
    """What models named gliner:FOLDER are asked for; without a key every label by the words of its name."""

    threshold: Annotated[float, Field(ge=0, le=1)] = Field(
        THRESHOLD, description="findings with a lower score are dropped (GLiNER's own: 0.5)"
    )
    prompts: dict[str, Words | Annotated[list[Words], Field(min_length=1)]] = Field(
        default_factory=dict,
        description="words that labels are asked for with in place of their names', one or several each, e.g. "
        "{SSN: social security number, NAME: [person, username]} (default: FIRSTNAME is asked for as first name)",
    )

    def asked(self) -> dict[str, object]:
        """Return the keys that are set to another value than the default."""
        return self.model_dump(exclude_defaults=True)

    def words_of(self, label: str) -> list[str]:
        """Return the words that are given for a label; empty: none are."""
        given = self.prompts.get(label, [])
        return [given] if isinstance(given, str) else list(given)

    def in_words(self) -> str:
        """Return what it is asked for as a line."""
        words = [f"{label} as {' or '.join(self.words_of(label))}" for label in self.prompts]
        return f"threshold {self.threshold:g}" + (f"; asked for {', '.join(words)}" if words else "")
