"""Do losses make forecasts of scores better? Runs with both, their largest sizes left out, forecast with and without.

    python benchmarks/forecast/second_signal.py RUN...

Every run folder's fine-tuned trials make one curve a learner, metric and seed, and one of the means over seeds. From the first 3, 4,
... sizes every later one within 8 times the last is forecast, by three ways:

- score: the engine as it is, from the scores alone;
- loss: the engine extrapolates the loss; a line through the study's own points links log loss to the log error of the score
  (slope and scatter with priors, see `link`);
- both: the mean of the two at every quantile.

Prints coverage and CRPS (twice the mean pinball loss over 19 quantiles); every run counts the same, and so do its metrics.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunecurve.curve.points import CurvePoints, prepare
from tunecurve.curve.predictive import predict

Floats = NDArray[np.float64]
LEVELS = np.arange(1, 20) / 20
WAYS = ("score", "loss", "both")
FURTHEST = 8.0
# Of the link: the slope's prior (log error falls about as fast as log loss, give or take), and the scatter's.
SLOPE, SLOPE_SD, SCATTER, SCATTER_DF = 1.0, 0.5, 0.08, 3.0


@dataclass(frozen=True)
class Curve:
    """Sizes with scores and losses, one entry a run."""

    run: str
    metric: str
    direction: str
    score_range: tuple[float, float]
    kind: str | None
    n_test: int
    size: Floats
    score: Floats
    loss: Floats


def curves_of(folder: Path) -> Iterator[Curve]:
    """Yield the curves of a run: single seeds, and all seeds together."""
    results = json.loads((folder / "results.json").read_text())
    metrics = {metric["name"]: metric for metric in results["metrics"]}
    names = dict.fromkeys((results["primary_metric"], results["second_metric"]))
    trials = [t for t in results["trials"] if t["strategy"] == "fine-tune" and (t.get("loss") or {}).get("test")]
    for learner in dict.fromkeys(trial["learner"] for trial in trials):
        own = [trial for trial in trials if trial["learner"] == learner]
        seeds = sorted({trial["seed"] for trial in own})
        for name in names:
            for members in ([seed] for seed in seeds):
                yield _curve(folder.name, results, metrics[name], [t for t in own if t["seed"] in members])
            if len(seeds) > 1:
                yield _curve(folder.name, results, metrics[name], own)


def _curve(run: str, results: dict[str, Any], metric: dict[str, Any], trials: Sequence[dict[str, Any]]) -> Curve:
    is_tfidf = trials[0]["config"]["learner"].get("kind") == "tfidf"
    kind = None if is_tfidf else "language-model"  # as in a study
    rows = [(t["train_size"], t["scores"][metric["name"]], t["loss"]["test"]["mean"]) for t in trials]
    size, score, loss = np.array(sorted(rows)).T
    low, high = metric["range"]
    return Curve(
        run, metric["name"], metric["direction"], (low, high), kind, results["data"]["n_test"], size, score, loss
    )


def tasks(curve: Curve) -> Iterator[tuple[NDArray[np.bool_], float]]:
    """Yield (which runs are shown, size asked for)."""
    sizes = np.unique(curve.size)
    for n_shown in range(3, len(sizes)):
        shown = curve.size <= sizes[n_shown - 1]
        yield from ((shown, n) for n in sizes[n_shown:] if n <= FURTHEST * sizes[n_shown - 1])


def link(curve: Curve, shown: NDArray[np.bool_], rng: np.random.Generator, n: int) -> tuple[Floats, Floats, Floats]:
    """Return draws of slope and scatter of log error on log loss, and the log errors they start from.

    A Bayesian line through the shown means with a normal prior on the slope and a scaled inverse chi-square on the variance.
    """
    prepared = prepare(
        CurvePoints(curve.size[shown], curve.score[shown], n_test=curve.n_test), curve.score_range, curve.direction
    )
    loss = np.log([curve.loss[shown & (curve.size == size)].mean() for size in prepared.size])
    x, y = loss - loss[-1], prepared.log_error
    design = np.stack([np.ones_like(x), x], axis=1)
    precision = np.diag([1e-6, (SCATTER / SLOPE_SD) ** 2])
    prior = np.array([0.0, SLOPE])
    total = design.T @ design + precision
    mean = np.linalg.solve(total, design.T @ y + precision @ prior)
    residual = float(((y - design @ mean) ** 2).sum())
    freedom = SCATTER_DF + len(x) - 1
    scatter = np.sqrt((SCATTER_DF * SCATTER**2 + residual) / rng.chisquare(freedom, n))
    root = np.linalg.cholesky(np.linalg.inv(total))
    draws = mean[:, None] + root @ (rng.standard_normal((2, n)) * scatter)
    return draws[0], draws[1], scatter


def forecasts(curve: Curve, shown: NDArray[np.bool_], at: float) -> dict[str, Floats]:
    """Return the quantiles of each way."""
    points = CurvePoints(curve.size[shown], curve.score[shown], n_test=curve.n_test)
    prepared = prepare(points, curve.score_range, curve.direction)
    size = np.array([at])
    score = np.quantile(predict(prepared, curve.kind).measured_scores(size)[:, 0], LEVELS)
    lossy = prepare(CurvePoints(curve.size[shown], curve.loss[shown]), (0.0, None), "min")
    losses = predict(lossy).measured_scores(size)[:, 0]
    rng = np.random.default_rng(0)
    level, slope, scatter = link(curve, shown, rng, len(losses))
    last = np.log(curve.loss[curve.size == curve.size[shown].max()].mean())
    curve_error = level + slope * (np.log(np.maximum(losses, 1e-9)) - last)
    # What the rows of the test set add for one run, as at the last size, larger where fewer rows are wrong.
    own = np.sqrt(prepared.own_test_variance * np.exp(np.clip(prepared.log_error[-1] - curve_error, -3.0, 3.0)))
    log_error = curve_error + np.hypot(scatter, own) * rng.standard_normal(len(losses))
    by_loss = np.quantile(prepared.scale.score(np.exp(np.minimum(log_error, 50.0))), LEVELS)
    return {"score": score, "loss": by_loss, "both": (score + by_loss) / 2}


def crps(quantiles: Floats, truth: float) -> float:
    """Twice the mean pinball loss over the quantiles."""
    miss = truth - quantiles
    return float(2.0 * np.maximum(LEVELS * miss, (LEVELS - 1.0) * miss).mean())


def judge(folders: Sequence[Path]) -> dict[tuple[str, str, str], list[tuple[float, bool, float]]]:
    """Return (CRPS, whether the 80 % interval holds, doublings ahead) of every task by run, metric and way."""
    found: dict[tuple[str, str, str], list[tuple[float, bool, float]]] = defaultdict(list)
    for folder in folders:
        for curve in curves_of(folder):
            for shown, at in tasks(curve):
                truth = float(curve.score[curve.size == at].mean())
                ahead = float(np.log2(at / curve.size[shown].max()))
                for way, quantiles in forecasts(curve, shown, at).items():
                    holds = bool(quantiles[1] <= truth <= quantiles[17])
                    found[curve.run, curve.metric, way].append((crps(quantiles, truth), holds, ahead))
    return found


def main() -> None:
    """Print the table."""
    found = judge([Path(name) for name in sys.argv[1:]])
    keys = list(dict.fromkeys((run, metric) for run, metric, _ in found))
    print(f"{'run':20} {'metric':12} {'tasks':>5}" + "".join(f" {way:>7} {'80 %':>5}" for way in WAYS))
    table = []
    for run, metric in keys:
        cells = [[np.mean([row[part] for row in found[run, metric, way]]) for part in (0, 1)] for way in WAYS]
        table.append(cells)
        n = len(found[run, metric, WAYS[0]])
        print(f"{run:20} {metric:12} {n:5}" + "".join(f" {score:7.2f} {held:5.2f}" for score, held in cells))
    mean = np.mean(table, axis=0)
    print(f"{'all':20} {'':12} {'':5}" + "".join(f" {score:7.2f} {held:5.2f}" for score, held in mean))
    for step in (1.0, 2.0, 3.0):
        near = {
            way: [row for run, metric in keys for row in found[run, metric, way] if abs(row[2] - step) < 0.25]
            for way in WAYS
        }
        print(f"{step:.0f} doublings ahead, {len(near['score'])} tasks:", end="")
        print("".join(f" {way} {np.mean([row[0] for row in near[way]]):.2f}" for way in WAYS if near[way]))


if __name__ == "__main__":
    main()
