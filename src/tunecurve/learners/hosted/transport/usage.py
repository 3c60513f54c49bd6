"""The tokens that a provider tells, and whether a bill can be read off them.

A server may tell none, or nonsense. Then the most that the call can have cost, which was reserved before it was sent, is
booked and marked as an estimate: the books are never lower than the bill.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# A server may send more than it was given, its own instruction above all; beyond this the number is nonsense.
MOST_TIMES, MOST_BEYOND = 4, 4096
MOST_USD_A_CALL = 1000.0
# No tokenizer packs more characters of ordinary text into a token.
MOST_CHARACTERS_A_TOKEN = 32


@dataclass(frozen=True)
class Usage:
    """What a call used."""

    tokens_in: int
    tokens_out: int
    """As told, or estimated at four characters a token."""
    is_estimated: bool
    """The server told no usable numbers."""


def whole_number(value: Any) -> int | None:
    """Return a count of tokens as told; None for what is no count."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        return None
    return int(value) if value == int(value) else None


def told_usd(usage: Any) -> float | None:
    """Return what a call costs as some gateways tell it beside its tokens (OpenRouter, Perplexity); None: not told, or nonsense.

    Where the key of its user's own provider was used, that provider bills beside the gateway.
    """
    values = fields_of(usage)
    cost, details = values.get("cost"), values.get("cost_details")
    parts = [cost.get("total_cost") if isinstance(cost, dict) else cost]
    if values.get("is_byok") is True and isinstance(details, dict):
        parts.append(details.get("upstream_inference_cost"))
    try:
        amounts = [float(part) for part in parts if part is not None and not isinstance(part, bool)]
    except (TypeError, ValueError):
        return None
    return sum(amounts) if amounts and all(0 <= usd < MOST_USD_A_CALL for usd in amounts) else None


def fields_of(told: Any) -> Mapping[str, Any]:
    """Return the fields of a part of an answer, those included that its SDK does not know."""
    values = told if isinstance(told, dict) else vars(told) if hasattr(told, "__dict__") else {}
    return {**(getattr(told, "model_extra", None) or {}), **values}


def check_usage(
    tokens_in: int | None, tokens_out: int | None, *, characters: int, most_in: int, text: str, most_out: int
) -> Usage:
    """Return the usage as told where characters, bound, answer and cap say that it can be true, else an estimate."""
    is_plausible = (
        tokens_in is not None
        and tokens_out is not None
        and max(1, characters / MOST_CHARACTERS_A_TOKEN) <= tokens_in <= most_in * MOST_TIMES + MOST_BEYOND
        and len(text) / MOST_CHARACTERS_A_TOKEN <= tokens_out <= most_out * MOST_TIMES + MOST_BEYOND
        and (tokens_out > 0 or not text)
    )
    if is_plausible and tokens_in is not None and tokens_out is not None:
        return Usage(tokens_in, tokens_out, is_estimated=False)
    return Usage(math.ceil(characters / 4), math.ceil(len(text) / 4), is_estimated=True)
