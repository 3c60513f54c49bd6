"""Which way of choosing rows learnt fastest, in lines, as a table and as a page. Computes nothing new."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from tunecurve.report.html import render_page
from tunecurve.report.plots import LEARNER_COLOURS, render
from tunecurve.report.tables import Table, number, text_table
from tunecurve.selection.records import SelectionTest, WayResult
from tunecurve.selection.sentences import LEARNERS, in_points

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def mean_table(found: SelectionTest) -> Table:
    """Return header and rows: every way's mean score, and what it is beside random rows."""
    header = ["learner", "rows", f"mean {found.metric_title}", "beside random rows", "for certain"]
    rows = [
        [result.learner, result.way, number(result.mean_score), in_points(result.change), result.outcome or "–"]
        for result in found.results
    ]
    return header, rows


def step_table(found: SelectionTest) -> Table:
    """Return header and rows: every way's score at every size, and what it is beside random rows."""
    header = ["learner", "rows", *(f"{size:,}" for size in found.sizes)]
    return header, [[result.learner, result.way, *_steps(result)] for result in found.results]


def _steps(result: WayResult) -> list[str]:
    return [number(step.score) + (f" ({in_points(step.change)})" if step.change else "") for step in result.steps]


def heading(found: SelectionTest) -> str:
    """Return what was measured, in a line."""
    groups = f" in {found.groups_in_test:,} groups" if found.groups_in_test < found.n_test else ""
    return (
        f"{found.name}: {found.metric_title} on {found.n_test:,} test rows{groups}; {found.seeds} seed sets of {found.sizes[0]:,} "
        f"rows, then {', '.join(f'{size:,}' for size in found.sizes[1:])}; floor ({found.floor_title}): {found.floor:.1f}"
    )


def selection_text(found: SelectionTest) -> str:
    """Return the result for a terminal."""
    parts = [
        heading(found),
        found.sentence,
        text_table(*mean_table(found)),
        text_table(*step_table(found)),
        "\n".join(found.notes),
    ]
    return "\n\n".join(parts)


def selection_page(found: SelectionTest) -> str:
    """Return the result as one HTML file, without row texts."""
    return render_page(
        "select-test.html.jinja",
        found=found,
        heading=heading(found),
        picture=base64.b64encode(render(_figure(found), "svg")).decode(),
        means=mean_table(found),
        steps=step_table(found),
    )


def _figure(found: SelectionTest) -> Figure:
    """Return the curves of all ways, a panel a learner."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.6, 3.8 * len(found.learners)), dpi=150, layout="constrained")
    panels = figure.subplots(len(found.learners), 1, squeeze=False)[:, 0]
    for axes, learner in zip(panels, found.learners, strict=True):
        for colour, result in zip(LEARNER_COLOURS, found.of_learner(learner), strict=False):
            scores = [step.score for step in result.steps]
            axes.plot(found.sizes, scores, color=colour, marker="o", markersize=4, linewidth=1.8, label=result.way)
        axes.set_xscale("log")
        axes.set_xticks(found.sizes, [f"{size:,}" for size in found.sizes])
        axes.minorticks_off()
        axes.set_ylabel(found.metric_title.replace("$", r"\$"))
        axes.set_title(f"logistic regression on {LEARNERS[learner]}", fontsize=10)
        axes.grid(axis="y", color="#dddddd", linewidth=0.8, zorder=0)
        axes.legend(loc="best", framealpha=0.9, edgecolor="none", fontsize=9)
    panels[-1].set_xlabel("labelled rows (log scale)")
    return figure
