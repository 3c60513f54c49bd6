"""An answer as the ledger keeps it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields

from tunecurve.learners.base import Completion, StopReason


@dataclass(frozen=True)
class AnswerRecord:
    """What was answered, as in a gateway's reply, and with what usage."""

    text: str
    stop_reason: StopReason
    tokens_in: int
    tokens_out: int
    """As told where that can be true, else estimated."""
    seconds: float
    detail: str | None = None
    model_version: str | None = None
    is_estimated: bool = False
    """Whether the tokens are."""
    characters_in: int = 0
    """Characters sent."""
    cost_usd: float | None = None
    """What is booked; None: unknown."""

    def to_json(self) -> str:
        """Return the text that the ledger keeps; costs have a column of their own."""
        return json.dumps({name: value for name, value in asdict(self).items() if name != "cost_usd"})

    @classmethod
    def from_json(cls, text: str, cost_usd: float | None = None) -> AnswerRecord:
        """Return the record that `to_json` gave, of this or another version."""
        told = json.loads(text)
        known = {field.name: told[field.name] for field in fields(cls) if field.name in told}
        return cls(**{**known, "cost_usd": cost_usd})

    def completion(self) -> Completion:
        """Return the answer that it stands for."""
        return Completion(
            self.text, self.stop_reason, self.tokens_in, self.tokens_out, self.seconds, self.detail, self.model_version,
            self.cost_usd,
        )  # fmt: skip
