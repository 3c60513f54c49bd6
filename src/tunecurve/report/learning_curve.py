"""A study's learning curve as an object for Python and notebooks: a tidy table, a plot, a representation."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tunecurve.errors import StudyStateError
from tunecurve.report.plots import draw_curve
from tunecurve.report.tables import default_columns, point_table, text_table, tidy_rows
from tunecurve.results.collect import RESULTS
from tunecurve.storage.files import read_sealed_json

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes


class LearningCurve:
    """What a study measured.

    Parameters
    ----------
    results : mapping
        Content of results.json.

    Attributes
    ----------
    results : mapping
        As given.
    """

    def __init__(self, results: Mapping[str, Any]) -> None:
        self.results = results

    @property
    def headline(self) -> str:
        """What was found, in words."""
        return self.results["headline"]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Raw scores: one dict for every finished trial and metric."""
        return tidy_rows(self.results)

    def to_frame(self) -> pandas.DataFrame:
        """Return `rows` as a data frame (needs pandas)."""
        import pandas

        return pandas.DataFrame(self.rows)

    def plot(self, ax: Axes | None = None, *, metric: str | None = None) -> Axes:
        """Draw the curve of one metric (default: the headline's) and return the axes."""
        if ax is None:
            from matplotlib import pyplot

            _, ax = pyplot.subplots(figsize=(8, 4.5), layout="constrained")
        draw_curve(ax, self.results, metric or self.results["primary_metric"])
        ax.set_xlabel("training rows (log scale)")
        return ax

    def __repr__(self) -> str:
        return text_table(*point_table(self.results, default_columns(self.results)))

    def _repr_html_(self) -> str:
        from markupsafe import escape

        header, rows = point_table(self.results, default_columns(self.results))
        head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
        body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
        return f"<p>{escape(self.headline)}</p><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def load_study(folder: str | Path) -> LearningCurve:
    """Return the learning curve of a run folder.

    Raises
    ------
    StudyStateError
        When there are no results in the folder.
    """
    path = Path(folder) / RESULTS
    if not path.is_file():
        raise StudyStateError(f"no {RESULTS} in '{folder}'; expected the folder of a study, e.g. runs/pii-quick")
    return LearningCurve(read_sealed_json(path))
