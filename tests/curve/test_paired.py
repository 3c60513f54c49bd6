"""Where runs with other seeds hide a gain, and no number of test rows would show it, the verdict says so."""

from __future__ import annotations

import numpy as np
import pytest

from tunecurve.curve.answer import Verdict
from tunecurve.curve.bootstrap import bootstrap_scores, row_multiplicities
from tunecurve.curve.forecast import CurvePoints, forecast_curve
from tunecurve.curve.intervals import difference_of, jackknife, mean_of_seeds
from tunecurve.curve.paired import PairedSizes
from tunecurve.curve.power import measured_noise

SIZES = [100.0, 200.0, 400.0, 800.0]
WRONG = [0.40, 0.34, 0.30, 0.28]
ROWS, SEEDS = 200, 3


def studied(spread: float) -> tuple[CurvePoints, PairedSizes]:
    """Three runs a size, whose shares of wrong rows lie `spread` apart; the rows that are wrong are the hardest ones."""
    difficulty = np.random.default_rng(0).random(ROWS)
    counts = row_multiplicities(ROWS, 300, seed=0)
    sizes, scores, draws, by_size = [], [], [], {}
    for size, wrong in zip(SIZES, WRONG, strict=True):
        items = []
        for seed in range(SEEDS):
            right = np.stack([100.0 * (difficulty > wrong + spread * (seed - 1)), np.ones(ROWS)], axis=1)
            items.append(jackknife(right, lambda total: total[..., 0] / total[..., 1]))
            sizes.append(size)
            scores.append(items[-1].estimate)
            draws.append(bootstrap_scores(right, counts, lambda total: total[:, 0] / total[:, 1]))
        by_size[size] = mean_of_seeds(items)
    paired = PairedSizes(by_size, 100.0, 1.0)
    return CurvePoints(sizes, scores, n_test=ROWS, bootstrap_draws=np.array(draws), paired=paired), paired


def verdict_of(points: CurvePoints, delta: float | None = None) -> Verdict:
    verdict = forecast_curve(points, (0, 100), delta=delta).verdict
    assert verdict is not None
    return verdict


@pytest.mark.parametrize("difference", [0.5, 1.0, 3.0, 20.0])
@pytest.mark.parametrize("spread", [0.0, 0.01, 0.05])
def test_seeds_hide_what_the_words_on_test_rows_call_out_of_reach(spread: float, difference: float) -> None:
    paired = studied(spread)[1]
    noise = measured_noise(difference_of(paired.scores[800.0], paired.scores[400.0]), ROWS, 100.0)
    assert noise is not None
    is_out_of_reach = noise.seed_variance > 0 and noise.rows_for(difference) is None
    assert paired.seeds_hide(400.0, 800.0, difference, ROWS) == is_out_of_reach
    assert not paired.seeds_hide(400.0, 1600.0, difference, ROWS), "nothing is known of a size that was not measured"


def test_a_verdict_that_seeds_hide_does_not_blame_the_test_set() -> None:
    points, paired = studied(0.05)
    assert paired.seeds_hide(400.0, 800.0, 1.0, ROWS)
    verdict = verdict_of(points)
    assert verdict.word == "cannot tell"
    assert verdict.reason == "noise"
    assert "runs of one size differ" in verdict.sentence
    assert "test set is too small" not in verdict.sentence


def test_without_seeds_in_the_way_the_test_set_is_named() -> None:
    points, paired = studied(0.0)
    assert not paired.seeds_hide(400.0, 800.0, 1.0, ROWS)
    verdict = verdict_of(points)
    assert verdict.reason != "noise"
