"""Writing a study's picture and report into its folder."""

from __future__ import annotations

from pathlib import Path

from tunecurve.errors import UsageError
from tunecurve.report.answer_data import answer_data
from tunecurve.report.answer_lines import read_answers
from tunecurve.report.chart_data import chart_data
from tunecurve.report.confusion import confusions
from tunecurve.report.examples import worst_examples
from tunecurve.report.html import render_report
from tunecurve.report.memo import memo_figure
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
        shows_instructions=has_texts,
    )


def check_memo(path: Path | None, *, dark: bool) -> None:
    """Refuse a file that can hold no picture.

    Raises
    ------
    UsageError
        With what is expected.
    """
    if path is None:
        if dark:
            raise UsageError("--dark is about the panel of --memo FILE; name a file, or leave it out")
        return
    if path.suffix.lower() not in (".png", ".svg"):
        raise UsageError(f"'{path}' is no picture that can be written, expected a name that ends in .png or .svg")
    if path.is_dir() or not path.parent.is_dir():
        raise UsageError(f"'{path}' is a folder, or lies in none; name a file in a folder that exists")


def write_memo(path: Path, results: Results, *, dark: bool = False) -> None:
    """Write the panel for a memo, as the file's name says: .png or .svg."""
    write_bytes(path, render(memo_figure(results, dark=dark), path.suffix.lower().removeprefix(".")))
