"""Examples in docstrings give what they say."""

import doctest
import importlib
from pathlib import Path

import pytest

import tunecurve

SRC = Path(__file__).parent.parent / "src"
WITH_EXAMPLES = [
    ".".join(path.relative_to(SRC).with_suffix("").parts)
    for path in sorted(SRC.rglob("*.py"))
    if ">>>" in path.read_text(encoding="utf-8")
]


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples_run(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_there_are_examples():
    assert {"tunecurve.learners.cleaning", "tunecurve.formats.wrappers"} <= set(WITH_EXAMPLES)


@pytest.mark.parametrize(
    "name", ["Study", "Results", "Learner", "CurvePoints", "LearningCurve", "Metric", "load_predictor", "load", "forecast_curve"]
)  # fmt: skip
def test_public_names_have_one(name, recwarn):
    assert ">>>" in getattr(tunecurve, name).__doc__
