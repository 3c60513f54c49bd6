import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import stats

from tunecurve.curve.distributions import beta_cdf, beta_quantile, student_cdf, student_quantile
from tunecurve.curve.intervals import (
    Jackknife,
    difference_interval,
    difference_of,
    interval,
    jackknife,
    mean_of_seeds,
    probability_above_zero,
    sums_by_group,
    upper_bound,
)

PERCENT = (0.0, 100.0)


def percentage(summed):
    with np.errstate(all="ignore"):
        return 100.0 * summed[..., 0] / summed[..., 1]


def of_rows(values, groups=None):
    statistics = np.stack([np.asarray(values, float), np.ones(len(values))], axis=1)
    by_group = sums_by_group(statistics, np.arange(len(values)) if groups is None else np.asarray(groups))
    return jackknife(by_group, percentage, by_group[:, 1])


@pytest.mark.parametrize("a", [0.01, 0.5, 1, 3, 40, 700])
@pytest.mark.parametrize("b", [0.3, 1, 17, 900])
def test_beta_distribution_is_scipys(a, b):
    for probability in (1e-6, 0.025, 0.5, 0.95, 0.999):
        x = beta_quantile(probability, a, b)
        assert beta_cdf(x, a, b) == pytest.approx(stats.beta.cdf(x, a, b), abs=1e-12)
        assert x == pytest.approx(stats.beta.ppf(probability, a, b), rel=1e-7, abs=1e-12)


@given(
    st.floats(1e-9, 1 - 1e-9), st.floats(-2, 5).map(lambda power: 10**power), st.floats(-2, 5).map(lambda power: 10**power)
)  # fmt: skip
@example(0.5, 1e5, 1e-18)  # the mean is 1
@example(0.5, 1e-18, 1e5)
@example(1e-9, 0.01, 1.0)
def test_a_beta_quantile_has_its_probability_between_two_neighbours(probability, a, b):
    x = beta_quantile(probability, a, b)
    assert 0.0 <= x <= 1.0
    rounding = 1e-9 * probability + 1e-12  # of the probability itself
    if x > 1e-290:  # no smaller one is looked for
        assert beta_cdf(x * (1 - 1e-10), a, b) <= probability + rounding
    assert beta_cdf(max(x, 1e-290) * (1 + 1e-10), a, b) >= probability - rounding


@pytest.mark.parametrize("freedom", [1, 2.5, 7, 50, 3000])
def test_student_distribution_is_scipys(freedom):
    for probability in (0.005, 0.2, 0.5, 0.975, 0.9999):
        assert student_quantile(probability, freedom) == pytest.approx(
            stats.t.ppf(probability, freedom), rel=1e-7, abs=1e-9
        )
        t = stats.t.ppf(probability, freedom)
        assert student_cdf(t, freedom) == pytest.approx(probability, abs=1e-12)


def test_nothing_in_200_rows_or_in_51_groups_is_bounded_as_clopper_and_pearson_do():
    few = stats.norm.ppf(0.95) / stats.t.ppf(0.95, 199)
    assert upper_bound(of_rows(np.zeros(200)), PERCENT) == pytest.approx(
        100 * (1 - 0.05 ** (1 / (200 * few**2))), abs=0.03
    )
    # 200 rows of 51 templates, about four each: what counts is the templates. 5.7 % by 51 equal ones.
    groups = np.repeat(np.arange(51), 4)[:200]
    assert 5.5 < upper_bound(of_rows(np.zeros(200), groups), PERCENT) < 6.5


def test_many_independent_rows_give_the_textbook_interval():
    rows = np.repeat([1.0, 0.0], [600, 400])
    low, high = interval(of_rows(rows), PERCENT)
    exact = stats.binomtest(600, 1000).proportion_ci(method="exact")
    assert (low, high) == pytest.approx((100 * exact.low, 100 * exact.high), abs=0.1)


def test_intervals_stay_within_bounds_and_hold_the_estimate_of_a_mean():
    generator = np.random.default_rng(0)
    for rate in (0.0, 0.01, 0.3, 0.97, 1.0):
        for n_groups in (2, 5, 60):
            rows = (generator.random(60) < rate).astype(float)
            item = of_rows(rows, np.arange(60) % n_groups)
            low, high = interval(item, PERCENT)
            assert 0 <= low <= item.estimate + 1e-9
            assert item.estimate - 1e-9 <= high <= 100
            assert high > low


