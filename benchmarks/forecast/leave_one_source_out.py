"""The yardstick: forecasts of language-model curves with everything learned from the other sources.

    python benchmarks/forecast/leave_one_source_out.py CURVES.csv --classical CURVES.csv --work FOLDER [--farm] [--out PRIORS.json]

For each source: learn the prior, and the rule that tells kinds of learners apart, from all others, forecast the source with the
engine as `tunecurve forecast` calls it (range and kind of learner not stated, test rows where the source states them), compare.
Learned from: the published sources, and what the tuning half of the curve farm says of language models. Sources count the same.
Tasks: all sizes but the last, and the first three sizes to the largest within 8 times; one run a size
is shown. What was learned for each source is kept in FOLDER, so an interrupted run goes on. `--farm` shows all stored curves of the
farm, too: sources of which nothing was learned are left out under the shipped table. `--out` learns from all sources and writes the
entries that are shipped.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from baselines import all_baselines
from curves import Curve, Task
from fit_kinds import Pair, classical_pairs, learn_kinds, make_pair
from language_models import Draws, draw_tasks, learn, source_weights, table_entry
from run_exam import LEVELS, NORMAL
from table_file import write_table

from tunecurve.atlas.measured import LESS_IS_BETTER
from tunecurve.curve import priors
from tunecurve.curve.kinds import FEATURES, kind_of_learner
from tunecurve.curve.points import CurvePoints, prepare
from tunecurve.curve.predictive import predict
from tunecurve.curve.ranges import usual_range

sys.path.insert(0, str(Path(__file__).parent.parent / "curves"))
from points import read_points
from sets import read_sets
from track_record import MEASURED, MeasuredCurve, read_curves

FARTHEST = 8.0
FARM = "farm:"
OVERLAP = ("rougeL", "rouge1", "rouge2", "bleu", "chrf", "f1")
ACCURACY = ("accuracy", "macro_f1")
DECODERS = ("llama", "mistral", "qwen", "gpt2", "gpt-3", "gpt3", "open_llama")
CORRELATIONS = ("matthews_correlation", "spearman_x100")
SMALL_FAMILY = 20
# The more sizes are shown, the surer the engine is, and too sure from six on: the logarithm of the spread rises by this for each size
# beyond four, up to six. Chosen on left-out forecasts (`nested.py`).
PER_SIZE = 0.2
# All in all it is a tenth too wide, with one run a size and with all of them: chosen in the same way, on published sources and the farm's
# tuning half. Not from fewer than three sizes, whose spread has factors of its own.
NARROWER = 0.9
CALIBRATION = {
    "calibration": {"better": [0.0, 0.0, PER_SIZE], "worse": [0.0, 0.0, PER_SIZE]},
    "coverage": {"single": NARROWER, "replicated": NARROWER, "few_sizes": 1.0},
}


@dataclass(frozen=True)
class Farm:
    """Stored curves of the farm; the family of each, the kind that a study states, and those that may be learned from."""

    curves: list[Curve]
    families: dict[str, str]
    kinds: dict[str, str]
    learned: set[str]


def read(path: Path) -> tuple[list[Curve], dict[str, str]]:
    """Curves of fine-tuned models, and the family of each."""
    curves: dict[str, Curve] = {}
    families: dict[str, str] = {}
    with path.open(newline="", encoding="utf-8-sig") as handle:
        for row in csv.DictReader(handle):
            if row["kind"] != "finetune":
                continue
            name = row["curve_id"]
            ends = (-100.0 if row["metric"] in CORRELATIONS else 0.0, 100.0)
            fresh = Curve(name, row["source"], row["group"], row["direction"], ends)
            runs = curves.setdefault(name, fresh).runs.setdefault(float(row["n"]), {})
            runs[f"{len(runs)}:{row['replicate']}"] = float(row["score"])
            curves[name].test_rows = float(row["n_test"]) if row["n_test"] else None
            families[name] = family(row["model"].lower(), row["metric"])
    return list(curves.values()), families


def read_farm(path: Path = MEASURED) -> Farm:
    """The farm's stored curves of two sizes or more."""
    farm = Farm([], {}, {}, set())
    for found in read_curves(read_points(path), read_sets()):
        curve = farm_curve(found)
        farm.curves.append(curve)
        farm.families[curve.curve_id] = f"{FARM}{found.family.split(', ', 1)[1]}"
        farm.kinds[curve.curve_id] = kind_of_learner(found.learner)
        if found.is_learned:
            farm.learned.add(curve.curve_id)
    return farm


def learning_tasks(published: list[Curve], farm: Farm) -> list[Task]:
    """What prior and rule are learned from: published curves, and language models of the farm's tuning half."""
    return make_tasks([*published, *(curve for curve in farm.curves if curve.curve_id in farm.learned)])


