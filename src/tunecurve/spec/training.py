"""The study file's sections on training: language models (`recipe`), taggers and classifiers (`encoder`)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from tunecurve.spec.section import PositiveInt, Section

LearningRate = Annotated[float, Field(gt=0)] | Literal["auto"]
DevelopmentShare = Annotated[float, Field(gt=0, le=0.5)]
AUTO_RATE = "three rates are tried for a fifth of the steps each, and the best on development rows goes on"
DEVELOPMENT = (
    "share of a size's own rows that is kept from training, to stop early and to keep the best state, rounded to whole rows; they count "
    "in n; where that is fewer than 5 nothing is kept (default: none; 0.2 with learning_rate: auto)"
)


class RecipeSpec(Section):
    """How a model is fine-tuned; unset values come from the named recipe."""

    name: Literal["default", "article"] = Field(
        "default", description="how to fine-tune; article: 2 epochs, batch 4, learning rate 1e-4"
    )
    epochs: PositiveInt | None = Field(None, description="passes over the training rows; overrides the rule below")
    min_steps: PositiveInt | None = Field(None, description="optimizer steps aimed at on small sizes (default 150)")
    max_epochs: PositiveInt | None = Field(None, description="most epochs the step rule may ask for (default 20)")
    batch_size: PositiveInt | None = Field(None, description="rows a step (default 8)")
    learning_rate: LearningRate | None = Field(
        None, description=f"a number, or auto: {AUTO_RATE}; default: by model width, batch size and steps"
    )
    development_share: DevelopmentShare | None = Field(None, description=DEVELOPMENT)
    lora_rank: PositiveInt | None = Field(None, description="rank of the adapters (default 16)")
    lora_alpha: PositiveInt | None = Field(None, description="scale of the adapters (default 32)")
    lora_dropout: Annotated[float, Field(ge=0, lt=1)] | None = Field(None, description="dropout of the adapters (0)")
    weight_decay: Annotated[float, Field(ge=0)] | None = Field(None, description="AdamW's weight decay (0)")
    gradient_clip: Annotated[float, Field(gt=0)] | None = Field(None, description="largest gradient norm (1.0)")
    warmup_share: Annotated[float, Field(ge=0, le=1)] | None = Field(None, description="share of steps (default 0.05)")


class EncoderSpec(Section):
    """How taggers and classifiers are fine-tuned."""

    epochs: PositiveInt | None = Field(None, description="passes over the training rows; overrides the rule below")
    min_steps: PositiveInt | None = Field(None, description="optimizer steps aimed at on small sizes (default 300)")
    max_epochs: PositiveInt | None = Field(None, description="most epochs the step rule may ask for (default 40)")
    batch_size: PositiveInt | None = Field(None, description="rows a step (default 16)")
    learning_rate: LearningRate | None = Field(
        None, description=f"peak for the encoder: a number, or auto: {AUTO_RATE} (default 2e-4)"
    )
    development_share: DevelopmentShare | None = Field(None, description=DEVELOPMENT)
    head_learning_rate: Annotated[float, Field(gt=0)] | None = Field(
        None, description="peak for the new head (default 10 times the encoder's)"
    )
    join_neighbours: bool | None = Field(
        None,
        description="tagger, masking: neighbouring spans of one label, with blanks alone between them, become one, and so do parts of a "
        "stretch without blanks, where the training rows show it so (default: true)",
    )
    warm_languages: list[Literal["en", "fr", "de", "it"]] = Field(
        ["en"], min_length=1, description="tagger:warm: languages of the made-up rows that it is trained on before"
    )
    warm_rows: PositiveInt = Field(6400, le=200_000, description="tagger:warm: how many made-up rows")
    over_masking: Annotated[float, Field(gt=0, lt=100)] | None = Field(
        None,
        description="tagger: mask more, up to this per cent of the public text, so that less leaks; the threshold is "
        "calibrated on a fifth of the training rows, which are kept from training",
    )

    @field_validator("warm_languages")
    @classmethod
    def _each_language_once(cls, value: list[str]) -> list[str]:
        twice = next((name for number, name in enumerate(value) if name in value[:number]), None)
        if twice is not None:
            raise ValueError(
                f"expected every language once, got '{twice}' twice; rows are shared evenly among those named"
            )
        return value
