"""The forecast of a learning curve: honest, possible, repeatable, and right about the published experiment."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tunecurve.curve.forecast import CurvePoints, Prices, forecast_curve
from tunecurve.errors import DataError, UsageError

ARTICLE = CurvePoints([50, 200, 800], [86.38, 90.97, 94.30])


def test_published_experiment_is_foretold() -> None:
    entry = forecast_curve(ARTICLE, at=[6400]).forecasts[0]
    low, high = entry["intervals"]["0.80"]
    assert low <= 97.52 <= high
    assert abs(entry["median"] - 97.52) <= 2.0


@pytest.mark.parametrize("sizes", [[], [50], [50, 50, 50], [50, 200]])
def test_fewer_than_three_sizes_is_refused_with_a_reason(sizes: list[float]) -> None:
    forecast = forecast_curve(CurvePoints(sizes, [80.0] * len(sizes)))
    assert forecast.refusal is not None
    assert "sizes" in forecast.refusal or "size" in forecast.refusal
    assert forecast.to_dict()["forecasts"] == []


def test_same_points_same_answer_in_any_order() -> None:
    shuffled = CurvePoints([800, 50, 200], [94.30, 86.38, 90.97])
    first = json.dumps(forecast_curve(ARTICLE, target=97.0).to_dict())
    assert first == json.dumps(forecast_curve(shuffled, target=97.0).to_dict())


def test_every_quantile_is_possible_and_ordered() -> None:
    curves = [[1, 0, 99.9], [100, 100, 100], [0, 0, 0], [99, 50, 1], [0, 100, 0], [50, 50, 50]]
    for scores in curves:
        for entry in forecast_curve(CurvePoints([10, 100, 1000], scores), at=[5, 10, 2000, 10**9]).forecasts:
            values = list(entry["quantiles"].values())
            assert np.isfinite(values).all()
            assert np.all(np.diff(values) >= 0)
            assert values[0] >= 0.0
            assert values[-1] <= 100.0


def test_losses_have_no_ceiling_and_never_go_below_zero() -> None:
    points = CurvePoints([200, 400, 800, 1600], [4.2, 3.9, 3.5, 3.2])
    forecast = forecast_curve(points, score_range=(0.0, None), direction="min", at=[12800])
    quantiles = list(forecast.forecasts[0]["quantiles"].values())
    assert 0 < quantiles[0] < quantiles[-1] < 4.2


def test_open_ended_metric_to_maximise_is_forecast() -> None:
    points = CurvePoints([10, 100, 1000], [-3.0, -2.0, -1.5])
    forecast = forecast_curve(points, score_range=(None, None), direction="max", at=[8000])
    assert -2.5 < forecast.forecasts[0]["median"] < 1.0


def test_sizes_far_beyond_the_data_are_called_speculative() -> None:
    entries = forecast_curve(ARTICLE, at=[6400, 6500]).forecasts
    assert [entry["speculative"] for entry in entries] == [False, True]


def test_back_test_needs_a_fourth_size() -> None:
    assert forecast_curve(ARTICLE).backtest is None
    four = forecast_curve(CurvePoints([50, 200, 800, 3200], [86.38, 90.97, 94.30, 96.2]))
    assert four.backtest is not None
    assert four.backtest["inside_80"]


def test_cheap_labels_are_bought_and_dear_ones_are_not() -> None:
    cheap = forecast_curve(ARTICLE, prices=Prices(label=0.001, value_per_point=100.0)).decision
    dear = forecast_curve(ARTICLE, prices=Prices(label=100.0, value_per_point=1.0)).decision
    assert cheap is not None
    assert dear is not None
    assert 800 < cheap["best"]["n"] <= 6400
    assert dear["best"]["n"] == 800
    assert dear["sentence"].startswith("Stop")


def test_what_would_settle_it_is_priced_with_labels_and_runs() -> None:
    points = CurvePoints([50, 50, 200, 200, 800, 800], [70.0, 74.0, 78.0, 76.0, 79.0, 82.0])
    prices = Prices(label=2.0, training_per_example=0.01, training_fixed=5.0)
    verdict = forecast_curve(points, delta=1.5, prices=prices).verdict
    assert verdict is not None
    assert verdict.word == "cannot tell"
    cost = {step["what"]: step["cost"] for step in verdict.settle}
    assert cost["three more seeds at the largest size"] == pytest.approx(3 * (800 * 0.01 + 5))
    assert cost["one more size: 1600 examples"] == pytest.approx(800 * 2 + 1600 * 0.01 + 5)
    unpriced = forecast_curve(points, delta=1.5).verdict
    assert unpriced is not None
    assert {step["cost"] for step in unpriced.settle} == {None}
    labels_only = forecast_curve(points, delta=1.5, prices=Prices(label=2.0)).verdict
    assert labels_only is not None
    cost = {step["what"]: step["cost"] for step in labels_only.settle}
    assert cost["three more seeds at the largest size"] is None  # training has no price: unknown, not free
    assert cost["one more size: 1600 examples"] == pytest.approx(1600)


def test_exact_power_law_losses_are_forecast_like_a_line() -> None:
    """The average becomes the log-log line when the data ask for it (0.7 % noise, 8 times the data)."""
    generator = np.random.default_rng(5)
    sizes = 200.0 * 2.0 ** np.arange(7)
    misses = []
    for slope in np.linspace(0.02, 0.2, 12):
        scores = 3.0 * (sizes / 200.0) ** -slope * np.exp(0.007 * generator.standard_normal(7))
        entry = forecast_curve(CurvePoints(sizes, scores), (0.0, None), "min", at=[8 * sizes[-1]]).forecasts[0]
        truth = 3.0 * (8 * sizes[-1] / 200.0) ** -slope
        misses.append(abs(entry["median"] / truth - 1.0))
    assert np.median(misses) <= 0.02


def test_a_penalty_for_missing_the_target_moves_the_decision() -> None:
    target = 95.5
    careless = forecast_curve(ARTICLE, target=target, prices=Prices(label=0.1, miss_penalty=1.0)).decision
    careful = forecast_curve(ARTICLE, target=target, prices=Prices(label=0.1, miss_penalty=5000.0)).decision
    assert careless is not None
    assert careful is not None
    assert careless["best"]["n"] == 800
    assert careful["best"]["n"] > 1600


def test_without_prices_there_is_no_decision() -> None:
    assert forecast_curve(ARTICLE).decision is None


@pytest.mark.parametrize(
    ("sizes", "scores", "message"),
    [
        ([50, 200, 800], [1.0, float("nan"), 2.0], "finite"),
        ([0, 200, 800], [1.0, 2.0, 3.0], "rival strategy"),
        ([-5, 200, 800], [1.0, 2.0, 3.0], "positive"),
        ([50, 200, 800], [1.0, 200.0, 3.0], "outside"),
        ([50, 200], [1.0, 2.0, 3.0], "one score for each size"),
        ([50, 200, 800], [1.0, "many", 3.0], "not a number"),
    ],
)
def test_wrong_points_are_named_in_one_line(sizes: list, scores: list, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        forecast_curve(CurvePoints(sizes, scores))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "options",
    [{"direction": "up"}, {"score_range": (100.0, 0.0)}, {"at": [0]}, {"delta": -1.0}, {"target": float("nan")}],
)
def test_wrong_options_are_usage_errors(options: dict) -> None:
    with pytest.raises(UsageError):
        forecast_curve(ARTICLE, **options)