def farm_curve(found: MeasuredCurve) -> Curve:
    """A stored curve of the farm as a curve of the exam."""
    name = f"{found.one.name}/{found.learner}/{found.metric}"
    direction = "min" if found.metric in LESS_IS_BETTER else "max"
    curve = Curve(name, f"{FARM}{found.one.source}", found.one.name, direction, (0.0, 100.0), test_rows=found.n_test)
    curve.runs.update({n: {str(run): score for run, score in enumerate(scores)} for n, scores in found.runs.items()})
    return curve


def family(model: str, metric: str) -> str:
    """Which of the reported families a curve belongs to."""
    if metric in OVERLAP:
        return "BLEU, ROUGE, F1"
    if "embedding" in model or not model.startswith(DECODERS):
        return "encoders"
    return "decoders, classification" if metric in ACCURACY else "decoders, other"


def task(curve: Curve, shown: list[float], target: float) -> Task:
    """One run of each size shown; the truth is the mean of all runs at the target."""
    scores = np.array([next(iter(curve.runs[size].values())) for size in shown])
    return Task(curve, np.array(shown), scores, target, float(np.mean(list(curve.runs[target].values()))))


def make_tasks(curves: list[Curve]) -> list[Task]:
    """The tasks of the yardstick."""
    tasks = []
    for curve in curves:
        sizes = sorted(curve.runs)
        if len(sizes) < 4:
            continue
        if sizes[-1] <= FARTHEST * sizes[-2]:
            tasks.append(task(curve, sizes[:-1], sizes[-1]))
        near = [size for size in sizes[3:] if size <= FARTHEST * sizes[2]]
        if near and len(sizes) > 4:
            tasks.append(task(curve, sizes[:3], near[-1]))
    return tasks


def ours(one: Task, kind: str | None = None) -> np.ndarray:
    """The engine's quantiles under the table in force, as for a user's file."""
    points = CurvePoints(one.train_size, one.score, n_test=one.curve.test_rows)
    ends = usual_range(one.score, one.curve.direction)[0]
    curve = prepare(points, ends, one.curve.direction)
    return np.quantile(predict(curve, kind).measured_scores(np.array([one.target]))[:, 0], LEVELS)


def with_table(table: dict[str, Any], forecast: Callable[[], list[Any]]) -> list[Any]:
    """Forecast under another table than the shipped one."""
    shipped = dict(priors.prior_table())
    priors.prior_table().update(table)
    try:
        return forecast()
    finally:
        priors.prior_table().update(shipped)


def entries(tasks: list[Task], work: Path) -> dict[str, dict]:
    """For every source the prior learned from the others; kept one file a source."""
    curves_of = curve_counts(tasks)
    draws: Draws | None = None
    found = {}
    for source in sorted(curves_of):
        file = work / f"{source}.json"
        if not file.exists():
            draws = draws or draw_tasks(tasks)
            entry = table_entry(learn(draws.keep(draws.source != source), curves_of), CALIBRATION)
            file.write_text(json.dumps(entry), encoding="utf-8")
            print(f"learned without {source}", flush=True)
        found[source] = json.loads(file.read_text(encoding="utf-8"))
    return found


def all_pairs(tasks: list[Task], tables: dict[str, dict]) -> list[Pair]:
    """Every task forecast as either kind, with the language-model prior that its source had no part in."""
    pairs: dict[int, Pair] = {}
    for source, entry in tables.items():
        rows = [index for index, one in enumerate(tasks) if one.curve.source == source]
        made = with_table({priors.LANGUAGE_MODEL: entry}, lambda rows=rows: [make_pair(tasks[row]) for row in rows])
        pairs.update(zip(rows, made, strict=True))
    return [pairs[index] for index in range(len(tasks))]


def kinds_rule(pairs: list[Pair], tasks: list[Task], classical: list[Pair], without: str | None = None) -> dict:
    """The table's entry for the kinds, learned from all sources but one."""
    rows = [index for index, one in enumerate(tasks) if one.curve.source != without]
    weight = source_weights(np.array([tasks[row].curve.source for row in rows]), curve_counts(tasks))
    weights = learn_kinds([pairs[row] for row in rows], weight, classical)
    return {"features": list(FEATURES), "weights": weights.tolist()}


def left_out(
    tasks: list[Task], tables: dict[str, dict], rules: dict[str, dict], kinds: Mapping[str, str | None] | None = None
) -> np.ndarray:
    """Quantiles of every task under the prior and the rule that its source had no part in.

    Kinds are stated by curve, language models where a curve is not named; without `kinds` none is.
    """
    answers = np.empty((len(tasks), len(LEVELS)))
    for source in sorted({one.curve.source for one in tasks}):
        rows = [index for index, one in enumerate(tasks) if one.curve.source == source]
        table = {priors.LANGUAGE_MODEL: tables[source], "kinds": rules[source]} if source in tables else {}
        stated = {
            row: None if kinds is None else kinds.get(tasks[row].curve.curve_id, priors.LANGUAGE_MODEL) for row in rows
        }
        answers[rows] = with_table(
            table, lambda stated=stated: [ours(tasks[row], kind) for row, kind in stated.items()]
        )
    return answers


