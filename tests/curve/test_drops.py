"""The test-set error of several sizes is correlated: the posterior knows it, and a drop is tested on paired rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tunecurve.curve.bootstrap import bootstrap_scores, row_multiplicities
from tunecurve.curve.collapse import may_have_collapsed
from tunecurve.curve.drops import find_drops
from tunecurve.curve.forecast import CurvePoints, forecast_curve
from tunecurve.curve.intervals import Jackknife, difference_interval, difference_of, jackknife, sums_by_group
from tunecurve.curve.paired import PairedSizes
from tunecurve.curve.points import PreparedCurve, prepare
from tunecurve.curve.posterior import draw_curves, explain, fit
from tunecurve.curve.priors import CLASSICAL, prior_from, prior_table
from tunecurve.curve.test_error import without_shared_part

SIZES = [50.0, 200.0, 800.0]
ROWS = 400


def curve_on_rows(wrong_share: list[float], own_luck: float, seed: int) -> CurvePoints:
    """One run a size on the same rows: a row is wrong below a size's threshold of its (shared) difficulty."""
    generator = np.random.default_rng(seed)
    difficulty = generator.random(ROWS)
    own = own_luck * generator.standard_normal((len(wrong_share), ROWS))
    right = difficulty + own > np.array(wrong_share)[:, None]
    counts = row_multiplicities(ROWS, 300, seed=0)
    draws = [bootstrap_scores(row[:, None] * 1.0, counts, lambda total: 100.0 * total[:, 0] / ROWS) for row in right]
    return CurvePoints(SIZES, 100.0 * right.mean(axis=1), bootstrap_draws=np.array(draws))


def posterior_weights(curve: PreparedCurve) -> tuple[np.ndarray, np.ndarray]:
    prior = prior_from(CLASSICAL, prior_table()[CLASSICAL], float(curve.log_error[-1]), float(curve.size[-1]))
    likelihood = explain(curve)
    posterior = fit(likelihood, prior)
    drawn = draw_curves(likelihood, [posterior], [1.0], 500)
    return likelihood.relative * np.outer(posterior.shape_weight, posterior.configuration_weight), drawn.level


def test_a_diagonal_covariance_gives_what_plain_variances_give() -> None:
    plain = prepare(CurvePoints([50, 200, 800, 3200], [70.0, 80.0, 79.0, 86.0], n_test=300), (0, 100), "max")
    assert plain.point_variance.min() > 0
    full = replace(plain, point_variance=np.zeros(4), test_covariance=np.diag(plain.point_variance))
    for fast, slow in zip(posterior_weights(plain), posterior_weights(full), strict=True):
        np.testing.assert_allclose(fast, slow, rtol=1e-9, atol=1e-12)


def test_what_all_sizes_share_is_taken_off_and_the_rest_stays() -> None:
    own = np.diag([0.01, 0.04, 0.09])
    np.testing.assert_allclose(without_shared_part(own + 0.05), own, atol=1e-9)
    growing = np.minimum.outer([1.0, 2.0, 4.0], [1.0, 2.0, 4.0])  # errors nested in each other: independent increments
    rest = without_shared_part(growing)
    assert np.linalg.eigvalsh(rest).min() >= -1e-9
    np.testing.assert_allclose(rest, growing - 1.0, atol=1e-9)


def test_neighbouring_sizes_keep_their_correlation() -> None:
    covariance = prepare(curve_on_rows([0.4, 0.2, 0.1], 0.0, seed=3), (0, 100), "max").test_covariance
    assert covariance is not None
    assert covariance[1, 2] > 0.3 * np.sqrt(covariance[1, 1] * covariance[2, 2])


def test_a_drop_on_the_same_rows_is_real_and_unpaired_noise_would_hide_it() -> None:
    points = curve_on_rows([0.30, 0.35, 0.20], 0.0, seed=1)
    (drop,) = find_drops(prepare(points, (0, 100), "max"))
    assert (drop.from_n, drop.to_n) == (50.0, 200.0)
    assert drop.real
    assert drop.counts == ["test rows"]
    unpaired = CurvePoints(SIZES, points.score, n_test=ROWS)
    assert not find_drops(prepare(unpaired, (0, 100), "max"))[0].real
    forecast = forecast_curve(points)
    assert any("more than luck" in note for note in forecast.notes)
    assert forecast.to_dict()["drops"] == [drop.to_json()]


def test_drops_by_luck_are_seldom_called_real() -> None:
    """Equally good sizes: one curve in twenty has a "real" drop, within three standard errors of 200 curves."""
    called = [
        any(drop.real for drop in find_drops(prepare(curve_on_rows([0.3] * 3, 0.2, seed), (0, 100), "max")))
        for seed in range(200)
    ]
    assert abs(np.mean(called) - 0.05) <= 3 * np.sqrt(0.05 * 0.95 / len(called))


def grouped_curve(right: np.ndarray, n_groups: int, sign: float = 1.0, level: float = 0.95) -> CurvePoints:
    """Rows of each size (sizes, rows) right or wrong, in groups as they follow on each other; the score is the right share, or that
    which is wrong."""
    rows = right.shape[1]
    groups = np.arange(rows) * n_groups // rows
    counts = row_multiplicities(rows, 1000, seed=0, groups=[str(one) for one in groups])
    shares = 100.0 * (right if sign > 0 else ~right)
    draws = [bootstrap_scores(row[:, None], counts, lambda total: total[:, 0] / rows) for row in shares]

    def item(row: np.ndarray) -> Jackknife:
        summed = sums_by_group(np.stack([row, np.ones(rows)], axis=1), groups)
        return jackknife(summed, lambda total: total[..., 0] / total[..., 1], summed[:, 1])

    paired = PairedSizes({size: item(row) for size, row in zip(SIZES, shares, strict=True)}, 100.0, sign, level)
    return CurvePoints(SIZES, shares.mean(axis=1), bootstrap_draws=np.array(draws), paired=paired)


