"""What a study's own curve says about sizes that were not measured; the engine is `tunecurve.curve`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tunecurve.atlas.answers import AtlasGains, borrowed_advice
from tunecurve.atlas.load import load_atlas
from tunecurve.curve.answer import CurveAnswer
from tunecurve.curve.borrowed import within_labelled
from tunecurve.curve.decision import candidate_sizes
from tunecurve.curve.forecast import CurvePoints, Forecast, Prices, forecast_curve
from tunecurve.curve.intervals import mean_of_seeds
from tunecurve.curve.next_sizes import no_verdict
from tunecurve.curve.paired import PairedSizes
from tunecurve.results.points import ScoredPoint, ScoredTrial
from tunecurve.results.records.advice import Disagreement, LearnerForecast
from tunecurve.results.records.points import MetricResult
from tunecurve.spec.study import AdviceSpec
from tunecurve.study.plan import PROMPTED, Strategy

N_DOUBLINGS = 6


@dataclass(frozen=True)
class Forecaster:
    """Forecasts the curves of a study."""

    scored: Sequence[ScoredTrial]
    """Finished trials: the fine-tuned ones are the curves' points, each seed a replicate."""
    points: Sequence[ScoredPoint]
    """The rivals, which are the prompts of all models, are taken from here."""
    n_test: int
    """Rows of the test set."""
    kinds: Mapping[str, str]
    """What each learner is, as `forecast_curve` names it."""
    unsettled: Collection[str]
    """Learners whose training had not settled at the largest size."""
    n_labelled: int = 0
    """Rows to train on that are labelled already."""
    level: float = 0.95
    """Of the intervals that the study prints."""

    def forecast(self, metric: MetricResult, advice: AdviceSpec) -> dict[str, LearnerForecast]:
        """Return the forecast of one metric for every learner that was fine-tuned.

        Parameters
        ----------
        metric : MetricResult
            Its range and direction bound the forecast.
        advice : AdviceSpec
            Target, gain that matters, prices, and the prior: where the engine refuses for want of sizes, ``borrowed`` holds what
            the curves of that family of the atlas did from the largest measured size on; None otherwise.
        """
        tuned = [item for item in self.scored if item.trial.strategy == "fine-tune"]
        return {
            learner: self._forecast_one(learner, [one for one in tuned if one.trial.learner == learner], metric, advice)
            for learner in dict.fromkeys(item.trial.learner for item in tuned)
        }

    def forecast_prompt(
        self, learner: str, prompt: tuple[Strategy, int], metric: MetricResult, advice: AdviceSpec
    ) -> LearnerForecast:
        """Return the forecast over the rows that similar examples are chosen from; `prompt`: strategy and examples."""
        own = [
            item
            for item in self.scored
            if item.trial.learner == learner and (item.trial.strategy, item.trial.shots) == prompt
        ]
        # Nothing is trained, and what tuned curves did says nothing of these.
        untrained = advice.model_copy(update={"training_price": None, "run_price": None, "prior": None})
        return self._forecast_one(learner, own, metric, untrained)

    def _forecast_one(
        self, learner: str, tuned: Sequence[ScoredTrial], metric: MetricResult, advice: AdviceSpec
    ) -> LearnerForecast:
        is_tuned = all(item.trial.strategy == "fine-tune" for item in tuned)
        tuned = [item for item in tuned if np.isfinite(item.scores[metric.name])]
        sizes = [item.trial.train_size for item in tuned]
        answer = forecast_curve(
            CurvePoints(
                train_size=sizes,
                score=[item.scores[metric.name] for item in tuned],
                replicate=[item.trial.seed for item in tuned],
                n_test=self.n_test,
                bootstrap_draws=_defined_draws([item.draws[metric.name] for item in tuned]),
                paired=_paired(tuned, metric, self.level),
            ),
            metric.score_range,
            metric.direction,
            target=advice.target,
            delta=advice.delta,
            rivals=self._rivals(learner, metric.name) if is_tuned else {},
            at=_sizes_to_forecast(sizes),
            prices=prices_of(advice, self.n_labelled),
            kind=self.kinds.get(learner) if is_tuned else None,
            settled=not is_tuned or learner not in self.unsettled,
        )
        answer = _of_labelled_rows(answer, self.n_labelled)
        parts = {name: value for name, value in vars(answer).items() if name != "predictive"}
        return LearnerForecast(**parts, borrowed=_borrowed(answer, metric.name, advice.prior))

    def _rivals(self, learner: str, metric_name: str) -> dict[str, tuple[float, np.ndarray | None]]:
        """Return the prompts of all models: what is tuned has to beat the best of them, whoever is asked."""
        return {
            point.label if point.learner == learner else f"{point.label} of {point.learner}": (
                float(np.mean(point.scores[metric_name])),
                _finite(point.draws[metric_name]),
            )
            for point in self.points
            if point.strategy in PROMPTED and np.isfinite(point.scores[metric_name]).all()
        }