def curve_counts(tasks: list[Task]) -> dict[str, int]:
    """Number of curves of every source."""
    named = {(one.curve.source, one.curve.curve_id) for one in tasks}
    return {source: sum(name == source for name, _ in named) for source, _ in named}


def classical(tasks: list[Task]) -> dict[str, np.ndarray]:
    """What people do today, on the same tasks."""
    answers = {}
    for name, method in all_baselines().items():
        found = [method(one.train_size, one.score, one.target, True) for one in tasks]
        answers[name] = np.array([one.mean + one.sd * NORMAL for one in found])
    return answers


def figures(quantiles: np.ndarray, truth: np.ndarray, weight: np.ndarray) -> tuple[float, ...]:
    """CRPS, coverage of the 80 and 90 % intervals, shares below and above the 80 % interval, as weighted means."""
    miss = truth[:, None] - quantiles
    crps = 2.0 * np.maximum(LEVELS * miss, (LEVELS - 1.0) * miss).mean(axis=1)
    inside = [(quantiles[:, low] <= truth) & (truth <= quantiles[:, 18 - low]) for low in (1, 0)]
    parts = (crps, *inside, truth < quantiles[:, 1], truth > quantiles[:, 17])
    return tuple(float(part @ weight / weight.sum()) for part in parts)


def table_of(tasks: list[Task], families: dict[str, str], answers: dict[str, np.ndarray]) -> str:
    """Markdown: pooled, by family, by source; the best classical method is picked per row, which favours it."""
    truth = np.array([one.truth for one in tasks])
    source = np.array([one.curve.source for one in tasks])
    kind = np.array([families[one.curve.curve_id] for one in tasks])
    names, member, count = np.unique(source, return_inverse=True, return_counts=True)
    weight = (1.0 / count)[member]
    rivals = [name for name in answers if name not in ("tunecurve", "known", "classical", "last value")]
    lines = [
        "| | tasks | CRPS | in 80 % | in 90 % | below / above 80 % | kind stated: CRPS, 80 / 90 % | classical prior alone | last value "
        "| best classical method |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    is_farm = np.array([str(name).startswith(FARM) for name in source])
    rows = [("all, every source the same", np.ones(len(tasks), bool))]
    rows += [("published", ~is_farm), ("farm", is_farm)] if is_farm.any() else []
    rows += [(name, kind == name) for name in sorted(set(kind))] + [(str(name), source == name) for name in names]
    for title, chosen in rows:
        found = {name: figures(quantiles[chosen], truth[chosen], weight[chosen]) for name, quantiles in answers.items()}
        best = min(rivals, key=lambda name: found[name][0])
        mine, known, alone = (found[name] for name in ("tunecurve", "known", "classical"))
        lines.append(
            f"| {title} | {chosen.sum()} | {mine[0]:.2f} | {mine[1]:.2f} | {mine[2]:.2f} | {mine[3]:.2f} / {mine[4]:.2f} | "
            f"{known[0]:.2f}, {known[1]:.2f} / {known[2]:.2f} | {alone[0]:.2f} | {found['last value'][0]:.2f} | "
            f"{found[best][0]:.2f} ({best}) |"
        )
    return "\n".join(lines)


def main() -> None:
    """Forecast every source from the others, print the table, and write the shipped entries on demand."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("curves", type=Path)
    parser.add_argument("--classical", type=Path, required=True, help="curves of classical learners (LCDB)")
    parser.add_argument("--work", type=Path, required=True, help="folder for what is done already")
    parser.add_argument("--farm", action="store_true", help="also the stored curves of the curve farm")
    parser.add_argument("--out", type=Path, help="the table whose language-model entries are learned from all sources")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    curves, families = read(options.curves)
    farm = read_farm()
    learning = learning_tasks(curves, farm)
    tables = entries(learning, options.work)
    pairs = all_pairs(learning, tables)
    if options.out:
        entry = table_entry(learn(draw_tasks(learning), curve_counts(learning)), CALIBRATION)
        table = json.loads(options.out.read_text(encoding="utf-8"))
        classical_ones = with_table({priors.LANGUAGE_MODEL: entry}, lambda: classical_pairs(options.classical))
        table |= {priors.LANGUAGE_MODEL: entry, "kinds": kinds_rule(pairs, learning, classical_ones)}
        write_table(table, options.out)
        return
    classical_ones = classical_pairs(options.classical)
    rules = {source: kinds_rule(pairs, learning, classical_ones, source) for source in tables}
    tasks = make_tasks([*curves, *farm.curves] if options.farm else curves)
    families |= farm.families
    answers = {"tunecurve": left_out(tasks, tables, rules), "known": left_out(tasks, tables, rules, farm.kinds)}
    answers["classical"] = np.array([ours(one, priors.CLASSICAL) for one in tasks])
    np.savez(options.work / "answers.npz", **answers)
    print(table_of(tasks, families, answers | classical(tasks)))


if __name__ == "__main__":
    main()
