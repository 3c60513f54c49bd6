"""One call from measured points to a forecast that can be trusted: intervals, plateau, verdict, target, money.

`forecast_curve` fits once and asks the drawn curves every question, so all answers agree with each other. With fewer
than three sizes there is no verdict, only a wide forecast borrowed from other curves, and marked so. The same points give the same answer
for ever. It does not know how the points were made, and cannot see a jump that no point announces.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from tunecurve.curve.answer import BackTest, CurveAnswer, Gain, Interval, MeasuredSize, SizeForecast, Spread
from tunecurve.curve.borrowed import FIRST_SIZES, SHARE_OF_THE_FLOOR, measured_sizes, rows_to_find_out, with_start
from tunecurve.curve.collapse import jump_notes, odd_run_notes, rerun_notes
from tunecurve.curve.decision import Prices, decide
from tunecurve.curve.deltas import default_delta
from tunecurve.curve.drops import drop_note, find_drops
from tunecurve.curve.kinds import FEWEST_SIZES
from tunecurve.curve.next_sizes import no_verdict
from tunecurve.curve.plateau import find_plateau, is_speculative, judge
from tunecurve.curve.points import CurvePoints, Floats, PreparedCurve, checked_arrays, prepare
from tunecurve.curve.predictive import Predictive, predict
from tunecurve.curve.priors import KINDS
from tunecurve.curve.ranges import unused_rows, usual_range
from tunecurve.curve.runs import mean_note, runs_behind
from tunecurve.curve.slowing import slowing_notes
from tunecurve.curve.targets import crossover, reach_target
from tunecurve.curve.units import unit_notes
from tunecurve.errors import UsageError
from tunecurve.storage.records import NOT_KEPT

__all__ = ["CurvePoints", "Forecast", "Prices", "forecast_curve"]

QUANTILE_LEVELS = tuple(round(0.05 * step, 2) for step in range(1, 20))
MEDIAN = 9
INTERVAL_LEVELS = (0.5, 0.8, 0.9)
# So near the best score, in per cent of the range, left-out curves of language models fell out of their intervals too often.
NEAR_THE_BEST = 3.0
TOO_NARROW = (
    f"The last score is within {NEAR_THE_BEST:g} % of the best: of nine such curves that were left out of learning, 80 % intervals held "
    "six, and the three others ended worse."
)

NO_START = "Nothing is known of where this loss starts, such as the score of the untrained model: no forecast."
FLOOR_OF_A_LOSS = (
    "A floor says where a curve starts only in a metric with two ends, and this one has none above: no forecast. Give the score of the "
    "untrained model (kind zeroshot), or, for a rate of errors, --range 0,100."
)


@dataclass(frozen=True)
class Forecast(CurveAnswer):
    """Everything said about one curve, with the fitted distribution for plots and further questions; parts: `answer`."""

    predictive: Predictive | None = field(default=None, metadata=NOT_KEPT)

    def to_dict(self) -> dict[str, object]:
        """Return the JSON form; the keys are documented in docs/forecasting.md."""
        return self.to_json()


def forecast_curve(
    points: CurvePoints,
    score_range: tuple[float | None, float | None] | None = None,
    direction: str = "max",
    at: Sequence[float] = (),
    target: float | None = None,
    delta: float | None = None,
    rivals: Mapping[str, tuple[float, Floats | None]] | None = None,
    prices: Prices | None = None,
    backtest: bool = True,
    kind: str | None = None,
    settled: bool = True,
    floor: float | None = None,
    floor_share: float = SHARE_OF_THE_FLOOR,
    judged_steps: bool = False,
) -> Forecast:
    """Forecast a learning curve from its measured points.

    Parameters
    ----------
    points : CurvePoints
        Fine-tuned scores only; zero-shot and few-shot scores go into `rivals`.
    score_range : tuple of float, optional
        Lowest and highest score of the metric; ``(0, 100)`` for accuracy or BLEU, ``(0, None)`` for a loss. Default: by the
        scores, where all within 0 to 1 are fractions of 1, and what falls is a loss, or a rate of errors where the scores are
        counts of the test rows; a note then says it.
    direction : {"max", "min"}
        Whether larger or smaller scores are better.
    at : sequence of float
        Sizes to forecast, in training examples. Default: 2, 4 and 8 times the largest measured size.
    target : float, optional
        Score to reach, in the metric's units.
    delta : float, optional
        Gain per doubling that matters, in the metric's units. Default: one point of a 0-100 range, or one per cent of
        the last loss, but never less than the test set can resolve.
    rivals : mapping, optional
        ``{"few-shot": (score, bootstrap draws or None)}``.
    prices : Prices, optional
        For the decision.
    backtest : bool
        Whether to fit once more without the largest size and report the miss.
    kind : {"language-model", "classical", "tfidf"}, optional
        What was trained: a language model (encoder or decoder), a classical learner of tables such as logistic regression, or
        TF-IDF on texts. Default: a mixture of the first two, weighed by how well each explains the points.
    settled : bool
        Whether the training behind the largest size had settled; if not, `cannot tell` says so first.
    floor : float, optional
        Score of doing nothing. Read only where no size is measured: curves start at a share of its error then, or at the score of
        the best prompt that is above it.
    floor_share : float
        That share; the atlas knows it by metric (`tunecurve.atlas.starts`).
    judged_steps : bool
        Whether the steps that may settle a `cannot tell` are weighed by judging the curves that their outcomes would leave, which
        takes some five fits a step; by default they are counted roughly, which ranks them.

    Returns
    -------
    Forecast

    Raises
    ------
    DataError
        For points that cannot be points: not a number, outside the range, a size that is not positive.
    UsageError
        For a range, direction, kind, size, target or delta that makes no sense.

    Notes
    -----
    Shapes are averaged by evidence under a prior learned from curves (MMF of LCDB, Mohr et al. 2022; the rectified
    scaling law, Lin et al. 2024); see docs/forecasting.md.

    Examples
    --------
    >>> points = CurvePoints([50, 200, 800], [86.38, 90.97, 94.30])
    >>> forecast = forecast_curve(points, score_range=(0, 100), at=[6400])
    >>> forecast.forecasts[0].n
    6400.0
    >>> low, high = forecast.forecasts[0].interval_80
    >>> low < 97.5 < high  # what was measured there
    True
    >>> forecast.verdict.word
    'cannot tell'
    """
    said_of_range = None
    if score_range is None:
        scores = [
            *checked_arrays(points)[1],
            *(score for score, _ in (rivals or {}).values()),
            *([] if floor is None else [floor]),
        ]
        score_range, said_of_range = usual_range(scores, direction, points)
    notes = [said for said in (said_of_range, mean_note(points.replicate)) if said]
    notes += unit_notes(checked_arrays(points)[1], score_range, target, delta)
    curve = prepare(points, score_range, direction)
    notes += unused_rows(points, curve.scale)
    measured = _measured(curve, points)
    if len(curve.size) < FEWEST_SIZES:
        start = with_start(
            curve, _best_prompt(rivals or {}, curve), _known_floor(floor, curve), _positive("floor_share", floor_share)
        )
        return _borrowed(curve, start, at, _known_kind(kind), notes, floor, measured)
    asked = _asked_sizes(at, float(curve.size[-1]))
    predictive = predict(curve, _known_kind(kind))
    delta = default_delta(predictive) if delta is None else _positive("delta", delta)
    prices = prices or Prices()
    if target is not None and not np.isfinite(target):
        raise UsageError(f"target {target}: expected a finite score.")
    drops = find_drops(curve)
    return Forecast(
        refusal=None,
        points=measured,
        forecasts=forecasts_at(predictive, asked),
        target=None if target is None else reach_target(predictive, float(target), asked),
        plateau=find_plateau(predictive, delta),
        verdict=judge(predictive, delta, prices, settled=settled, judged_steps=judged_steps),
        crossover=crossover(predictive, rivals or {}),
        backtest=back_test(points, score_range, direction, kind) if backtest else None,
        decision=decide(predictive, prices, target),
        drops=drops,
        notes=notes
        + _notes(predictive, asked, prices, are_means=mean_note(points.replicate) is not None)
        + list(odd_run_notes(points, curve))
        + [drop_note(drop) for drop in drops if drop.real],
        predictive=predictive,
    )


def _positive(name: str, value: float) -> float:
    if not (np.isfinite(value) and value > 0):
        raise UsageError(f"{name} {value:g}: expected a positive number.")
    return float(value)


def _known_kind(kind: str | None) -> str | None:
    if kind not in (None, *KINDS):
        raise UsageError(
            f"kind {kind!r}: expected {', '.join(KINDS[:-1])} or {KINDS[-1]}, or none when it is not known."
        )
    return kind


def _asked_sizes(at: Sequence[float], last_size: float) -> Floats:
    sizes = np.asarray(list(at), float) if len(at) else last_size * np.array([2.0, 4.0, 8.0])
    for size in sizes:
        _positive("size to forecast", float(size))
    return sizes


def _measured(curve: PreparedCurve, points: CurvePoints) -> list[MeasuredSize]:
    """Return every size with the plain mean of its runs, whatever a broken one counts for in the fit."""
    means = curve.mean_score.copy()
    if curve.odd_run is not None:
        size, score = checked_arrays(points)
        means[curve.odd_run.size] = score[size == curve.size[curve.odd_run.size]].mean()
    rows = zip(curve.size, means, curve.replicates, strict=True)
    return [MeasuredSize(float(n), float(score), int(runs)) for n, score, runs in rows]


def _best_prompt(rivals: Mapping[str, tuple[float, Floats | None]], curve: PreparedCurve) -> float | None:
    own = [score for name, (score, _) in rivals.items() if " of " not in name and name.split(" ")[0].endswith("-shot")]
    return max(own, key=lambda score: curve.scale.sign * score, default=None)


def _known_floor(floor: float | None, curve: PreparedCurve) -> float | None:
    ends = (curve.scale.low, curve.scale.high)
    low, high = (fallback if end is None else end for end, fallback in zip(ends, (-np.inf, np.inf), strict=True))
    if floor is not None and not (np.isfinite(floor) and low <= floor <= high):
        raise UsageError(f"floor {floor:g}: expected a score within the metric's range, {low:g} to {high:g}.")
    return floor


def _borrowed(
    curve: PreparedCurve,
    started: PreparedCurve | None,
    at: Sequence[float],
    kind: str | None,
    notes: list[str],
    floor: float | None,
    measured: list[MeasuredSize],
) -> Forecast:
    """With fewer than three sizes: a forecast borrowed from other curves, no verdict, and what to measure."""
    sizes = len(curve.size)
    asked = _asked_sizes(at or (() if sizes else FIRST_SIZES), float(curve.size[-1]) if sizes else 1.0)
    if started is None:
        nothing = f"{no_verdict((), ())} {NO_START if floor is None else FLOOR_OF_A_LOSS}"
        return Forecast(points=measured, refusal=nothing, notes=notes)
    predictive = predict(started, kind)
    entries = [replace(entry, borrowed=True, gain=None) for entry in forecasts_at(predictive, asked)]
    note = "Borrowed: what other curves did from such a start, in wide intervals; these points alone say little."
    study = rows_to_find_out(predictive)
    return Forecast(
        points=measured,
        forecasts=entries,
        refusal=no_verdict(measured_sizes(started), study.sizes),
        notes=[*notes, note],
        first_study=study,
        predictive=predictive,
    )


def _intervals(quantiles: Floats) -> dict[str, Interval]:
    """Intervals from the quantiles at `QUANTILE_LEVELS`."""
    ends = {level: ((1 - level) / 2, (1 + level) / 2) for level in INTERVAL_LEVELS}
    index_of = {round(level, 3): index for index, level in enumerate(QUANTILE_LEVELS)}
    found = {level: [float(quantiles[index_of[round(end, 3)]]) for end in pair] for level, pair in ends.items()}
    return {f"{level:.2f}": (low, high) for level, (low, high) in found.items()}


def forecasts_at(predictive: Predictive, sizes: Floats) -> list[SizeForecast]:
    """Forecast entries for each size: a measured score, the curve on this test set, and the population."""
    scores = predictive.measured_scores(sizes)
    means = scores.mean(axis=0)
    measured = np.quantile(scores, QUANTILE_LEVELS, axis=0)
    curve = np.quantile(predictive.curve_scores(sizes), QUANTILE_LEVELS, axis=0)
    gains = _gains(predictive, sizes)
    population = np.quantile(predictive.population_scores(sizes), QUANTILE_LEVELS, axis=0)
    entries = []
    for index, size in enumerate(sizes):
        quantiles = measured[:, index]
        entries.append(
            SizeForecast(
                n=float(size),
                mean=float(means[index]),
                median=float(quantiles[MEDIAN]),
                quantiles={f"{p:.2f}": float(q) for p, q in zip(QUANTILE_LEVELS, quantiles, strict=True)},
                intervals=_intervals(quantiles),
                this_test_set=Spread(float(curve[MEDIAN, index]), _intervals(curve[:, index])),
                population=Spread(float(population[MEDIAN, index]), _intervals(population[:, index])),
                borrowed=False,
                speculative=is_speculative(float(size), predictive.last_size),
                gain=gains[index],
            )
        )
    return entries


def _gains(predictive: Predictive, sizes: Floats) -> list[Gain]:
    """Return what each size gains over the largest measured one, as differences on the same drawn curves."""
    scores = predictive.curve_scores(np.append(predictive.last_size, sizes))
    gains = predictive.curve.scale.sign * (scores[:, 1:] - scores[:, :1])
    quantiles = np.quantile(gains, QUANTILE_LEVELS, axis=0)
    return [
        Gain(float(quantiles[MEDIAN, index]), _intervals(quantiles[:, index]), float(gains[:, index].mean()))
        for index in range(len(sizes))
    ]


def back_test(
    points: CurvePoints, score_range: tuple[float | None, float | None], direction: str, kind: str | None = None
) -> BackTest | None:
    """Forecast the largest measured size from the others; None with fewer than four sizes."""
    size, score = checked_arrays(points)
    last = size.max()
    kept = size < last
    if np.unique(size[kept]).size < FEWEST_SIZES:
        return None
    rows = None if points.n_test is None else np.broadcast_to(np.asarray(points.n_test, float), size.shape)[kept]
    draws = None if points.bootstrap_draws is None else np.asarray(points.bootstrap_draws, float)[kept]
    names = (
        None if points.replicate is None else [name for name, keep in zip(points.replicate, kept, strict=True) if keep]
    )
    fewer = CurvePoints(size[kept], score[kept], names, rows, draws)
    entry = forecasts_at(predict(prepare(fewer, score_range, direction), kind), np.array([last]))[0]
    actual = float(np.average(score[~kept], weights=runs_behind(points.replicate, len(score))[~kept]))
    low, high = entry.interval_80
    inside = bool(low <= actual <= high)
    return BackTest(float(last), actual, entry.median, (low, high), actual - entry.median, inside)


def _notes(predictive: Predictive, asked: Floats, prices: Prices, *, are_means: bool) -> list[str]:
    notes = []
    if any(is_speculative(float(size), predictive.last_size) for size in asked):
        notes.append(f"Sizes beyond {8 * predictive.last_size:g} (8 times the data) are speculative.")
    if not predictive.curve.replicated and (predictive.curve.replicates == 1).all() and not are_means:
        notes.append("No size was run with more than one seed: the noise of one run is guessed, not measured.")
    if predictive.curve.scale.kind == "bounded" and predictive.curve.log_error[-1] <= np.log(NEAR_THE_BEST + 1.0):
        notes.append(TOO_NARROW)
    notes += slowing_notes(predictive.curve)
    notes += rerun_notes(predictive.curve, predictive.suspects(), prices)
    notes += jump_notes(predictive.curve, predictive.jump_probability, prices)
    return notes
