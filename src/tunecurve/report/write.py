"""Writing a study's picture and report into its folder."""

from __future__ import annotations

from pathlib import Path

from tunecurve.report.answer_data import answer_data
from tunecurve.report.answer_lines import read_answers
from tunecurve.report.chart_data import chart_data
from tunecurve.report.confusion import confusions
from tunecurve.report.examples import worst_examples
from tunecurve.report.html import render_report
from tunecurve.report.plots import render, study_figure
from tunecurve.results.model import Results
from tunecurve.storage.files import write_bytes, write_text

REPORT = "report.html"


def write_report(folder: Path, results: Results, *, with_texts: bool = True) -> None:
    """Write curve.png, curve.svg and report.html for the results of a study."""
    figure = study_figure(results)
    write_bytes(folder / "curve.png", render(figure, "png"))
    svg = render(figure, "svg")
    write_bytes(folder / "curve.svg", svg)
    write_text(folder / REPORT, report_page(folder, results, svg, with_texts=with_texts))


def report_page(folder: Path, results: Results, curve_svg: bytes, *, with_texts: bool = True) -> str:
    """Return report.html of a run folder, from its results and the answers of its trials."""
    has_texts = with_texts and results.shows_texts
    answers = read_answers(folder, results)
    return render_report(
        results,
        curve_svg,
        worst_examples(folder, results) if has_texts else [],
        chart_data(results, confusions(results, answers)),
        answer_data(folder, results, answers) if has_texts else None,
    )
