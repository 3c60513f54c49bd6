"""Test rows or training rows next: both cost a label. Weighed where the test set cannot show what training would gain.

More test rows are worth it as soon as they tell the gain in question; more training rows as soon as the forecast gain is one
that today's test rows tell. Whichever takes less money (labels at the study's price, and training where it has one) or, without
prices, fewer labels, comes first. The engine's forecast and `curve.test_power` are all it looks at.
"""

from __future__ import annotations

from dataclasses import replace

from tunecurve.curve.answer import CurveAnswer
from tunecurve.curve.plateau import NOTHING_SHOWN
from tunecurve.results.records.test_set import Better, NextRows, TestDifference
from tunecurve.results.test_set.power import Questions, about
from tunecurve.spec.study import AdviceSpec

_UNCLEAR = ("cannot tell", NOTHING_SHOWN)


def weigh_rows(
    forecast: CurveAnswer,
    entry: TestDifference,
    sign: float,
    n_rows: int,
    advice: AdviceSpec,
    questions: Questions,
) -> NextRows | None:
    """Return which rows to label next, and why; None where the test set can show what is asked, or nothing is known.

    Parameters
    ----------
    forecast : CurveAnswer
        Of the headline metric, from `forecast_study`.
    entry : TestDifference
        From `test_set.measured_entries`, of the same learner and metric.
    sign : float
        1 where more of the metric is better, -1 where less is.
    n_rows : int
        Test rows now.
    advice : AdviceSpec
        Prices.
    questions : Questions
        The gain that matters.
    """
    verdict, smallest = forecast.verdict, entry.smallest[-1]
    if forecast.refusal or verdict is None:
        return None
    gain = verdict.expected_gain
    too_small = smallest is None or gain < smallest
    is_flat = verdict.word == "flat" and smallest is not None and smallest <= questions.difference
    if is_flat or not (too_small or verdict.word in _UNCLEAR):
        return None
    wanted = max(gain, questions.difference)
    needed = entry.noises[-1].rows_for(wanted, level=questions.level)
    more_test = None if needed is None else max(about(needed) - n_rows, 0)
    larger = None if smallest is None else _first_size_that_shows(forecast, sign, smallest)
    more_training = None if larger is None else round(larger - forecast.points[-1].n)
    costs = _cost(more_test, advice.label_price), _training_cost(more_training, larger, advice)
    found = NextRows(
        learner=entry.learner or "",
        gain=gain,
        wanted=wanted,
        smallest=smallest,
        more_test_rows=more_test,
        more_training_rows=more_training,
        cost_of_test_rows=costs[0],
        cost_of_training_rows=costs[1],
        better=_better(more_test, more_training, *costs),
    )
    return replace(found, sentence=_sentence(found, larger))


def _first_size_that_shows(forecast: CurveAnswer, sign: float, smallest: float) -> float | None:
    """Return the first size whose forecast gain over the largest measured one is told by the test rows as they are."""
    now = forecast.points[-1].mean_score
    return next((entry.n for entry in forecast.trusted if sign * (entry.median - now) >= smallest), None)


def _cost(n_labels: int | None, price: float | None) -> float | None:
    return None if n_labels is None or price is None else n_labels * price


def _training_cost(n_labels: int | None, size: float | None, advice: AdviceSpec) -> float | None:
    labels = _cost(n_labels, advice.label_price)
    if labels is None or size is None:
        return None
    return labels + size * (advice.training_price or 0.0) + (advice.run_price or 0.0)


def _better(more_test: int | None, more_training: int | None, test: float | None, training: float | None) -> Better:
    if more_test == 0 or (more_test is None and more_training is None):
        return "training run" if more_test == 0 else "neither"
    if more_test is None or more_training is None:
        return "training rows" if more_test is None else "test rows"
    if test is None or training is None:
        return "test rows" if more_test <= more_training else "training rows"
    return "test rows" if test <= training else "training rows"


def _sentence(found: NextRows, larger: float | None) -> str:
    wanted = f"a gain of {found.wanted:.2g}"
    test = (
        f"no number of test rows tells {wanted}, since runs with other seeds differ by too much"
        if found.more_test_rows is None
        else f"{_labels(found.more_test_rows, 'test', found.cost_of_test_rows)} tell {wanted}"
    )
    smallest = "any gain" if found.smallest is None else f"the {found.smallest:.2g} that today's test rows tell"
    training = (
        f"no training size up to 8 times the data is expected to gain {smallest}"
        if larger is None
        else f"{_labels(found.more_training_rows, 'training', found.cost_of_training_rows)} ({larger:,.0f} in all) "
        f"are expected to gain {smallest}"
    )
    first = {
        "test rows": "label test rows next, not training rows",
        "training rows": "label training rows next, not test rows",
        "training run": "today's test rows are enough, so train on more rows next",
        "neither": "neither more test rows nor more training rows would show it; run more seeds a size",
    }[found.better]
    if found.better == "training run":
        return f"Test rows or training rows: {first}: they tell {wanted}; {training}."
    return f"Test rows or training rows: {first}: {test}; {training}."


def _labels(count: int | None, kind: str, cost: float | None) -> str:
    return f"{about(count or 0):,} more {kind} rows" + (f" (cost {cost:.4g})" if cost is not None else "")
