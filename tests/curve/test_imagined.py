"""Steps that may settle a `cannot tell`: what is promised of them where they are judged, against real forecasts after them."""

from __future__ import annotations

import numpy as np
import pytest

from tunecurve.curve.answer import Verdict
from tunecurve.curve.forecast import CurvePoints, forecast_curve

PUBLISHED = ([50.0, 200.0, 800.0], [86.38, 90.97, 94.30])
COLLAPSED = ([50.0, 100.0, 200.0, 400.0, 800.0], [50.0, 60.0, 68.0, 74.0, 40.0])
THREE = ([50.0, 100.0, 200.0], [70.0, 72.0, 73.5])


def verdict_of(size: list[float], score: list[float], n_test: int | None, *, judged: bool = False) -> Verdict:
    answer = forecast_curve(CurvePoints(size, score, n_test=n_test), (0, 100), backtest=False, judged_steps=judged)
    assert answer.verdict is not None
    return answer.verdict


def promised(verdict: Verdict, kind: str, n: float) -> float:
    return next(step.chance for step in verdict.settle if (step.kind, step.n) == (kind, n))


@pytest.mark.parametrize(("curve", "n_test", "n"), [(PUBLISHED, None, 1600.0), (THREE, 20_000, 400.0)])
def test_one_more_size_settles_as_often_as_promised(
    curve: tuple[list[float], list[float]], n_test: int | None, n: float
) -> None:
    size, score = curve
    before = forecast_curve(CurvePoints(size, score, n_test=n_test), (0, 100), at=[n], backtest=False)
    words = [
        verdict_of([*size, n], [*score, outcome], n_test).word for outcome in before.forecasts[0].quantiles.values()
    ]
    came = np.mean([word != "cannot tell" for word in words])
    assert promised(verdict_of(size, score, n_test, judged=True), "size", n) == pytest.approx(came, abs=0.15)


def test_three_more_seeds_beside_a_collapsed_run_settle_as_often_as_promised() -> None:
    """Good seeds leave the broken run out of the count and settle the word; such as lie between both do not."""
    size, score = COLLAPSED
    points = CurvePoints(size, score, n_test=5_000)
    before = forecast_curve(points, (0, 100), judged_steps=True, backtest=False)
    judged = before.verdict
    words = []
    assert before.predictive is not None
    for mean in np.quantile(before.predictive.curve_scores(np.array([800.0])), np.arange(0.05, 1.0, 0.1)):
        runs = [mean - 0.7, mean, mean + 0.7]
        words.append(verdict_of([*size, *[800.0] * 3], [*score, *runs], 5_000).word)
    came = np.mean([word != "cannot tell" for word in words])
    assert words[0] == "cannot tell", "41 beside 40 is a plateau, or training that collapses: it stays open"
    assert came >= 0.5
    assert judged is not None
    assert promised(judged, "seeds", 800.0) == pytest.approx(came, abs=0.15)
    assert judged.reason == "collapse"
    assert judged.answer is not None
    assert judged.answer.kind == "seeds"


def test_judged_steps_change_no_number_but_their_own() -> None:
    points = CurvePoints(*PUBLISHED)
    counted, judged = (forecast_curve(points, (0, 100), judged_steps=one) for one in (False, True))
    assert judged.to_dict() == forecast_curve(points, (0, 100), judged_steps=True).to_dict()
    assert judged.forecasts == counted.forecasts
    assert judged.plateau == counted.plateau
    assert judged.verdict is not None
    assert counted.verdict is not None
    assert judged.verdict.probability_rising == counted.verdict.probability_rising


@pytest.mark.parametrize("n_test", [None, 40, 400])
@pytest.mark.parametrize("seeds", [1, 3])
def test_every_kind_of_curve_has_judged_steps(n_test: int | None, seeds: int) -> None:
    for score_range, direction, scores in (((0, 100), "max", [60, 62, 61.5]), ((0, None), "min", [4.0, 3.9, 3.88])):
        size = np.repeat([50.0, 100.0, 200.0], seeds)
        runs = [score + 0.3 * run for score in scores for run in range(seeds)]
        points = CurvePoints(size, runs, n_test=n_test)
        answer = forecast_curve(points, score_range, direction, judged_steps=True, delta=0.5)
        assert answer.verdict is not None
        assert all(0.0 <= step.chance <= 1.0 for step in answer.verdict.settle)
