"""Whether the atlas knows where curves start: forecasts without any size by metric, data sets of the same source left out of it.

    python benchmarks/forecast/atlas_starts.py CURVES.csv --work FOLDER

CURVES.csv and FOLDER are those of `leave_one_source_out.py`. Compared with four fifths of the floor's error for every metric.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from curves import Task
from facts import Known, figures, left_out, of_the_farm, published
from fewer_sizes import make_tasks
from sets import read_sets

from tunecurve.atlas.load import Curve as AtlasCurve
from tunecurve.atlas.load import load_atlas
from tunecurve.atlas.starts import share_of_the_floor
from tunecurve.curve.borrowed import SHARE_OF_THE_FLOOR
from tunecurve.curve.forecast import CurvePoints, forecast_curve
from tunecurve.errors import UsageError

ATLAS = load_atlas()
ORIGINS = {one.origin: f"farm:{one.source}" for one in read_sets()}


def share(one: Known) -> float:
    """Share of the floor's error by the atlas without the curve's own source and data set."""
    metric = "entity_f1" if one.metric == "f1" and one.curve.group.endswith("-ner") else one.metric

    def is_other(curve: AtlasCurve) -> bool:
        same = ORIGINS.get(curve.family.dataset) == one.curve.source or curve.family.dataset in one.curve.source
        return not same and one.curve.group.lower() not in curve.family.dataset.lower()

    try:
        return share_of_the_floor(ATLAS, metric, SHARE_OF_THE_FLOOR, is_other)
    except UsageError:
        return SHARE_OF_THE_FLOOR


def quantiles(one: Known, task: Task, floor_share: float) -> np.ndarray:
    """The engine's quantiles without any size."""
    answer = forecast_curve(
        CurvePoints([], []),
        one.curve.score_range,
        one.curve.direction,
        at=[task.target],
        kind=one.kind,
        floor=one.floor,
        floor_share=floor_share,
    )
    return np.array(list(answer.forecasts[0].quantiles.values()))


def main() -> None:
    """Print CRPS and coverage with the usual share and with the atlas's."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("curves", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    options = parser.parse_args()
    exam = {f"farm:{one.source}" for one in read_sets() if one.exam}
    farm = list(of_the_farm(None))
    groups = {
        "farm": farm,
        "farm, exam sources": [one for one in farm if one.curve.source in exam],
        "published": list(published(options.curves)),
    }
    print("| curves whose floor is known | tasks | four fifths | by metric |")
    for name, known in groups.items():
        rows = [(one, task) for one in known if one.floor is not None for task in make_tasks(one.curve, 0)]
        found = [
            left_out(rows, options.work, lambda one, task: quantiles(one, task, SHARE_OF_THE_FLOOR)),
            left_out(rows, options.work, lambda one, task: quantiles(one, task, share(one))),
        ]
        moved = sum(share(one) != SHARE_OF_THE_FLOOR for one, _ in rows)
        print(
            f"| {name} | {len(rows)} | {' | '.join(figures(rows, one) for one in found)} | {moved} moved |", flush=True
        )


if __name__ == "__main__":
    main()
