"""What a study is to advise on: target, prices, the gain that matters."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from tunecurve.spec.section import Section


class AdviceSpec(Section):
    """What the advice weighs; nothing here changes a measurement."""

    target: float | None = Field(None, description="score to reach, in the headline metric's units")
    delta: Annotated[float, Field(gt=0)] | None = Field(
        None,
        description="gain per doubling that matters; null: 1 point, or what the luck of the test rows alone moves, if more",
    )
    label_price: Annotated[float, Field(ge=0)] | None = Field(None, description="price of one more labelled row")
    value_per_point: Annotated[float, Field(ge=0)] | None = Field(None, description="worth of one point of the score")
    training_price: Annotated[float, Field(ge=0)] | None = Field(
        None, description="price of training on one row, all epochs together"
    )
    run_price: Annotated[float, Field(ge=0)] | None = Field(
        None, description="price of one training run, whatever its size"
    )
    serving_price: float | None = Field(
        None, description="serving the tuned model instead of today's choice, over its life"
    )
    miss_penalty: Annotated[float, Field(ge=0)] | None = Field(None, description="price of not reaching the target")
    prior: str | None = Field(
        None,
        description="family of `tunecurve atlas` whose gains are shown while there are too few sizes for a forecast",
    )

    @field_validator("label_price", "value_per_point", "training_price", "run_price", "serving_price", "miss_penalty")
    @classmethod
    def _price_that_adds_up(cls, value: float | None) -> float | None:
        from tunecurve.curve.decision import MOST_PRICE

        if value is not None and abs(value) > MOST_PRICE:
            raise ValueError(f"expected a price of {MOST_PRICE:g} at most")
        return value

    @field_validator("prior")
    @classmethod
    def _known_family(cls, value: str | None) -> str | None:
        if value is not None:
            from tunecurve.atlas.load import load_atlas, unknown_family

            known = list(load_atlas().families)
            if value not in known:
                raise ValueError(unknown_family(value, known))
        return value
