"""One call to a provider as the sender sees it: what came back, or why not and whether to try again.

`inspect_adapter` makes such a gateway of the model layer of inspect_ai; `failures` reads its errors, `usage` the tokens
that a provider tells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from tunecurve.learners.base import StopReason
from tunecurve.prompts import Message


@dataclass(frozen=True)
class Reply:
    """What a provider answered."""

    text: str
    """The answer; empty where there is none."""
    stop_reason: StopReason
    """As in `Completion`."""
    tokens_in: int | None
    tokens_out: int | None
    """As the provider tells them, thinking and cached tokens included; None where it tells none or nonsense."""
    seconds: float
    """From sending to receiving."""
    detail: str | None = None
    """Why it was blocked, refused or cut."""
    model_version: str | None = None
    """Which version answered, as the provider says."""
    is_free: bool = False
    """The provider refused the request with an error status, before a model saw it."""
    told_usd: float | None = None
    """What the call costs, as a gateway tells it."""


@dataclass(frozen=True)
class Failure:
    """Why no answer came back."""

    reason: str
    """In one line, without secrets."""
    is_fatal: bool = False
    """No other call to this model could end better."""
    is_rate_limit: bool = False
    """The provider wants fewer calls."""
    retry_after_seconds: float | None = None
    """What the provider asks to wait."""
    may_be_billed: bool = False
    """The request may have been worked on."""
    is_unreachable: bool = False
    """No connection was made, so nothing was sent."""
    is_unreadable: bool = False
    """An answer came, and nothing here can read it; the next one is probably no better."""
    is_of_one_call: bool = False
    """What is refused may be this call's content: others may be answered."""


class Gateway(Protocol):
    """Sends one request, once."""

    async def send(self, messages: Sequence[Message], max_tokens: int, key: str) -> Reply | Failure:
        """Return the reply or the failure of one attempt at the call with this key; raises nothing."""
        ...

    async def close(self) -> None:
        """Close connections."""
        ...


@dataclass(frozen=True)
class GatewayOptions:
    """What is sent beside messages and answer cap; every value is part of a call's key."""

    base_url: str | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    seed: int | None = None
    thinking: str = "minimal"
    safety: Any = "off"
    batch: bool = False
    timeout_seconds: float = 120.0
    # How the server speaks; see the study file's section.
    api: str = "auto"
    stream: bool = False
    max_tokens_field: str = "auto"
    system_as_user: bool = False
    reasoning_effort: str | None = None
    extra_body: Mapping[str, Any] = field(default_factory=dict)
    # Family of a tuned model's base: an endpoint's name does not say that it is a Gemini.
    family: str | None = None
    project: str | None = None
    location: str | None = None
    aws_region: str | None = None
