"""What choosing by the leave-one-source-out table is worth: choose on half of the sources, report on the other half.

    python benchmarks/forecast/nested.py CURVES.csv --work FOLDER

Every candidate setting is learned anew without each source (sources of few tasks are left out together), and widened more or less
where many sizes are shown, or narrowed as a whole. Then, for many random halves of the sources: the candidate with the lowest CRPS
on one half is judged on the other. Forecasts are those of the language-model prior alone, reweighted draws instead of new fits,
which is exact enough to compare settings.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from curves import Task
from language_models import SETTINGS, Draws, Settings, draw_tasks, learn, task_weights
from leave_one_source_out import SMALL_FAMILY, curve_counts, figures, learning_tasks, read, read_farm
from run_exam import LEVELS

SPLITS = 200
# How much the logarithm of the spread rises with each size beyond four (`leave_one_source_out.PER_SIZE`), and the factor on all of
# it (`NARROWER`).
SPREADS = {
    "": (0.0, 1.0),
    ", 0.1 a size": (0.1, 1.0),
    ", 0.2 a size": (0.2, 1.0),
    ", 0.2 a size, a tenth narrower": (0.2, 0.9),
}
SYMMETRIC = (("drift", 0.004), ("drift", 0.02), ("drift", 0.06), ("drift", 0.15), ("drift", 0.35))
CANDIDATES = {
    "symmetric departures": replace(SETTINGS, departures=SYMMETRIC, departures_start=(0.5, 0.5, 0.0, -1.0, -2.0)),
    "half of the penalty": replace(SETTINGS, penalty_share=0.5 * SETTINGS.penalty_share),
    "tails apart": SETTINGS,
}


def folds(source: np.ndarray) -> np.ndarray:
    """Name of the fold of every task: its source, or one common name for the sources of few tasks."""
    names, count = np.unique(source, return_counts=True)
    few = names[count < SMALL_FAMILY]
    return np.where(np.isin(source, few), "small sources", source)


def quantiles(draws: Draws, weight: np.ndarray) -> np.ndarray:
    """Quantiles of every task from its sorted, reweighted draws."""
    middle = np.cumsum(weight, axis=1) - 0.5 * weight
    return np.array([np.interp(LEVELS, row, score) for row, score in zip(middle, draws.score, strict=True)])


def left_out(draws: Draws, settings: Settings, curves_of: dict[str, int]) -> np.ndarray:
    """Quantiles of every task, learned without its fold."""
    fold = folds(draws.source)
    answers = np.empty((len(fold), len(LEVELS)))
    for name in np.unique(fold):
        weights = learn(draws.keep(fold != name), curves_of, settings)
        mine = draws.keep(fold == name)
        answers[fold == name] = quantiles(mine, task_weights(mine, weights)[0])
    return answers


def stretched(answer: np.ndarray, tasks: list[Task], per_size: float, overall: float) -> np.ndarray:
    """Quantiles whose spread around the median depends on the number of sizes shown."""
    count = np.array([len(one.train_size) for one in tasks])
    factor = overall * np.exp(per_size * (np.clip(count, 3, 6) - 4.0))[:, None]
    return np.clip(answer[:, 9:10] + factor * (answer - answer[:, 9:10]), 0.0, 100.0)


def nested(answers: dict[str, np.ndarray], truth: np.ndarray, source: np.ndarray) -> str:
    """Mean figures of the other halves under the choice made on the first, and how often each candidate was chosen."""
    names, member, count = np.unique(source, return_inverse=True, return_counts=True)
    weight = (1.0 / count)[member]
    generator = np.random.default_rng(0)
    found, chosen = [], []
    for _ in range(SPLITS):
        first = generator.permutation(len(names))[: len(names) // 2]
        for half in (np.isin(member, first), ~np.isin(member, first)):
            crps = {name: figures(q[half], truth[half], weight[half])[0] for name, q in answers.items()}
            best = min(crps, key=lambda name: crps[name])
            chosen.append(best)
            found.append(figures(answers[best][~half], truth[~half], weight[~half])[:3])
    crps, in80, in90 = np.mean(found, axis=0)
    shares = ", ".join(f"{name} ({chosen.count(name) / len(chosen):.2f})" for name in answers if name in chosen)
    return f"| chosen on the other half | {crps:.2f} | {in80:.2f} | {in90:.2f} |\n\nChosen: {shares}."


def main() -> None:
    """Print one line a candidate, and the nested one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("curves", type=Path)
    parser.add_argument("--work", type=Path, required=True, help="folder for what is done already")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    tasks = learning_tasks(read(options.curves)[0], read_farm())
    truth, source = np.array([one.truth for one in tasks]), np.array([one.curve.source for one in tasks])
    answers = {}
    for name, settings in CANDIDATES.items():
        file = options.work / f"nested {name}.npy"
        if not file.exists():
            np.save(file, left_out(draw_tasks(tasks, settings), settings, curve_counts(tasks)))
        found = np.load(file)
        answers |= {f"{name}{words}": stretched(found, tasks, *spread) for words, spread in SPREADS.items()}
    _, member, count = np.unique(source, return_inverse=True, return_counts=True)
    print("| setting | CRPS | in 80 % | in 90 % |\n|---|---|---|---|")
    for name, answer in answers.items():
        crps, in80, in90 = figures(answer, truth, (1.0 / count)[member])[:3]
        print(f"| {name} | {crps:.2f} | {in80:.2f} | {in90:.2f} |")
    print(nested(answers, truth, source))


if __name__ == "__main__":
    main()
