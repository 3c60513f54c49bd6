import numpy as np
import pytest

from tunecurve.curve.bootstrap import bootstrap_scores, combine_seeds, row_multiplicities


def mean(summed):
    return summed[..., 0] / summed[..., 1]


def test_draws_equal_resampling_row_by_row():
    values = np.random.default_rng(0).normal(size=30)
    statistics = np.stack([values, np.ones(30)], axis=1)
    counts = row_multiplicities(30, 50, seed=3)
    plain = [np.mean(np.repeat(values, draw.astype(int))) for draw in counts]
    assert bootstrap_scores(statistics, counts, mean) == pytest.approx(plain)


def test_same_seed_same_draws_and_every_draw_has_all_rows_in_number():
    counts = row_multiplicities(17, 40, seed=5)
    assert (counts == row_multiplicities(17, 40, seed=5)).all()
    assert (counts.sum(axis=1) == 17).all()


def test_whole_groups_are_drawn():
    groups = ["a", "b", "a", "c", "b"]
    counts = row_multiplicities(5, 100, seed=0, groups=groups)
    assert (counts[:, 0] == counts[:, 2]).all()
    assert (counts[:, 1] == counts[:, 4]).all()


def test_paired_differences_are_narrower_than_unpaired_ones():
    generator = np.random.default_rng(4)
    first = generator.binomial(1, 0.5, 200).astype(float)
    second = np.where(generator.random(200) < 0.05, 1 - first, first)
    counts = row_multiplicities(200, 2000)
    draws = [bootstrap_scores(np.stack([rows, np.ones(200)], axis=1), counts, mean) for rows in (first, second)]
    unpaired = np.hypot(draws[0].std(), draws[1].std())
    assert (draws[1] - draws[0]).std() < 0.5 * unpaired


def test_seeds_add_their_own_variance():
    generator = np.random.default_rng(5)
    scores = [80.0, 84.0, 82.0]
    draws = np.array(scores)[:, None] + generator.normal(0, 1, (1, 20000))
    combined = combine_seeds(scores, draws)
    assert combined.mean() == pytest.approx(82, abs=0.1)
    assert combined.var() == pytest.approx(1 + np.var(scores, ddof=1) / 3, rel=0.05)
    assert (combine_seeds([80.0], draws[:1]) == draws[0]).all()
