"""The forecast of a learning curve: honest, possible, repeatable, and right about the published experiment."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from tunecurve.curve.answer import Verdict
from tunecurve.curve.forecast import CurvePoints, Prices, forecast_curve
from tunecurve.curve.next_sizes import no_verdict, runs_in_words, sizes_up_to
from tunecurve.curve.plateau import why_another_step
from tunecurve.curve.priors import prior_table
from tunecurve.curve.units import in_digits
from tunecurve.errors import DataError, UsageError

ARTICLE = CurvePoints([50, 200, 800], [86.38, 90.97, 94.30])


def test_published_experiment_is_foretold() -> None:
    entry = forecast_curve(ARTICLE, at=[6400]).forecasts[0]
    low, high = entry.intervals["0.80"]
    assert low <= 97.52 <= high
    assert abs(entry.median - 97.52) <= 2.0


@pytest.mark.parametrize("sizes", [[], [50], [50, 50, 50], [50, 200]])
@pytest.mark.parametrize("zero_shot", [None, 40.0])
def test_fewer_than_three_sizes_get_a_borrowed_forecast_and_no_verdict(
    sizes: list[float], zero_shot: float | None
) -> None:
    rivals = {} if zero_shot is None else {"zero-shot": (zero_shot, None)}
    forecast = forecast_curve(CurvePoints(sizes, [80.0] * len(sizes)), rivals=rivals, at=[400.0])
    assert forecast.refusal is not None
    assert "No verdict" in forecast.refusal
    assert forecast.verdict is None
    assert forecast.plateau is None
    (entry,) = forecast.forecasts
    assert entry.borrowed
    low, high = entry.intervals["0.80"]
    assert 0.0 <= low < entry.median < high <= 100.0
    assert high - low > 5.0
    assert any(note.startswith("Borrowed") for note in forecast.notes)
    assert forecast.first_study is not None
    assert forecast.first_study.width_then < forecast.first_study.width_now
    assert forecast.first_study.rows > max(sizes, default=0.0)
    json.dumps(forecast.to_dict(), allow_nan=False)


def test_the_fewer_sizes_the_wider_the_forecast() -> None:
    sizes, scores = [50, 100, 200, 400], [60.0, 66.0, 71.0, 75.0]
    widths = []
    for count in (1, 2, 4):
        (entry,) = forecast_curve(CurvePoints(sizes[-count:], scores[-count:]), at=[1600.0]).forecasts
        low, high = entry.intervals["0.80"]
        widths.append(high - low)
    assert widths == sorted(widths, reverse=True)


@pytest.mark.parametrize(
    "scores", [[99.9], [100.0], [99.0, 99.9], [0.0], [0.0, 0.0], [50.0, 50.0], [100.0, 100.0], [1.0, 99.0]]
)
def test_a_first_study_is_proposed_wherever_the_curve_stands(scores: list[float]) -> None:
    """Also where no study narrows the forecast."""
    study = forecast_curve(CurvePoints([100.0, 400.0][: len(scores)], scores)).first_study
    assert study is not None
    assert study.rows in {option.rows for option in study.options}
    narrows = study.width_then < study.width_now
    assert study.sentence.startswith("To find out" if narrows else "No study of up to")
    has_no_width = not narrows and study.width_now < 0.01
    assert ("more test rows may not bear that out" in study.sentence) == has_no_width


@pytest.mark.parametrize(
    ("sizes", "rows", "expected"),
    [
        ([], 100.0, [7, 25, 100]), ([], 400.0, [25, 100, 400]), ([24.0], 48.0, [12, 48]), ([24.0], 96.0, [48, 96]),
        ([24.0], 192.0, [48, 192]), ([6.0, 24.0], 48.0, [48]), ([6.0, 24.0], 96.0, [96]), ([6.0, 24.0], 192.0, [48, 192]),
    ],
)  # fmt: skip
def test_sizes_up_to_a_next_study_are_as_many_as_are_asked_for_and_two_to_four_times_apart(
    sizes: list[float], rows: float, expected: list[float]
) -> None:
    proposed = sizes_up_to(rows, sizes)
    assert proposed == expected
    assert all(2 * small <= large <= 4 * small for small, large in pairwise(sorted([*sizes, *proposed])))
    assert f"Measure {len(expected)} more, so that each size is 2 to 4 times" in no_verdict(sizes, proposed)


@pytest.mark.parametrize(
    ("sizes", "said"), [([24.0], "48 and 96 rows (3 seeds at the largest)"), ([6.0, 24.0], "96 rows (3 seeds)")]
)
def test_a_first_study_names_as_many_sizes_as_its_refusal_counts(sizes: list[float], said: str) -> None:
    forecast = forecast_curve(CurvePoints(sizes, [60.0, 68.0][-len(sizes) :]))
    assert forecast.first_study is not None
    assert forecast.refusal is not None
    assert f"To find out, train on {said}: " in forecast.first_study.sentence
    assert forecast.first_study.sizes[-1] == forecast.first_study.rows
    assert f"Measure {len(forecast.first_study.sizes)} more," in forecast.refusal


def test_one_run_of_one_size_is_no_each() -> None:
    assert [runs_in_words(sizes, seeds) for sizes in ([5.0], [5.0, 9.0]) for seeds in (1, 3)] == [
        "one run",
        "3 seeds",
        "one run each",
        "3 seeds at the largest",
    ]


@pytest.mark.parametrize("n", [1.0, 5.0, 10.0])
def test_a_forecast_without_width_says_why(n: float) -> None:
    study = forecast_curve(CurvePoints([n], [100.0])).first_study
    assert study is not None
    assert study.width_now < 0.01
    assert study.sentence.endswith("more test rows may not bear that out.")


def test_a_better_untrained_model_promises_more() -> None:
    medians = [
        forecast_curve(CurvePoints([], []), rivals={"zero-shot": (score, None)}, at=[400.0]).forecasts[0].median
        for score in (10.0, 40.0, 70.0, 90.0)
    ]
    assert medians == sorted(medians)
    assert medians[0] > 10.0


def first_median(floor: float | None = None, at: float = 100.0, **rivals: float) -> float:
    """Median forecast before any size is measured."""
    known = {name.replace("_", "-"): (score, None) for name, score in rivals.items()}
    return forecast_curve(CurvePoints([], []), (0.0, 100.0), rivals=known, at=[at], floor=floor).forecasts[0].median


def test_before_any_size_the_floor_says_where_the_curve_starts() -> None:
    medians = [first_median(floor) for floor in (0.0, 10.0, 50.0, 80.0)]
    assert medians == sorted(medians)
    assert first_median(50.0) == pytest.approx(first_median(), abs=2.0), "what is usual are two classes"
    assert medians[-1] > 80.0, "no worse than doing nothing"


def test_before_any_size_the_best_prompt_counts_where_it_beats_doing_nothing() -> None:
    assert first_median(zero_shot=40.0, few_shot=70.0) == first_median(zero_shot=70.0)
    assert first_median(50.0, zero_shot=20.0) == first_median(50.0)
    assert first_median(50.0, few_shot=75.0) == first_median(few_shot=75.0)
    assert first_median(**{"3-shot of another": 90.0}) == first_median(), (
        "another model's prompts say nothing of this one's start"
    )


def test_from_one_size_on_the_floor_changes_nothing() -> None:
    for sizes, scores in (([100.0], [70.0]), ([100.0, 400.0], [70.0, 75.0])):
        points = CurvePoints(sizes, scores)
        assert forecast_curve(points, floor=5.0).forecasts == forecast_curve(points).forecasts


@pytest.mark.parametrize("floor", [-1.0, 101.0, float("nan")])
def test_a_floor_outside_the_range_is_refused(floor: float) -> None:
    with pytest.raises(UsageError, match="floor"):
        forecast_curve(CurvePoints([], []), (0.0, 100.0), floor=floor)


def test_a_single_size_promises_less_than_its_shapes_do_and_more_data_never_hurts() -> None:
    answer = forecast_curve(CurvePoints([100.0], [70.0]), (0.0, 100.0), at=[101.0, 150.0, 200.0, 400.0, 800.0])
    medians = [entry.this_test_set.median for entry in answer.forecasts]
    assert medians == sorted(medians)
    assert answer.predictive is not None
    plain = replace(answer.predictive, calibrated=False).curve_scores(np.array([800.0]))
    error, plain_error = 101.0 - medians[-1], 101.0 - float(np.median(plain))
    assert np.log(error / 31.0) == pytest.approx(0.65 * np.log(plain_error / 31.0), abs=0.1)


def test_a_loss_of_which_nothing_is_known_is_not_forecast() -> None:
    unknown = forecast_curve(CurvePoints([], []), (0.0, None), "min")
    assert unknown.forecasts == []
    assert unknown.refusal is not None
    known = forecast_curve(CurvePoints([200.0], [3.0]), (0.0, None), "min", at=[800.0])
    assert 0.5 < known.forecasts[0].median < 3.0


def test_same_points_same_answer_in_any_order() -> None:
    shuffled = CurvePoints([800, 50, 200], [94.30, 86.38, 90.97])
    first = json.dumps(forecast_curve(ARTICLE, target=97.0).to_dict())
    assert first == json.dumps(forecast_curve(shuffled, target=97.0).to_dict())


def test_every_quantile_is_possible_and_ordered() -> None:
    curves: list[list[float]] = [[1, 0, 99.9], [100, 100, 100], [0, 0, 0], [99, 50, 1], [0, 100, 0], [50, 50, 50]]
    for scores in curves:
        for entry in forecast_curve(CurvePoints([10, 100, 1000], scores), at=[5, 10, 2000, 10**9]).forecasts:
            values = list(entry.quantiles.values())
            assert np.isfinite(values).all()
            assert np.all(np.diff(values) >= 0)
            assert values[0] >= 0.0
            assert values[-1] <= 100.0


def test_losses_have_no_ceiling_and_never_go_below_zero() -> None:
    points = CurvePoints([200, 400, 800, 1600], [4.2, 3.9, 3.5, 3.2])
    forecast = forecast_curve(points, score_range=(0.0, None), direction="min", at=[12800])
    quantiles = list(forecast.forecasts[0].quantiles.values())
    assert 0 < quantiles[0] < quantiles[-1] < 4.2


def test_open_ended_metric_to_maximise_is_forecast() -> None:
    points = CurvePoints([10, 100, 1000], [-3.0, -2.0, -1.5])
    forecast = forecast_curve(points, score_range=(None, None), direction="max", at=[8000])
    assert -2.5 < forecast.forecasts[0].median < 1.0


def test_sizes_far_beyond_the_data_are_called_speculative() -> None:
    entries = forecast_curve(ARTICLE, at=[6400, 6500]).forecasts
    assert [entry.speculative for entry in entries] == [False, True]


def test_back_test_needs_a_fourth_size() -> None:
    assert forecast_curve(ARTICLE).backtest is None
    four = forecast_curve(CurvePoints([50, 200, 800, 3200], [86.38, 90.97, 94.30, 96.2]))
    assert four.backtest is not None
    assert four.backtest.inside_80


def test_cheap_labels_are_bought_and_dear_ones_are_not() -> None:
    cheap = forecast_curve(ARTICLE, prices=Prices(label=0.001, value_per_point=100.0)).decision
    dear = forecast_curve(ARTICLE, prices=Prices(label=100.0, value_per_point=1.0)).decision
    assert cheap is not None
    assert dear is not None
    assert 800 < cheap.best.n <= 6400
    assert dear.best.n == 800
    assert dear.sentence.startswith("Stop")


def test_what_would_settle_it_is_priced_with_labels_and_runs() -> None:
    points = CurvePoints([50, 50, 200, 200, 800, 800], [70.0, 74.0, 78.0, 76.0, 79.0, 82.0])
    prices = Prices(label=2.0, training_per_example=0.01, training_fixed=5.0)
    verdict = forecast_curve(points, delta=1.5, prices=prices).verdict
    assert verdict is not None
    assert verdict.word == "cannot tell"
    cost = {step.what: step.cost for step in verdict.settle}
    assert cost["three more seeds at the largest size"] == pytest.approx(3 * (800 * 0.01 + 5))
    assert cost["one more size: 1600 examples"] == pytest.approx(800 * 2 + 1600 * 0.01 + 5)
    unpriced = forecast_curve(points, delta=1.5).verdict
    assert unpriced is not None
    assert {step.cost for step in unpriced.settle} == {None}
    labels_only = forecast_curve(points, delta=1.5, prices=Prices(label=2.0)).verdict
    assert labels_only is not None
    cost = {step.what: step.cost for step in labels_only.settle}
    assert cost["three more seeds at the largest size"] is None  # training has no price: unknown, not free
    assert cost["one more size: 1600 examples"] == pytest.approx(1600)


def test_exact_power_law_losses_are_forecast_like_a_line() -> None:
    """The average becomes the log-log line when the data ask for it (0.7 % noise, 8 times the data)."""
    generator = np.random.default_rng(5)
    sizes: Any = 200.0 * 2.0 ** np.arange(7)
    misses = []
    for slope in np.linspace(0.02, 0.2, 12):
        scores = 3.0 * (sizes / 200.0) ** -slope * np.exp(0.007 * generator.standard_normal(7))
        entry = forecast_curve(CurvePoints(sizes, scores), (0.0, None), "min", at=[8 * sizes[-1]]).forecasts[0]
        truth = 3.0 * (8 * sizes[-1] / 200.0) ** -slope
        misses.append(abs(entry.median / truth - 1.0))
    assert np.median(misses) <= 0.02


def test_a_penalty_for_missing_the_target_moves_the_decision() -> None:
    target = 95.5
    careless = forecast_curve(ARTICLE, target=target, prices=Prices(label=0.1, miss_penalty=1.0)).decision
    careful = forecast_curve(ARTICLE, target=target, prices=Prices(label=0.1, miss_penalty=5000.0)).decision
    assert careless is not None
    assert careful is not None
    assert careless.best.n == 800
    assert careful.best.n > 1600


def verdict_of(sizes: list[float], scores: list[float], **options: Any) -> Verdict:
    n_test = options.pop("n_test", None)
    verdict = forecast_curve(CurvePoints(sizes, scores, n_test=n_test), **options).verdict
    assert verdict is not None
    return verdict


RISING_SLOWLY = ([50.0, 200.0, 800.0, 3200.0], [70.0, 74.0, 77.5, 79.0])


@pytest.mark.parametrize(
    ("points", "options", "reason", "words"),
    [
        (
            ([50, 200, 800, 3200], [70.0, 74.0, 77.5, 79.0]),
            {"n_test": 40, "delta": 1.2},
            "test set",
            "test set is too small",
        ),
        (
            ([50, 200, 800, 3200], [70.0, 74.0, 77.5, 79.0]),
            {"n_test": 90, "delta": 1.2},
            "test set",
            "test set is too small",
        ),
        (
            ([50, 50, 200, 200, 800, 800], [70.0, 78.0, 76.0, 82.0, 78.0, 86.0]),
            {"delta": 1.5},
            "noise",
            "runs of one size",
        ),
        (RISING_SLOWLY, {"settled": False, "delta": 0.8}, "training not settled", "train longer"),
        (
            ([400, 500, 600, 700], [70.0, 70.6, 71.2, 71.8]),
            {"delta": 2.5},
            "sizes",
            "sizes from 400 to 700 are too close",
        ),
        (([100, 101, 102], [60.0, 61.0, 59.0]), {"n_test": 500}, "sizes", "sizes from 100 to 102 are too close"),
        (([100, 300, 900], [60.0, 63.0, 64.0]), {"delta": 1.0}, "sizes", "3 sizes are too few"),
    ],
)
def test_cannot_tell_names_its_reason(points: tuple, options: dict, reason: str, words: str) -> None:
    verdict = verdict_of(*points, **options)
    assert verdict.word == "cannot tell"
    assert verdict.reason == reason
    assert words in verdict.sentence


def test_a_larger_test_set_costs_its_labels_and_rows_in_hand_cost_none() -> None:
    def test_set_step(**prices: float) -> tuple[float, float | None]:
        points = [50.0, 200.0, 800.0, 3200.0], [70.0, 74.0, 77.5, 79.0]
        verdict = verdict_of(*points, n_test=90, delta=1.2, prices=Prices(**prices))
        assert verdict.reason == "test set"
        return next((step.more_labels, step.cost) for step in verdict.settle if step.kind == "test set")

    assert test_set_step() == (270.0, None)
    assert test_set_step(label=2.0) == (270.0, 540.0)
    assert test_set_step(label=2.0, labelled=3300.0) == (170.0, 340.0)


def test_a_step_that_settles_nothing_is_not_the_cheapest_one() -> None:
    verdict = verdict_of([100, 101, 102], [60.0, 61.0, 59.0], n_test=500)
    chances = {step.kind: step.chance for step in verdict.settle}
    assert chances["test set"] == 0.0
    assert verdict.answer is not None
    assert (verdict.answer.kind, verdict.answer.n) == ("size", 204.0)


def test_a_reason_whose_own_step_settles_nothing_says_so() -> None:
    verdict = verdict_of(*RISING_SLOWLY, n_test=40, delta=1.2)
    assert verdict.reason == "test set"
    assert next(step.chance for step in verdict.settle if step.kind == "test set") < 0.1
    assert "one four times as large would hardly settle it" in verdict.sentence
    assert verdict.answer is not None
    assert verdict.answer.kind != "test set"
    assert why_another_step(verdict) == ", as more test rows would hardly settle it"
    settles = verdict_of(*RISING_SLOWLY, n_test=90, delta=1.4)
    assert why_another_step(settles) == ""
    assert next(step.chance for step in settles.settle if step.kind == "test set") >= 0.1
    assert "would hardly settle it" not in settles.sentence


def test_what_may_have_collapsed_is_run_again_whatever_that_may_settle() -> None:
    for last in (30.0, 45.0, 55.0):
        verdict = verdict_of([50, 200, 800], [60.0, 71.0, last], n_test=500)
        assert verdict.reason == "collapse"
        assert verdict.answer is not None
        assert verdict.answer.kind == "seeds"


@pytest.mark.parametrize(
    ("gain", "matters", "shown"),
    [
        (-0.0017, 1.0, "0"),
        (-0.00584, 1.0, "-0.01"),
        (0.00307, 1.0, "0"),
        (0.00307, 0.01, "0.0031"),
        (0.0173, 0.003, "0.0173"),
        (1.2345, 1.0, "1.23"),
        (12.345, 1.0, "12.3"),
        (-12.345, 30.0, "-12.3"),
        (3.21, 400.0, "3"),
    ],
)
def test_a_gain_is_shown_in_no_digits_that_cannot_matter(gain: float, matters: float, shown: str) -> None:
    assert in_digits(gain, matters) == shown


def test_a_curve_that_stands_still_is_not_said_to_gain_a_thousandth() -> None:
    sentence = verdict_of([50, 200, 800, 3200], [99.99, 99.99, 99.99, 99.99], n_test=2000).sentence
    numbers = re.findall(r"-?\d+\.\d+", sentence.partition(";")[0])
    assert all(len(number.partition(".")[2]) <= 2 for number in numbers), sentence


@pytest.mark.parametrize(
    ("sizes", "scores", "fell_from"),
    [
        ([50, 200, 800, 3200], [70.0, 80.0, 86.0, 52.0], 800),
        ([100, 200, 400, 800], [80.0, 85.0, 88.0, 83.0], 400),
        ([16, 64, 256, 1024, 4096], [50.0, 71.0, 82.0, 81.0, 60.0], 256),
    ],
)
def test_a_lone_run_that_fell_is_no_plateau_and_the_rerun_is_priced(sizes: list, scores: list, fell_from: int) -> None:
    prices = Prices(training_fixed=7.0)
    forecast = forecast_curve(CurvePoints(sizes, scores, n_test=1000), prices=prices)
    assert forecast.verdict is not None
    assert (forecast.verdict.word, forecast.verdict.reason) == ("cannot tell", "collapse")
    assert forecast.verdict.answer is not None
    assert forecast.verdict.answer.what == "three more seeds at the largest size"
    (note,) = [note for note in forecast.notes if "was run once" in note]
    assert f"than n={fell_from:g}: one run cannot tell a collapse from a plateau" in note
    assert note.endswith("Run it again with 3 more seeds (costs 21).")
    seeds = forecast_curve(
        CurvePoints([*sizes, sizes[-1], sizes[-1]], [*scores, scores[-1], scores[-1] + 0.3], n_test=1000)
    )
    assert seeds.verdict is not None
    assert seeds.verdict.reason != "collapse"
    assert not any("was run once" in note for note in seeds.notes)


@pytest.mark.parametrize("scores", [[80, 88, 90.2, 90.0], [60, 70, 72, 71.5], [97, 98.5, 99.2, 99.1], [50, 61, 66, 70]])
def test_a_step_within_the_noise_is_no_collapse(scores: list[float]) -> None:
    forecast = forecast_curve(CurvePoints([50, 200, 800, 3200], scores, n_test=1000))
    assert not any("was run once" in note for note in forecast.notes)


@pytest.mark.parametrize(
    ("scores", "doubt"),
    [
        ([100.0, 100.0, 99.0, 100.0], 0.4),
        ([99.0, 99.5, 100.0, 100.0], 0.2),
        ([98.0, 99.8, 99.6, 99.9], 0.2),
        ([100.0] * 4, 0.01),
    ],
)
def test_near_the_ceiling_a_forecast_is_never_a_point(scores: list[float], doubt: float) -> None:
    """One more run may be perfect, and it may miss a little, the more the runs before did."""
    low, high = forecast_curve(CurvePoints([50, 100, 200, 500], scores), at=[1000]).forecasts[0].intervals["0.90"]
    assert high >= 99.8
    assert 97.0 < low < 100.0 - doubt


def width_80(scores: list[float], kind: str | None = None) -> float:
    points = CurvePoints(np.repeat([50.0, 200.0, 800.0], len(scores) // 3), scores)
    low, high = forecast_curve(points, (0, 100), at=[3200], kind=kind).forecasts[0].intervals["0.80"]
    return high - low


def test_near_the_ceiling_one_more_run_scatters_however_smooth_the_curve_is() -> None:
    assert width_80([60.0, 80.0, 100.0]) > 1.0
    assert width_80([97.0, 98.0, 98.5]) > width_80([97.0, 98.0, 98.5], kind="classical")
    twice = [97.0, 97.0, 98.0, 98.0, 98.5, 98.5]
    assert width_80(twice) < width_80([97.0, 98.0, 98.5]), "runs that agree show how little they scatter"


@pytest.mark.parametrize("rows", [30, 60, 100])
def test_flat_is_not_said_where_the_test_set_could_not_have_shown_a_gain(rows: int) -> None:
    sizes, scores = [50.0, 100, 200, 400, 800, 1600], [80.1, 80.0, 80.2, 79.9, 80.1, 80.0]
    word = verdict_of(sizes, scores, n_test=rows).word
    assert word in ("no gain that this test set can show", "cannot tell")
    assert verdict_of(sizes, scores, n_test=200_000, delta=4.0).word == "flat"
    assert "not known" in verdict_of(sizes, scores, delta=4.0).sentence


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


@pytest.mark.parametrize(("scores", "direction"), [([60.0, 70.0, 75.0, 78.0], "max"), ([3.0, 2.0, 1.5, 1.3], "min")])
def test_test_rows_are_one_number_or_one_a_score(scores: list, direction: str) -> None:
    def ask(n_test: int | list[float]):
        return forecast_curve(CurvePoints([50, 100, 200, 800], scores, n_test=n_test), direction=direction)

    one, listed, each = (ask(rows).verdict for rows in (400, [400.0], [400.0] * 4))
    assert one == listed == each
    with pytest.raises(DataError, match="2 numbers of test rows and 4 scores"):
        ask([400.0, 400.0])


@pytest.mark.parametrize(
    "options",
    [{"direction": "up"}, {"score_range": (100.0, 0.0)}, {"at": [0]}, {"delta": -1.0}, {"target": float("nan")}],
)
def test_wrong_options_are_usage_errors(options: dict) -> None:
    with pytest.raises(UsageError):
        forecast_curve(ARTICLE, **options)


def test_what_is_learned_for_three_sizes_and_more_leaves_fewer_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    def widths() -> list[float]:
        forecasts = [
            forecast_curve(CurvePoints(*curve), (0, 100), at=[800.0], kind="language-model", backtest=False)
            for curve in (([100.0], [60.0]), ([100.0, 200.0], [60.0, 66.0]), ([50.0, 100.0, 200.0], [52.0, 60.0, 66.0]))
        ]
        return [float(np.ptp(one.forecasts[0].intervals["0.80"])) for one in forecasts]

    now = widths()
    table = dict(prior_table()["language-model"])
    monkeypatch.setitem(prior_table(), "language-model", table | {"coverage": {"single": 1.0, "replicated": 1.0}})
    before = widths()
    assert now[:2] == before[:2]
    assert now[2] < before[2]


@pytest.mark.parametrize(
    ("sizes", "scores", "words"),
    [
        ([50, 51, 52], [60, 60.5, 61], "sizes from 50 to 52 are too close"),
        ([50, 60, 90], [60, 60, 60], "sizes from 50 to 90 are too close"),
        ([50, 51, 800], [60, 60.5, 80], "of the 3 sizes only 2 lie a quarter apart"),
    ],
)
def test_sizes_too_close_give_no_plain_word(sizes: list, scores: list, words: str) -> None:
    answer = forecast_curve(CurvePoints(sizes, scores, n_test=5000), (0, 100))
    assert answer.verdict is not None
    assert answer.verdict.answer is not None
    assert answer.plateau is not None
    assert (answer.verdict.word, answer.verdict.reason) == ("cannot tell", "sizes")
    assert answer.verdict.sentence.startswith(f"Cannot tell, because {words}. Taken at their word, doubling the ")
    assert answer.verdict.answer.kind == "size"
    assert not answer.plateau.observed


def test_sizes_a_doubling_apart_in_all_may_be_rising() -> None:
    answer = forecast_curve(CurvePoints([50, 71, 100], [60, 65, 70], n_test=5000), (0, 100))
    assert answer.verdict is not None
    assert answer.verdict.word == "rising"


def test_what_was_counted_on_drawn_curves_is_not_told_as_certain() -> None:
    answer = forecast_curve(CurvePoints([50, 100, 200, 400], [2.91, 2.55, 2.31, 2.14]), (0, None), "min")
    assert answer.verdict is not None
    assert answer.verdict.probability_rising == 1.0
    assert "would gain 0.192 on average (80 % interval" in answer.verdict.sentence
    assert answer.verdict.sentence.endswith("a gain of 0.0214 or more has probability over 0.99.")


@pytest.mark.parametrize(
    ("scores", "is_said"),
    [
        ([2.91, 2.55, 2.31, 2.14], True),
        ([2.91, 2.55, 2.24, 1.97], False),  # straight in the logarithms
        ([2.91, 2.55, 2.31, 2.35], False),  # a step up is a drop, which is said otherwise
    ],
)
def test_a_loss_that_slows_down_may_stop_and_that_is_said(scores: list, *, is_said: bool) -> None:
    answer = forecast_curve(CurvePoints([50, 100, 200, 400], scores), (0, None), "min")
    assert any("a loss that stops at some level fits, too" in note for note in answer.notes) is is_said


def test_more_flawless_sizes_never_widen_the_forecast() -> None:
    sizes = [25.0 * 2**step for step in range(8)]
    widths = []
    for shown in range(3, 9):
        points = CurvePoints(sizes[-shown:], [100.0] * shown, n_test=500)
        low, high = forecast_curve(points, (0, 100), backtest=False).forecasts[0].interval_80
        widths.append(high - low)
    assert widths == sorted(widths, reverse=True)
