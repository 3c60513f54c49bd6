"""Forecasts from no, one or two sizes, with everything learned from the other sources, and what the untrained model's score adds.

    python benchmarks/forecast/fewer_sizes.py CURVES.csv --work FOLDER

FOLDER is that of `leave_one_source_out.py`: what was learned without each source is read from it. Targets are the middle and the
last of the sizes up to 8 times the largest shown (up to 2,000 rows where none is shown). Sources count the same.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections import defaultdict
from pathlib import Path

import numpy as np
from curves import Curve, Task
from leave_one_source_out import FARTHEST, figures, read, task, with_table
from run_exam import LEVELS

from tunecurve.curve import priors
from tunecurve.curve.forecast import CurvePoints, forecast_curve

FIRST_TARGETS = 2000.0


def untrained_scores(path: Path) -> dict[str, float]:
    """Mean score of the untrained model, by curve."""
    scores: dict[str, list[float]] = defaultdict(list)
    with path.open(newline="", encoding="utf-8-sig") as handle:
        for row in csv.DictReader(handle):
            if row["kind"] == "zeroshot":
                scores[row["curve_id"]].append(float(row["score"]))
    return {name: float(np.mean(values)) for name, values in scores.items()}


def make_tasks(curve: Curve, shown: int) -> list[Task]:
    """Tasks of one curve with this many sizes shown."""
    sizes = sorted(curve.runs)
    farthest = FARTHEST * sizes[shown - 1] if shown else FIRST_TARGETS
    near = [size for size in sizes[shown:] if size <= farthest]
    return [task(curve, sizes[:shown], target) for target in sorted({near[len(near) // 2], near[-1]})] if near else []


def quantiles(one: Task, untrained: float | None) -> np.ndarray:
    """The engine's quantiles, as for a user's points."""
    rivals = {} if untrained is None else {"zero-shot": (untrained, None)}
    points = CurvePoints(one.train_size, one.score)
    answer = forecast_curve(points, one.curve.score_range, one.curve.direction, at=[one.target], rivals=rivals)
    return np.array(list(answer.forecasts[0].quantiles.values()))


def forecast_all(tasks: list[Task], untrained: dict[str, float], work: Path) -> np.ndarray:
    """Quantiles of every task under the language-model prior that its source had no part in."""
    answers = np.empty((len(tasks), len(LEVELS)))
    for source in {one.curve.source for one in tasks}:
        rows = [index for index, one in enumerate(tasks) if one.curve.source == source]
        file = work / f"{source}.json"
        entry = {priors.LANGUAGE_MODEL: json.loads(file.read_text(encoding="utf-8"))} if file.exists() else {}
        answers[rows] = with_table(
            entry,
            lambda rows=rows: [quantiles(tasks[row], untrained.get(tasks[row].curve.curve_id)) for row in rows],
        )
    return answers


def line(title: str, tasks: list[Task], answers: np.ndarray, chosen: np.ndarray) -> str:
    """Markdown row of the chosen tasks; sources count the same."""
    truth = np.array([one.truth for one in tasks])[chosen]
    _, member, count = np.unique([one.curve.source for one in tasks], return_inverse=True, return_counts=True)
    weight = (1.0 / count)[member][chosen]
    crps, in80, in90 = figures(answers[chosen], truth, weight)[:3]
    width = (answers[chosen, 17] - answers[chosen, 1]) @ weight / weight.sum()
    return f"| {title} | {chosen.sum()} | {crps:.2f} | {in80:.2f} | {in90:.2f} | {width:.0f} |"


def main() -> None:
    """Print one row for each number of sizes, and two for the curves whose untrained score is known, without any size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("curves", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    options = parser.parse_args()
    curves, untrained = read(options.curves)[0], untrained_scores(options.curves)
    print("| sizes shown | tasks | CRPS | in 80 % | in 90 % | mean width, 80 % |\n|---|---|---|---|---|---|")
    for shown, word in enumerate(("none", "one", "two")):
        tasks = [one for curve in curves for one in make_tasks(curve, shown)]
        answers = forecast_all(tasks, untrained, options.work)
        print(line(word, tasks, answers, np.ones(len(tasks), bool)))
        if shown:  # from one size on the untrained model's score is not used
            continue
        known = np.array([one.curve.curve_id in untrained for one in tasks])
        print(line(f"{word}, untrained score known", tasks, answers, known))
        print(line(f"{word}, the same without it", tasks, forecast_all(tasks, {}, options.work), known), flush=True)


if __name__ == "__main__":
    main()
