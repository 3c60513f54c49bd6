"""The forecasts that a study has shown, kept in its folder, and what came once a larger size was measured.

A line of forecasts.jsonl is one forecast of one learner and metric: when, by which version, from which trials. A size is
compared with the latest forecast that was made from smaller sizes alone, and only if all trials behind that forecast are still trials
of the study: another recipe, other rows or another metric make another curve.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from tunecurve.curve.answer import MeasuredSize
from tunecurve.curve.scoring import crps
from tunecurve.direction import Direction
from tunecurve.results.model import Results
from tunecurve.results.records.advice import JudgedForecast
from tunecurve.results.records.points import Point
from tunecurve.storage.files import checked_line, checked_lines, value_of_line, write_bytes
from tunecurve.storage.process_lock import alone
from tunecurve.storage.records import Record
from tunecurve.storage.versions import own_version

FORECASTS = "forecasts.jsonl"
# Six digits of a score are more than any test set resolves.
DIGITS = 6
# Levels of the quantiles that end the 80 % and the 90 % interval.
ENDS = (("0.10", "0.90"), ("0.05", "0.95"))


@dataclass(frozen=True)
class KeptSize(Record):
    """What was forecast for one size."""

    n: float
    quantiles: dict[str, float]
    borrowed: bool
    speculative: bool


@dataclass(frozen=True)
class KeptForecast(Record):
    """One forecast of one learner and metric: when, by which version, from which trials."""

    made_at: str
    version: str
    learner: str
    metric: str
    metric_signature: str
    direction: Direction
    trials: list[str]
    """Folders, which are named by everything that determines the trials."""
    points: list[MeasuredSize]
    forecasts: list[KeptSize]

    @property
    def key(self) -> tuple[str, ...]:
        """What makes a forecast another one: the version, the trials behind it, what was asked."""
        return (self.learner, self.metric, self.metric_signature, self.version, *self.trials)

    @property
    def largest(self) -> float:
        """The largest size that it was made from; 0 where nothing was measured yet."""
        return max((point.n for point in self.points), default=0.0)

    def at(self, size: int) -> KeptSize | None:
        """Return what it says at a size: between two forecast sizes read off the straight line in log n; None beyond them."""
        sizes = [forecast.n for forecast in self.forecasts]
        after = next((place for place, n in enumerate(sizes) if n >= size - 1e-6), None)
        if after is None or (after == 0 and sizes[0] > size + 1e-6):
            return None
        above, below = self.forecasts[after], self.forecasts[max(after - 1, 0)]
        share = 1.0 if after == 0 else float(np.log(size / below.n) / np.log(above.n / below.n))
        quantiles = {
            level: (1 - share) * below.quantiles[level] + share * value for level, value in above.quantiles.items()
        }
        return KeptSize(float(size), quantiles, above.borrowed, above.speculative)


@dataclass(frozen=True)
class KeptForecasts:
    """The forecasts of a run folder."""

    entries: list[KeptForecast]
    """In the order in which they were made."""
    n_damaged: int
    """Lines that are not what was written; they are left out."""


def read_forecasts(folder: Path) -> KeptForecasts:
    """Return the forecasts that a study has kept; none where there is no file yet."""
    path = folder / FORECASTS
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return KeptForecasts([], 0)
    except IsADirectoryError:
        return KeptForecasts([], 1)
    lines = checked_lines(content)
    intact = [KeptForecast.from_json(value_of_line(line), str(path)) for line, is_intact in lines if is_intact]
    is_cut = not content.endswith(b"\n") and bool(content)
    return KeptForecasts(intact, len(lines) - len(intact) + is_cut)


def damage_line(folder: Path, kept: KeptForecasts) -> str:
    """Return the line that says how much of the file is damaged, and what follows."""
    many = kept.n_damaged != 1
    return (
        f"'{folder / FORECASTS}': {kept.n_damaged} damaged line{'s' * many}; {'these forecasts are' if many else 'that forecast is'} left "
        "out when forecasts are compared with what was measured; delete the file to begin a new record"
    )


def keep_forecasts(folder: Path, results: Results) -> KeptForecasts:
    """Add the forecasts in the results that are not kept yet, and return all of them.

    The file is written whole or not at all. What is damaged in it stays there, and is counted at every reading.
    """
    with alone(folder / f".{FORECASTS}.lock"):  # several processes may share a study
        kept = read_forecasts(folder)
        known = {entry.key for entry in kept.entries}
        fresh = [entry for entry in _forecasts_in(results) if entry.key not in known]
        if fresh and not (folder / FORECASTS).is_dir():
            _append(folder / FORECASTS, fresh)
        return KeptForecasts([*kept.entries, *fresh], kept.n_damaged)


def _append(path: Path, entries: Sequence[KeptForecast]) -> None:
    before = path.read_bytes() if path.exists() else b""
    end = b"\n" if before and not before.endswith(b"\n") else b""
    write_bytes(path, before + end + b"".join(checked_line(entry.to_json()) for entry in entries))


def _forecasts_in(results: Results) -> Iterator[KeptForecast]:
    """Yield the forecasts that results show, as they are kept."""
    made_at = datetime.now(UTC).isoformat(timespec="seconds")
    for name, forecasts in (
        (results.primary_metric, results.forecast),
        (results.second_metric, results.second_forecast),
    ):
        metric = results.metric(name)
        for learner, forecast in forecasts.items():
            if not forecast.forecasts:
                continue
            sizes = [
                KeptSize(
                    entry.n,
                    {level: _short(value) for level, value in entry.quantiles.items()},
                    entry.borrowed,
                    entry.speculative,
                )
                for entry in forecast.forecasts
            ]
            yield KeptForecast(
                made_at=made_at,
                version=own_version(),
                learner=learner,
                metric=metric.name,
                metric_signature=metric.signature,
                direction=metric.direction,
                trials=sorted(_trials_of(results, learner)),
                points=forecast.points,
                forecasts=sizes,
            )


def _short(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")


def _trials_of(results: Results, learner: str) -> list[str]:
    """Return the folders of a learner's finished trials, which are named by everything that determines them."""
    return [t.folder for t in results.finished if t.learner == learner and t.strategy == "fine-tune"]


