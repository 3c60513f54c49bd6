"""Writing a study's picture and report into its folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tunecurve.report.examples import worst_examples
from tunecurve.report.html import render_report
from tunecurve.report.plots import render, study_figure
from tunecurve.storage.files import write_bytes, write_text


def write_report(folder: Path, results: Mapping[str, Any]) -> None:
    """Write curve.png, curve.svg and report.html for the results of a study."""
    figure = study_figure(results)
    write_bytes(folder / "curve.png", render(figure, "png"))
    svg = render(figure, "svg")
    write_bytes(folder / "curve.svg", svg)
    examples = worst_examples(folder, results) if results["spec"]["show_texts"] else []
    write_text(folder / "report.html", render_report(results, svg, examples))
