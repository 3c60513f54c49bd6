"""`tunecurve forecast --history`: how often the forecasts of finished studies held."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tunecurve.cli.as_json import print_json
from tunecurve.cli.main import echo, visible
from tunecurve.report.tables import number, text_table
from tunecurve.results.forecast_history import (
    HistorySummary,
    KeptForecasts,
    damage_line,
    judge_forecasts,
    read_forecasts,
    summary_of,
)
from tunecurve.results.records.advice import JudgedForecast
from tunecurve.results.stored import load
from tunecurve.storage.records import Record
from tunecurve.wording import counted

# What is pooled apart, in this order: how far a forecast may be trusted differs.
CLASSES = (
    ("measured", "from three sizes or more, up to 8 times the data"),
    ("speculative", "beyond 8 times the data"),
    ("borrowed", "from fewer than three sizes"),
)


def show_history(folders: Sequence[str], *, as_json: bool) -> None:
    """Print what the studies in these folders had forecast for sizes that they measured later, and how often it held.

    Raises
    ------
    StudyStateError
        For a folder without results, or with damaged ones.
    """
    runs = [_of_run(Path(folder)) for folder in dict.fromkeys(folders)]
    judged = [item for run in runs for item in run.judged]
    summaries = {name: summary_of([item for item in judged if _class_of(item) == name]) for name, _ in CLASSES}
    if as_json:
        print_json({"runs": runs, "summary": summaries})
        return
    for run in runs:
        _show_run(run)
    _show_summary(summaries if judged else {})


@dataclass(frozen=True)
class _Run(Record):
    """What became of one study's forecasts."""

    run: str
    n_kept: int
    n_damaged: int
    judged: list[JudgedForecast]


def _of_run(folder: Path) -> _Run:
    results, kept = load(folder), read_forecasts(folder)
    return _Run(str(folder), len(kept.entries), kept.n_damaged, judge_forecasts(kept.entries, results))


def _class_of(item: JudgedForecast) -> str:
    return next(iter(item.marks), "measured")


def _show_run(run: _Run) -> None:
    echo(visible(run.run))
    if run.n_damaged:
        echo(f"  warning: {damage_line(Path(run.run), KeptForecasts([], run.n_damaged))}")
    if not run.judged:
        echo(f"  {_why_nothing(run.n_kept)}")
    for item in run.judged:
        echo(f"  {visible(item.learner)}, {item.n:,} rows, {item.metric}: {item.sentence}")


def _why_nothing(n_kept: int) -> str:
    if not n_kept:
        return "no forecast is kept here: none was shown yet, or the study was run by an earlier version"
    return (
        f"{counted(n_kept, 'forecast')} kept; no size beyond them was measured yet on the same rows, learner and metric"
    )


def _show_summary(summaries: Mapping[str, HistorySummary]) -> None:
    if not summaries:
        echo("\nNothing to sum up: no size was measured after a forecast of it.")
        return
    header = ["forecasts", "judged", "80 % held", "below", "above", "90 % held", "CRPS", "of the last value"]
    rows = []
    for name, words in CLASSES:
        part = summaries[name]
        if part.n:
            held = [f"{held} of {part.n} ({100 * held / part.n:.0f} %)" for held in (part.held_80, part.held_90)]
            sides = [str(part.below_80), str(part.above_80)]
            scores = [number(part.crps, ".2f"), number(part.crps_last, ".2f")]
            rows.append([words, str(part.n), held[0], *sides, held[1], *scores])
    echo()
    echo(text_table(header, rows))
    echo("CRPS is in the metric's units, less is better; of the last value shown it is the mean absolute error.")
    echo("Sizes and metrics of one curve rise and fall together: so many forecasts say less than as many curves would.")
