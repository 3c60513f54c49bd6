"""Draw one forecast: measured points, median, 50/80/90 % bands, and the sizes where it turns speculative.

Drawn without a display, on a log axis, from the numbers of the `Forecast` alone. It knows nothing of studies or
reports.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tunecurve.errors import DataError, EnvironmentProblem

if TYPE_CHECKING:
    from tunecurve.curve.forecast import Forecast

BANDS = ((0.9, 0.15), (0.8, 0.2), (0.5, 0.3))


def plot_forecast(forecast: Forecast, path: str) -> None:
    """Write a PNG (or any type matplotlib knows) of one forecast.

    Raises
    ------
    DataError
        When there is no forecast: there is nothing to draw.
    EnvironmentProblem
        When the file cannot be written.
    """
    if forecast.predictive is None:
        raise DataError(f"nothing to draw: {forecast.refusal}")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    predictive = forecast.predictive
    last = predictive.last_size
    far = max([8.0 * last, *(entry.n for entry in forecast.forecasts)])
    size = np.geomspace(predictive.curve.size[0], far, 60)
    draws = predictive.measured_scores(size)
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for level, alpha in BANDS:
        low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2], axis=0)
        axes.fill_between(size, low, high, color="tab:blue", alpha=alpha, lw=0, label=f"{100 * level:.0f} % of runs")
    borrowed = ", borrowed from other curves" if forecast.refusal else ""
    axes.plot(size, np.median(draws, axis=0), color="tab:blue", label=f"median{borrowed}")
    if forecast.points:  # else the curve starts where others do: nothing was measured there
        axes.plot([p.n for p in forecast.points], [p.mean_score for p in forecast.points], "ko", label="measured")
        axes.axvline(last, color="grey", lw=0.8, ls=":")
        if far > 8.01 * last:
            axes.axvspan(8.0 * last, far, color="grey", alpha=0.12, lw=0, label="speculative")
    axes.set_xscale("log")
    axes.set_xlabel("training examples")
    axes.set_ylabel("score")
    axes.legend(frameon=False, fontsize=8)
    try:
        figure.savefig(path, dpi=150)
    except (OSError, ValueError) as problem:
        raise EnvironmentProblem(f"{path}: the plot cannot be written ({problem}); give a .png in a folder.") from None
