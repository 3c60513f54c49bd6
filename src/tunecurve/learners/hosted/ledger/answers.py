"""An answer as the ledger keeps it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields

from tunecurve.learners.base import Completion, StopReason


@dataclass(frozen=True)
class AnswerRecord:
    """What was answered, and with what usage.

    Attributes
    ----------
    text, stop_reason, seconds, detail, model_version : str, str, float, str or None, str or None
        As in a gateway's reply.
    tokens_in, tokens_out : int
        As told where that can be true, else estimated.
    is_estimated : bool
        Whether they are.
    characters_in : int
        Characters sent.
    cost_usd : float or None
        What is booked; None: unknown.
    """

    text: str
    stop_reason: StopReason
    tokens_in: int
    tokens_out: int
    seconds: float
    detail: str | None = None
    model_version: str | None = None
    is_estimated: bool = False
    characters_in: int = 0
    cost_usd: float | None = None

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
