"""What a study's own curve says about sizes that were not measured; the engine is `tunecurve.curve`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from tunecurve.atlas.answers import borrowed_advice
from tunecurve.atlas.load import load_atlas
from tunecurve.curve.forecast import CurvePoints, Prices, forecast_curve
from tunecurve.metrics.base import Metric
from tunecurve.results.points import Point, ScoredTrial
from tunecurve.spec.study import AdviceSpec

N_DOUBLINGS = 6


def forecast_study(
    scored: Sequence[ScoredTrial],
    points: Sequence[Point],
    metric: Metric,
    n_test: int,
    advice: AdviceSpec,
    kinds: Mapping[str, str] | None = None,
    unsettled: Collection[str] = (),
) -> dict[str, Any]:
    """Return the forecast of one metric for every learner that was fine-tuned.

    Parameters
    ----------
    scored : sequence of ScoredTrial
        Finished trials: the fine-tuned ones are the curve's points, each seed a replicate.
    points : sequence of Point
        The rivals (zero-shot, few-shot) are taken from here.
    metric : Metric
        Its range and direction bound the forecast.
    n_test : int
        Rows of the test set.
    advice : AdviceSpec
        Target, gain that matters, prices, and the prior: where the engine refuses for want of sizes, ``borrowed`` holds what
        the curves of that family of the atlas did from the largest measured size on; None otherwise.
    kinds : mapping of str to str, optional
        What each learner is, as `forecast_curve` names it.
    unsettled : collection of str
        Learners whose training had not settled at the largest size.
    """
    forecasts = {}
    for learner in dict.fromkeys(item.trial.learner for item in scored if item.trial.strategy == "fine-tune"):
        tuned = [
            item
            for item in scored
            if item.trial.learner == learner
            and item.trial.strategy == "fine-tune"
            and np.isfinite(item.scores[metric.name])
        ]
        curve = CurvePoints(
            train_size=[item.trial.train_size for item in tuned],
            score=[item.scores[metric.name] for item in tuned],
            replicate=[item.trial.seed for item in tuned],
            n_test=n_test,
            bootstrap_draws=_defined_draws([item.draws[metric.name] for item in tuned]),
        )
        rivals = {
            point.label: (float(np.mean(point.scores[metric.name])), _finite(point.draws[metric.name]))
            for point in points
            if point.learner == learner
            and point.strategy in ("zero-shot", "few-shot")
            and np.isfinite(point.scores[metric.name]).all()
        }
        forecasts[learner] = forecast_curve(
            curve,
            metric.score_range,
            metric.direction,
            target=advice.target,
            delta=advice.delta,
            rivals=rivals,
            at=_sizes_to_forecast([item.trial.train_size for item in tuned]),
            prices=Prices(
                label=advice.label_price,
                value_per_point=advice.value_per_point,
                training_per_example=advice.training_price,
                training_fixed=advice.run_price,
                serving_difference=advice.serving_price,
                miss_penalty=advice.miss_penalty,
            ),
            kind=(kinds or {}).get(learner),
            settled=learner not in unsettled,
        ).to_dict()
        forecasts[learner]["borrowed"] = _borrowed(forecasts[learner], metric.name, advice.prior)
    return forecasts


def _borrowed(forecast: Mapping[str, Any], metric_name: str, prior: str | None) -> dict[str, Any] | None:
    """Return what the prior's curves did from the largest measured size on, only where there is no forecast."""
    if prior is None or not forecast["refusal"] or not forecast["points"]:
        return None
    return borrowed_advice(load_atlas(), prior, metric_name, forecast["points"][-1]["n"])


def _sizes_to_forecast(measured: Sequence[int]) -> list[float]:
    """One more row, then two sizes a doubling, up to 64 times the largest measured one; beyond 8 times they are speculative.

    With the first of them, whatever larger size is measured next lies between two that were forecast.
    """
    if not measured:
        return []
    last = max(measured)
    return sorted({last + 1.0, *(last * 2 ** (step / 2) for step in range(1, 2 * N_DOUBLINGS + 1))})


def _defined_draws(draws: Sequence[np.ndarray]) -> np.ndarray | None:
    """Return the draws in which every score is defined, shape (trials, draws); None when there are none.

    A draw can miss all rows that a metric counts, e.g. those with personal data.
    """
    if not draws:
        return None
    stacked = np.stack(draws)
    kept = stacked[:, np.isfinite(stacked).all(axis=0)]
    return kept if kept.shape[1] > 1 else None


def _finite(draws: np.ndarray) -> np.ndarray | None:
    kept = draws[np.isfinite(draws)]
    return kept if kept.size > 1 else None


def disagreements(
    first: dict[str, Any], second: dict[str, Any], first_metric: Metric, second_metric: Metric
) -> list[dict[str, str]]:
    """Return, for every learner whose headline is flat while the other metric still improves, the sentence that warns.

    The other way round needs no warning: who goes by the headline goes on labelling.

    Parameters
    ----------
    first, second : dict
        From `forecast_study`, for the headline metric and for the one that it can hide.
    first_metric, second_metric : Metric
        The metrics.
    """
    found = []
    for learner in first:
        words = [(forecast[learner].get("verdict") or {}).get("word") for forecast in (first, second)]
        if words == ["flat", "rising"]:
            sentence = (
                f"{learner}: {first_metric.title} is flat, but {second_metric.title} is still improving with more rows: do "
                f"not stop labelling on {first_metric.title} alone"
            )
            found.append({"learner": learner, "sentence": sentence})
    return found
