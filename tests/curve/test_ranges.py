"""Whether what falls is a loss or a rate of errors: counts of test rows show it, and nothing else does."""

from __future__ import annotations

import numpy as np
import pytest

from tunecurve.curve.forecast import forecast_curve
from tunecurve.curve.points import CurvePoints, prepare
from tunecurve.curve.ranges import DOUBTFUL, counted_end, unused_rows, usual_range

SIZES = [50.0, 100.0, 200.0, 400.0]


@pytest.mark.parametrize(
    ("scores", "n_test", "end"),
    [
        ([31.5, 27.0, 24.5, 22.0], 200, 100.0),
        ([31.5, 27.0, 24.5, 22.0], 20, None),  # 31.5 of 20 rows cannot be
        ([31.5, 27.0, 24.5, 22.0], 20_000, None),  # whatever is written with one decimal could be
        ([31.5, 27.0, 24.5, 0.0], 200, 100.0),
        ([0.35, 0.25, 0.2, 0.15], 20, 1.0),
        ([0.35, 0.25, 0.2, 0.15], 2000, 100.0),  # 7, 5, 4 and 3 rows of 2,000
        ([12.0, 8.0, 5.0, 4.0], 200, None),  # whole numbers: every one is a count of 200 rows
        ([31.5, 31.5, 31.5, 0.0], 200, None),  # one score, repeated
        ([28.571, 14.286, 9.524, 4.762], 21, 100.0),
        ([100 * k / 300 for k in (77, 60, 41, 29)], 300, 100.0),  # not rounded
        ([3.1234, 2.8719, 2.5502, 2.4101], 200, None),
        ([140.5, 120.5, 100.5, 80.5], 200, None),
        ([31.4, 27.2, 24.6, 22.0], 500, 100.0),  # every second score of one decimal is: no loss is as large
        ([31.4, 27.2, 24.6], 500, 100.0),
        ([31.4, 27.3, 24.6, 22.0], 500, None),
        ([31.4, 27.2, 24.6, 22.0], 1000, None),  # whatever is written with one decimal could be
        ([4.2, 4.0, 3.8, 3.5, 3.3, 3.2, 3.0, 2.7, 2.5], 400, None),  # a loss, that of bart-base on FLAN
        ([8.5, 6.0, 4.5, 3.0], 200, 100.0),
    ],
)
def test_only_counts_that_could_have_been_none_make_a_rate(scores: list[float], n_test: int, end: float | None) -> None:
    sizes = [50.0 * 2**step for step in range(len(scores))]
    assert counted_end(CurvePoints(sizes, scores, n_test=n_test)) == end
    (low, high), said = usual_range(scores, "min", CurvePoints(sizes, scores, n_test=n_test))
    assert (low, high) == (0.0, end if 0.0 not in scores or end else 100.0)
    assert said is not None


def test_means_of_runs_are_no_counts() -> None:
    scores, names = [31.5, 27.0, 24.5, 22.0], ["m3", "m3", "0", "0"]
    assert counted_end(CurvePoints(SIZES, scores, names, n_test=200)) is None
    assert counted_end(CurvePoints([*SIZES, 800], [*scores, 21.5], [*names, "0"], n_test=200)) == 100.0


def test_losses_are_hardly_ever_counts() -> None:
    generator = np.random.default_rng(3)
    found = tested = 0
    for _ in range(500):
        scores = np.sort(generator.uniform(0.5, 30.0, 4))[::-1].round(int(generator.integers(1, 5)))
        for n_test in (20, 100, 200, 1000, 20_000):
            tested += 1
            found += counted_end(CurvePoints(SIZES, scores, n_test=n_test)) is not None
    assert found <= 0.01 * tested


def test_a_score_above_the_range_is_a_loss_and_offered_no_rate() -> None:
    (_, high), said = usual_range([140.0, 120.0, 90.0], "min")
    assert high is None
    assert said is not None
    assert "--range" not in said


def test_rows_are_unused_only_without_two_ends() -> None:
    points = CurvePoints(SIZES, [4.0, 3.0, 2.0, 1.0], n_test=200)
    assert list(unused_rows(points, prepare(points, (0.0, 100.0), "min").scale)) == []
    (said,) = unused_rows(points, prepare(points, (0.0, None), "min").scale)
    assert "200 test rows are not used" in said


@pytest.mark.parametrize(
    ("scores", "ends"),
    [
        ([-1.4, -0.21, 0.31, 0.45], (-2.0, 1.0)),
        ([-3.1, -0.5, 0.22, 0.61], (-4.0, 1.0)),
        ([-0.9, -0.5, 0.22, 0.61], (-1.0, 1.0)),
        ([-1.4, 5.0, 12.0, 31.0], (-100.0, 100.0)),
        ([-3.5, -2.1, -1.4, -1.1], (None, None)),
        ([-0.9, -0.6, -0.4, -0.3], (-1.0, 1.0)),
        ([-1.1, -1.4, -2.1, -3.5], (-100.0, 100.0)),  # it falls, and may be a loss with its sign turned
    ],
)
def test_below_minus_one_are_coefficients_of_determination_or_scores_without_ends(
    scores: list[float], ends: tuple[float | None, float | None]
) -> None:
    found, said = usual_range(scores, "max", CurvePoints(SIZES, scores))
    assert found == ends
    assert said is not None


def test_an_r2_is_forecast_between_fractions() -> None:
    answer = forecast_curve(CurvePoints([50, 100, 200, 400, 800], [-1.4, -0.21, 0.31, 0.45, 0.52]), at=[1600])
    low, high = answer.forecasts[0].interval_80
    assert 0.3 < low < 0.52 < high < 0.9
    assert answer.verdict is not None
    assert answer.verdict.word != "flat"


@pytest.mark.parametrize(
    ("per_cent", "n_test"), [([41.2, 35.1, 30.6, 28.1], 1000), ([12.0, 8.0, 5.0, 4.0], 200), ([4.12, 3.51], 10_000)]
)
def test_errors_in_fractions_are_doubted_where_they_are_in_per_cent(per_cent: list[float], n_test: int) -> None:
    sizes = SIZES[: len(per_cent)]
    doubts = []
    for share in (1.0, 0.01):
        scores = [round(share * score, 6) for score in per_cent]
        (_, high), said = usual_range(scores, "min", CurvePoints(sizes, scores, n_test=n_test))
        assert high is None
        assert said is not None
        doubts.append(said.startswith(DOUBTFUL))
    assert doubts[0] == doubts[1]


def test_what_is_a_rate_in_per_cent_is_at_least_doubted_in_fractions() -> None:
    points = CurvePoints(SIZES, [0.318, 0.274, 0.246, 0.212], n_test=500)
    (_, high), said = usual_range(points.score, "min", points)
    assert high is None
    assert said is not None
    assert said.startswith(DOUBTFUL)
    assert "--range 0,1 (fractions of 1)" in said
