"""The exam's baselines are fair: each recovers noiseless curves of its own family."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks" / "forecast"
SIZES = np.array([64.0, 128.0, 256.0, 512.0, 1024.0, 2048.0])


@pytest.fixture(scope="module")
def baselines() -> ModuleType:
    spec = importlib.util.spec_from_file_location("forecast_baselines", FOLDER / "baselines.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


CURVES = {
    "log2 line": lambda n: 20.0 + 5.0 * np.log2(n),
    "logit / log-log line": lambda n: 100.0 / (1.0 + np.exp(-(0.5 * np.log(n) - 3.0))),
    "pow3": lambda n: 92.0 - 300.0 * n**-0.5,
    "pow4": lambda n: 92.0 - 300.0 * (n + 150.0) ** -0.5,
    "mmf4": lambda n: 90.0 - 70.0 / (1.0 + (n / 300.0) ** 0.9),
    "m4": lambda n: 100.0 - 70.0 / (1.0 + (n / 300.0) ** 0.7),
}


@pytest.mark.parametrize("name", sorted(CURVES))
def test_baseline_recovers_its_own_noiseless_curve(baselines: ModuleType, name: str) -> None:
    curve = CURVES[name]
    forecast = baselines.all_baselines()[name](SIZES, curve(SIZES), 8192.0, True)
    assert forecast.mean == pytest.approx(float(curve(8192.0)), abs=0.6)
    assert forecast.sd < 2.0


def test_log_log_line_recovers_a_power_law_loss(baselines: ModuleType) -> None:
    forecast = baselines.transformed_line(SIZES, 5.0 * SIZES**-0.1, 8192.0, False)
    assert forecast.mean == pytest.approx(5.0 * 8192.0**-0.1, rel=1e-6)


def test_grid_fit_of_pow3_agrees_with_the_optimiser(baselines: ModuleType) -> None:
    pytest.importorskip("scipy")
    scores = 92.0 - 60.0 * (SIZES / 64.0) ** -0.5 + np.array([0.3, -0.2, 0.1, 0.2, -0.3, 0.1])
    grid = baselines.family_forecast("pow3", SIZES, scores, 8192.0, True)
    users = baselines.curve_fit_pow3(SIZES / 64.0, scores, 128.0, True)
    if not users.failed:
        assert grid.mean == pytest.approx(users.mean, abs=0.5)
