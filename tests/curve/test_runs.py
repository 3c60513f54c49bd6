"""A score may be one run or a published mean of several: weights, counts and what is said."""

from __future__ import annotations

import pytest

from tunecurve.curve.forecast import CurvePoints, forecast_curve
from tunecurve.curve.points import prepare
from tunecurve.curve.runs import mean_note, runs_behind


@pytest.mark.parametrize(
    ("names", "runs"),
    [
        (["m10", "m3", "m"], [10, 3, 1]),
        (["0", "1", "7"], [1, 1, 1]),
        (["m1", "m12", ""], [1, 12, 1]),
        (["mean", "m2.5", "M10"], [1, 1, 10]),  # capitals mean the same
        (["m0", "seed-m3", "3m"], [1, 1, 1]),
        ([0, 1, 2], [1, 1, 1]),
        (None, [1, 1, 1]),
    ],
)
def test_names_of_means_are_told_from_names_of_runs(names: list | None, runs: list[int]) -> None:
    assert runs_behind(names, 3).tolist() == runs


def test_a_mean_of_ten_outweighs_one_run() -> None:
    points = CurvePoints([50, 50, 200, 800], [80.0, 91.0, 92.0, 93.0], ["m10", "0", "m10", "m10"])
    forecast = forecast_curve(points)
    first = forecast.points[0]
    assert (first.n, first.runs) == (50.0, 11)
    assert first.mean_score == pytest.approx(81.0)
    plain = forecast_curve(CurvePoints(points.train_size, points.score))
    assert plain.points[0].mean_score == pytest.approx(85.5)


def test_the_spread_of_means_says_more_about_one_run_than_it_shows() -> None:
    sizes, scores = [50, 50, 200, 800], [80.0, 82.0, 90.0, 92.0]
    single = prepare(CurvePoints(sizes, scores, ["0", "1", "0", "0"]), (0, 100), "max").seed_variance
    means = prepare(CurvePoints(sizes, scores, ["m4", "m4", "m4", "m4"]), (0, 100), "max").seed_variance
    assert means > 2.0 * single > 0


@pytest.mark.parametrize(("names", "said"), [(["m10", "m10", "m"], "3 of 3"), (["m3", "0", "1"], "1 of 3")])
def test_means_are_said_to_be_read_as_such(names: list[str], said: str) -> None:
    forecast = forecast_curve(CurvePoints([50, 200, 800], [80.0, 85.0, 90.0], names))
    (note,) = [note for note in forecast.notes if "means of several runs" in note]
    assert note.startswith(said)


@pytest.mark.parametrize("names", [None, ["0", "1", "2"], ["", "", ""]])
def test_nothing_is_said_of_means_where_there_are_none(names: list[str] | None) -> None:
    assert mean_note(names) is None


def test_only_means_do_not_count_as_runs_without_a_seed() -> None:
    means = forecast_curve(CurvePoints([50, 200, 800], [80.0, 85.0, 90.0], ["m10", "m10", "m10"]))
    assert not any("more than one seed" in note for note in means.notes)
