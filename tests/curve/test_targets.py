"""Sizes at which a target is reached: the chances that are told of sizes hold for them, too."""

import pytest

from tunecurve.curve.answer import Target
from tunecurve.curve.forecast import CurvePoints, forecast_curve


def reach(score: list[float], target: float, at: list[float]) -> Target:
    answer = forecast_curve(CurvePoints([50, 100, 200, 400], score, n_test=500), (0, 100), target=target, at=at).target
    assert answer is not None
    return answer


@pytest.mark.parametrize(
    ("score", "target"), [([70, 75, 80, 83], 88.0), ([60, 70, 72, 74], 80.0), ([60, 70, 72, 74], 76.0)]
)
def test_required_sizes_have_the_chances_that_are_told_of_them(score: list[float], target: float) -> None:
    """They were rounded up to the next searched size: 6,788 rows were required, and 6,400 reached the target with probability 0.57."""
    found = reach(score, target, [800]).required_size
    expected = {size: level for size, level in ((found.low, 0.1), (found.median, 0.5), (found.high, 0.9)) if size}
    assert len(expected) >= 2
    for one in reach(score, target, list(expected)).by_size:
        assert one.probability == pytest.approx(expected[one.n], abs=0.01)


def test_a_target_that_the_smallest_size_has_passed_is_not_sought_below_it() -> None:
    assert reach([60, 70, 72, 74], 50.0, [800]).required_size.high == 50.0
