"""How wide intervals of TF-IDF on texts should be: one factor, chosen on the tuning half of the curve farm.

    python benchmarks/forecast/tfidf_spread.py --work FOLDER

TF-IDF is forecast as a mixture of language models and classical learners, whose spread suits language models. Tasks are those of
`leave_one_source_out.py`, whose FOLDER holds the priors that each source of the tuning half had no part in; with one run a size shown
and with all. An interval is of one run, so every run of the size asked for is a truth. Every source counts the same. The factor is the
one on a grid of 0.05 with the lowest CRPS in the tuning half, one run a size shown; for every source of it, also the one that the
others would choose. The sources of the exam are looked at, nothing is chosen by them.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from curves import Task
from leave_one_source_out import FARM, LEVELS, make_tasks, read_farm, with_table

from tunecurve.curve import calibration, priors
from tunecurve.curve.points import CurvePoints, prepare
from tunecurve.curve.predictive import predict
from tunecurve.curve.ranges import usual_range

sys.path.insert(0, str(Path(__file__).parent.parent / "curves"))
from sets import read_sets

FACTORS = np.round(np.arange(0.5, 1.01, 0.05), 2)


@dataclass(frozen=True)
class Held:
    """Of one task under each factor: shares of runs within the 80 and 90 % interval, CRPS of one run. Shapes (n_factors,)."""

    source: str
    in_80: np.ndarray
    in_90: np.ndarray
    crps: np.ndarray


def quantiles(task: Task, factor: float, work: Path, *, all_runs: bool) -> np.ndarray:
    """The forecast of one task with intervals so wide, under the prior that its source had no part in."""
    runs = [list(task.curve.runs[size].values())[: None if all_runs else 1] for size in task.train_size]
    size = np.repeat(task.train_size, [len(scores) for scores in runs])
    points = CurvePoints(size, np.concatenate(runs), n_test=task.curve.test_rows)
    curve = prepare(points, usual_range(points.score, task.curve.direction)[0], task.curve.direction)
    file = work / f"{task.curve.source}.json"
    table = {priors.LANGUAGE_MODEL: json.loads(file.read_text(encoding="utf-8"))} if file.exists() else {}
    calibration.TFIDF_SPREAD = factor
    at = np.array([task.target])
    (scores,) = with_table(table, lambda: [predict(curve, priors.TFIDF).measured_scores(at)[:, 0]])
    return np.quantile(scores, LEVELS)


def held(task: Task, work: Path, *, all_runs: bool) -> Held:
    """What each factor makes of one task."""
    truth = np.array(list(task.curve.runs[task.target].values()))
    answers = [quantiles(task, factor, work, all_runs=all_runs) for factor in FACTORS]
    inside = [[np.mean((q[low] <= truth) & (truth <= q[18 - low])) for q in answers] for low in (1, 0)]
    misses = [truth[:, None] - q for q in answers]
    crps = [float(2.0 * np.maximum(LEVELS * miss, (LEVELS - 1.0) * miss).mean()) for miss in misses]
    return Held(task.curve.source, np.array(inside[0]), np.array(inside[1]), np.array(crps))


def pooled(found: list[Held], name: str) -> np.ndarray:
    """One figure under each factor, every source the same."""
    sources = sorted({one.source for one in found})
    return np.mean(
        [np.mean([getattr(one, name) for one in found if one.source == source], axis=0) for source in sources], axis=0
    )


def chosen(found: list[Held]) -> int:
    """The factor with the lowest CRPS."""
    return int(np.argmin(pooled(found, "crps")))


def main() -> None:
    """Print the tables and the choice."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="the folder of leave_one_source_out.py")
    work = parser.parse_args().work
    farm = read_farm()
    tasks = [task for task in make_tasks(farm.curves) if farm.kinds[task.curve.curve_id] == priors.TFIDF]
    is_tuning = {f"{FARM}{one.source}": not one.exam for one in read_sets()}
    for all_runs in (False, True):
        found = [held(task, work, all_runs=all_runs) for task in tasks]
        halves = [[one for one in found if is_tuning[one.source] == half] for half in (True, False)]
        shown = "all runs" if all_runs else "one run"
        print(f"\n| {shown} shown: factor | tuning half: CRPS, 80 / 90 % | exam: CRPS, 80 / 90 % |\n|---|---|---|")
        for number, factor in enumerate(FACTORS):
            cells = [tuple(pooled(half, name)[number] for name in ("crps", "in_80", "in_90")) for half in halves]
            print(f"| {factor:.2f} | " + " | ".join("{:.2f}, {:.2f} / {:.2f}".format(*cell) for cell in cells) + " |")
        print(f"chosen on the tuning half: {FACTORS[chosen(halves[0])]:.2f}")
        for source in sorted({one.source for one in halves[0]}):
            others = chosen([one for one in halves[0] if one.source != source])
            own = [one for one in halves[0] if one.source == source]
            print(
                f"without {source.removeprefix(FARM)}: {FACTORS[others]:.2f}, which holds {pooled(own, 'in_80')[others]:.2f} of its runs"
            )


if __name__ == "__main__":
    main()
