"""What the page draws and answers questions from, as one JSON block: measured points, forecasts, prices. No row's text is in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tunecurve.curve.answer import SizeForecast
from tunecurve.report.confusion import Confusion
from tunecurve.results.model import Results
from tunecurve.results.records.advice import JudgedForecast, LearnerForecast
from tunecurve.results.records.points import Point
from tunecurve.storage.records import Record

MOST_LOSSES = 120


@dataclass(frozen=True)
class MetricView(Record):
    """A metric to choose."""

    name: str
    title: str
    sign: float
    range: tuple[float | None, float | None]


@dataclass(frozen=True)
class PointView(Record):
    """A measured point."""

    learner: str
    strategy: str
    label: str
    n: int
    runs: int
    scores: dict[str, tuple[float, float | None, float | None]]
    """By metric: estimate and interval; without those that may not be shown."""


@dataclass(frozen=True)
class ForecastView(Record):
    """What one run at a size would score."""

    n: float
    median: float
    low: float
    high: float
    is_speculative: bool
    is_borrowed: bool


@dataclass(frozen=True)
class CurveView(Record):
    """The forecast of one learner and metric."""

    learner: str
    metric: str
    sizes: list[ForecastView]


@dataclass(frozen=True)
class QuestionSize(Record):
    """A size that the questions on target and money look at."""

    n: float
    is_speculative: bool
    quantiles: list[float]
    gain: float | None
    gain_low: float | None
    gain_high: float | None


@dataclass(frozen=True)
class Questions(Record):
    """What can be asked of a learner's forecast of the headline metric; `refusal` says why nothing can."""

    learner: str
    refusal: str | None
    word: str | None
    last_size: float
    last_score: float
    levels: list[float]
    sizes: list[QuestionSize]


@dataclass(frozen=True)
class LossCurve(Record):
    """A training's loss by step, thinned out."""

    learner: str
    n: int
    seed: int
    steps: list[int]
    losses: list[float]


@dataclass(frozen=True)
class LabelCurve(Record):
    """The recall of one label by training size."""

    label: str
    n_gold: int
    recall: dict[str, list[tuple[int, float]]]
    """By learner."""


@dataclass(frozen=True)
class ChartData(Record):
    """All of it."""

    metrics: list[MetricView]
    primary: str
    points: list[PointView]
    forecasts: list[CurveView]
    questions: list[Questions]
    prices: dict[str, float | None]
    labels: list[LabelCurve]
    losses: list[LossCurve]
    confusions: list[Confusion]
    judged: list[JudgedForecast]


def chart_data(results: Results, found: Sequence[Confusion] = ()) -> ChartData:
    """Return what the page draws; `found`: confusion matrices, from `confusions`."""
    advice = results.advice
    return ChartData(
        metrics=[
            MetricView(metric.name, metric.title, metric.sign, metric.range)
            for metric in results.metrics
            if not metric.is_by_label
        ],
        primary=results.primary_metric,
        points=[_point(results, point) for point in results.points],
        forecasts=_forecasts(results),
        questions=[_questions(learner, forecast) for learner, forecast in results.forecast.items() if forecast.points],
        prices={
            "target": advice.target,
            "label": advice.label_price,
            "point": advice.value_per_point,
            "training": advice.training_price,
            "run": advice.run_price,
            "serving": advice.serving_price,
            "penalty": advice.miss_penalty,
            "labelled": float(results.data.n_pool),
        },
        labels=_labels(results),
        losses=_losses(results),
        confusions=list(found),
        judged=results.history_shown,
    )


def _point(results: Results, point: Point) -> PointView:
    scores = {
        name: (score.estimate, score.low, score.high)
        for name, score in point.scores.items()
        if results.may_say(name, point.learner) and score.estimate is not None
    }
    return PointView(point.learner, point.strategy, point.label, point.train_size, point.n_seeds, scores)


def _forecasts(results: Results) -> list[CurveView]:
    both = {results.second_metric: results.second_forecast} | {results.primary_metric: results.forecast}
    return [
        CurveView(learner, metric, [_size(entry) for entry in forecast.forecasts])
        for metric, forecasts in both.items()
        for learner, forecast in forecasts.items()
        if forecast.forecasts and results.may_say(metric, learner)
    ]


def _size(entry: SizeForecast) -> ForecastView:
    low, high = entry.interval_80
    return ForecastView(entry.n, entry.median, low, high, entry.speculative, entry.borrowed)


def _questions(learner: str, forecast: LearnerForecast) -> Questions:
    last = forecast.points[-1]
    sizes = [] if forecast.refusal else [_question_size(entry) for entry in forecast.forecasts]
    levels = [float(level) for level in forecast.forecasts[0].quantiles] if sizes else []
    return Questions(learner, forecast.refusal, forecast.word, last.n, last.mean_score, levels, sizes)


def _question_size(entry: SizeForecast) -> QuestionSize:
    gain = entry.gain
    low, high = gain.intervals["0.80"] if gain else (None, None)
    return QuestionSize(
        entry.n, entry.speculative, list(entry.quantiles.values()), gain.mean if gain else None, low, high
    )


def _labels(results: Results) -> list[LabelCurve]:
    tuned = [point for point in results.points if point.strategy == "fine-tune"]
    found: list[LabelCurve] = []
    for label, row in sorted(results.labels.items(), key=lambda item: (-item[1].n_gold, item[0])):
        recall: dict[str, list[tuple[int, float]]] = {}
        for point in tuned:
            percent = row.recall.get(point.name)
            if percent is not None:
                recall.setdefault(point.learner, []).append((point.train_size, percent))
        if recall:
            found.append(LabelCurve(label, row.n_gold, recall))
    return found


def _losses(results: Results) -> list[LossCurve]:
    found = []
    for trial in results.finished:
        losses = trial.training.losses if trial.training else []
        if len(losses) > 1:
            every = -(-len(losses) // MOST_LOSSES)
            means = [sum(losses[at : at + every]) / len(losses[at : at + every]) for at in range(0, len(losses), every)]
            steps = [min(at + every, len(losses)) for at in range(0, len(losses), every)]
            found.append(LossCurve(trial.learner, trial.train_size, trial.seed, steps, means))
    return found
