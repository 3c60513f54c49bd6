"""A largest size without a miss: forecasts stay near the best score, and nobody is sent on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tunecurve.curve.decision import AT_THE_BEST, Prices
from tunecurve.curve.forecast import CurvePoints, Forecast, forecast_curve
from tunecurve.curve.plateau import AT_BEST, BEST_SCORE

N_ROWS = 100


def study(rights: list[int], **named: Any) -> Forecast:
    """Forecast as a study does: scores of the same rows, with draws of one bootstrap."""
    picks = np.random.default_rng(0).integers(0, N_ROWS, (400, N_ROWS))
    rows = np.array([[100.0 * (row < n_right) for row in range(N_ROWS)] for n_right in rights])
    sizes = [16.0 * 3.0**number for number in range(len(rights))]
    points = CurvePoints(sizes, rows.mean(axis=1), n_test=N_ROWS, bootstrap_draws=rows[:, picks].mean(axis=2))
    return forecast_curve(points, (0, 100), "max", at=[2.0 * sizes[-1]], **named)


@pytest.mark.parametrize("rights", [[51, 82, 100], [50, 92, 100], [20, 60, 100], [90, 97, 100]])
@pytest.mark.parametrize("kind", [None, "language-model", "tfidf"])
def test_after_all_rows_right_the_forecast_is_nearly_that(rights: list[int], kind: str | None) -> None:
    answer = study(rights, kind=kind)
    assert answer.forecasts[0].median > 99
    assert answer.forecasts[0].intervals["0.90"][1] > 99.9
    assert answer.verdict is not None
    assert answer.verdict.reason == BEST_SCORE
    assert answer.verdict.sentence.startswith(AT_BEST)
    assert answer.verdict.expected_gain < 2


def test_the_score_before_the_last_lends_it_no_luck() -> None:
    """Of two sizes' difference half is each one's own luck, but no size has more of it than it has in all."""
    near, far = study([70, 88, 99]), study([70, 70, 99])
    variance = [answer.predictive.curve.point_variance[-1] for answer in (near, far)]  # type: ignore[union-attr]
    of_99 = 1.0 * 99.0 / N_ROWS / 2.0**2  # of a share of 0.99, over the squared error, which is 1 and 1 beyond
    assert max(variance) <= 1.2 * of_99


def test_money_is_not_spent_on_what_cannot_be_shown() -> None:
    prices = Prices(label=0.01, value_per_point=100.0)
    answer = study([51, 82, 100], prices=prices)
    assert answer.decision is not None
    assert answer.decision.sentence == AT_THE_BEST
    below = study([51, 82, 90], prices=prices)
    assert below.decision is not None
    assert below.decision.sentence.startswith("Go to")
