"""What the ledger answers to whoever is about to pay for something."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

Held = TypeVar("Held")


@dataclass(frozen=True)
class Claim(Generic[Held]):
    """Whether a call, a tuning job or a deployment may be begun here."""

    state: Literal["yours", "there", "taken", "full"]
    """Begin it; it is on the books already; another living process is at it; no slot is free."""
    held: Held
    """The job or the deployment; where no slot is free, a job that has one. Of a call: the token of who has sent it."""
