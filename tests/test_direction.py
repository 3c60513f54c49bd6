"""Better is more, or less: metrics, scales and results see it in the same way."""

import numpy as np
import pytest

from tunecurve.curve.points import make_scale
from tunecurve.direction import better_end, sign_of
from tunecurve.metrics.exact_match import ExactMatch
from tunecurve.metrics.masking import LeakingDocuments
from tunecurve.results.records.points import MetricResult


@pytest.mark.parametrize(("metric", "sign", "best"), [(ExactMatch(), 1, 100.0), (LeakingDocuments(), -1, 0.0)])
def test_metrics_scales_and_results_agree(metric, sign, best):
    result = MetricResult(metric.name, metric.title, metric.direction, metric.score_range, metric.signature)
    scale = make_scale(metric.score_range, metric.direction, np.array([20.0]))
    assert sign_of(metric.direction) == metric.sign == result.sign == scale.sign == sign
    assert better_end(metric.score_range, metric.direction) == metric.best_score == result.best == scale.best == best


@pytest.mark.parametrize(("metric", "score"), [(ExactMatch(), 75.0), (LeakingDocuments(), 25.0)])
def test_an_error_is_the_way_to_the_best_score(metric, score):
    scale = make_scale(metric.score_range, metric.direction, np.array([score]))
    assert scale.error(score) == pytest.approx(25.0 + 1.0)  # the offset near the best score
    assert scale.score(scale.error(score)) == pytest.approx(score)
