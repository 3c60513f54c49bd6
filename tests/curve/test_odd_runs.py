"""One run of a size far below the others and the curve: named, of little weight, and the advice to run more seeds comes to an end."""

import numpy as np
import pytest

from tunecurve.curve.forecast import CurvePoints, Forecast, forecast_curve
from tunecurve.curve.points import prepare

SIZES, RISING = [50.0, 100.0, 200.0], [70.0, 75.0, 80.0]
GOOD = [83.0, 84.0, 83.0, 82.0, 83.5, 84.2]


def forecast(size: list[float], score: list[float], n_test: int = 500) -> Forecast:
    return forecast_curve(CurvePoints(size, score, n_test=n_test), (0, 100), at=[2 * max(size)])


def with_runs(*scores: float) -> Forecast:
    return forecast([*SIZES, *[400.0] * len(scores)], [*RISING, *scores])


def test_good_seeds_beside_a_broken_run_bring_the_forecast_to_that_without_it() -> None:
    """With 40 at face value it was 67.8 after one seed, 75.3 after three and 78.5 after six: without that run 85.7."""
    misses, widths = [], []
    for count in (1, 2, 3, 6):
        beside, without = with_runs(40, *GOOD[:count]).forecasts[0], with_runs(*GOOD[:count]).forecasts[0]
        misses.append(abs(beside.median - without.median))
        low, high = beside.interval_80
        widths.append(high - low)
        assert low < without.median < high
    assert misses == sorted(misses, reverse=True)
    assert misses[2] < 1.0
    assert misses[3] < 0.4
    assert widths == sorted(widths, reverse=True)
    assert widths[0] > 3 * widths[3], "what one good seed leaves open stays open"


def test_the_step_is_more_seeds_until_three_are_good() -> None:
    """After 40 and 83 it was a test set four times as large, and after 40 and six good runs still three more seeds."""
    for broken, good in ((40.0, 83.0), (35.0, 84.0)):
        verdict = with_runs(broken, good).verdict
        assert (verdict.word, verdict.reason) == ("cannot tell", "broken run")
        assert "one run of the largest size lies far below the others" in verdict.sentence
        assert verdict.answer.what == "three more seeds at the largest size"
    for count in (3, 6):
        assert with_runs(40, *GOOD[:count]).verdict.word == with_runs(*GOOD[:count]).verdict.word == "rising"


@pytest.mark.parametrize("good", [[83.0], [83.0, 84.0], [83.0, 84.0, 83.0]])
def test_the_broken_run_is_named_however_few_others_there_are(good: list[float]) -> None:
    answer = with_runs(40, *good)
    (note,) = [note for note in answer.notes if "does not fit the other" in note]
    assert note.startswith(f"Of the {len(good) + 1} runs at n=400, the one that scored 40 does not fit")
    assert "it may have collapsed (probability" in note
    measured = answer.points[-1]
    assert measured.mean_score == pytest.approx(np.mean([40, *good])), "what was measured is told as it was"
    assert measured.runs == len(good) + 1


def test_a_broken_run_among_three_seeds_of_every_size_leaves_the_forecast_where_it_is() -> None:
    """Three seeds a size, one of the last collapsed: the median lay below two of the three runs, and no note said why."""
    size = [float(n) for n in (100, 200, 400, 800) for _ in range(3)]
    score = [50, 51, 50.4, 60, 60.6, 61, 67, 67.4, 68, 72, 25, 72.8]
    sound = forecast(size[:-2] + size[-1:], score[:-2] + score[-1:]).forecasts[0]
    broken = forecast(size, score).forecasts[0]
    assert broken.median == pytest.approx(sound.median, abs=0.4)
    assert broken.interval_80 == pytest.approx(sound.interval_80, abs=0.6)


@pytest.mark.parametrize(
    ("size", "score"),
    [
        ([50, 100, 200, 400, 400], [70, 75, 80, 79, 84]),  # two runs that merely differ
        ([50, 100, 200, 400, 400, 400], [70, 75, 80, 74, 83, 78]),
        ([50, 50, 50, 100, 200], [30, 60, 61, 70, 75]),  # the first size has no curve below which it could lie
        ([50, 100, 100, 200, 200, 400, 400], [60, 66, 45, 70, 40, 73, 42]),  # seeds that often collapse are the noise
        ([50, 100, 200, 400, 400, 400], [70, 75, 80, 84, 40, 41]),
    ],
)
def test_runs_that_merely_differ_are_all_counted(size: list[float], score: list[float]) -> None:
    curve = prepare(CurvePoints(size, score, n_test=500), (0, 100), "max")
    assert curve.odd_run is None
    means = [np.mean([s for n, s in zip(size, score, strict=True) if n == one]) for one in sorted(set(size))]
    assert curve.mean_score == pytest.approx(means)


def test_means_of_several_runs_and_what_few_test_rows_explain_are_no_broken_runs() -> None:
    size, score = [*SIZES, 400.0, 400.0], [*RISING, 40.0, 83.0]
    means = CurvePoints(size, score, replicate=["m5"] * 5, n_test=500)
    assert prepare(means, (0, 100), "max").odd_run is None
    few_rows = CurvePoints(size, [*RISING, 65.0, 83.0], n_test=10)
    assert prepare(few_rows, (0, 100), "max").odd_run is None


def test_a_loss_that_diverged_once_is_a_broken_run() -> None:
    points = CurvePoints([100, 200, 400, 800, 800, 800], [3.0, 2.6, 2.3, 2.1, 7.5, 2.12])
    curve = prepare(points, (0, None), "min")
    assert curve.odd_run is not None
    assert curve.odd_run.run == 4
    assert curve.mean_score[-1] == pytest.approx(2.11, abs=0.05)


def test_paired_draws_of_a_broken_run_weigh_as_little_as_its_score() -> None:
    draws = np.random.default_rng(0).normal(0, 1, (7, 200)) + np.array([*RISING, 40, 83, 84, 83])[:, None]
    draws[3] += np.random.default_rng(1).normal(0, 30, 200)
    size, score = [*SIZES, *[400.0] * 4], [*RISING, 40.0, 83.0, 84.0, 83.0]
    curve = prepare(CurvePoints(size, score, n_test=500, bootstrap_draws=draws), (0, 100), "max")
    kept = [0, 1, 2, 4, 5, 6]
    sound = prepare(
        CurvePoints([size[i] for i in kept], [score[i] for i in kept], n_test=500, bootstrap_draws=draws[kept]),
        (0, 100),
        "max",
    )
    assert curve.population_variance == pytest.approx(sound.population_variance, rel=0.1)


def test_a_lone_run_that_may_have_collapsed_gets_no_plain_word() -> None:
    """`Rising` stood beside "one run cannot tell a collapse from a plateau"."""
    for last in (20.2, 30.0, 40.0):
        answer = forecast_curve(
            CurvePoints([100, 200, 400, 800, 1600], [55.1, 62.3, 68, 72.9, last], n_test=1000),
            (0, 100),
            kind="language-model",
        )
        assert (answer.verdict.word, answer.verdict.reason) == ("cannot tell", "collapse")
        assert any("one run cannot tell a collapse from a plateau" in note for note in answer.notes)
