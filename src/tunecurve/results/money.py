"""What a study has spent at providers, from its account."""

from __future__ import annotations

from tunecurve.learners.distilled_names import models_within
from tunecurve.learners.hosted.account import Account
from tunecurve.results.records.money import Estimated, InDoubt, ModelPrices, Money
from tunecurve.spec.study import StudySpec


def spent_money(account: Account, spec: StudySpec) -> Money:
    """Return what the study has spent."""
    spent = account.spending()
    prices = {name: account.price_lines(name) for name in models_within(spec.asked_models)}
    return Money(
        currency="USD",
        answers_usd=round(spent.answers_usd, 8),
        jobs_usd=round(spent.jobs_usd, 8),
        hosting_usd=round(spent.hosting_usd, 8),
        n_standing=spent.n_standing,
        n_unpriced=spent.n_unpriced,
        estimated=Estimated(
            n_answers=spent.n_estimated,
            n_jobs=spent.n_estimated_jobs,
            usd=round(spent.estimated_usd + spent.estimated_jobs_usd, 8),
        ),
        n_unpriced_deployments=spent.n_unpriced_deployments,
        max_cost=spec.hosted.max_cost,
        prices_usd_per_million_tokens={name: ModelPrices(**lines) for name, lines in prices.items() if lines},
        in_doubt=InDoubt(
            n_calls=spent.n_doubtful,
            n_jobs=spent.n_doubtful_jobs,
            n_deployments=spent.n_doubtful_deployments,
            at_most_usd=round(spent.doubtful_usd, 8),
        ),
    )
