"""What a study has spent, in a line."""

from __future__ import annotations

from tunecurve.learners.hosted.prices import money
from tunecurve.results.records.money import Money


def money_line(spent: Money) -> str:
    """Return what a study has paid, what of it is an estimate, and what is in doubt, as a sentence."""
    line = f"Paid by this study so far: {money(spent.answers_usd)} for answers, {money(spent.jobs_usd)} for tuning"
    if spent.hosting_usd:
        line += f", {money(spent.hosting_usd)} for deployments by time"
    estimated = spent.estimated
    what = _counted((estimated.n_answers, "answers"), (estimated.n_jobs, "tuning jobs"))
    if what:
        line += f"; {money(estimated.usd)} of it for {what} is an estimate, because the server tells no usable usage"
    if spent.n_unpriced_deployments:
        line += f"; what {spent.n_unpriced_deployments} deployments cost an hour is unknown"
    if spent.n_standing:
        line += f"; {spent.n_standing} deployments still stand and cost (tunecurve jobs)"
    if spent.n_unpriced:
        line += f"; the price of {spent.n_unpriced} answers is unknown"
    doubts = spent.in_doubt
    what = _counted(
        (doubts.n_calls, "calls without an answer"),
        (doubts.n_jobs, "tuning jobs in doubt (tunecurve jobs)"),
        (doubts.n_deployments, "deployments that may still stand (tunecurve jobs)"),
    )
    if what:
        line += f"; {what} may have been billed, at most {money(doubts.at_most_usd)}"
    return line + "."


def _counted(*counts: tuple[int, str]) -> str:
    return " and ".join(f"{count} {words}" for count, words in counts if count)
