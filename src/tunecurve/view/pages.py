"""The pages of the live page, made with the report's style, script and templates."""

from __future__ import annotations

from pathlib import Path

from tunecurve.errors import StudyStateError
from tunecurve.report.compare import comparison_page
from tunecurve.report.html import render_page
from tunecurve.report.plots import render, study_figure
from tunecurve.report.write import REPORT, report_page
from tunecurve.results.compare import compare_runs
from tunecurve.results.stored import read_results
from tunecurve.view.runs import RunNow, is_report_behind

STYLES = ("report.css", "live/live.css")
_FIRST = ("dom.js", "live/asking.js")
# What listens to a run comes before what tells of it.
SCRIPTS = {
    "runs": (*_FIRST, "live/starting.js", "live/runs.js"),
    "run": (*_FIRST, "live/trying.js", "live/running.js", "live/run.js"),
    "problem": (),
}
ALLOWED = "; connect-src 'self'; frame-src 'self'"


def list_page(folder: Path, *, may_run: bool) -> str:
    """Return the page of all runs."""
    return _page("runs", folder=str(folder), may_run=may_run)


def run_page(run: RunNow, *, may_run: bool) -> str:
    """Return the page of one run; the report is a page of its own inside it."""
    return _page("run", run=run, may_run=may_run)


def problem_page(problem: str) -> str:
    """Return the page that says why another one cannot be shown."""
    return _page("problem", problem=problem)


def _page(name: str, **values: object) -> str:
    return render_page(f"live/{name}.html.jinja", styles=STYLES, scripts=SCRIPTS[name], allowed=ALLOWED, **values)


def report_of(folder: Path, *, is_at_work: bool) -> str:
    """Return the report that the run keeps up to date; where it is gone, or left behind the results, made anew from them."""
    if (folder / REPORT).exists() and (is_at_work or not is_report_behind(folder)):
        return (folder / REPORT).read_text(encoding="utf-8", errors="replace")
    results = read_results(folder)
    return report_page(folder, results, render(study_figure(results), "svg"))


def comparison_of(folders: list[Path], metric: str | None) -> str:
    """Return the page of `tunecurve compare`."""
    return comparison_page(compare_runs(folders, metric), [read_results(folder) for folder in folders])


def needs_results(run: RunNow) -> None:
    """Refuse what needs results where there are none yet.

    Raises
    ------
    StudyStateError
        With what is the matter.
    """
    if not run.has_report:
        raise StudyStateError(run.problem or f"'{run.folder}' has no results yet: no trial has ended")
