"""Scores without a best value (rewards, Elo ratings): curves that stop and curves that go on lie within the intervals."""

from __future__ import annotations

import numpy as np
import pytest

from tunecurve.curve.forecast import forecast_curve
from tunecurve.curve.points import CurvePoints, prepare
from tunecurve.curve.predictive import predict

SIZES = [100.0, 200.0, 400.0, 800.0]
GROWTH = {
    "ceiling": lambda steps: 1.0 - 2.0 ** (-0.6 * steps),
    "log-linear": lambda steps: steps / 3.0,
    "sigmoid": lambda steps: 1.0 / (1.0 + np.exp(1.5 - steps)),
    "plateau": lambda steps: np.minimum(steps, 2.0) / 2.0,
}
RATING = [1200.0, 1290.0, 1350.0, 1385.0]


@pytest.mark.parametrize("family", GROWTH)
@pytest.mark.parametrize("direction", ["max", "min"])
def test_intervals_hold_curves_that_stop_and_curves_that_go_on(family: str, direction: str) -> None:
    generator = np.random.default_rng(7)
    sign = 1.0 if direction == "max" else -1.0
    held, ahead, runs = 0, 2, 40
    for _ in range(runs):
        steps = np.array([0.0, 1.0, 2.0, 3.0, 3.0 + ahead / 2.0])
        scores = sign * (1200.0 + 200.0 * GROWTH[family](steps) + 6.0 * generator.normal(size=5))
        curve = prepare(CurvePoints(SIZES, scores[:-1]), (None, None), direction)
        low, high = np.quantile(predict(curve).measured_scores(np.array([ahead * SIZES[-1]])), [0.1, 0.9])
        held += low <= scores[-1] <= high
    assert held >= 0.7 * runs


def test_forecasts_move_and_stretch_with_the_scores() -> None:
    """Nobody fixed the unit or the start of such a score."""
    plain, other = (
        forecast_curve(CurvePoints(SIZES, scores), (None, None)).forecasts[0]
        for scores in (RATING, [10.0 * score - 7000.0 for score in RATING])
    )
    told = [10.0 * value - 7000.0 for value in plain.quantiles.values()]
    assert list(other.quantiles.values()) == pytest.approx(told, abs=1e-6)


def test_a_rising_score_is_not_told_as_a_falling_loss() -> None:
    assert not any("loss" in note for note in forecast_curve(CurvePoints(SIZES, RATING)).notes)


def test_what_is_missing_to_a_best_score_is_told_as_that() -> None:
    (said,) = [
        note
        for note in forecast_curve(CurvePoints(SIZES, [-2.0, -0.5, 0.1, 0.3]), (None, 1.0)).notes
        if "doubling lowers" in note
    ]
    assert "the distance to 1 by less" in said
    assert "loss" not in said


def test_test_rows_say_nothing_of_such_a_score() -> None:
    with_rows, without = (forecast_curve(CurvePoints(SIZES, RATING, n_test=rows), (None, None)) for rows in (200, None))
    assert with_rows.forecasts == without.forecasts
    assert any("200 test rows are not used" in note for note in with_rows.notes)


def test_the_stated_learner_changes_nothing() -> None:
    """The priors of learners were learned on metrics with two ends."""
    plain, stated = (forecast_curve(CurvePoints(SIZES, RATING), kind=kind).forecasts for kind in (None, "tfidf"))
    assert plain == stated
