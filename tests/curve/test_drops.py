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
from tunecurve.curve.points import prepare
from tunecurve.curve.test_error import own_parts, step_variances

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


def test_what_neighbouring_sizes_share_of_the_luck_of_the_rows_is_no_noise_of_the_curve() -> None:
    own = np.array([1.0, 4.0, 9.0])
    np.testing.assert_allclose(step_variances(np.diag(own) + 50.0), [5.0, 13.0])
    np.testing.assert_allclose(own_parts(np.diag(own) + 50.0), [2.5, 4.5, 6.5])
    np.testing.assert_allclose(own_parts(np.diag([2.0, 2.0, 2.0]) + 7.0), 2.0)
    np.testing.assert_allclose(own_parts(np.full((3, 3), 7.0)), 0.0)


@pytest.mark.parametrize(("rows", "seeds"), [(40, 12), (40, 3), (400, 3)])
def test_a_curve_on_its_own_test_set_runs_through_what_was_measured_there(rows: int, seeds: int) -> None:
    """Few rows, many seeds: the luck of the rows is the same at all sizes, and is not corrected on this test set."""
    sizes = [24.0, 36.0, 50.0, 75.0, 100.0, 150.0, 200.0, 300.0]
    errors = [0.425, 0.333, 0.248, 0.154, 0.14, 0.108, 0.106, 0.102]
    generator = np.random.default_rng(7)
    difficulty, counts = generator.standard_normal(rows), row_multiplicities(rows, 300, seed=0)
    size, score, replicate, draws = [], [], [], []
    for n, error in zip(sizes, errors, strict=True):
        for seed in range(seeds):
            ease = 0.95 * difficulty + np.sqrt(1 - 0.95**2) * generator.standard_normal(rows)
            right = ease > np.quantile(difficulty, error)
            size.append(n)
            score.append(100.0 * right.mean())
            replicate.append(seed)
            draws.append(bootstrap_scores(right[:, None] * 1.0, counts, lambda total: 100.0 * total[:, 0] / rows))
    points = CurvePoints(size, score, replicate=replicate, n_test=rows, bootstrap_draws=np.array(draws))
    [answer] = forecast_curve(points, (0, 100), "max", at=[301.0]).forecasts
    last = float(np.mean(score[-seeds:]))
    assert answer.this_test_set.median == pytest.approx(last, abs=2.0)
    low, high = answer.population.intervals["0.80"]
    assert high - low > 1.5 * 100.0 * np.sqrt(0.1 * 0.9 / rows)  # other rows may be easier or harder


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
    assert may_have_collapsed(replace(curve, paired=None, test_covariance=None, point_variance=np.zeros(3))), (
        "what the fall alone says"
    )
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


def test_a_probability_of_luck_is_never_said_to_be_nothing() -> None:
    points = CurvePoints([50, 100, 200, 400, 800], [80.0, 80.1, 80.0, 80.2, 60.0], n_test=20_000)
    (note,) = [note for note in forecast_curve(points).notes if note.startswith("The score got worse")]
    assert "probability of luck less than 0.0001" in note
    assert "or the run at n=800, may not belong" in note


FLAT = [80.0, 80.1, 80.2, 80.3, 80.3]
DOUBLING = [100.0, 200.0, 400.0, 800.0, 1600.0]


@pytest.mark.parametrize(
    ("last", "seeds", "n_test", "said"),
    [
        (
            78.9,
            1,
            20_000,
            "which the test rows do not explain (how far seeds differ is not measured): first run it again",
        ),
        (78.9, 2, 20_000, "which seeds and test rows do not explain: first look at its training."),
        (78.9, 2, None, "which seeds do not explain (what the test rows do is not known): first look at its training."),
        (80.2, 1, 20_000, None),
    ],
)
def test_a_flat_curve_whose_last_size_fell_says_so_in_its_verdict(
    last: float, seeds: int, n_test: int | None, said: str | None
) -> None:
    scores = [score + 0.02 * seed for score in [*FLAT[:-1], last] for seed in range(seeds)]
    points = CurvePoints(np.repeat(DOUBLING, seeds), scores, [f"{k}" for k in range(seeds)] * 5, n_test)
    verdict = forecast_curve(points, (0, 100)).verdict
    assert verdict.word == "flat"
    assert verdict.reason is None
    fell = "More data gained nothing: n=1600 scored 1.4 worse than n=800"
    assert (fell in verdict.sentence) == (said is not None)
    assert said is None or said in verdict.sentence
    assert (verdict.answer is not None) == (said is not None and seeds == 1)
    if verdict.answer is not None:
        assert (verdict.answer.kind, verdict.answer.n) == ("seeds", 1600.0)


def test_a_fall_before_the_last_size_is_not_in_the_verdict() -> None:
    answer = forecast_curve(CurvePoints(DOUBLING, [82.0, 79.0, 80.2, 80.3, 80.3], n_test=20_000), (0, 100))
    assert answer.drops[0].real
    assert "More data gained nothing" not in answer.verdict.sentence
    assert answer.verdict.answer is None or answer.verdict.word == "cannot tell"


@pytest.mark.parametrize("last", [0.0, 0.78, 1.0])
def test_a_fall_to_nothing_counts_the_test_rows(last: float) -> None:
    found = forecast_curve(CurvePoints([50, 100, 200], [60.0, 70.0, last], n_test=200), (0, 100))
    (drop,) = found.drops
    assert drop.counts == ["test rows"]
    assert drop.real
    assert all(", counting only test rows)" in note for note in found.notes if "The score got worse" in note)
