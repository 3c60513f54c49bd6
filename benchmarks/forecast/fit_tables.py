"""Learn prior and calibration of classical learners from tuning curves, and write them into the shipped table.

    python benchmarks/forecast/fit_tables.py CURVES.csv [MORE.csv ...] --out src/tunecurve/curve/priors.json

Groups of the hold-out (`curves.is_holdout` on the first file) are left out of every file given. For bounded metrics the
prior comes first (`tuning.py`), then the calibration: the factors on the spread that minimise the pinball loss of the
outer quantiles of the log error, shrunk to "no change". What is set by hand, the whole entry for losses included, stands
in `regimes.py` with its reason.
"""

from __future__ import annotations

import argparse
import json
from itertools import product
from pathlib import Path

import numpy as np
from curves import Curve, Task, is_holdout, read_curves
from regimes import LATE, LATE_SHARE, few_losses_entry, loss_entry
from table_file import write_table
from tuning import FLAT_LOG_NOISE, FLAT_TROUBLE, Penalty, Weights, draw_tasks, drift_mixture, learn, random_tasks

from tunecurve.curve import priors
from tunecurve.curve.points import CurvePoints, prepare
from tunecurve.curve.posterior import draw_curves, explain, fit
from tunecurve.curve.predictive import Predictive

# Drift off the shapes, log error per doubling.
DISCREPANCY = 0.012
# Chosen by two-fold cross-validation over LCDB groups.
PENALTY = Penalty(10.0, 3.0, 8.0)
OUTER_LEVELS = np.array([0.05, 0.1, 0.15, 0.25])
# Pull of the calibration coefficients (constant, per doubling, per size) towards no change.
CALIBRATION_RIDGE = np.array([0.02, 0.3, 0.3])


def tuning_curves(paths: list[Path]) -> list[Curve]:
    """All curves of bounded metrics whose group is not held out in the first file."""
    held = {curve.group for curve in read_curves(paths[0]) if is_holdout(curve)}
    curves = [curve for path in paths for curve in read_curves(path)]
    return [curve for curve in curves if curve.group not in held and curve.direction == "max"]


def table_entry(weights: Weights) -> dict:
    """The table's entry for bounded metrics, rounded: three digits are more than the curves can tell."""
    trouble = np.log(np.array([1 - sum(FLAT_TROUBLE), *FLAT_TROUBLE])) + weights.trouble
    trouble = np.exp(priors.normalised(trouble))
    return {
        "shape_weights": np.round(weights.shape, 2).tolist(),
        "regimes": LATE,
        "regimes_share": LATE_SHARE,
        "contexts": ["error"],
        "noise_weights": [np.round(FLAT_LOG_NOISE + weights.noise, 2).tolist()] * len(priors.LEVELS),
        "trouble": np.round(trouble[1:], 3).tolist(),
        "departures": drift_mixture(DISCREPANCY),
        "calibration": {"better": [0.0, 0.0, 0.0], "worse": [0.0, 0.0, 0.0]},
        "coverage": {"single": 1.0, "replicated": 1.0},  # set by fit_coverage.py, from the finished table's forecasts
    }


def deviations(tasks: list[Task], entry: dict) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each task: outer quantiles and truth around the median log error, and the form (doublings, sizes)."""
    spreads, truths, forms = [], [], []
    for task in tasks:
        curve = prepare(CurvePoints(task.train_size, task.score), task.curve.score_range, task.curve.direction)
        prior = priors.prior_from(priors.CLASSICAL, entry, float(curve.log_error[-1]), float(curve.size[-1]))
        likelihood = explain(curve)
        draws = draw_curves(likelihood, [fit(likelihood, prior)], [1.0], 1000)
        predictive = Predictive(curve, draws, [prior], calibrated=False)
        scores = predictive.measured_scores(np.array([task.target]))[:, 0]
        log_error = np.log(curve.scale.error(scores))
        middle = np.median(log_error)
        spreads.append(np.quantile(log_error, np.concatenate([OUTER_LEVELS, 1 - OUTER_LEVELS])) - middle)
        truths.append(float(np.log(curve.scale.error(task.truth)) - middle))
        forms.append((np.log2(task.target / curve.size[-1]), len(curve.size)))
    return np.array(spreads), np.array(truths), np.array(forms)


def fit_side(spread: np.ndarray, truth: np.ndarray, forms: np.ndarray, levels: np.ndarray) -> list[float]:
    """Coefficients (constant, per doubling, per size) of one side by coordinate search on the pinball loss."""
    beyond = np.clip(forms[:, 0], 0.0, 6.0)
    design = np.stack([np.ones(len(beyond)), beyond - 3.0, np.minimum(forms[:, 1], 8) - 4.0], axis=1)
    scale = np.maximum(np.abs(spread).mean(axis=1), 1e-6)

    def objective(coefficients: np.ndarray) -> float:
        miss = truth[:, None] - spread * np.exp(design @ coefficients)[:, None]
        pinball = np.maximum(levels * miss, (levels - 1) * miss).mean(axis=1) / scale
        return float(np.minimum(pinball, 3.0).mean() + CALIBRATION_RIDGE @ coefficients**2)

    best = np.zeros(3)
    for width in (0.4, 0.1, 0.03):
        for _ in range(4):
            moves = [best + width * np.array(move) for move in product((-1, 0, 1), repeat=3)]
            best = min(moves, key=objective)
    return np.round(best, 3).tolist()


def fit_bounded(curves: list[Curve]) -> dict:
    """Learn prior and calibration of bounded metrics."""
    tasks = random_tasks(curves, 1, seed=1)
    groups = len({curve.group for curve in curves})
    print(f"bounded: {len(curves)} curves of {groups} groups, {len(tasks)} tasks")
    entry = table_entry(learn(draw_tasks(tasks, DISCREPANCY), PENALTY, LATE_SHARE))
    spread, truth, forms = deviations(tasks, entry)
    count = len(OUTER_LEVELS)
    entry["calibration"] = {
        "better": fit_side(spread[:, :count], truth, forms, OUTER_LEVELS),
        "worse": fit_side(spread[:, count:], truth, forms, 1 - OUTER_LEVELS),
    }
    entry["learned_from"] = {"curves": len(curves), "groups": groups, "tasks": len(tasks)}
    print(f"bounded: calibration {entry['calibration']}, trouble {entry['trouble']}, noise {entry['noise_weights']}")
    return entry


def main() -> None:
    """Fit and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("curves", type=Path, nargs="+", help="curves files; the first decides the hold-out")
    parser.add_argument(
        "--out", type=Path, required=True, help="the table whose entries for classical learners and losses are replaced"
    )
    options = parser.parse_args()
    table = json.loads(options.out.read_text(encoding="utf-8"))
    table[priors.CLASSICAL] = fit_bounded(tuning_curves(options.curves))
    table |= {priors.LOSS: dict(loss_entry()), priors.LOSS_FEW: dict(few_losses_entry())}
    write_table(table, options.out)


if __name__ == "__main__":
    main()
