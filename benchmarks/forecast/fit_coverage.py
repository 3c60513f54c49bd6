"""The last step of the table: levels and coverage, from the forecasts that the table makes without them.

    python benchmarks/forecast/fit_coverage.py CURVES.csv src/tunecurve/curve/priors.json

Forecasts the tuning half of every accuracy set of the exam, and both groups of its loss sets. First, how often outcomes
lie below each forecast quantile: a beta calibration of the levels, of which half is applied. Then, for bounded metrics
and with that in place, the factor on the spread with which the 80 % intervals would cover 80 % of the outcomes; a part of
it is stored (the spread of losses is set by hand: `regimes.py`). Only a part of each way is gone because other curves
differ from the tuning curves more than these do from each other.
"""

from __future__ import annotations

import argparse
import json
from itertools import product
from pathlib import Path

import numpy as np
from curves import EXAM, Curve, is_holdout, make_tasks, read_curves
from table_file import write_table

from tunecurve.curve import priors
from tunecurve.curve.forecast import CurvePoints, forecast_curve

FACTORS = np.arange(0.4, 1.6, 0.01)
LEVELS = np.arange(1, 20) / 20
LEVEL_SHARE = 0.5
COVERAGE_SHARE = 0.4
Cases = dict[bool, list[tuple[np.ndarray, float]]]


def forecast_all(curves: list[Curve], *, losses: bool = False) -> Cases:
    """Return the 19 quantiles and the outcome of every task of one kind, by whether sizes were repeated.

    The more the better: losses come with their sign changed.
    """
    found: Cases = {}
    for task_set in (one for one in EXAM if one.relative == losses):
        for task in make_tasks(curves, task_set):
            answer = forecast_curve(
                CurvePoints(task.train_size, task.score),
                task.curve.score_range,
                task.curve.direction,
                at=[task.target],
                backtest=False,
                kind=None if losses else priors.CLASSICAL,
            )
            quantiles, truth = np.array(list(answer.forecasts[0].quantiles.values())), task.truth
            if losses:
                quantiles, truth = -quantiles[::-1], -truth
            found.setdefault(len(task.score) > len(set(task.train_size)), []).append((quantiles, truth))
    return found


def fit_levels(cases: list[tuple[np.ndarray, float]]) -> list[float]:
    """Return the beta calibration (slope, other slope, constant) of levels, by least squares on a grid."""
    observed = np.mean([truth <= quantiles for quantiles, truth in cases], axis=0)

    def miss(beta: tuple[float, float, float]) -> float:
        logit = beta[0] * np.log(LEVELS) - beta[1] * np.log1p(-LEVELS) + beta[2]
        return float(np.square(1.0 / (1.0 + np.exp(-logit)) - observed).sum())

    slopes = np.arange(0.5, 2.05, 0.1)
    best = min(product(slopes, slopes, np.arange(-1.5, 1.55, 0.1)), key=miss)
    return [round(float(value), 2) for value in best]


def coverage_factor(cases: list[tuple[np.ndarray, float]]) -> float:
    """Return the factor on the spread around the median with which 80 % intervals cover 80 %."""
    quantiles = np.array([case[0] for case in cases])
    truths = np.array([case[1] for case in cases])[:, None]
    middle = quantiles[:, 9, None]
    low = middle + FACTORS * (quantiles[:, 1, None] - middle)
    high = middle + FACTORS * (quantiles[:, 17, None] - middle)
    return float(FACTORS[np.argmax(((low <= truths) & (truths <= high)).mean(axis=0) >= 0.8)])


def main() -> None:
    """Measure levels and factors, and write them into the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("curves", type=Path)
    parser.add_argument("table", type=Path)
    options = parser.parse_args()
    every_curve = read_curves(options.curves)
    curves = [curve for curve in every_curve if not is_holdout(curve)]
    table = json.loads(options.table.read_text(encoding="utf-8"))
    entry = table[priors.CLASSICAL]
    entry["coverage"] = {"single": 1.0, "replicated": 1.0}
    for kind, chosen in ((priors.CLASSICAL, curves), (priors.LOSS, every_curve)):
        table[kind].pop("levels", None)
        write_table(table, options.table)
        every = [case for cases in forecast_all(chosen, losses=kind == priors.LOSS).values() for case in cases]
        table[kind]["levels"] = {"beta": fit_levels(every), "share": LEVEL_SHARE}
        print(f"{kind}: {len(every)} tasks, levels {table[kind]['levels']}")
        write_table(table, options.table)
    for replicated, cases in forecast_all(curves).items():
        exact = coverage_factor(cases)
        stored = round(exact**COVERAGE_SHARE, 2)
        name = "replicated" if replicated else "single"
        print(f"bounded, {name}: {len(cases)} tasks, 80 % at factor {exact:.2f}, stored {stored}")
        entry["coverage"][name] = stored
    write_table(table, options.table)


if __name__ == "__main__":
    main()
