"""The third panel of the picture: the loss of the right answers on test and training rows, against training rows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tunecurve.privacy.redact import shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_RIVALS = {"zero-shot": (0, (5, 2)), "few-shot": (0, (2, 1.5))}
_GAP = 0.11


def has_losses(results: Mapping[str, Any]) -> bool:
    """Return whether any fine-tuned point has a loss that can be drawn."""
    return any(_is_drawn(point) for point in results["points"] if point["strategy"] == "fine-tune")


def _is_drawn(point: Mapping[str, Any]) -> bool:
    return bool(point.get("loss")) and point["loss"]["test"]["mean"] > 0


def loss_sentences(results: Mapping[str, Any]) -> list[str]:
    """Return what a reader must know of the losses: what they are, in which units, and which rows are left out."""
    units: dict[str, dict[str, None]] = {}
    left_out = []
    for point in results["points"]:
        loss = point.get("loss")
        if not loss or point["strategy"] != "fine-tune":
            continue
        name = point["learner"] + (f" ({loss['note']})" if loss["note"] else "")
        units.setdefault(loss["unit"], {})[name] = None
        if loss["test"]["left_out"]:
            why = "; ".join(f"{n} rows: {reason}" for reason, n in loss["test"]["left_out"].items())
            left_out.append(f"left out of the losses of {point['learner']}: {why}")
    failures = [
        f"The loss of {trial['learner']}, {trial['label']}, could not be measured: {trial['loss']['failure']}."
        for trial in results["trials"]
        if (trial.get("loss") or {}).get("failure")
    ]
    if not has_losses(results):
        return failures
    said = "; ".join(f"{', '.join(names)} per {unit}" for unit, names in units.items())
    first = (
        "Loss: how improbable the right answers are to the model, in nats, less is better: solid on the test rows, dotted on rows "
        f"it was tuned on ({said}). It falls before answers change; a test loss that rises while the other falls means that rows are "
        "learnt by heart."
    )
    return [first, *(f"{line[0].upper()}{line[1:]}." for line in dict.fromkeys(left_out)), *failures]


def loss_lines(results: Mapping[str, Any]) -> list[str]:
    """Return a line for every learner with losses: what they are on test and training rows, size by size."""
    lines = []
    for learner in dict.fromkeys(point["learner"] for point in results["points"] if point.get("loss")):
        own = [point for point in results["points"] if point["learner"] == learner and point.get("loss")]
        loss = own[0]["loss"]
        note = f", {loss['note']}" if loss["note"] else ""
        parts = [
            f"{point['label'].removeprefix('tuned on ')} {point['loss']['test']['mean']:.3g}"
            + (f" / {point['loss']['train']['mean']:.3g}" if point["loss"]["train"] else "")
            for point in own
        ]
        sides = " / training" if any(point["loss"]["train"] for point in own) else ""
        lines.append(
            f"Loss of the right answers, test{sides} rows, nats per {loss['unit']}: {learner}{note}: {', '.join(parts)}"
        )
    return lines


def draw_losses(axes: Axes, results: Mapping[str, Any], colours: Mapping[str, str]) -> None:
    """Draw the losses of all points into axes that share their sizes with the panels above; `colours` by learner."""
    points = [point for point in results["points"] if _is_drawn(point)]
    end_labels = []
    for learner in dict.fromkeys(point["learner"] for point in points):
        own = [point for point in points if point["learner"] == learner]
        tuned = sorted((p for p in own if p["strategy"] == "fine-tune"), key=lambda point: point["train_size"])
        if not tuned:
            continue
        _draw_tuned(axes, tuned, colours[learner])
        for point in own:
            if point["strategy"] in _RIVALS:
                value = point["loss"]["test"]["mean"]
                axes.axhline(
                    value, color=colours[learner], linewidth=1.1, linestyle=_RIVALS[point["strategy"]], zorder=2
                )
                end_labels.append((value, f"{point['label']} {value:.2g}", colours[learner]))
    _dress(axes, {point["loss"]["unit"] for point in points if point["strategy"] == "fine-tune"})
    _write_end_labels(axes, end_labels)


def _draw_tuned(axes: Axes, points: Sequence[Mapping[str, Any]], colour: str) -> None:
    sizes = [point["train_size"] for point in points]
    test = [point["loss"]["test"] for point in points]
    bounds = [(side["low"] or side["mean"], side["high"] or side["mean"]) for side in test]
    axes.vlines(sizes, *zip(*bounds, strict=True), color=colour, linewidth=1.2, alpha=0.6, zorder=3)
    axes.plot(sizes, [side["mean"] for side in test], color=colour, marker="o", markersize=4, linewidth=1.6, zorder=4)
    trained = [(point["train_size"], point["loss"]["train"]["mean"]) for point in points if point["loss"]["train"]]
    trained = [(size, mean) for size, mean in trained if mean > 0]
    if trained:
        axes.plot(*zip(*trained, strict=True), color=colour, marker="o", markersize=3, markerfacecolor="white",
                  linestyle=(0, (1, 1.5)), linewidth=1.4, zorder=3)  # fmt: skip
    for side, (size, mean) in (("test", (sizes[-1], test[-1]["mean"])), *(("training", last) for last in trained[-1:])):
        axes.annotate(
            f"{side} {mean:.2g}",
            (size, mean),
            textcoords="offset points",
            xytext=(7, 0),
            va="center",
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
