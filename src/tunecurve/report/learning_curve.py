"""A study's results for Python and notebooks: a plot and a table."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tunecurve.report.plots import draw_curve
from tunecurve.report.tables import default_columns, point_table, text_table
from tunecurve.results.model import Results
from tunecurve.results.stored import load

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot(results: Results, ax: Axes | None = None, *, metric: str | None = None) -> Axes:
    """Draw the curve of one metric (default: the headline metric) and return the axes."""
    if ax is None:
        from matplotlib import pyplot

        _, ax = pyplot.subplots(figsize=(8, 4.5), layout="constrained")
    draw_curve(ax, results, metric or results.primary_metric)
    ax.set_xlabel("training rows (log scale)")
    return ax


def table(results: Results) -> str:
    """Return the scores as a table in plain text, and which trials have none."""
    return "\n".join([text_table(*point_table(results, default_columns(results))), *_missing(results)])


def _missing(results: Results) -> list[str]:
    """Return a line for every trial that failed, and one for those that were not run."""
    failed = [trial for trial in results.trials if trial.state == "failed"]
    left = [trial for trial in results.trials if trial.state in ("started", "waiting")]
    lines = [f"failed: {trial.learner}, {trial.label}: {trial.failure}" for trial in failed]
    return lines + ([f"not finished: {len(left)} of {len(results.trials)} trials"] if left else [])


def html_table(results: Results) -> str:
    """Return headline and scores as HTML, for notebooks."""
    from markupsafe import escape

    header, rows = point_table(results, default_columns(results))
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    missing = "".join(f"<p>{escape(line)}</p>" for line in _missing(results))
    return (
        f"<p>{escape(results.headline)}</p>{missing}<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )


class LearningCurve:
    """What `learning_curve` and `load_study` return: `Results` under the name of earlier versions.

    Examples
    --------
    >>> import tempfile, tunecurve
    >>> rows = [(f"{word} {number}", word) for word in ("rain", "wind") for number in range(20)]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     results = tunecurve.run(rows, out=folder, task="classification", models=["tfidf"], train_sizes=[10],
    ...                             split={"method": "random", "test_size": 20})
    >>> curve = LearningCurve(results)
    >>> curve.headline == results.headline, curve.results["primary_metric"]
    (True, 'accuracy')
    """

    def __init__(self, results: Results | Mapping[str, Any]) -> None:
        self._found = results if isinstance(results, Results) else Results.from_json(results)

    @property
    def results(self) -> dict[str, object]:
        """The content of results.json, as earlier versions gave it."""
        return self._found.to_json()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._found, name)

    def __repr__(self) -> str:
        return table(self._found)

    def _repr_html_(self) -> str:
        return html_table(self._found)


def load_study(folder: str | Path) -> LearningCurve:
    """Return the learning curve of a run folder; see `tunecurve.load`."""
    return LearningCurve(load(folder))
