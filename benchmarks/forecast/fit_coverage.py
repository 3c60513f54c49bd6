"""The last step of the table: one factor on the spread, so that 80 % intervals cover nearer to 80 %.

    python benchmarks/forecast/fit_coverage.py CURVES.csv src/tunecurve/curve/priors.json

Forecasts the tuning half of every exam set with the table as it is, finds the factor with which the 80 % intervals
would cover 80 % of the truths, and stores its square root: other curves differ from the tuning curves more than these
do from each other, so only half of the way is gone. Bounded metrics with and without replicates have their own
factor; losses, with one tuning group, a common one.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from curves import EXAM, is_holdout, make_tasks, read_curves

from tunecurve.curve import priors
from tunecurve.curve.forecast import CurvePoints, forecast_curve

FACTORS = np.arange(0.4, 1.6, 0.01)


def scaled_coverage(quantiles: np.ndarray, truths: np.ndarray) -> np.ndarray:
    """Return the coverage of the 80 % interval for every factor; quantiles (n_tasks, 19), truths (n_tasks,)."""
    middle = quantiles[:, 9]
    low = middle[:, None] + FACTORS * (quantiles[:, 1] - middle)[:, None]
    high = middle[:, None] + FACTORS * (quantiles[:, 17] - middle)[:, None]
    return ((low <= truths[:, None]) & (truths[:, None] <= high)).mean(axis=0)


def main() -> None:
    """Measure the factors and write them into the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("curves", type=Path)
    parser.add_argument("table", type=Path)
    options = parser.parse_args()
    table = json.loads(options.table.read_text(encoding="utf-8"))
    for kind in ("bounded", "loss"):
        table[kind]["coverage"] = {"single": 1.0, "replicated": 1.0}
    priors.prior_table.cache_clear()
    options.table.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")

    found: dict[tuple[str, bool], list[tuple[np.ndarray, float]]] = {}
    curves = [curve for curve in read_curves(options.curves) if not is_holdout(curve)]
    for task_set in EXAM:
        for task in make_tasks(curves, task_set):
            curve = task.curve
            answer = forecast_curve(
                CurvePoints(task.train_size, task.score), curve.score_range, curve.direction, at=[task.target]
            )
            kind = "loss" if task_set.relative else "bounded"
            quantiles = np.array(list(answer.forecasts[0]["quantiles"].values()))
            key = (kind, kind == "bounded" and len(task.score) > len(set(task.train_size)))
            found.setdefault(key, []).append((quantiles, task.truth))
    for (kind, replicated), cases in found.items():
        coverage = scaled_coverage(np.array([case[0] for case in cases]), np.array([case[1] for case in cases]))
        exact = FACTORS[np.argmax(coverage >= 0.8)]
        half_way = round(float(np.sqrt(exact)), 2)
        name = "replicated" if replicated else "single"
        print(f"{kind}, {name}: {len(cases)} tasks, 80 % at factor {exact:.2f}, stored {half_way}")
        names = ["single", "replicated"] if kind == "loss" else [name]
        table[kind]["coverage"].update(dict.fromkeys(names, half_way))
    options.table.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
