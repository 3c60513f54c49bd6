"""What another recipe of taggers and classifiers brings on the curve farm's sets, paired with the default one, seed by seed.

    python benchmarks/curves/recipes.py --data FOLDER --out FOLDER --sets snips,wnut17 [--recipes default,auto]

Every set and recipe is a study in a run folder of its own, OUT/SET--RECIPE; the same command goes on where it was stopped, and prints the
tables of what is there. Recipes are tried on the same test rows, the same training rows and from the same first weights, so differences are
those of pairs with one seed; their spread over seeds is part of the interval.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from sets import TABLE, CurveSet, read_sets, study_of

from tunecurve.curve.intervals import (
    Jackknife,
    difference_interval,
    difference_of,
    mean_of_seeds,
)
from tunecurve.errors import TunecurveError
from tunecurve.metrics.base import Metric
from tunecurve.results.model import Results
from tunecurve.results.records.trials import FinishedTrial
from tunecurve.results.scoring_again import metrics_of
from tunecurve.results.stored import load
from tunecurve.run import run_study
from tunecurve.study.frozen import frozen_test_groups
from tunecurve.study.jackknives import jackknife_of
from tunecurve.study.trial_folder import TrialFolder
from tunecurve.study.trial_record import TrialRecord, stored_statistics

# The first one is what the others are compared with.
RECIPES: dict[str, dict[str, Any]] = {
    "default": {},
    "always 2e-4": {"learning_rate": 2e-4},
    "development": {"development_share": 0.2},
    "auto": {"learning_rate": "auto"},
}
TASK_LEARNER = {"masking": "tagger", "ner": "tagger", "classification": "classifier", "multilabel": "classifier"}


def study_with(one: CurveSet, recipe: str, options: argparse.Namespace) -> dict[str, Any]:
    """Return the study of a set with one recipe."""
    learner = options.model or TASK_LEARNER[one.task]
    values = study_of(one, learner.split(":")[0], options.data)
    values["name"] = f"{one.name}--{recipe.replace(' ', '-')}"
    values["split"]["test_size"] = options.test_size
    return values | {
        "models": [learner],
        "shots": [],
        "train_sizes": options.sizes,
        "seeds": options.seeds,
        "encoder": RECIPES[recipe],
        "training_score_rows": 0,
    }


def paired(before: Results, now: Results, size: int) -> tuple[Jackknife, float, float] | None:
    """Return the difference of the headline metric at a size, seed by seed, and the mean training seconds of both."""
    metric = metrics_of(before, [before.primary_metric])[before.primary_metric]
    ours, theirs = (
        {trial.seed: trial for trial in results.finished if trial.train_size == size and trial.strategy == "fine-tune"}
        for results in (before, now)
    )
    seeds = sorted({*ours} & {*theirs})
    if not seeds:
        return None
    differences = [
        difference_of(score_of(now, theirs[seed], metric), score_of(before, ours[seed], metric)) for seed in seeds
    ]
    item = mean_of_seeds(differences)
    costs = [float(np.mean([_seconds(trials[seed]) for seed in seeds])) for trials in (ours, theirs)]
    return item, costs[0], costs[1]


def score_of(results: Results, trial: FinishedTrial, metric: Metric) -> Jackknife:
    """Return a trial's score, group by group left out."""
    assert results.folder is not None
    folder = TrialFolder(results.folder / trial.folder)
    record = TrialRecord.from_json(folder.result(), str(folder))
    counted = (stored_statistics(folder, record, record.metric_signatures) or {})[metric.name]
    known = frozen_test_groups(results.folder) if results.bootstrap.unit == "groups" else None
    groups = np.arange(len(counted)) if known is None else np.array(known)
    return jackknife_of(metric, counted, groups)


def _seconds(trial: FinishedTrial) -> float:
    assert trial.training is not None
    return trial.training.train_seconds


def results_there(out: Path, name: str, ways: Sequence[str]) -> dict[str, Results]:
    """Return the results of a study by the way it was trained, of those run folders that there are."""
    found = {}
    for way in ways:
        with suppress(TunecurveError, OSError):
            found[way] = load(out / f"{name}--{way.replace(' ', '-')}")
    return found


def table(sets: Sequence[CurveSet], recipes: Sequence[str], sizes: Sequence[int], out: Path) -> Iterator[str]:
    """Yield the lines of a Markdown table: the first recipe's scores, and what the others add to them."""
    first, *others = recipes
    yield f"| set | rows | {first} | {' | '.join(f'{name} - {first}' for name in others)} | seconds of training: {', '.join(recipes)} |"
    yield "|" + "---|" * (len(others) + 4)
    for one in sets:
        found = results_there(out, one.name, recipes)
        if first not in found:
            continue
        before = found[first]
        for size in sizes:
            alone = paired(before, before, size)
            if alone is None:
                continue
            point = next(p for p in before.points if p.strategy == "fine-tune" and p.train_size == size)
            cells, seconds = [], [f"{alone[1]:.0f}"]
            for recipe in others:
                pair = paired(before, found[recipe], size) if recipe in found else None
                cells.append("" if pair is None else difference_in_words(pair[0], before))
                seconds.append("" if pair is None else f"{pair[2]:.0f}")
            score = point.scores[before.primary_metric].estimate
            title = before.metric().title
            yield f"| {one.name}, {title} | {size} | {score:.1f} | {' | '.join(cells)} | {', '.join(seconds)} |"


def difference_in_words(item: Jackknife, results: Results, metric: str | None = None) -> str:
    """Return a difference of a metric, by default of the headline metric, with its 95 % interval."""
    low, high = difference_interval(item, results.metric(metric).width, 0.95)
    n_seeds = max(1, len(item.seed_scores))
    return f"{item.estimate:+.1f} [{low:.1f}, {high:.1f}]" + ("" if n_seeds > 1 else " (one seed)")


def options_of_a_table(description: str | None, *, sizes: str, seeds: int) -> argparse.ArgumentParser:
    """Return the options of a benchmark that measures data sets in several ways and prints the table of what is there."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with the data sets")
    parser.add_argument("--out", type=Path, required=True, help="folder for the run folders")
    parser.add_argument("--sets", required=True, help="names out of sets.toml, in running order")
    parser.add_argument("--sizes", type=sizes_given, default=sizes)
    parser.add_argument("--seeds", type=int, default=seeds)
    parser.add_argument("--test-size", type=int, default=200)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--table-only", action="store_true", help="measure nothing")
    return parser


def sizes_given(text: str) -> list[int]:
    """Return sizes that are written with commas."""
    return [int(size) for size in text.split(",")]


def parse_options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the options."""
    parser = options_of_a_table(__doc__, sizes="25,50,200", seeds=3)
    parser.add_argument("--recipes", default=",".join(RECIPES), help="the first one is compared with")
    parser.add_argument("--model", help="default: tagger or classifier, by the task")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is missing, and print the table."""
    options = parse_options(arguments)
    known = {one.name: one for one in read_sets(TABLE)}
    sets = [replace(known[name], largest=max(options.sizes)) for name in options.sets.split(",")]
    recipes = options.recipes.split(",")
    for one in [] if options.table_only else sets:
        for recipe in recipes:
            values = study_with(one, recipe, options)
            done = run_study(values, out=options.out / values["name"], device="cpu", threads=options.threads)
            print(f"{values['name']}: {len(done.outcome.failures)} failed", file=sys.stderr, flush=True)
    print("\n".join(table(sets, recipes, options.sizes, options.out)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
