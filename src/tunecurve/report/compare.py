"""Studies side by side, for the terminal and as a page. Computes nothing new."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tunecurve.report.chart_data import ChartData, CurveView, PointView, chart_data
from tunecurve.report.html import render_page
from tunecurve.report.tables import Table, number, text_columns, text_table, with_interval
from tunecurve.results.model import Results
from tunecurve.results.records.compared import ComparedStudies, PairedDifference


def runs_table(compared: ComparedStudies) -> Table:
    """Return header and rows: each run's best tuned point on its own test rows."""
    header = ["run", "best tuned point", compared.title, "test rows", "state"]
    rows = []
    for run in compared.runs:
        score = "–" if run.score is None else with_interval(run.score)
        state = "finished" if run.is_complete else "not finished"
        rows.append([run.name, run.best or "nothing tuned", score, f"{run.n_test:,}", state])
    return header, rows


def difference_table(compared: ComparedStudies) -> Table:
    """Return header and rows: later run minus first run, on the rows that both have."""
    header = ["run", "point", "minus", "on shared rows", "difference", "P(better)"]
    rows = []
    for item in compared.differences:
        scores = f"{number(item.second_score)} − {number(item.first_score)}"
        chance = item.difference.p_better if item.difference else None
        point = item.of + (" (best of each)" if item.is_best else "")
        better = "–" if chance is None else f"{100 * chance:.1f} %"
        rows.append([item.run, point, item.against, scores, _difference(item), better])
    return header, rows


def _difference(item: PairedDifference) -> str:
    change = item.difference
    if change is None or change.difference is None:
        return f"not tested: {item.why}"
    if change.low is None or change.high is None:
        return f"{change.difference:+.1f}, no interval: {item.why}"
    word = "a real difference" if change.is_real else "within noise"
    why = f", {item.why}" if item.why else ""
    return f"{change.difference:+.1f} [{change.low:+.1f}, {change.high:+.1f}]: {word}{why}"


def notes(compared: ComparedStudies) -> list[str]:
    """Return what must be known of the comparison: shared rows, and how the runs differ."""
    lines = [item.sentence for item in compared.shared]
    for run in compared.runs[1:]:
        what = "; ".join(run.changes) or "nothing that a study file says"
        lines.append(f"{run.name} differs from {compared.runs[0].name} in: {what}.")
    if any(item.why and item.difference and item.difference.low is not None for item in compared.differences):
        lines.append(
            "With 2 seeds the interval of a difference is many times as wide as with 3 or more: run both again with --seeds 3."
        )
    tested = [item for item in compared.differences if item.difference is not None and item.difference.low is not None]
    n_tested = len({(item.run, item.of, item.against) for item in tested})  # that of the best points may stand twice
    if n_tested > 1:
        lines.append(
            f"{n_tested} differences are tested: at {100 * compared.level:.0f} %, {n_tested * (1 - compared.level):.1f} of them would seem "
            "real by chance alone."
        )
    return lines


def comparison_text(compared: ComparedStudies) -> str:
    """Return the comparison for a terminal."""
    parts = [
        text_columns([(run.name, run.decision) for run in compared.runs]),
        text_table(*runs_table(compared)),
        text_table(*difference_table(compared)) if compared.differences else "",
        "\n".join(notes(compared)),
    ]
    return "\n\n".join(part for part in parts if part)


def comparison_page(compared: ComparedStudies, results: Sequence[Results]) -> str:
    """Return the comparison as one HTML file, without row texts; `results` in the order of the runs."""
    return render_page(
        "compare.html.jinja",
        chart=_together(compared, results).to_json(),
        compared=compared,
        runs=runs_table(compared),
        differences=difference_table(compared),
        notes=notes(compared),
    )


def _together(compared: ComparedStudies, results: Sequence[Results]) -> ChartData:
    """Return the curves of all runs as those of one, each learner with its run's name."""
    views = [chart_data(one) for one in results]
    names = [run.name for run in compared.runs]
    first = views[0]
    shared = set.intersection(*({metric.name for metric in view.metrics} for view in views))
    metrics = [metric for metric in first.metrics if metric.name in shared]
    floors = [(point.label, point.scores) for view in views for point in view.points if point.strategy == "floor"]
    is_one_floor = all(floor == floors[0] for floor in floors)
    points: list[PointView] = []
    forecasts: list[CurveView] = []
    for name, view in zip(names, views, strict=True):
        for point in view.points:
            if point.strategy != "floor":
                points.append(replace(point, learner=f"{name} · {point.learner}"))
            elif not is_one_floor:
                points.append(replace(point, label=f"{point.label}, {name}"))
            elif view is first:
                points.append(point)
        forecasts += [replace(curve, learner=f"{name} · {curve.learner}") for curve in view.forecasts]
    return replace(
        first, metrics=metrics, primary=compared.metric, points=points, forecasts=forecasts,
        questions=[], labels=[], losses=[], confusions=[], judged=[],
    )  # fmt: skip
