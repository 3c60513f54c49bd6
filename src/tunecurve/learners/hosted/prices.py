"""What a token costs. Answers: the table that the package genai-prices carries; training: a small table of our own.

Both work without a network. A price that is not known is None, and is shown as unknown; it is never 0. Prices in the
study file come before both tables.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# US dollars per million tokens: training; then, where a tuned model's answers cost more than its base's, input, output.
# Taken from the providers' price pages; nobody ships these numbers in a package. Check them before a large run.
_TRAINING_TABLE_DATE = "2026-11"
_TRAINING_SOURCES = {"openai": "OpenAI's API price page", "google": "Google Cloud's generative AI price page"}
_TRAINING_USD: dict[tuple[str, str], tuple[float, ...]] = {
    ("openai", "gpt-4.1"): (25.0, 3.0, 12.0),
    ("openai", "gpt-4.1-mini"): (5.0, 0.80, 3.20),
    ("openai", "gpt-4.1-nano"): (1.5, 0.20, 0.80),
    ("openai", "gpt-4o"): (25.0, 3.75, 15.0),
    ("openai", "gpt-4o-mini"): (3.0, 0.30, 1.20),
    # For Gemini 3.5 and 3.1 no training price could be confirmed: it is unknown here, and asked for under hosted.prices.
    ("google", "gemini-2.5-pro"): (25.0,),
    ("google", "gemini-2.5-flash"): (5.0,),
    ("google", "gemini-2.5-flash-lite"): (1.5,),
}
# Whose tuned models answer from machines that are paid by time, and by nothing else.
_PAID_BY_TIME = frozenset({"together"})
# What the package calls a provider, where that is not our name; where it knows models by a path alone.
_IN_THE_PACKAGE = {"bedrock": "aws"}
_PATHS = {"fireworks": "accounts/fireworks/models/"}
# Who may bill a tuned model's answers otherwise than its base's; what that is could not be confirmed, so it is unknown.
_TUNED_UNKNOWN = frozenset({"bedrock", "fireworks", "nebius"})
# Providers bill half for batch requests.
BATCH_SHARE = 0.5


@dataclass(frozen=True)
class Price:
    """US dollars per million tokens, each None where unknown, and where they come from."""

    input_usd: float | None
    output_usd: float | None
    training_usd: float | None
    """Per million tokens sent, answered, trained on."""
    source: str
    """Table and date."""
    hosting_usd: float | None = None
    """An hour of a deployment, where one has to stand; None: unknown, or none has to."""

    def call_usd(self, tokens_in: float, tokens_out: float) -> float | None:
        """Return the price of a call."""
        if self.input_usd is None or self.output_usd is None:
            return None
        return (tokens_in * self.input_usd + tokens_out * self.output_usd) / 1e6

    def training_cost_usd(self, tokens: float) -> float | None:
        """Return the price of training on so many tokens, all epochs together."""
        return tokens_usd(tokens, self.training_usd)


def find_price(provider: str, model: str, own: Mapping[str, Any] | None = None, *, tuned: bool = False) -> Price:
    """Return the price of a model.

    Parameters
    ----------
    provider, model : str
        E.g. ``"google"`` and ``"gemini-3.5-flash"``; for a tuned model, its base.
    own : mapping, optional
        The study file's prices of this model: ``input``, ``output``, ``training`` per million tokens, ``hosting`` an hour.
    tuned : bool
        Whether a tuned model answers.
    """
    sources = []
    base = re.sub(r"-(\d{4}-\d{2}-\d{2}|\d{3})$", "", model)
    training = _TRAINING_USD.get((provider, base), ())
    input_usd, output_usd = _answer_prices(provider, model)
    if input_usd is not None:
        sources.append(f"answers: {_package_name()}")
    if tuned and len(training) == 3:
        input_usd, output_usd = training[1:]
        sources = [f"answers of tuned models: {_TRAINING_SOURCES[provider]}, {_TRAINING_TABLE_DATE}"]
    if tuned and provider in _TUNED_UNKNOWN:
        input_usd = output_usd = None
        sources = []
    training_usd = training[0] if training else None
    if training:
        sources.append(f"training: {_TRAINING_SOURCES[provider]}, {_TRAINING_TABLE_DATE}")
    own = {key: value for key, value in (own or {}).items() if value is not None}
    if tuned and provider in _PAID_BY_TIME:
        own |= {"input": 0.0, "output": 0.0}
    if own:
        is_all_own = own.keys() >= {"input", "output", "training"}
        sources = [*([] if is_all_own else sources), "study file"]
    return Price(
        own.get("input", input_usd),
        own.get("output", output_usd),
        own.get("training", training_usd),
        "; ".join(sources) or "unknown",
        own.get("hosting"),
    )


def _answer_prices(provider: str, model: str) -> tuple[float | None, float | None]:
    try:
        from genai_prices import Usage, calc_price
    except ImportError:
        return None, None
    known_as, path = _IN_THE_PACKAGE.get(provider, provider), _PATHS.get(provider, "")
    usage = Usage(input_tokens=1000, output_tokens=1000)
    try:
        one = calc_price(usage, model_ref=f"{path}{model}", provider_id=known_as)
    except LookupError:
        return None, None
    return float(one.input_price) * 1000, float(one.output_price) * 1000


def _package_name() -> str:
    from importlib.metadata import version

    return f"genai-prices {version('genai-prices')}"


def money(usd: float | None) -> str:
    """Return an amount for people: ``$1.23``, small ones with more digits, ``unknown`` for None."""
    if usd is None:
        return "unknown"
    return f"${usd:,.2f}" if usd >= 0.995 or usd == 0 else f"${usd:.4f}"


def tokens_usd(tokens: float, usd_per_million: float | None) -> float | None:
    """Return what so many tokens cost; None: unknown."""
    return None if usd_per_million is None else tokens * usd_per_million / 1e6


def hosting_usd(seconds: float, usd_per_hour: float | None, billed_seconds: int) -> float | None:
    """Return what a deployment costs that has stood so long, units of time billed whole; None: unknown."""
    if usd_per_hour is None:
        return None
    return math.ceil(max(seconds, 0.0) / billed_seconds) * billed_seconds / 3600 * usd_per_hour
