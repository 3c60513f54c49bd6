"""What a study has spent at providers, as results.json keeps it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tunecurve.storage.records import Record


@dataclass(frozen=True)
class Estimated(Record):
    """What of the costs is an estimate, because the server tells no usable usage."""

    n_answers: int
    n_jobs: int
    usd: float


@dataclass(frozen=True)
class InDoubt(Record):
    """What was sent and got no answer: it may have been billed."""

    n_calls: int
    n_jobs: int
    n_deployments: int
    at_most_usd: float


@dataclass(frozen=True)
class ModelPrices(Record):
    """Prices of a hosted model, prompted and tuned, in US dollars per million tokens."""

    sent: float | None
    answered: float | None
    sent_to_tuned: float | None
    answered_by_tuned: float | None
    trained: float | None
    source: str


@dataclass(frozen=True)
class Money(Record):
    """What the study has spent at providers."""

    currency: Literal["USD"]
    answers_usd: float
    jobs_usd: float
    hosting_usd: float
    n_standing: int
    n_unpriced: int
    estimated: Estimated
    n_unpriced_deployments: int
    max_cost: float | None
    prices_usd_per_million_tokens: dict[str, ModelPrices]
    in_doubt: InDoubt
