"""The learning curve as a picture: sizes on a log axis, intervals, and the rivals as lines beside it."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from tunecurve.curve.answer import SizeForecast
from tunecurve.direction import better_in_words
from tunecurve.privacy.redact import shown
from tunecurve.report.loss_panel import draw_losses, has_losses
from tunecurve.report.tables import ceilings, doublings
from tunecurve.results.model import Results
from tunecurve.results.records.advice import LearnerForecast
from tunecurve.results.records.points import MetricResult, Point, Score
from tunecurve.study.plan import SIMILAR

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours: told apart by colour-blind readers too.
LEARNER_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
FLOOR_COLOUR = "#777777"
CEILING_COLOUR = "#333333"
# Where dashes begin, and their lengths and gaps.
Dashes = tuple[int, tuple[float, ...]]
_RIVAL_STYLES: tuple[Dashes, ...] = ((0, (5, 2)), (0, (2, 1.5)), (0, (6, 1.5, 1, 1.5)), (0, (1, 1)))


def draw_curve(axes: Axes, results: Results, metric_name: str) -> None:
    """Draw one metric's learning curve into axes, whose x axis becomes logarithmic."""
    metric = results.metric(metric_name)
    points = [
        (point, score.estimate)
        for point in results.points
        if (score := point.scores[metric_name]).estimate is not None and results.may_say(metric_name, point.learner)
    ]
    learners = list(dict.fromkeys(point.learner for point, _ in points if point.strategy != "floor"))
    sizes = sorted({point.train_size for point, _ in points if point.train_size})
    planned = sorted({trial.train_size for trial in results.trials if trial.train_size})
    end_labels: list[tuple[float, str, str]] = []
    point_labels: list[tuple[int, float, str]] = []
    for point, value in points:
        if point.strategy == "floor":
            axes.axhline(value, color=FLOOR_COLOUR, linewidth=1.2, linestyle=":", zorder=1)
            end_labels.append((value, f"{point.label} {value:.1f}", FLOOR_COLOUR))
    end_labels += _draw_ceilings(axes, ceilings(results, metric_name))
    colours = learner_colours(results)
    for learner in learners:
        colour = colours[learner]
        own = [(point, value) for point, value in points if point.learner == learner]
        tuned = [point for point, _ in own if point.strategy == "fine-tune"]
        point_labels += _draw_tuned(axes, tuned, metric_name, colour, f"{plain(learner)}, fine-tuned")
        for number, (name, curve) in enumerate(_similar_curves([point for point, _ in own])):
            dashes, title = _RIVAL_STYLES[number % len(_RIVAL_STYLES)], f"{plain(learner)}, {name} examples, not tuned"
            point_labels += _draw_tuned(axes, curve, metric_name, colour, title, dashes)
        if metric_name == results.primary_metric:
            _draw_forecast(axes, results.forecast.get(learner), colour)
        rivals = [
            (point, value)
            for point, value in own
            if point.strategy in ("baseline", "zero-shot", "few-shot", "optimized")
        ]
        for style, (point, value) in zip(_RIVAL_STYLES * 3, rivals, strict=False):
            axes.axhline(value, color=colour, linewidth=1.3, linestyle=style, alpha=0.9, zorder=2)
            prefix = f"{plain(learner)} " if len(learners) > 1 else ""
            name = plain(learner) if point.strategy == "baseline" else f"{prefix}{point.label}"
            end_labels.append((value, f"{name} {value:.1f}", colour))
    forecast_sizes = [entry.n for name in learners for entry in doublings(results.forecast.get(name))]
    _dress(axes, metric, [*sizes, *forecast_sizes], planned)
    _write_point_labels(axes, point_labels)
    _write_end_labels(axes, end_labels)
    if not learners and not all(results.may_say(metric_name, point.learner) for point in results.points):
        axes.text(
            0.5,
            0.5,
            "cannot be said: see Checks",
            transform=axes.transAxes,
            ha="center",
            va="center",
            color=FLOOR_COLOUR,
        )


