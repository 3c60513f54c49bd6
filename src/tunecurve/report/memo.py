"""The learning curve as one small panel for a memo: read without a caption, at half the width of a page.

The decision is the title; the learner that it speaks of has its interval and its forecast, the others are thin lines.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tunecurve.direction import better_in_words
from tunecurve.report.plots import forecast_band, learner_colours, plain, with_bounds
from tunecurve.report.tables import doublings
from tunecurve.results.decision import decision_of
from tunecurve.results.model import Results
from tunecurve.results.points import floor_of
from tunecurve.results.records.points import MetricResult, Point

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INCHES = (6.0, 3.5)
LONGEST_TITLE, TITLE_LINE = 90, 52
# Other curves beside the one that the decision speaks of.
MOST_OTHERS = 2
_IN_BRACKETS = re.compile(r" \([^()]*\)")
# Where a sentence may end early, the longest piece first.
_ENDS = re.compile(r"[.;,](?= )")


@dataclass(frozen=True)
class Look:
    """Colours of paper, text, the floor and what lies behind."""

    paper: str
    text: str
    quiet: str
    grid: str


LIGHT = Look("#ffffff", "#1a1a1a", "#666666", "#e2e2e2")
DARK = Look("#15181c", "#f0f0f0", "#a8a8a8", "#343a42")
# The first colour of light pictures is too dark on a dark ground.
_ON_DARK = {"#0072B2": "#56B4E9", "#56B4E9": "#8fd0f5"}


def short_title(sentence: str, longest: int = LONGEST_TITLE) -> str:
    """Return a decision in at most so many characters: without brackets, then as far as a part of the sentence goes."""
    whole = " ".join(sentence.split())
    text = whole
    for shorter in (whole, _IN_BRACKETS.sub("", whole)):
        text = shorter
        if len(text) <= longest:
            return text
    ends = [match.start() for match in _ENDS.finditer(text) if match.start() < longest]
    # A first sentence such as "Cannot tell yet" alone would keep the step to itself.
    if ends and ends[-1] >= longest // 3:
        return text[: ends[-1]] + "."
    return text[: longest - 3].rsplit(" ", 1)[0][: longest - 3] + "..."


def memo_figure(results: Results, *, dark: bool = False) -> Figure:
    """Return the panel of a study; `dark`: light lines on a dark ground."""
    from matplotlib.figure import Figure

    look = DARK if dark else LIGHT
    figure = Figure(figsize=INCHES, dpi=200, layout="constrained", facecolor=look.paper)
    axes = figure.subplots()
    decision = decision_of(results)
    title = short_title(("So far: " if decision.is_provisional else "") + decision.sentence)
    figure.suptitle(
        textwrap.fill(plain(title), TITLE_LINE), x=0.015, ha="left", fontsize=13, fontweight="bold", color=look.text
    )
    _draw(axes, results, decision.learner, look, dark=dark)
    return figure


def _draw(axes: Axes, results: Results, speaker: str | None, look: Look, *, dark: bool) -> None:
    metric = results.metric()
    tuned = _tuned(results)
    order = sorted(tuned, key=lambda name: (name != speaker, -len(tuned[name])))[: 1 + MOST_OTHERS]
    colours = learner_colours(results)
    sizes: set[float] = {point.train_size for name in order for point in tuned[name]}
    for number, name in enumerate(order):
        colour = _ON_DARK.get(colours[name], colours[name]) if dark else colours[name]
        if number == 0:
            _draw_measured(axes, tuned[name], metric.name, colour)
            sizes |= _draw_forecast(axes, results, name, colour)
        else:
            _draw_other(axes, tuned[name], metric.name, colour)
        last = tuned[name][-1]
        axes.annotate(
            plain(name[:24]), (last.train_size, last.scores[metric.name].estimate or 0.0), xytext=(0, 9),
            textcoords="offset points", ha="right", fontsize=11, color=colour, fontweight="bold" if number == 0 else None,
        )  # fmt: skip
    if not order:
        axes.text(
            0.5, 0.5, "nothing fine-tuned that may be shown", transform=axes.transAxes, ha="center", color=look.quiet
        )
    _dress(axes, sorted(sizes), look)
    _draw_floor(axes, results, look)
    _say(axes, results, metric, look, has_forecast=len(sizes) > len({p.train_size for n in order for p in tuned[n]}))


def _tuned(results: Results) -> dict[str, list[Point]]:
    """Return every learner's fine-tuned points that may be shown, by size."""
    name = results.primary_metric
    found: dict[str, list[Point]] = {}
    for point in sorted(results.points, key=lambda point: point.train_size):
        may = point.strategy == "fine-tune" and results.may_say(name, point.learner)
        if may and point.scores[name].estimate is not None:
            found.setdefault(point.learner, []).append(point)
    return found


