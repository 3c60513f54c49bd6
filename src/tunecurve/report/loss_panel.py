"""The third panel of the picture: the loss of the right answers on test and training rows, against training rows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from tunecurve.privacy.redact import shown
from tunecurve.results.model import Results
from tunecurve.results.records.points import Point
from tunecurve.results.records.trials import PointLoss

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_RIVALS = {"zero-shot": (0, (5, 2)), "few-shot": (0, (2, 1.5))}
_GAP = 0.11
# Losses whose names would be written over each other are no further apart than this factor.
_ALIKE = 1.3


def has_losses(results: Results) -> bool:
    """Return whether any fine-tuned point has a loss that can be drawn."""
    return any(point.strategy == "fine-tune" for point, _ in _drawn(results))


def _drawn(results: Results) -> list[tuple[Point, PointLoss]]:
    """Return the points with losses that a logarithmic axis can show."""
    return [(point, loss) for point, loss in _known(results) if loss.test.mean > 0]


def _known(results: Results) -> list[tuple[Point, PointLoss]]:
    return [(point, point.loss) for point in results.points if point.loss]


def loss_sentences(results: Results) -> list[str]:
    """Return what a reader must know of the losses: what they are, in which units, and which rows are left out."""
    units: dict[str, dict[str, None]] = {}
    left_out = []
    for point, loss in _known(results):
        if point.strategy != "fine-tune":
            continue
        units.setdefault(loss.unit, {})[point.learner + (f" ({loss.note})" if loss.note else "")] = None
        if loss.test.left_out:
            why = "; ".join(f"{n} rows: {reason}" for reason, n in loss.test.left_out.items())
            left_out.append(f"Left out of the losses of {point.learner}: {why}.")
    failures = [
        f"The loss of {trial.learner}, {trial.label}, could not be measured: {trial.loss.failure}."
        for trial in results.finished
        if trial.loss and trial.loss.failure
    ]
    if not has_losses(results):
        return failures
    said = "; ".join(f"{', '.join(names)} per {unit}" for unit, names in units.items())
    first = (
        "Loss: how improbable the right answers are to the model, in nats, less is better: solid on the test rows, dotted on rows "
        f"it was tuned on ({said}). It falls before answers change; a test loss that rises while the other falls means that rows are "
        "learnt by heart."
    )
    return [first, *dict.fromkeys(left_out), *failures]


def loss_lines(results: Results) -> list[str]:
    """Return a line for every learner with losses: what they are on test and training rows, size by size."""
    lines = []
    known = _known(results)
    for learner in dict.fromkeys(point.learner for point, _ in known):
        own = [(point, loss) for point, loss in known if point.learner == learner]
        first = own[0][1]
        parts = [
            f"{point.label.removeprefix('tuned on ')} {loss.test.mean:.3g}"
            + (f" / {loss.train.mean:.3g}" if loss.train else "")
            for point, loss in own
        ]
        sides = " / training" if any(loss.train for _, loss in own) else ""
        note = f", {first.note}" if first.note else ""
        lines.append(
            f"Loss of the right answers, test{sides} rows, nats per {first.unit}: {learner}{note}: {', '.join(parts)}"
        )
    return lines


def draw_losses(axes: Axes, results: Results, colours: Mapping[str, str]) -> None:
    """Draw the losses of all points into axes that share their sizes with the panels above; `colours` by learner."""
    drawn = _drawn(results)
    end_labels = []
    for learner in dict.fromkeys(point.learner for point, _ in drawn):
        own = [(point, loss) for point, loss in drawn if point.learner == learner]
        tuned = sorted(
            ((point.train_size, loss) for point, loss in own if point.strategy == "fine-tune"), key=lambda pair: pair[0]
        )
        if not tuned:
            continue
        _draw_tuned(axes, tuned, colours[learner])
        for point, loss in own:
            if point.strategy in _RIVALS:
                value, style = loss.test.mean, _RIVALS[point.strategy]
                axes.axhline(value, color=colours[learner], linewidth=1.1, linestyle=style, zorder=2)
                end_labels.append((value, f"{point.label} {value:.2g}", colours[learner]))
    _dress(axes, {loss.unit for point, loss in drawn if point.strategy == "fine-tune"})
    _write_end_labels(axes, end_labels)


def _draw_tuned(axes: Axes, tuned: Sequence[tuple[int, PointLoss]], colour: str) -> None:
    sizes = [size for size, _ in tuned]
    test = [loss.test for _, loss in tuned]
    bounds = [(side.low or side.mean, side.high or side.mean) for side in test]
    axes.vlines(sizes, *zip(*bounds, strict=True), color=colour, linewidth=1.2, alpha=0.6, zorder=3)
    axes.plot(sizes, [side.mean for side in test], color=colour, marker="o", markersize=4, linewidth=1.6, zorder=4)
    trained = [(size, loss.train.mean) for size, loss in tuned if loss.train and loss.train.mean > 0]
    if trained:
        axes.plot(*zip(*trained, strict=True), color=colour, marker="o", markersize=3, markerfacecolor="white",
                  linestyle=(0, (1, 1.5)), linewidth=1.4, zorder=3)  # fmt: skip
    ends = [("test", (sizes[-1], test[-1].mean)), *(("training", last) for last in trained[-1:])]
    lowest, highest = min(mean for _, (_, mean) in ends), max(mean for _, (_, mean) in ends)
    for side, (size, mean) in ends:
        apart = "center" if highest > _ALIKE * lowest or len(ends) == 1 else "bottom" if mean == highest else "top"
        axes.annotate(
            f"{side} {mean:.2g}",
            (size, mean),
            textcoords="offset points",
            xytext=(7, 0),
            va=apart,
            fontsize=8,
            color=colour,
        )


def _dress(axes: Axes, units: set[str]) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator

    axes.set_yscale("log")
    low, high = axes.get_ylim()
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0,) if high / low > 100 else (1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_ylabel(f"loss, nats per {units.pop()}" if len(units) == 1 else "loss, nats")
    axes.grid(axis="y", color="#dddddd", linewidth=0.8, zorder=0)
    axes.minorticks_off()
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _write_end_labels(axes: Axes, labels: Sequence[tuple[float, str, str]]) -> None:
    """Write the names of the horizontal lines at the right edge, pushed apart where they would overlap."""
    low, high = map(math.log, axes.get_ylim())
    last = -math.inf
    for value, text, colour in sorted(labels):
        last = max((math.log(value) - low) / (high - low), last + _GAP)
        axes.annotate(
            shown(text),
            (1.015, last),
            xycoords="axes fraction",
            va="center",
            fontsize=8,
            color=colour,
            annotation_clip=False,
        )