def _similar_curves(points: Sequence[Point]) -> list[tuple[str, list[Point]]]:
    """Return the points of every way to choose similar examples, over the rows to choose from, with its name."""
    curves: dict[tuple[str, int], list[Point]] = {}
    for point in points:
        if point.strategy in SIMILAR:
            curves.setdefault((point.strategy, point.shots), []).append(point)
    return [(f"{shots} {strategy.replace('-', ' ')}", own) for (strategy, shots), own in curves.items()]


def learner_colours(results: Results) -> dict[str, str]:
    """Return every learner's colour: the same for all metrics, also where a metric may not be said of some."""
    learners = dict.fromkeys(point.learner for point in results.points if point.strategy != "floor")
    return {learner: LEARNER_COLOURS[number % len(LEARNER_COLOURS)] for number, learner in enumerate(learners)}


def _draw_ceilings(axes: Axes, by_learner: Mapping[str, float]) -> list[tuple[float, str, str]]:
    """Draw what perfect models would score, a line for each score; return the labels at their ends."""
    together: dict[str, list[tuple[str, float]]] = {}
    for learner, value in by_learner.items():
        together.setdefault(f"{value:.1f}", []).append((learner, value))
    labels = []
    for said, group in together.items():
        value = group[0][1]
        axes.axhline(value, color=CEILING_COLOUR, linewidth=1.0, linestyle=(0, (8, 4)), zorder=1)
        names = plain(group[0][0]) if len(group) == 1 else f"{len(group)} models"
        labels.append((value, f"ceiling of {names} {said}", CEILING_COLOUR))
    return labels


def plain(name: str) -> str:
    """Return a name in which nothing steers: no control character, and no dollar that begins a formula."""
    return shown(name).replace("$", r"\$")


def with_bounds(scores: Sequence[Score]) -> tuple[list[float], list[float], list[float]]:
    """Return the estimates and the ends of their intervals; where there is none, it ends at the estimate."""
    estimates = [score.estimate or 0.0 for score in scores]
    low = [value if score.low is None else score.low for score, value in zip(scores, estimates, strict=True)]
    high = [value if score.high is None else score.high for score, value in zip(scores, estimates, strict=True)]
    return estimates, low, high


def forecast_band(forecast: LearnerForecast, entries: Sequence[SizeForecast]) -> list[list[float]]:
    """Return sizes, medians and the two ends of the 80 % intervals, from the last measured size on."""
    last = forecast.points[-1]
    forecasts = ((entry.n, entry.median, *entry.interval_80) for entry in entries)
    return [list(side) for side in zip((last.n, *[last.mean_score] * 3), *forecasts, strict=True)]


def _draw_tuned(
    axes: Axes, points: Sequence[Point], metric_name: str, colour: str, title: str, dashes: Dashes | None = None
) -> list[tuple[int, float, str]]:
    """Draw a curve's points with their intervals; return (size, score, colour) to be written beside them.

    What is not tuned is dashed, its points empty.
    """
    if not points:
        return []
    ordered = sorted(points, key=lambda point: point.train_size)
    scores = [point.scores[metric_name] for point in ordered]
    sizes, (estimates, low, high) = [point.train_size for point in ordered], with_bounds(scores)
    if dashes is None:
        axes.fill_between(sizes, low, high, color=colour, alpha=0.15, linewidth=0, zorder=2)
    axes.vlines(sizes, low, high, color=colour, linewidth=1.4, alpha=0.7, zorder=3)
    axes.plot(
        sizes,
        estimates,
        color=colour,
        marker="o",
        markerfacecolor=colour if dashes is None else "white",
        markersize=6,
        linewidth=2.2 if dashes is None else 1.6,
        linestyle="-" if dashes is None else dashes,
        zorder=4,
        label=title,
    )
    for size, score in zip(sizes, scores, strict=True):
        if len(score.by_seed) > 1:
            seeds = [value for value in score.by_seed if value is not None]
            axes.scatter([size] * len(seeds), seeds, s=12, color=colour, alpha=0.5, zorder=3)
    return [(size, estimate, colour) for size, estimate in zip(sizes, estimates, strict=True)]


