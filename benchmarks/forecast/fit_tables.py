"""Learn the prior and the calibration from tuning curves, and write them as one small table.

    python benchmarks/forecast/fit_tables.py CURVES.csv [MORE.csv ...] --out src/tunecurve/curve/priors.json

Groups of the hold-out (`curves.is_holdout` on the first file) are left out of every file given; `--reverse-loss`
swaps the two loss groups for cross-fitting. The prior comes first (`tuning.py`), then the calibration: the factors on
the spread that minimise the pinball loss of the outer quantiles of the log error, shrunk to "no change". What is set
by hand, and not learned, stands as a constant here with its reason.
"""

from __future__ import annotations

import argparse
import json
from itertools import product
from pathlib import Path

import numpy as np
from curves import Curve, Task, is_holdout, read_curves
from tuning import FLAT_LOG_NOISE, FLAT_TROUBLE, Penalty, Weights, draw_tasks, learn, random_tasks

from tunecurve.curve import priors
from tunecurve.curve.points import CurvePoints, prepare
from tunecurve.curve.posterior import configurations, draw_curves, fit
from tunecurve.curve.predictive import Predictive

# Share of the regime "language model that adapts late". LCDB alone would choose less: it has no language models.
# Losses of language models show it in both groups of the rectified-scaling-law study.
LANGUAGE_MODEL_SHARE = {"bounded": 0.2, "loss": 0.7}
# Drift off the shapes, log error per doubling.
DISCREPANCY = {"bounded": 0.012, "loss": 0.02}
# Chosen by two-fold cross-validation over LCDB groups. Losses have one tuning group: the penalty is an order stronger.
PENALTY = {"bounded": Penalty(10.0, 3.0, 8.0), "loss": Penalty(30.0, 10.0, 0.0)}
TASKS_PER_CURVE = {"bounded": 1, "loss": 12}
OUTER_LEVELS = np.array([0.05, 0.1, 0.15, 0.25])
# Pull of the calibration coefficients (constant, per doubling, per size) towards no change.
CALIBRATION_RIDGE = np.array([0.02, 0.3, 0.3])
# Curves of one group agree with each other more than with the next group: from fewer groups than this, intervals that
# cover too often are not narrowed.
ENOUGH_GROUPS = 10
SOURCES = [
    "LCDB 1.0 (Mohr et al. 2022, MIT)",
    "Rectified Scaling Law (Lin et al. 2024, Apache-2.0)",
]


def tuning_curves(paths: list[Path], reverse_loss: bool) -> list[Curve]:
    """All curves whose group is not held out in the first file."""
    curves = [curve for path in paths for curve in read_curves(path)]
    held = {curve.group for curve in read_curves(paths[0]) if is_holdout(curve)}
    if reverse_loss:
        losses = {curve.group for curve in curves if curve.direction == "min"}
        held = (held - losses) | (losses - held)
    return [curve for curve in curves if curve.group not in held]


def table_entry(kind: str, weights: Weights, calibration: dict[str, list[float]]) -> dict:
    """The table's entry for one kind, rounded: three digits are more than the curves can tell."""
    trouble = np.log(np.array([1 - sum(FLAT_TROUBLE), *FLAT_TROUBLE])) + weights.trouble
    trouble = np.exp(priors.normalised(trouble))
    return {
        "shape_weights": np.round(weights.shape, 2).tolist(),
        "noise_weights": np.round(FLAT_LOG_NOISE[kind] + weights.noise, 2).tolist(),
        "language_model_share": LANGUAGE_MODEL_SHARE[kind],
        "trouble": np.round(trouble[1:], 3).tolist(),
        "discrepancy_per_doubling": DISCREPANCY[kind],
        "calibration": calibration,
        "coverage": {"single": 1.0, "replicated": 1.0},  # set by fit_coverage.py, from the finished table's forecasts
    }


def deviations(tasks: list[Task], entry: dict, kind: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each task: outer quantiles and truth around the median log error, and the form (doublings, sizes)."""
    spreads, truths, forms = [], [], []
    for task in tasks:
        curve = prepare(CurvePoints(task.train_size, task.score), task.curve.score_range, task.curve.direction)
        prior = priors.prior_from(entry, kind, float(curve.log_error[-1]))
        posterior = fit(curve, prior.log_shape, configurations(curve, prior.log_noise, prior.trouble))
        predictive = Predictive(curve, draw_curves(posterior, 1000), prior, calibrated=False)
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


def fit_kind(kind: str, curves: list[Curve]) -> dict:
    """Learn prior and calibration of one metric kind."""
    chosen = [curve for curve in curves if (curve.direction == "min") == (kind == "loss")]
    tasks = random_tasks(chosen, TASKS_PER_CURVE[kind], seed=1)
    groups = len({curve.group for curve in chosen})
    print(f"{kind}: {len(chosen)} curves of {groups} groups, {len(tasks)} tasks")
    draws = draw_tasks(tasks, kind, DISCREPANCY[kind])
    weights = learn(draws, PENALTY[kind], LANGUAGE_MODEL_SHARE[kind])
    nothing = {"better": [0.0, 0.0, 0.0], "worse": [0.0, 0.0, 0.0]}
    entry = table_entry(kind, weights, nothing)
    if groups >= ENOUGH_GROUPS:
        spread, truth, forms = deviations(tasks, entry, kind)
        count = len(OUTER_LEVELS)
        entry["calibration"] = {
            "better": fit_side(spread[:, :count], truth, forms, OUTER_LEVELS),
            "worse": fit_side(spread[:, count:], truth, forms, 1 - OUTER_LEVELS),
        }
    entry["learned_from"] = {"curves": len(chosen), "groups": groups, "tasks": len(tasks)}
    print(f"{kind}: calibration {entry['calibration']}, trouble {entry['trouble']}, noise {entry['noise_weights']}")
    return entry


def main() -> None:
    """Fit both kinds and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("curves", type=Path, nargs="+", help="curves files; the first decides the hold-out")
    parser.add_argument("--out", type=Path, required=True, help="where to write the table")
    parser.add_argument("--reverse-loss", action="store_true", help="tune on the held-out loss group instead")
    options = parser.parse_args()
    curves = tuning_curves(options.curves, options.reverse_loss)
    script = "made by benchmarks/forecast/fit_tables.py from tuning groups only"
    table: dict = {"provenance": {"sources": SOURCES, "script": script}}
    for kind in ("bounded", "loss"):
        table[kind] = fit_kind(kind, curves)
    options.out.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
