"""The benchmark of losses as a second signal: its link is the line that scores and losses were made of."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

FILE = Path(__file__).parents[2] / "benchmarks" / "forecast" / "second_signal.py"


@pytest.fixture(scope="module")
def signal():
    spec = importlib.util.spec_from_file_location("second_signal", FILE)
    module = importlib.util.module_from_spec(spec)
    sys.modules["second_signal"] = module
    spec.loader.exec_module(module)
    return module


def curve(signal, slope, sizes=(25, 50, 100, 200, 400, 800)):
    size = np.array(sizes, float)
    loss = 3.0 * (size / 25) ** -0.4
    score = 100.0 - 60.0 * (loss / 3.0) ** slope
    return signal.Curve("made up", "accuracy", "max", (0.0, 100.0), None, 500, size, score, loss)


@pytest.mark.parametrize("slope", [0.6, 1.0, 1.4])
def test_an_exact_link_is_found_and_leads_to_the_score(signal, slope):
    made = curve(signal, slope)
    shown = made.size <= 200
    level, slopes, _ = signal.link(made, shown, np.random.default_rng(0), 4000)
    assert np.median(slopes) == pytest.approx(slope, abs=0.12)
    shown_errors = signal.prepare(
        signal.CurvePoints(made.size[shown], made.score[shown]), (0.0, 100.0), "max"
    ).log_error
    assert np.median(level) == pytest.approx(shown_errors[-1], abs=0.03)
    quantiles = signal.forecasts(made, shown, 400.0)["loss"]
    assert quantiles[1] < made.score[4] < quantiles[17]
    assert list(quantiles) == sorted(quantiles)


def test_tasks_show_three_sizes_or_more_and_ask_within_eight_times(signal):
    asked = [(int(shown.sum()), at) for shown, at in signal.tasks(curve(signal, 1.0))]
    assert asked == [(3, 200.0), (3, 400.0), (3, 800.0), (4, 400.0), (4, 800.0), (5, 800.0)]


@pytest.mark.parametrize(("truth", "expected"), [(5.0, 0.0), (6.0, 1.0), (3.0, 2.0)])
def test_crps_of_a_point_is_its_distance(signal, truth, expected):
    assert signal.crps(np.full(19, 5.0), truth) == pytest.approx(expected)
