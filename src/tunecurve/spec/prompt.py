"""What models are told, and how they answer."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from tunecurve.data.inputs import columns_in_template
from tunecurve.formats.wrappers import SAFE_TO_CLEAN, Cleanable
from tunecurve.prompts import DEFAULT_TEMPLATE
from tunecurve.spec.section import PositiveInt, Section


class PromptSpec(Section):
    """What the models are told."""

    system: str | None = Field(None, description="instruction; {labels} is replaced; default: the task's own")
    template: str = Field(
        DEFAULT_TEMPLATE,
        description="user turn; {input} is replaced by the row's text, {name} by the column of that name (docs/data.md)",
    )
    labels: list[str] | None = Field(None, description="label list; default: the labels found in the training targets")

    @field_validator("template")
    @classmethod
    def _has_input(cls, value: str) -> str:
        if value.count("{input}") != 1 and not columns_in_template(value):
            raise ValueError("expected exactly one {input} in the template, or the names of columns: {name}")
        return value

    @property
    def column_template(self) -> str:
        """The template where it names columns, and so is a part of reading the rows; else empty."""
        return self.template if columns_in_template(self.template) else ""

    @property
    def user_template(self) -> str:
        """The template around a row's whole input."""
        return DEFAULT_TEMPLATE if self.column_template else self.template


class AnswerSpec(Section):
    """How answers are generated: greedy, and never longer than the input allows."""

    # A masked text is about as long as its input; placeholders can be longer than what they replace.
    max_tokens_per_input_token: Annotated[float, Field(gt=0)] = Field(
        1.5, description="answer cap: this times the input's tokens"
    )
    max_extra_tokens: Annotated[int, Field(ge=1)] = Field(16, description="plus this many tokens")
    batch_size: PositiveInt = Field(256, description="rows a local model decodes as one piece of work")
    # Prompted and tuned models alike: else tuning would be credited with leaving out a fence.
    clean: list[Cleanable] = Field(
        default_factory=lambda: list(SAFE_TO_CLEAN),
        description="what is taken off every answer before it is scored: thoughts, a code fence, an announcement, JSON "
        "around one text, quotes; what targets or the input have themselves stays",
    )