def judge_forecasts(entries: Sequence[KeptForecast], results: Results) -> list[JudgedForecast]:
    """Return for every measured size what had been forecast for it, by metric, learner and size.

    Sizes that were measured before any forecast from smaller ones are left out.
    """
    judged = []
    tuned = [point for point in results.points if point.strategy == "fine-tune"]
    for name in (results.primary_metric, results.second_metric):
        metric = results.metric(name)
        for point in sorted(tuned, key=lambda point: (point.learner, point.train_size)):
            measured = point.scores[metric.name].estimate
            still = set(_trials_of(results, point.learner))
            usable = [
                entry
                for entry in entries
                if (entry.learner, entry.metric) == (point.learner, metric.name)
                and entry.metric_signature == metric.signature
                and set(entry.trials) <= still
                and entry.largest < point.train_size
            ]
            said = usable[-1].at(point.train_size) if usable else None
            if said is not None and measured is not None:
                judged.append(_judged(usable[-1], said, point, measured))
    return judged


def _judged(entry: KeptForecast, said: KeptSize, point: Point, measured: float) -> JudgedForecast:
    of_80, of_90 = ((said.quantiles[low], said.quantiles[high]) for low, high in ENDS)
    return JudgedForecast(
        learner=point.learner,
        metric=entry.metric,
        n=point.train_size,
        measured=measured,
        runs=point.n_seeds,
        median=said.quantiles["0.50"],
        interval_80=of_80,
        interval_90=of_90,
        inside_80=bool(of_80[0] <= measured <= of_80[1]),
        inside_90=bool(of_90[0] <= measured <= of_90[1]),
        crps=crps(said.quantiles, measured),
        crps_last=abs(measured - entry.points[-1].mean_score) if entry.points else None,
        sizes=[int(item.n) for item in entry.points],
        made_at=entry.made_at,
        version=entry.version,
        borrowed=said.borrowed,
        speculative=said.speculative,
    )


@dataclass(frozen=True)
class HistorySummary(Record):
    """How often intervals held, and the mean score of the forecasts beside that of the last measured value."""

    n: int
    held_80: int
    held_90: int
    below_80: int
    above_80: int
    crps: float | None
    crps_last: float | None


def summary_of(judged: Sequence[JudgedForecast]) -> HistorySummary:
    """Return how often the intervals held, and the mean scores."""
    last = [item.crps_last for item in judged if item.crps_last is not None]
    return HistorySummary(
        n=len(judged),
        held_80=sum(item.inside_80 for item in judged),
        held_90=sum(item.inside_90 for item in judged),
        below_80=sum(item.measured < item.interval_80[0] for item in judged),
        above_80=sum(item.measured > item.interval_80[1] for item in judged),
        crps=float(np.mean([item.crps for item in judged])) if judged else None,
        crps_last=float(np.mean(last)) if last else None,
    )