def prices_of(advice: AdviceSpec, n_labelled: int = 0) -> Prices:
    """Return the prices of a study as the engine names them; `n_labelled`: rows to train on that cost no label any more."""
    return Prices(
        label=advice.label_price,
        value_per_point=advice.value_per_point,
        training_per_example=advice.training_price,
        training_fixed=advice.run_price,
        serving_difference=advice.serving_price,
        miss_penalty=advice.miss_penalty,
        labelled=n_labelled,
    )


def _of_labelled_rows(answer: Forecast, n_labelled: int) -> Forecast:
    """Return the forecast with what to measure next by the rows that are labelled, where there is no verdict for want of sizes."""
    if answer.first_study is None or answer.predictive is None:
        return answer
    first = within_labelled(answer.first_study, answer.predictive, n_labelled)
    measured = [point.n for point in answer.points]
    return replace(answer, refusal=no_verdict(measured, first.sizes, n_labelled), first_study=first)


def _borrowed(answer: CurveAnswer, metric_name: str, prior: str | None) -> AtlasGains | None:
    """Return what the prior's curves did from the largest measured size on, only where there is no forecast."""
    if prior is None or not answer.refusal or not answer.points:
        return None
    return borrowed_advice(load_atlas(), prior, metric_name, answer.points[-1].n)


def _sizes_to_forecast(measured: Sequence[int]) -> list[float]:
    """One more row, then two sizes a doubling, up to 64 times the largest measured one; beyond 8 times they are speculative.

    With the first of them, whatever larger size is measured next lies between two that were forecast. All are whole rows, those that
    prices decide between among them, so that what is said of a size is of the same one everywhere.
    """
    if not measured:
        return []
    last = max(measured)
    return sorted({last + 1.0, *map(float, candidate_sizes(last, N_DOUBLINGS))})


def _defined_draws(draws: Sequence[np.ndarray]) -> np.ndarray | None:
    """Return the draws in which every score is defined, shape (trials, draws); None when there are none.

    A draw can miss all rows that a metric counts, e.g. those with personal data.
    """
    if not draws:
        return None
    stacked = np.stack(draws)
    kept = stacked[:, np.isfinite(stacked).all(axis=0)]
    return kept if kept.shape[1] > 1 else None


def _paired(tuned: Sequence[ScoredTrial], metric: MetricResult, level: float) -> PairedSizes:
    """Return what comparisons of two of a curve's sizes rest on."""
    by_size: dict[float, list[ScoredTrial]] = {}
    for item in tuned:
        by_size.setdefault(float(item.trial.train_size), []).append(item)
    scores = {size: mean_of_seeds([one.jackknives[metric.name] for one in own]) for size, own in by_size.items()}
    return PairedSizes(scores, metric.width, metric.sign, level)


def _finite(draws: np.ndarray) -> np.ndarray | None:
    kept = draws[np.isfinite(draws)]
    return kept if kept.size > 1 else None


def disagreements(
    first: Mapping[str, LearnerForecast], second: Mapping[str, LearnerForecast], titles: tuple[str, str]
) -> list[Disagreement]:
    """Return, for every learner whose headline metric is flat while the other metric still improves, the sentence that warns.

    The other way round needs no warning: who goes by the headline metric goes on labelling.

    Parameters
    ----------
    first, second : mapping of str to LearnerForecast
        For the headline metric and for the one that it can hide.
    titles : tuple of str
        Of the two metrics.
    """
    return [
        Disagreement(
            learner,
            f"{learner}: {titles[0]} is flat, but {titles[1]} is still improving with more rows: do not stop labelling on "
            f"{titles[0]} alone",
        )
        for learner in first
        if (first[learner].word, second[learner].word) == ("flat", "rising")
    ]
