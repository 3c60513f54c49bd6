"""What was trained, when nobody says it: probabilities by the look of the points."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunecurve.curve.calibration import TFIDF_SPREAD
from tunecurve.curve.kinds import LEAST, MOST, UNKNOWN, kind_features, kind_probabilities
from tunecurve.curve.points import CurvePoints, PreparedCurve, prepare
from tunecurve.curve.predictive import predict


def curve(sizes: Any, scores: Any) -> PreparedCurve:
    return prepare(CurvePoints(sizes, scores), (0, 100), "max")


SMOOTH = curve([256, 512, 1024, 2048, 4096], [88.0, 89.0, 89.8, 90.4, 90.8])
ROUGH = curve([16, 32, 64, 128], [35.0, 52.0, 41.0, 63.0])


@pytest.mark.parametrize("kind", ["language-model", "classical"])
def test_a_stated_kind_is_taken_at_its_word(kind: str) -> None:
    assert kind_probabilities(ROUGH, kind) == {kind: 1.0}


def test_a_smooth_curve_of_many_rows_looks_classical_and_a_rough_one_of_few_rows_does_not() -> None:
    assert kind_probabilities(SMOOTH)["classical"] > 0.6
    assert kind_probabilities(ROUGH)["language-model"] > 0.8


def test_losses_have_one_kind_and_fewer_than_three_sizes_no_look() -> None:
    loss = prepare(CurvePoints([100, 200, 400], [3.0, 2.0, 1.5]), (0, None), "min")
    assert kind_probabilities(loss) == {"loss": 1.0}
    assert kind_probabilities(curve([100, 200], [50.0, 60.0]))["language-model"] == UNKNOWN


def test_the_forecast_of_an_unstated_kind_lies_between_those_of_the_kinds() -> None:
    at = np.array([8 * SMOOTH.size[-1]])
    means = [predict(SMOOTH, kind).measured_scores(at).mean() for kind in ("language-model", None, "classical")]
    assert min(means[0], means[2]) - 0.05 <= means[1] <= max(means[0], means[2]) + 0.05


@pytest.mark.parametrize("shape", [SMOOTH, ROUGH])
def test_tfidf_is_the_mixture_with_narrower_intervals(shape: PreparedCurve) -> None:
    """Beyond the data, from three sizes on; in logarithms of the error, half of it at half a doubling."""
    at = shape.size[-1] * np.array([1.0, 2.0**0.5, 2.0, 8.0])
    open_kind, tfidf = (np.log(101.0 - predict(shape, kind).measured_scores(at)) for kind in (None, "tfidf"))
    assert kind_probabilities(shape, "tfidf") == kind_probabilities(shape)
    assert np.median(tfidf, axis=0) == pytest.approx(np.median(open_kind, axis=0), abs=0.02)
    widths = [np.subtract(*np.quantile(found, [0.9, 0.1], axis=0)) for found in (tfidf, open_kind)]
    assert widths[0] / widths[1] == pytest.approx([1.0, TFIDF_SPREAD**0.5, TFIDF_SPREAD, TFIDF_SPREAD], rel=0.05)


def test_tfidf_of_fewer_sizes_and_of_losses_is_forecast_as_before() -> None:
    two, at = curve([100, 200], [50.0, 60.0]), np.array([400.0])
    loss = prepare(CurvePoints([100, 200, 400], [3.0, 2.0, 1.5]), (0, None), "min")
    for shape in (two, loss):
        before, tfidf = (predict(shape, kind).measured_scores(4 * at) for kind in (None, "tfidf"))
        np.testing.assert_array_equal(before, tfidf)


def test_seeds_do_not_make_a_curve_look_smoother() -> None:
    """The mean of three runs is smoother than one run; what was averaged away is put back."""
    generator = np.random.default_rng(3)
    sizes = 64.0 * 2.0 ** np.arange(5)
    roughness = {1: [], 3: []}
    for _ in range(60):
        for seeds, found in roughness.items():
            scores = 80.0 + 2.0 * np.log2(np.repeat(sizes, seeds) / 64) + 1.5 * generator.standard_normal(5 * seeds)
            found.append(kind_features(curve(np.repeat(sizes, seeds), scores))[-1])
    assert abs(np.mean(roughness[1]) - np.mean(roughness[3])) < 0.3


@given(st.lists(st.floats(0, 100), min_size=3, max_size=9), st.floats(1, 1e6), st.floats(1.01, 10))
def test_probabilities_are_probabilities(scores: list[float], first: float, step: float) -> None:
    found = kind_probabilities(curve([first * step**index for index in range(len(scores))], scores))
    assert sum(found.values()) == pytest.approx(1.0)
    assert LEAST <= found["language-model"] <= MOST