def _write_point_labels(axes: Axes, labels: Sequence[tuple[int, float, str]]) -> None:
    """Write the scores beside their points, those of one size pushed apart where they would overlap."""
    from matplotlib.patheffects import withStroke

    low, high = axes.get_ylim()
    gap = (high - low) * 0.055
    outline = withStroke(linewidth=3, foreground="white")  # or a curve behind a number strikes it out
    last_size, last_position = -1, 0.0
    for size, score, colour in sorted(labels):
        position = score + 0.3 * gap
        if size == last_size:
            position = max(position, last_position + gap)
        last_size, last_position = size, position
        axes.annotate(
            f"{score:.1f}", (size, position), textcoords="offset points", xytext=(7, 0), ha="left", fontsize=9,
            color=colour, fontweight="bold", zorder=5, path_effects=[outline],
        )  # fmt: skip


def _draw_forecast(axes: Axes, forecast: LearnerForecast | None, colour: str) -> None:
    """Draw median and 80 % interval of the sizes not measured, hatched to be told from what was measured."""
    entries = forecast.trusted if forecast else []
    if forecast is None or not entries:
        return
    sizes, medians, low, high = forecast_band(forecast, entries)
    axes.fill_between(sizes, low, high, facecolor="none", edgecolor=colour, hatch="///", alpha=0.35, linewidth=0)
    said = "borrowed forecast, 80 % interval" if entries[0].borrowed else "forecast, 80 % interval"
    axes.plot(sizes, medians, color=colour, linestyle=(0, (1, 1.5)), linewidth=1.8, label=said)


def _dress(axes: Axes, metric: MetricResult, sizes: Sequence[float], planned: Sequence[int]) -> None:
    axes.set_xscale("log")
    ticks = sorted({*sizes, *planned})
    if ticks:
        axes.set_xlim(ticks[0] / 1.35, ticks[-1] * 1.35)
        axes.set_xticks(ticks, [f"{size:,.0f}" for size in ticks])
    axes.minorticks_off()
    axes.set_ylabel(f"{metric.title} ({better_in_words(metric.direction)})")
    axes.grid(axis="y", color="#dddddd", linewidth=0.8, zorder=0)
    axes.margins(y=0.12)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _write_end_labels(axes: Axes, labels: Sequence[tuple[float, str, str]]) -> None:
    """Write the names of the horizontal lines at the right edge, pushed apart where they would overlap."""
    low, high = axes.get_ylim()
    gap = (high - low) * 0.062
    placed: list[float] = []
    for value, text, colour in sorted(labels):
        position = max(value, placed[-1] + gap) if placed else value
        placed.append(position)
        axes.annotate(
            text, (1.0, value), xycoords=("axes fraction", "data"), textcoords=("axes fraction", "data"),
            xytext=(1.015, position), va="center", fontsize=9, color=colour, annotation_clip=False,
        )  # fmt: skip


def study_figure(results: Results) -> Figure:
    """Return the figure of a study: the headline metric, below it the one it can hide, and losses where there are any."""
    from matplotlib.figure import Figure

    with_losses = has_losses(results)
    figure = Figure(figsize=(8.6, 8.8 if with_losses else 7.2), dpi=150, layout="constrained")
    ratios = [3.0, 2.0, 1.4] if with_losses else [3.0, 2.0]
    top, bottom, *third = figure.subplots(len(ratios), 1, sharex=True, gridspec_kw={"height_ratios": ratios})
    draw_curve(top, results, results.primary_metric)
    draw_curve(bottom, results, results.second_metric)
    if top.get_legend_handles_labels()[0]:
        top.legend(loc="best", framealpha=0.9, edgecolor="none", fontsize=9)
    for axes in third:
        draw_losses(axes, results, learner_colours(results))
    (third or [bottom])[-1].set_xlabel("training rows (log scale)")
    level = round(100 * results.bootstrap.level)
    figure.suptitle(
        f"{results.name}: {results.data.n_test} test rows, {level} % intervals"
        + ("" if results.complete else " (not finished)"),
        fontsize=11,
    )
    return figure


def render(figure: Figure, kind: str) -> bytes:
    """Return the figure as ``png`` or ``svg`` bytes, the same bytes for the same figure."""
    import matplotlib

    buffer = io.BytesIO()
    metadata = {"Date": None} if kind == "svg" else {"Software": None}
    with matplotlib.rc_context({"svg.hashsalt": "tunecurve", "svg.fonttype": "path"}):
        figure.savefig(buffer, format=kind, metadata=metadata)
    return buffer.getvalue()
