"""Writing a study's picture and report into its folder."""

from __future__ import annotations

from pathlib import Path

from tunecurve.report.examples import worst_examples
from tunecurve.report.html import render_report
from tunecurve.report.plots import render, study_figure
from tunecurve.results.model import Results
from tunecurve.storage.files import write_bytes, write_text


def write_report(folder: Path, results: Results, *, with_texts: bool = True) -> None:
    """Write curve.png, curve.svg and report.html for the results of a study."""
    figure = study_figure(results)
    write_bytes(folder / "curve.png", render(figure, "png"))
    svg = render(figure, "svg")
    write_bytes(folder / "curve.svg", svg)
    examples = worst_examples(folder, results) if with_texts and results.shows_texts else []
    write_text(folder / "report.html", render_report(results, svg, examples))
