"""Test rows or training rows: whichever shows the gain for less, at the study's prices."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.fakes.records import learner_forecast, size_forecast
from tunecurve.curve.answer import Gain
from tunecurve.curve.power import PairedNoise
from tunecurve.results.records.test_set import Basis, NextRows, TestDifference
from tunecurve.results.test_set.entries import Questions, TestRows, difference_entry
from tunecurve.results.test_set.next_rows import RowsInHand, weigh_rows
from tunecurve.spec.study import AdviceSpec

N_TEST = 200


def entry_of(row_deviation, questions, **changes):
    usual = {"n_rows": N_TEST, "n_groups": 200.0, "effective_groups": 200.0, "variance": row_deviation**2 / N_TEST}
    noise = PairedNoise(**{**usual, "change": 100.0, "heavy_change": 100.0, "width": 100.0, **changes})
    basis = Basis("answers", "accuracy", "a", [400, 800], "", "Accuracy")
    return difference_entry([noise], TestRows(N_TEST, N_TEST), questions, basis)


def forecast_of(word, gain, medians, direction="max", speculative_from=8):
    """A forecast from 800 rows at 80; `medians` at whole doublings."""
    sign = 1 if direction == "max" else -1
    steps = [2.0 ** (step + 1) for step in range(len(medians))]
    forecasts = [
        size_forecast(800.0 * step, 80.0 + sign * extra, step > speculative_from)
        for step, extra in zip(steps, medians, strict=True)
    ]
    return learner_forecast(word, gain, forecasts=forecasts)


def weigh(
    word, gain, medians, row_deviation=30.0, direction="max", difference=1.0, changes=None, n_pool=800, **prices
) -> NextRows | None:
    questions = Questions(difference)
    entry = entry_of(row_deviation, questions, **(changes or {}))
    forecast = forecast_of(word, gain, medians, direction)
    rows = RowsInHand(N_TEST, n_pool)
    return weigh_rows(forecast, entry, 1.0 if direction == "max" else -1.0, rows, AdviceSpec(**prices), questions)


def test_a_gain_that_the_test_rows_show_weighs_nothing():
    assert weigh("rising", 12.0, [12, 16, 18]) is None


@pytest.mark.parametrize("word", ["cannot tell", "no gain that this test set can show", "rising"])
def test_few_test_rows_are_named_where_training_would_take_more(word):
    found = weigh(word, 3.0, [3, 5, 7], label_price=0.5)
    assert found.better == "test rows"  # 6 points are told by now, so training must go to eight times the data
    assert found.more_training_rows == 5600
    assert found.more_test_rows < 1000
    assert found.cost_of_test_rows == 0.5 * found.more_test_rows
    assert "label" not in found.sentence.replace("labelled", ""), "which step comes next says the decision alone"
    assert f"cost {found.cost_of_test_rows:.4g}" in found.sentence


def test_training_rows_win_where_they_soon_bring_what_can_be_shown():
    found = weigh("cannot tell", 1.5, [7, 9, 10])
    assert found.better == "training rows"  # 800 more, where a gain of 1.5 takes thousands of test rows
    assert found.more_training_rows == 800
    assert found.more_test_rows > 800
    assert found.cost_of_test_rows is None
    assert "cost" not in found.sentence


def test_a_dear_training_run_counts_as_rows_do():
    free = weigh("cannot tell", 1.5, [7, 9, 10], label_price=1.0)
    dear = weigh("cannot tell", 1.5, [7, 9, 10], label_price=1.0, run_price=1e6)
    assert (free.better, dear.better) == ("training rows", "test rows")


def test_a_gain_beyond_trust_is_no_reason_to_train():
    found = weigh("cannot tell", 2.0, [1, 2, 3, 40])
    assert found.more_training_rows is None
    assert found.better == "test rows"
    assert "no training size up to 8 times the data" in found.sentence


def test_lower_is_better_reads_the_same():
    assert weigh("cannot tell", 1.5, [7, 9, 10], direction="min").better == "training rows"


def test_seeds_in_the_way_are_said():
    found = weigh("cannot tell", 1.0, [1, 2, 3], changes={"seed_variance": 4.0, "n_seeds": 3})
    assert found.more_test_rows is None
    assert found.better == "neither"
    assert found.seeds is None, "not even 20 seeds a size tell a gain of 1 on these rows"
    assert "runs with other seeds differ by too much" in found.sentence


@pytest.mark.parametrize(("gain", "deviation"), [(5.0, 12.0), (5.0, 15.0), (6.0, 10.0)])
def test_seeds_that_tell_the_gain_have_a_number_and_cost_no_label(gain, deviation):
    changes = {"seed_variance": 4.0, "n_seeds": 2}
    found = weigh("cannot tell", gain, [gain] * 3, row_deviation=deviation, changes=changes)
    assert found.better == "neither"
    assert 2 < found.seeds <= 20
    assert f"{found.seeds} seeds a size" in found.sentence
    noise = entry_of(deviation, Questions(), **changes).noises[-1]
    enough = replace(noise, seed_variance=4.0 * 2 / found.seeds, n_seeds=found.seeds)
    fewer = replace(noise, seed_variance=4.0 * 2 / (found.seeds - 1), n_seeds=found.seeds - 1)
    assert enough.power(gain) >= 0.8 > fewer.power(gain)


@pytest.mark.parametrize("n_pool", [800, 1000, 1300, 20_000])
def test_rows_in_hand_cost_no_label(n_pool):
    found = weigh("cannot tell", 3.0, [3, 5, 7], label_price=0.5, n_pool=n_pool)
    unused = n_pool - 800
    assert found.test_rows_to_label == max(0, found.more_test_rows - unused)
    assert found.training_rows_to_label == max(0, found.more_training_rows - unused)
    assert found.cost_of_test_rows == 0.5 * found.test_rows_to_label
    assert ("labelled already" in found.sentence) == (unused > 0)


def test_more_test_rows_than_anybody_labels_are_named_and_not_proposed():
    found = weigh("cannot tell", 1.0, [1, 1, 1], row_deviation=90.0)
    assert found.more_test_rows > 10 * N_TEST
    assert found.better == "neither"
    assert "over 10 times today's 200" in found.sentence


def test_the_gain_of_a_size_is_the_one_that_verdict_and_decision_name():
    entry = entry_of(30.0, Questions())
    forecast = forecast_of("rising", 6.0, [1, 2, 3])
    spread = {"0.50": (8.0, 8.0), "0.80": (8.0, 8.0), "0.90": (8.0, 8.0)}
    named = [replace(one, gain=Gain(8.0, spread, 8.0)) for one in forecast.forecasts]
    rows = RowsInHand(N_TEST, 800)
    found = weigh_rows(replace(forecast, forecasts=named), entry, 1.0, rows, AdviceSpec(), Questions(8.0))
    assert found is None or found.more_training_rows == 800
    small = replace(entry, smallest=[7.5])
    found = weigh_rows(replace(forecast, forecasts=named), small, 1.0, rows, AdviceSpec(), Questions())
    assert found.more_training_rows == 800


def test_enough_test_rows_say_train():
    found = weigh("cannot tell", 3.0, [3, 5, 7], row_deviation=10.0, difference=6.0)
    assert found.better == "training run"
    assert found.more_test_rows == 0


def test_a_refusal_and_a_flat_curve_on_enough_rows_say_nothing():
    assert weigh("flat", 0.1, [0.1, 0.2, 0.2], row_deviation=10.0, difference=6.0) is None
    questions = Questions()
    refused = replace(learner_forecast(), refusal="No verdict")
    assert weigh_rows(refused, entry_of(30.0, questions), 1.0, RowsInHand(N_TEST, 800), AdviceSpec(), questions) is None


def test_noises_are_kept_whole():
    entry = entry_of(30.0, Questions())
    assert TestDifference.from_json(entry.to_json()).noises == entry.noises
