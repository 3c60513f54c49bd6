"""Jumps onto the last size shown: do they stay, and what does the engine make of them?

    python benchmarks/forecast/last_jumps.py CURVES.csv --work FOLDER

Every curve of `leave_one_source_out.py`, and of the farm, is shown up to each of its sizes from the third on, each run of the last
with the first run of the others. It jumps where the last score is so many points above all before, and its last step so many times
the largest earlier one. First table: how much of the jump is left at the next size (within 8 times, mean of its runs). Second:
forecasts of that size, kind stated, sources left out (FOLDER is that of `leave_one_source_out.py`), with and without curves that
start anew. Third: made curves.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from curves import Curve, Task
from fewer_sizes import line
from leave_one_source_out import FARTHEST, Farm, ours, read, read_farm, with_table

from tunecurve.curve import priors
from tunecurve.curve.collapse import JUMP_POINTS, JUMP_STEPS
from tunecurve.curve.forecast import CurvePoints, forecast_curve

# Points above all before, and times the largest earlier step.
RULES = ((JUMP_POINTS, JUMP_STEPS), (10.0, 5.0), (5.0, 3.0))
MADE, SIZES, TEST_ROWS = 24, (3, 7), 1000


@dataclass(frozen=True)
class Jump:
    """A task whose last size shown jumps; `left` is the share of the jump that the target keeps."""

    task: Task
    points: float
    steps: float
    left: float


def jumps(curve: Curve) -> Iterator[Jump]:
    """Yield each way of showing a curve that jumps onto the last size shown."""
    sizes = sorted(curve.runs)
    sign = 1.0 if curve.direction == "max" else -1.0
    for count in range(3, len(sizes)):
        shown, target = sizes[:count], sizes[count]
        if target > FARTHEST * shown[-1]:
            continue
        truth = float(np.mean(list(curve.runs[target].values())))
        for last in curve.runs[shown[-1]].values():
            scores = np.array([*(next(iter(curve.runs[size].values())) for size in shown[:-1]), last])
            best = (sign * scores[:-1]).max()
            points, step = sign * last - best, sign * (scores[-1] - scores[-2])
            earlier = float(np.abs(np.diff(scores[:-1])).max())
            if points > 0:
                task = Task(curve, np.array(shown), scores, target, truth)
                yield Jump(task, points, step / max(earlier, 1e-9), (sign * truth - best) / points)


def quantiles(tasks: list[Task], farm: Farm, work: Path) -> np.ndarray:
    """The engine's quantiles under the prior that each task's source had no part in."""
    answers = np.empty((len(tasks), 19))
    for source in {one.curve.source for one in tasks}:
        rows = [index for index, one in enumerate(tasks) if one.curve.source == source]
        file = work / f"{source}.json"
        table = {priors.LANGUAGE_MODEL: json.loads(file.read_text(encoding="utf-8"))} if file.exists() else {}
        kinds = {row: farm.kinds.get(tasks[row].curve.curve_id, priors.LANGUAGE_MODEL) for row in rows}
        answers[rows] = with_table(table, lambda kinds=kinds: [ours(tasks[row], kind) for row, kind in kinds.items()])
    return answers


def made_curves(stays: bool) -> Iterator[tuple[np.ndarray, np.ndarray, float]]:
    """Yield sizes, scores and the next score of curves that jump 15 to 60 points onto the last size, and stay or fall back."""
    draw = np.random.default_rng(1)
    for _ in range(MADE):
        count = int(draw.integers(*SIZES))
        base, slope = draw.uniform(5, 60), draw.uniform(0, 1)
        scores = base + slope * np.arange(count) + draw.normal(0, draw.choice([0.5, 1.0, 2.0]), count)
        scores[-1] = top = min(base + draw.uniform(15, 60), 93.0)
        share = draw.uniform(0, 0.35)
        following = top + share * (98.0 - top) if stays else float(scores[:-1].mean()) + 10 * share
        yield 50.0 * 2.0 ** np.arange(count), np.clip(np.round(scores, 1), 0.0, 100.0), following


def made_line(stays: bool) -> str:
    """Markdown row: how many 80 % intervals hold the next score, the median's miss, and the words."""
    held, misses, words = 0, [], []
    for sizes, scores, truth in made_curves(stays):
        answer = forecast_curve(CurvePoints(sizes, scores, n_test=TEST_ROWS), (0.0, 100.0), at=[2.0 * sizes[-1]])
        entry = answer.forecasts[0]
        held += entry.interval_80[0] <= truth <= entry.interval_80[1]
        misses.append(abs(entry.median - truth))
        words.append(answer.verdict.word + (f" ({answer.verdict.reason})" if answer.verdict.reason else ""))
    said = ", ".join(f"{words.count(word)} {word}" for word in sorted(set(words)))
    return f"| {'stays' if stays else 'falls back'} | {held} of {MADE} | {np.median(misses):.1f} | {said} |"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("curves", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    options = parser.parse_args()
    farm = read_farm()
    found = [jump for curve in [*read(options.curves)[0], *farm.curves] for jump in jumps(curve)]
    print(
        "| jump | shown | curves | sources | half or more left | 0.8 or more | less than 0.2 | median |\n"
        + "|---" * 8
        + "|"
    )
    chosen = {rule: [one for one in found if one.points >= rule[0] and one.steps >= rule[1]] for rule in RULES}
    for (points, steps), some in chosen.items():
        left = np.array([one.left for one in some])
        names = {one.task.curve.curve_id for one in some}, {one.task.curve.source for one in some}
        shares = f"{(left >= 0.5).mean():.2f} | {(left >= 0.8).mean():.2f} | {(left < 0.2).mean():.2f} | {np.median(left):.2f}"
        print(f"| {points:g} points, {steps:g} times | {len(some)} | {len(names[0])} | {len(names[1])} | {shares} |")
    print("\n| jump | tasks | CRPS | in 80 % | in 90 % | mean width, 80 % |\n" + "|---" * 6 + "|")
    stays = priors.STAYS
    for (points, steps), some in chosen.items():
        tasks = [one.task for one in some]
        for share, word in ((0.0, "all before counts"), (stays, "starts anew")):
            priors.STAYS = share
            answers = quantiles(tasks, farm, options.work)
            print(line(f"{points:g} points, {steps:g} times: {word}", tasks, answers, np.ones(len(tasks), bool)))
    priors.STAYS = stays
    print("\n| made curves | in 80 % | median's miss | words |\n" + "|---" * 4 + "|")
    for share in (0.0, stays):
        priors.STAYS = share
        print("\n".join(made_line(one) for one in (True, False)))


if __name__ == "__main__":
    main()
