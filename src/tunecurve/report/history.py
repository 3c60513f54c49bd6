"""What a study had forecast, beside what came: for the terminal and for the report. Computes nothing new."""

from __future__ import annotations

from tunecurve.report.tables import Table, metric_titles
from tunecurve.results.model import Results


def history_table(results: Results) -> Table:
    """Return header and rows: what had been forecast for the sizes that were measured later."""
    titles = metric_titles(results)
    header = ["learner", "training rows", "score", "forecast", "80 % interval", "from sizes", "measured", "held"]
    rows = []
    for item in results.history_shown:
        low, high = item.interval_80
        rows.append(
            [
                item.learner,
                f"{item.n:,}",
                titles[item.metric],
                f"{item.median:.1f}" + "".join(f" ({mark})" for mark in item.marks),
                f"{low:.1f} to {high:.1f}",
                ", ".join(f"{size:,}" for size in item.sizes) or "none",
                f"{item.measured:.1f}",
                "yes" if item.inside_80 else "within 90 %" if item.inside_90 else "no",
            ]
        )
    return header, rows


def history_lines(results: Results) -> list[str]:
    """Return for every learner what had been forecast for its largest size in the headline metric, and how often intervals held."""
    own = [item for item in results.history_shown if item.metric == results.primary_metric]
    lines = []
    for learner in dict.fromkeys(item.learner for item in own):
        judged = sorted((item for item in own if item.learner == learner), key=lambda item: item.n)
        held = sum(item.inside_80 for item in judged)
        so_far = f"; 80 % intervals held at {held} of {len(judged)} sizes" if len(judged) > 1 else ""
        lines.append(f"{learner}, {judged[-1].n:,} rows: {judged[-1].sentence}{so_far}")
    return lines
