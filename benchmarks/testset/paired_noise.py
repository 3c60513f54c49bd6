"""How noisy the difference of two neighbouring sizes is, from run folders: the ranges that `results/test_set/basis.py` borrows.

    python benchmarks/testset/paired_noise.py runs/a runs/b ...

Prints, for every learner, two neighbouring sizes and metric: scores, the standard deviation of one row's difference, the change
of a row that changes, and the design effect of groups on the difference and on the floor. The rows must still be where the
study read them.
"""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import numpy as np

from tunecurve.curve.intervals import difference_of
from tunecurve.curve.power import measured_noise
from tunecurve.metrics.base import statistics_matrix
from tunecurve.metrics.catalogue import build_metrics
from tunecurve.results.stored import load
from tunecurve.spec.reading import parse_spec
from tunecurve.study.jackknives import jackknife_of
from tunecurve.study.settling import Settled
from tunecurve.study.splitting import split_rows_of
from tunecurve.study.trial_folder import TrialFolder


def pairs_of(folder: Path) -> list[str]:
    """Return a line a pair and metric."""
    results = load(folder)
    spec = parse_spec(results.spec)
    spec, data = split_rows_of(spec, Settled(spec, folder), results.spec)
    metrics = build_metrics(spec.metric_names, data.metric_settings)
    groups = np.unique([row.group for row in data.test], return_inverse=True)[1]
    alone = np.arange(len(groups))
    targets, sources = [row.references for row in data.test], [row.source for row in data.test]

    def items(trial, metric, units):
        answers = [line["prediction"] for line in TrialFolder(folder / trial.folder).answers()]
        matrix = statistics_matrix(metric, answers, targets, sources)
        return jackknife_of(metric, matrix, units)

    finished = [trial for trial in results.trials if trial.state == "finished"]
    tuned = [trial for trial in finished if trial.strategy == "fine-tune" and trial.seed == 0]
    floor = next(trial for trial in finished if trial.strategy == "floor")
    lines = []
    for metric in metrics:
        width = metric.score_range[1] - metric.score_range[0]
        base = [items(floor, metric, units).row_variance for units in (groups, alone)]
        for name in dict.fromkeys(trial.learner for trial in tuned):
            own = sorted((t for t in tuned if t.learner == name), key=lambda trial: trial.train_size)
            for first, second in itertools.pairwise(own):
                if not all(np.isfinite(t.scores[metric.name] or np.nan) for t in (first, second)):
                    continue
                one, other = (items(t, metric, alone) for t in (second, first))
                noise = measured_noise(difference_of(one, other), len(groups), width)
                grouped = difference_of(*(items(t, metric, groups) for t in (second, first)))
                apart = one.row_variance + other.row_variance
                rows = noise.variance if noise else np.nan
                lines.append(
                    f"{folder.name},{metric.name},{name},{first.train_size},{second.train_size},{len(groups)},"
                    f"{groups.max() + 1},{first.scores[metric.name]:.1f},{second.scores[metric.name]:.1f},"
                    f"{np.sqrt(rows * len(groups)):.1f},{noise.change:.1f},{noise.heavy_change:.1f},"
                    f"{1 - rows / apart if apart else np.nan:.2f},{grouped.row_variance / rows if rows else np.nan:.2f},"
                    f"{base[0] / base[1] if base[1] else np.nan:.2f}"
                )
    return lines


if __name__ == "__main__":
    print("run,metric,learner,from,to,rows,groups,score_from,score_to,row_sd,change,heavy,correlation,deff,floor_deff")
    for argument in sys.argv[1:]:
        print("\n".join(pairs_of(Path(argument))), flush=True)