def _draw_measured(axes: Axes, points: Sequence[Point], metric_name: str, colour: str) -> None:
    sizes = [point.train_size for point in points]
    scores = [point.scores[metric_name] for point in points]
    estimates, low, high = with_bounds(scores)
    axes.fill_between(sizes, low, high, color=colour, alpha=0.18, linewidth=0)
    axes.vlines(sizes, low, high, color=colour, linewidth=2.0, alpha=0.8)
    axes.plot(sizes, estimates, color=colour, marker="o", markersize=7, linewidth=2.6)
    for size, value in {sizes[0]: estimates[0], sizes[-1]: estimates[-1]}.items():
        axes.annotate(
            f"{value:.1f}", (size, value), xytext=(5, -14), textcoords="offset points", fontsize=11, color=colour, fontweight="bold"
        )  # fmt: skip


def _draw_other(axes: Axes, points: Sequence[Point], metric_name: str, colour: str) -> None:
    estimates = [point.scores[metric_name].estimate or 0.0 for point in points]
    axes.plot([point.train_size for point in points], estimates, color=colour, marker="o", markersize=4, linewidth=1.4)


def _draw_forecast(axes: Axes, results: Results, learner: str, colour: str) -> set[float]:
    """Draw the forecast of the sizes that were not measured, dashed; return these sizes, as many as a small axis can name."""
    forecast = results.forecast.get(learner)
    entries = doublings(forecast)[:2]
    if forecast is None or not entries:
        return set()
    sizes, medians, low, high = forecast_band(forecast, entries)
    axes.fill_between(sizes, low, high, color=colour, alpha=0.09, linewidth=0)
    axes.plot(sizes, medians, color=colour, linestyle=(0, (3, 2)), linewidth=2.4)
    axes.annotate(
        f"{medians[-1]:.1f}", (sizes[-1], medians[-1]), xytext=(5, -4), textcoords="offset points", fontsize=11, color=colour
    )  # fmt: skip
    return {entry.n for entry in entries}


def _draw_floor(axes: Axes, results: Results, look: Look) -> None:
    """Draw what doing nothing scores, with its name on the line."""
    floor = floor_of(results.points)
    value = floor.scores[results.primary_metric].estimate if floor else None
    if floor is None or value is None or not results.may_say(results.primary_metric, floor.learner):
        return
    axes.axhline(value, color=look.quiet, linewidth=1.8, linestyle=":")
    axes.annotate(
        f"{plain(floor.label)} {value:.1f}", (0.99, value), xycoords=("axes fraction", "data"), xytext=(0, 4),
        textcoords="offset points", ha="right", fontsize=10.5, color=look.quiet,
    )  # fmt: skip


def _dress(axes: Axes, sizes: Sequence[float], look: Look) -> None:
    axes.set_facecolor(look.paper)
    if sizes:
        axes.set_xscale("log")
        axes.set_xlim(sizes[0] / 1.25, sizes[-1] * 1.5)
        axes.set_xticks(_apart(sizes), [f"{size:,.0f}" for size in _apart(sizes)])
    axes.minorticks_off()
    axes.locator_params(axis="y", nbins=5)
    axes.margins(y=0.15)
    axes.tick_params(colors=look.text, labelsize=11, length=3)
    axes.grid(axis="y", color=look.grid, linewidth=0.8)
    axes.set_axisbelow(True)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(look.quiet)


def _apart(sizes: Sequence[float]) -> list[float]:
    """Return the sizes that can be written beside each other, the largest and smallest first of all."""
    kept = [sizes[-1]]
    for size in reversed(sizes[:-1]):
        if kept[-1] / size >= (sizes[-1] / sizes[0]) ** 0.13:
            kept.append(size)
    return kept[::-1]


def _say(axes: Axes, results: Results, metric: MetricResult, look: Look, *, has_forecast: bool) -> None:
    low, high = metric.range
    unit = f"{low:g} to {high:g}, " if low is not None and high is not None else ""
    better = better_in_words(metric.direction)
    axes.set_ylabel(f"{plain(metric.title)}\n({unit}{better})", fontsize=11, color=look.text)
    level = round(100 * results.bootstrap.level)
    band = f"band: {level} % interval, {results.data.n_test:,} test rows"
    dashed = "; dashed: forecast, 80 %" if has_forecast else ""
    axes.set_xlabel(f"training rows (log scale)\n{band}{dashed}", fontsize=11, color=look.text)
