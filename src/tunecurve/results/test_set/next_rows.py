"""What would let the test set show what training would gain: more test rows, more training rows, or more seeds.

More test rows do as soon as they tell the gain in question; more training rows as soon as the forecast gain is one that today's
test rows tell; more seeds where their spread is in the way. Whichever takes less money (labels at the study's price, and training
where it has one) or, without prices, fewer labels, comes first; rows that are labelled already take none. The engine's forecast
and `curve.power` are all it looks at. Whether to train on more rows at all is another question: `results.decision`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tunecurve.curve.answer import CurveAnswer, SizeForecast, Verdict
from tunecurve.curve.decision import labels_missing
from tunecurve.curve.plateau import BEST_SCORE, NOTHING_SHOWN
from tunecurve.results.records.test_set import Better, NextRows, TestDifference
from tunecurve.results.test_set.entries import Questions, about
from tunecurve.spec.study import AdviceSpec

_UNCLEAR = ("cannot tell", NOTHING_SHOWN)
# A test set of more than so many times today's rows is named, and not proposed.
MOST_TIMES = 10


@dataclass(frozen=True)
class RowsInHand:
    """Rows that are labelled: of the test set, and to train on."""

    n_test: int
    n_pool: int


def weigh_rows(
    forecast: CurveAnswer,
    entry: TestDifference,
    sign: float,
    rows: RowsInHand,
    advice: AdviceSpec,
    questions: Questions,
) -> NextRows | None:
    """Return what would show the gain, and at what price; None where the test set can show what is asked, or nothing is known.

    Parameters
    ----------
    forecast : CurveAnswer
        Of the headline metric, as in `results.forecasts`.
    entry : TestDifference
        From `test_set.measured_entries`, of the same learner and metric.
    sign : float
        1 where more of the metric is better, -1 where less is.
    rows : RowsInHand
        Those that are labelled now.
    advice : AdviceSpec
        Prices.
    questions : Questions
        The gain that matters.
    """
    verdict, smallest = forecast.verdict, entry.smallest[-1]
    if forecast.refusal or verdict is None or verdict.reason == BEST_SCORE:
        return None
    gain = verdict.expected_gain
    too_small = smallest is None or gain < smallest
    is_flat = verdict.word == "flat" and smallest is not None and smallest <= questions.difference
    if is_flat or not (too_small or verdict.word in _UNCLEAR):
        return None
    wanted, noise, last = max(gain, questions.difference), entry.noises[-1], forecast.points[-1].n
    needed = noise.rows_for(wanted, level=questions.level)
    more_test = None if needed is None else max(about(needed) - rows.n_test, 0)
    larger = None if smallest is None else _first_size_that_shows(forecast, sign, smallest)
    test_labels = None if more_test is None else round(float(labels_missing(more_test, last, rows.n_pool)))
    training_labels = None if larger is None else round(float(labels_missing(larger - last, last, rows.n_pool)))
    found = NextRows(
        learner=entry.learner or "",
        gain=gain,
        wanted=wanted,
        smallest=smallest,
        more_test_rows=more_test,
        more_training_rows=None if larger is None else round(larger - last),
        cost_of_test_rows=_cost(test_labels, advice.label_price),
        cost_of_training_rows=_training_cost(training_labels, larger, advice),
        better="neither",
        seeds=noise.seeds_for(wanted, level=questions.level),
        test_rows_to_label=test_labels,
        training_rows_to_label=training_labels,
    )
    found = replace(found, better=_better(found, rows))
    return replace(found, sentence=_sentence(found, rows, larger))


def rows_in_question(next_rows: Sequence[NextRows], verdict: Verdict, learner: str) -> NextRows | None:
    """Return a learner's entry where the verdict cannot tell because of the test rows, or of seeds that no number of rows makes up for."""
    found = next((item for item in next_rows if item.learner == learner), None)
    seeds_hide = verdict.reason == "noise" and found is not None and found.more_test_rows is None
    return found if verdict.word == NOTHING_SHOWN or verdict.reason == "test set" or seeds_hide else None


