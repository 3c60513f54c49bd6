"""What a study had forecast, beside what came: for the terminal and for the report. Computes nothing new."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tunecurve.report.tables import may_be_said, metric_titles


def _sayable(results: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return what was judged, without metrics that may not be shown; results of earlier versions have none."""
    judged = results.get("forecast_history", [])
    return [item for item in judged if may_be_said(results, item["metric"], item["learner"])]


def history_table(results: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Return header and rows: what had been forecast for the sizes that were measured later."""
    titles = metric_titles(results)
    header = ["learner", "training rows", "score", "forecast", "80 % interval", "from sizes", "measured", "held"]
    rows = []
    for item in _sayable(results):
        low, high = item["interval_80"]
        marks = "".join(f" ({word})" for word in ("borrowed", "speculative") if item[word])
        rows.append(
            [
                item["learner"],
                f"{item['n']:,}",
                titles[item["metric"]],
                f"{item['median']:.1f}{marks}",
                f"{low:.1f} to {high:.1f}",
                ", ".join(f"{size:,}" for size in item["sizes"]) or "none",
                f"{item['measured']:.1f}",
                "yes" if item["inside_80"] else "within 90 %" if item["inside_90"] else "no",
            ]
        )
    return header, rows


def history_lines(results: Mapping[str, Any]) -> list[str]:
    """Return for every learner what had been forecast for its largest size in the headline metric, and how often intervals held."""
    own = [item for item in _sayable(results) if item["metric"] == results["primary_metric"]]
    lines = []
    for learner in dict.fromkeys(item["learner"] for item in own):
        judged = sorted((item for item in own if item["learner"] == learner), key=lambda item: item["n"])
        last = judged[-1]
        held = sum(item["inside_80"] for item in judged)
        so_far = f"; 80 % intervals held at {held} of {len(judged)} sizes" if len(judged) > 1 else ""
        lines.append(f"{learner}, {last['n']:,} rows: {last['sentence']}{so_far}")
    return lines
