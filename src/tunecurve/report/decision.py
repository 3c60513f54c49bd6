"""The decision in lines: what to do, what it brings, what it costs, why, and what speaks against it. Computes nothing new."""

from __future__ import annotations

from tunecurve.report.tables import text_columns
from tunecurve.results.decision import decision_of
from tunecurve.results.model import Results
from tunecurve.results.records.decision import ExpectedGain, StudyDecision
from tunecurve.results.records.points import MetricResult


def decision_lines(results: Results, done: tuple[int, int] | None = None, n_left_out: int = 0) -> list[tuple[str, str]]:
    """Return (term, text), the sentence on what to do first.

    Where results lag behind: ``done``, how many of how many trials are, and how many of these the decision does not count.
    """
    decision = decision_of(results)
    so_far = ""
    if decision.is_provisional:
        n_done, n_trials = done or (len(results.finished), len(results.trials))
        not_counted = f", {n_left_out} of them not counted yet" if n_left_out else ""
        so_far = f"So far ({n_done} of {n_trials} trials are done{not_counted}): "
    lines = [("what to do", so_far + decision.sentence)]
    if decision.expected is not None:
        lines.append(("expected", _expected(results, decision.expected)))
    cost = _cost(decision)
    if cost:
        lines.append(("cost", cost))
    lines.append(("why", decision.reason))
    if decision.risk is not None:
        lines.append(("main risk", decision.risk.text))
    return lines


def decision_text(results: Results, done: tuple[int, int] | None = None, n_left_out: int = 0) -> str:
    """Return the lines for a terminal."""
    return text_columns(decision_lines(results, done, n_left_out))


def _expected(results: Results, expected: ExpectedGain) -> str:
    metric = results.metric(expected.metric)
    # + 0.0: nothing has no minus before it.
    gain, low, high = (f"{round(value, 1) + 0.0:+.1f}" for value in (expected.gain, expected.low, expected.high))
    better = "" if metric.direction == "max" else "; + is better, which is less of it"
    return (
        f"with {expected.n:,.0f} training rows {gain} {metric.title} ({100 * expected.level:.0f} % interval {low} to {high}{better}), "
        f"to about {expected.score:.1f}{_from(expected, metric)}"
    )


def _from(expected: ExpectedGain, metric: MetricResult) -> str:
    """Return from which score the gain counts, so that what is shown adds up: the curve rarely runs through the last point."""
    if expected.start is None:
        return ""
    start = round(expected.score, 1) - metric.sign * round(expected.gain, 1) + 0.0
    return f", from the fitted curve's {start:.1f} today, not from the measured score"


def _cost(decision: StudyDecision) -> str:
    step = decision.next_step
    if decision.cost is None:
        return "" if step is None or step.cost is None else f"{step.cost:,.4g} for that step"
    left_out = f"; without a price: {', '.join(decision.unknown_prices)}" if decision.unknown_prices else ""
    return f"{decision.cost:,.4g}{left_out}"