def _first_size_that_shows(forecast: CurveAnswer, sign: float, smallest: float) -> float | None:
    """Return the first size whose forecast gain over the largest measured one is told by the test rows as they are."""
    now = forecast.points[-1].mean_score
    return next((entry.n for entry in forecast.trusted if _gain(entry, sign, now) >= smallest), None)


def _gain(entry: SizeForecast, sign: float, now: float) -> float:
    """Return the gain that verdict and decision name; results of earlier versions have none, and take it from the last score."""
    return sign * (entry.median - now) if entry.gain is None else entry.gain.mean


def _cost(n_labels: int | None, price: float | None) -> float | None:
    return None if n_labels is None or price is None else n_labels * price


def _training_cost(n_labels: int | None, size: float | None, advice: AdviceSpec) -> float | None:
    labels = _cost(n_labels, advice.label_price)
    if labels is None or size is None:
        return None
    return labels + size * (advice.training_price or 0.0) + (advice.run_price or 0.0)


def _is_realistic(found: NextRows, rows: RowsInHand) -> bool:
    return found.more_test_rows is not None and found.more_test_rows < MOST_TIMES * rows.n_test


def _better(found: NextRows, rows: RowsInHand) -> Better:
    """Return what shows the gain for the least money, else for the fewest labels; seeds take none."""
    if found.more_test_rows == 0:
        return "training run"
    is_priced = found.cost_of_test_rows is not None
    test = found.test_rows_to_label if is_priced or _is_realistic(found, rows) else None
    training = found.training_rows_to_label
    if found.seeds is not None and test != 0 and training != 0:
        return "neither"
    if test is None or training is None:
        return "test rows" if test is not None else "training rows" if training is not None else "neither"
    if found.cost_of_test_rows is None or found.cost_of_training_rows is None:
        return "test rows" if test < training else "training rows" if training < test else _fewer(found)
    return "test rows" if found.cost_of_test_rows <= found.cost_of_training_rows else "training rows"


def _fewer(found: NextRows) -> Better:
    """Return which are fewer where as many labels are missing: rows in hand can be trained on in the same study."""
    is_free = not found.training_rows_to_label
    fewer_test = (found.more_test_rows or 0) <= (found.more_training_rows or 0)
    return "test rows" if fewer_test and not is_free else "training rows"


def _sentence(found: NextRows, rows: RowsInHand, larger: float | None) -> str:
    """Return what shows the gain, all ways side by side: which step comes next, the decision says."""
    wanted = f"a gain of {found.wanted:.2g}"
    smallest = "any gain" if found.smallest is None else f"the {found.smallest:.2g} that today's test rows tell"
    if larger is None:
        training = f"no training size up to 8 times the data is expected to gain {smallest}"
    else:
        training = (
            f"{_labels(found.more_training_rows, found.training_rows_to_label, 'training', found.cost_of_training_rows)}, "
            f"{larger:,.0f} in all, are expected to gain {smallest}"
        )
    if found.more_test_rows == 0:
        return f"What would show {wanted} on the test set: today's test rows are enough; {training}."
    return f"What would show {wanted} on the test set: {_test_words(found, rows)}; {training}{_seed_words(found)}."


def _test_words(found: NextRows, rows: RowsInHand) -> str:
    if found.more_test_rows is None:
        return "no number of test rows alone, since runs with other seeds differ by too much"
    words = _labels(found.more_test_rows, found.test_rows_to_label, "test", found.cost_of_test_rows)
    if not _is_realistic(found, rows):
        words += f", over {MOST_TIMES} times today's {rows.n_test:,} and hardly worth it"
    return words


def _seed_words(found: NextRows) -> str:
    return "" if found.seeds is None else f"; with today's test rows, {found.seeds} seeds a size do"


def _labels(count: int | None, to_label: int | None, kind: str, cost: float | None) -> str:
    words = f"{about(count or 0):,} more {kind} rows"
    in_hand = (count or 0) - (to_label or 0)
    if in_hand > 0:
        words += f", {'all' if not to_label else f'{in_hand:,}'} of them labelled already"
    return words + (f" (cost {cost:.4g})" if cost is not None else "")