@pytest.mark.parametrize("direction", ["max", "min"])
def test_one_wrong_row_in_each_of_five_groups_of_twenty_is_no_drop(direction: str) -> None:
    right = np.ones((3, 200), dtype=bool)
    right[0, ::2], right[2, 5:55:10] = False, False
    points = grouped_curve(right, 20, 1.0 if direction == "max" else -1.0)
    curve = prepare(points, (0, 100), direction)
    assert find_drops(replace(curve, paired=None))[0].real, "what bootstrap draws alone say"
    (drop,) = find_drops(curve)
    assert not drop.real
    assert drop.probability_of_luck is not None
    assert drop.probability_of_luck > 0.025
    assert not any("more than luck" in note for note in forecast_curve(points, (0, 100), direction).notes)


def test_a_drop_of_many_groups_is_real() -> None:
    right = np.ones((3, 200), dtype=bool)
    right[0, ::2], right[2, ::4] = False, False
    assert find_drops(prepare(grouped_curve(right, 20), (0, 100), "max"))[0].real


@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
@pytest.mark.parametrize("n_groups", [5, 20, 200])
def test_no_drop_is_real_within_the_printed_interval(n_groups: int, level: float) -> None:
    n_real = 0
    for seed in range(20):
        generator = np.random.default_rng(seed)
        wrong = generator.random((3, 1)) * 0.5
        right = np.repeat(generator.random((3, n_groups)) > wrong, 200 // n_groups, axis=1)
        points = grouped_curve(right, n_groups, level=level)
        assert points.paired is not None
        for drop in find_drops(prepare(points, (0, 100), "max")):
            item = difference_of(points.paired.scores[drop.to_n], points.paired.scores[drop.from_n])
            assert not drop.real or difference_interval(item, 100.0, level)[1] < 0
            n_real += drop.real
    assert n_real or n_groups == 5


def test_a_lone_last_run_within_the_noise_of_the_test_rows_is_not_said_to_have_collapsed() -> None:
    right = np.ones((3, 200), dtype=bool)
    right[0, ::2], right[1, :10], right[2, [*range(10), 33, 63, 93, 123, 153]] = False, False, False
    curve = prepare(grouped_curve(right, 20), (0, 100), "max")
    assert may_have_collapsed(replace(curve, paired=None, test_covariance=None)), "what the fall alone says"
    assert not may_have_collapsed(curve)
    right[2, ::2] = False
    assert may_have_collapsed(prepare(grouped_curve(right, 20), (0, 100), "max"))


@pytest.mark.parametrize("direction", ["max", "min"])
def test_without_any_known_noise_a_drop_has_no_probability(direction: str) -> None:
    scores = [70.0, 65.0, 80.0] if direction == "max" else [2.0, 2.2, 1.5]
    ends = (0.0, 100.0) if direction == "max" else (0.0, None)
    (drop,) = find_drops(prepare(CurvePoints(SIZES, scores), ends, direction))
    assert drop.probability_of_luck is None
    assert not drop.real
    assert drop.drop == pytest.approx(5.0 if direction == "max" else 0.2)


@pytest.mark.parametrize(("wrong", "own"), [([0.4, 0.3, 0.25], 0.1), ([0.5, 0.3, 0.1], 0.05), ([0.3, 0.3, 0.3], 0.3)])
def test_what_two_sizes_differ_by_is_the_luck_of_their_paired_difference(wrong: list[float], own: float) -> None:
    points = curve_on_rows(wrong, own, seed=5)
    curve = prepare(points, (0, 100), "max")
    draws = np.asarray(points.bootstrap_draws)
    steps = [np.var(draws[later] - draws[earlier], ddof=1) for earlier, later in ((0, 1), (1, 2))]
    luck = np.sqrt(2.0 * curve.own_test_variance) * np.exp(curve.log_error[-1])
    usual = 2.0 * 0.3 * np.var(draws[-1], ddof=1)  # seven tenths are shared where nothing is known
    assert luck == pytest.approx(np.sqrt(max(np.mean(steps), usual)), rel=1e-6)


@pytest.mark.parametrize("score", [100.0, 80.0, 0.0])
def test_the_same_answers_at_every_size_still_leave_the_luck_of_the_rows(score: float) -> None:
    right = np.arange(ROWS) < score / 100.0 * ROWS
    counts = row_multiplicities(ROWS, 300, seed=0)
    draws = np.tile(100.0 * counts @ right / ROWS, (len(SIZES), 1))
    curve = prepare(CurvePoints(SIZES, [score] * len(SIZES), n_test=ROWS, bootstrap_draws=draws), (0, 100), "max")
    assert curve.own_test_variance > 0.0 or score == 0.0
    known = forecast_curve(CurvePoints(SIZES, [score] * len(SIZES), n_test=ROWS, bootstrap_draws=draws))
    assert known.verdict is not None
    assert score == 0.0 or "not known" not in known.verdict.sentence