def test_one_group_says_nothing_about_others():
    assert all(math.isnan(bound) for bound in interval(of_rows([1.0, 0.0], [0, 0]), PERCENT))
    assert math.isnan(probability_above_zero(of_rows([1.0], [0]), 100.0))


def test_groups_without_a_part_of_the_score_do_not_count():
    empty = np.array([[0.0, 0.0]] * 40)
    some = np.array([[0.0, 1.0]] * 10)
    both = np.concatenate([some, empty])
    assert interval(jackknife(both, percentage, both[:, 1]), PERCENT) == interval(
        jackknife(some, percentage, some[:, 1]), PERCENT
    )


def test_equal_answers_are_no_proof_that_two_models_are_equal():
    rows = np.repeat([1.0, 0.0], [150, 50])
    same = difference_of(of_rows(rows), of_rows(rows))
    low, high = difference_interval(same, 100.0)
    # What never happened in 200 rows happens in up to 3 / 200 of all.
    assert -2.0 < low < -1.0
    assert low == -high
    assert probability_above_zero(same, 100.0) == pytest.approx(0.5)


def test_paired_differences_are_narrower_than_unpaired_ones():
    generator = np.random.default_rng(4)
    first = generator.binomial(1, 0.5, 400).astype(float)
    second = np.where(generator.random(400) < 0.05, 1 - first, first)
    low, high = difference_interval(difference_of(of_rows(second), of_rows(first)), 100.0)
    bounds = [interval(of_rows(rows), PERCENT) for rows in (first, second)]
    assert high - low < 0.6 * math.hypot(*(upper - lower for lower, upper in bounds))


def test_the_probability_agrees_with_the_interval():
    rows = np.repeat([1.0, 0.0], [30, 170])
    better = rows.copy()
    better[40:60] = 1.0
    item = difference_of(of_rows(better), of_rows(rows))
    for level in (0.5, 0.9, 0.99):
        low, _ = difference_interval(item, 100.0, level)
        assert (low > 0) == (probability_above_zero(item, 100.0) > 0.5 + 0.5 * level)


def test_a_difference_lies_within_its_interval_however_large_its_bias():
    for bias in (-3.0, 3.0):
        left_out = np.full(200, 0.5) + bias / 199  # Quenouille's bias is (n - 1) times the mean change
        left_out[:2] += (0.001, -0.001)
        item = Jackknife(0.5, left_out, np.ones(200))
        low, high = difference_interval(item, 100.0)
        assert abs(item.bias) == pytest.approx(3.0)
        assert low <= 0.5 <= high
        assert min(abs(low - 0.5), abs(high - 0.5)) == 0.0  # it is the end of an interval that lies elsewhere


def test_seeds_add_their_own_variance():
    rows = [np.repeat([1.0, 0.0], [count, 200 - count]) for count in (100, 120, 140)]
    mean = mean_of_seeds([of_rows(one) for one in rows])
    assert mean.estimate == pytest.approx(60)
    assert mean.seed_variance == pytest.approx(np.var([50, 60, 70], ddof=1) / 3)
    alone = Jackknife(mean.estimate, mean.left_out, mean.weights)
    wide, narrow = interval(mean, PERCENT), interval(alone, PERCENT)
    assert wide[1] - wide[0] > 1.5 * (narrow[1] - narrow[0])
    assert difference_of(mean, alone).seed_variance == pytest.approx(mean.seed_variance)


@pytest.mark.parametrize("n_groups", [20, 51, 200])
def test_more_leaks_never_give_a_lower_bound(n_groups):
    groups = np.arange(200) * n_groups // 200
    bounds = [upper_bound(of_rows([1.0] * count + [0.0] * (200 - count), groups), PERCENT) for count in range(6)]
    assert bounds == sorted(bounds)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("weights", "left_out"), [([0.0, 0.0], [0.5, 0.5]), ([2.0, 3.0], [np.nan, np.nan]), ([], [])])
def test_groups_that_tell_nothing_are_no_groups(weights, left_out):
    item = Jackknife(0.5, np.array(left_out, dtype=float), np.array(weights, dtype=float))
    assert item.effective_groups == item.n_groups == 0
    assert not item.is_defined
