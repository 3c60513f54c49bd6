"""`tunecurve forecast --history`: how often the forecasts of finished studies held."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from tunecurve.cli.main import echo, visible

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
    judged = [item for run in runs for item in run["judged"]]
    summary = {name: _summary(judged, name) for name, _ in CLASSES}
    if as_json:
        click.echo(json.dumps({"runs": runs, "summary": summary}, ensure_ascii=False, allow_nan=False))
        return
    for run in runs:
        _show_run(run)
    _show_summary(summary, judged)


def _of_run(folder: Path) -> dict[str, Any]:
    from tunecurve.report.learning_curve import load_study
    from tunecurve.results.forecast_history import judge_forecasts, read_forecasts

    results = load_study(folder).results
    kept = read_forecasts(folder)
    return {
        "run": str(folder),
        "n_kept": len(kept.entries),
        "n_damaged": kept.n_damaged,
        "judged": judge_forecasts(kept.entries, results),
    }


def _class_of(item: Mapping[str, Any]) -> str:
    return "borrowed" if item["borrowed"] else "speculative" if item["speculative"] else "measured"


def _summary(judged: Iterable[Mapping[str, Any]], name: str) -> dict[str, Any]:
    from tunecurve.results.forecast_history import summary_of

    return summary_of([item for item in judged if _class_of(item) == name])


def _show_run(run: Mapping[str, Any]) -> None:
    from tunecurve.results.forecast_history import KeptForecasts, damage_line

    echo(visible(run["run"]))
    if run["n_damaged"]:
        echo(f"  warning: {damage_line(Path(run['run']), KeptForecasts([], run['n_damaged']))}")
    if not run["judged"]:
        echo(f"  {_why_nothing(run['n_kept'])}")
    for item in run["judged"]:
        echo(f"  {visible(item['learner'])}, {item['n']:,} rows, {item['metric']}: {item['sentence']}")


def _why_nothing(n_kept: int) -> str:
    if not n_kept:
        return "no forecast is kept here: none was shown yet, or the study was run by an earlier version"
    return f"{n_kept} forecast{'s' * (n_kept != 1)} kept; no size beyond them was measured yet on the same rows, learner and metric"


def _show_summary(summary: Mapping[str, Mapping[str, Any]], judged: Sequence[Mapping[str, Any]]) -> None:
    from tunecurve.report.tables import text_table

    if not judged:
        echo("\nNothing to sum up: no size was measured after a forecast of it.")
        return
    header = ["forecasts", "judged", "80 % held", "below", "above", "90 % held", "CRPS", "of the last value"]
    rows = []
    for name, words in CLASSES:
        part = summary[name]
        if part["n"]:
            last = "–" if part["crps_last"] is None else f"{part['crps_last']:.2f}"
            held = [
                f"{part[key]} of {part['n']} ({100 * part[key] / part['n']:.0f} %)" for key in ("held_80", "held_90")
            ]
            sides = [str(part["below_80"]), str(part["above_80"])]
            rows.append([words, str(part["n"]), held[0], *sides, held[1], f"{part['crps']:.2f}", last])
    echo()
    echo(text_table(header, rows))
    echo("Sizes and metrics of one curve rise and fall together: so many forecasts say less than as many curves would.")
