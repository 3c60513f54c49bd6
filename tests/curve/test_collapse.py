"""Lone runs that may have collapsed or been lucky: what the forecast makes of them, what is said, and the step that tells."""

import numpy as np
import pytest

from tunecurve.curve.decision import Prices
from tunecurve.curve.forecast import CurvePoints, Forecast, forecast_curve


def forecast(size: list[float], score: list[float], kind: str | None = None, prices: Prices | None = None) -> Forecast:
    points = CurvePoints(size, score, n_test=1000)
    return forecast_curve(points, (0, 100), at=[2 * max(size)], kind=kind, prices=prices)


JUMPS = [[20, 21, 20, 22, 70], [20, 21, 20, 70], [10, 11, 9, 10, 11, 60], [50, 50, 51, 50, 85], [80, 81, 80, 79.5, 97]]


@pytest.mark.parametrize("scores", JUMPS)
@pytest.mark.parametrize("kind", [None, "language-model"])
def test_a_jump_onto_the_largest_size_is_where_the_forecast_starts(scores: list[float], kind: str | None) -> None:
    """Of 150 measured jumps of ten points and more, 99 in 100 kept at least half at the next size, and 93 at least 0.8."""
    sizes = [50.0 * 2**step for step in range(len(scores))]
    answer = forecast(sizes, scores, kind=kind)
    entry, before = answer.forecasts[0], max(scores[:-1])
    assert entry.median > before + 0.9 * (scores[-1] - before)
    low, high = entry.interval_80
    assert low > before, "most of them stay up"
    assert low < scores[-1] < high
    assert entry.intervals["0.90"][0] < low - 1.0, "a few do not, and the tail knows it"


@pytest.mark.parametrize("scores", JUMPS)
def test_of_a_lone_jump_no_plain_word_is_said_and_another_seed_is_the_step(scores: list[float]) -> None:
    sizes = [50.0 * 2**step for step in range(len(scores))]
    answer = forecast(sizes, scores, prices=Prices(training_fixed=3.0))
    verdict = answer.verdict
    assert (verdict.word, verdict.reason) == ("cannot tell", "jump")
    assert "one run cannot tell from luck" in verdict.sentence
    assert verdict.answer is not None
    assert (verdict.answer.kind, verdict.answer.n, verdict.answer.more_runs) == ("seeds", sizes[-1], 1)
    assert verdict.answer.cost == 3.0
    note = next(note for note in answer.notes if "run once and scored" in note)
    assert f"n={sizes[-1]:g}" in note
    assert note.endswith("Run it again with another seed (costs 3).")


@pytest.mark.parametrize(
    ("scores", "word"), [([50, 51, 50.4, 84], "cannot tell"), ([50, 51, 50.4, 70], "rising"), ([50, 51, 84], "rising")]
)
def test_a_lone_jump_that_few_drawn_curves_take_for_one_is_told_with_its_rerun(scores: list[float], word: str) -> None:
    """A test set four times as large was the step after 50, 51, 50.4, 84."""
    sizes = [100.0 * 2**step for step in range(len(scores))]
    answer = forecast(sizes, scores)
    assert any("one run cannot tell a jump from luck. Run it again with another seed." in note for note in answer.notes)
    assert answer.verdict.word == word
    if word == "cannot tell":
        assert answer.verdict.reason == "jump"
        assert answer.verdict.answer is not None
        assert (answer.verdict.answer.kind, answer.verdict.answer.more_runs) == ("seeds", 1)


def test_half_a_point_less_than_the_best_score_is_no_collapse() -> None:
    """One run scatters by 0.7 points there at least; 100, 99.5 "may have collapsed"."""
    for scores in ([96, 99, 100, 99.5], [96, 99, 99.8, 99.1]):
        answer = forecast([100, 200, 400, 800], scores)
        assert answer.verdict.reason != "collapse"
        assert not any("collapse" in note for note in answer.notes)
    assert forecast([100, 200, 400, 800], [96, 99, 100, 95]).verdict.reason == "collapse"


def test_seeds_that_agree_settle_that_it_was_a_jump() -> None:
    answer = forecast([50, 100, 200, 400, 800, 800, 800], [20, 21, 20, 22, 70, 69, 71])
    assert answer.verdict.reason != "jump"
    low, high = answer.forecasts[0].interval_80
    assert 55 < low < 70 < high
    assert any("The 3 runs at n=800 scored 48 better than all before" in note for note in answer.notes)


def test_no_plateau_has_begun_before_a_gain_that_was_measured() -> None:
    """Curves that start anew at a jump were flat before it: their plateau began at 50, with 48 points still to come."""
    agreeing = forecast([50, 100, 200, 400, 800, 800, 800], [20, 21, 20, 22, 70, 69, 71]).plateau
    assert agreeing.low > 400
    lone = forecast([50, 100, 200, 400, 800], [20, 21, 20, 22, 70]).plateau
    assert lone.low == 50, "one run may have been lucky"
    rise = forecast([50, 100, 200, 400], [40, 60, 80, 80.2]).plateau
    assert rise.low > 100


def test_seeds_that_disagree_by_more_than_the_test_rows_are_the_reason() -> None:
    def reason(*scores: float) -> str | None:
        points = CurvePoints([50, 100, 200, 400, *[800] * len(scores)], [40, 41, 40.5, 42, *scores], n_test=200)
        return forecast_curve(points, (0, 100)).verdict.reason

    assert reason(75, 43, 41) == "noise"
    assert reason(75, 76, 74) == "test set"


def test_a_lucky_run_that_a_later_size_contradicts_is_left_behind() -> None:
    answer = forecast([50, 100, 200, 400, 800], [20, 21, 20, 70, 22])
    assert answer.forecasts[0].median < 40


def test_a_loss_that_falls_at_once_goes_on_from_there() -> None:
    points = CurvePoints([50, 100, 200, 400, 800], [4.0, 3.98, 3.99, 3.97, 1.2])
    answer = forecast_curve(points, (0, None), "min", at=[1600])
    assert answer.forecasts[0].interval_80[1] < 1.5
    assert answer.verdict.reason == "jump"


def test_no_curve_starts_anew_that_rises_smoothly_or_has_two_sizes() -> None:
    assert forecast([50, 200, 800], [86.38, 90.97, 94.30]).predictive.jump_probability < 0.01
    assert forecast([50, 100], [20, 70]).predictive.jump_probability == 0.0
    assert np.isfinite(forecast([50, 100], [20, 70]).forecasts[0].median)


def test_three_flawless_scores_are_not_called_flat() -> None:
    """The bound is Clopper and Pearson's: ``1 - 0.05 ** (1 / 200)``."""
    answer = forecast_curve(CurvePoints([50, 100, 200], [100, 100, 100], n_test=200), (0, 100))
    assert (answer.verdict.word, answer.verdict.reason) == ("no gain that this test set can show", "best score")
    assert answer.verdict.sentence == (
        "At the best score: nothing above it can be shown. 200 test rows without a miss leave it open whether up to 1.5 % of all "
        "such rows would be missed (95 %)."
    )
    unknown = forecast_curve(CurvePoints([50, 100, 200, 400], [0.1, 0.02, 0, 0]), (0, 1), "min").verdict.sentence
    assert unknown.startswith(
        "At the best score: nothing above it can be shown. How many test rows stand behind it is not known"
    )
    assert (
        forecast_curve(CurvePoints([50, 100, 200], [99, 99, 99], n_test=5000), (0, 100)).verdict.reason != "best score"
    )
