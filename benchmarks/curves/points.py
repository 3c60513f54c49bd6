"""From run folders to one table of points, one row a trial and metric: scores and settings, never a text."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from sets import CurveSet

from tunecurve.atlas.measured import MEASURED_COLUMNS as COLUMNS

# What tells one measurement from another; a later one of the same replaces it.
KEY = ("set", "learner", "strategy", "n", "seed", "metric")
METRICS = {
    "masking": ("bleu", "leak_documents", "label_accuracy"),
    "classification": ("accuracy", "macro_f1"),
    "ner": ("entity_f1",),
    "summarization": ("rougeL",),
    "generation": ("bleu", "exact_match"),
    "multilabel": ("label_micro_f1", "label_macro_f1", "subset_accuracy"),
    "extraction": ("field_f1", "exact_object", "valid_json"),
}

PointRow = dict[str, str]


def points_of_run(one: CurveSet, folder: Path) -> list[PointRow]:
    """Return the points of one run folder; none where nothing is finished."""
    path = folder / "results.json"
    if not path.exists():
        return []
    results = json.loads(path.read_text(encoding="utf-8"))
    floors = {
        name: point["scores"][name]["estimate"]
        for point in results["points"]
        if point["strategy"] == "floor"
        for name in METRICS[one.task]
    }
    return [
        row
        for trial in results["trials"]
        if trial["state"] == "finished" and trial["strategy"] != "floor"
        for row in _points_of_trial(one, trial, floors, results, folder)
    ]


def _points_of_trial(
    one: CurveSet, trial: Mapping[str, Any], floors: Mapping[str, Any], results: Mapping[str, Any], folder: Path
) -> Iterable[PointRow]:
    training, compute = trial.get("training") or {}, trial["config"]["learner"].get("compute")
    seconds = trial["answer_seconds"] + (0.0 if training.get("taken_from") else training.get("train_seconds") or 0.0)
    common = {
        "set": one.name,
        "task": one.task,
        "learner": trial["learner"],
        "strategy": trial["strategy"],
        "n": str(trial["train_size"] or trial["shots"]),
        "seed": str(trial["seed"]),
        "n_test": str(results["data"]["n_test"]),
        "seconds": f"{seconds:.1f}",
        "device": f"{compute['device']} {compute['dtype']}" if compute else "cpu",
        "version": results["tunecurve_version"],
        "date": _day_of(folder / trial["folder"] / "result.json"),
        "loss": _number(((trial.get("loss") or {}).get("test") or {}).get("mean"), 4),
    }
    for metric in METRICS[one.task]:
        yield common | {
            "metric": metric,
            "score": _number(trial["scores"][metric], 3),
            "floor": _number(floors.get(metric), 3),
        }


def falls_somewhere(rows: Iterable[PointRow]) -> bool:
    """Return whether the first run of a larger size has a lower score of the headline metric than that of a smaller one, for any model."""
    curves: dict[str, dict[int, float]] = {}
    for row in rows:
        is_first = (row["strategy"], row["seed"], row["metric"]) == ("fine-tune", "0", METRICS[row["task"]][0])
        if is_first and row["score"]:
            curves.setdefault(row["learner"], {})[int(row["n"])] = float(row["score"])
    in_order = [[curve[n] for n in sorted(curve)] for curve in curves.values()]
    return any(later < earlier for scores in in_order for earlier, later in pairwise(scores))


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _day_of(path: Path) -> str:
    """Return the day on which a file was written."""
    return datetime.fromtimestamp(path.stat().st_mtime, UTC).date().isoformat()


def read_points(path: Path) -> list[PointRow]:
    """Return the rows of a points file; none where it is not there yet."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [dict(row) for row in csv.DictReader(file)]


def write_points(path: Path, rows: Sequence[Mapping[str, str]]) -> None:
    """Write a points file whole or not at all."""
    temporary = path.with_name(f".{path.name}.tmp")
    with temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    temporary.replace(path)


def merged(tables: Iterable[Iterable[PointRow]], order: Sequence[str]) -> list[PointRow]:
    """Return the points of several tables, sorted by set (in the given order), learner, strategy, metric, size and seed.

    A set and learner that was measured on two devices or with two test sets is taken from one table alone, the later one where
    it has no fewer points: the points of one curve have one origin.
    """
    found: dict[tuple[str, str], dict[tuple[str, ...], PointRow]] = {}
    for table in tables:
        fresh: dict[tuple[str, str], dict[tuple[str, ...], PointRow]] = {}
        for row in table:
            if row["score"]:
                fresh.setdefault((row["set"], row["learner"]), {})[tuple(row[key] for key in KEY)] = row
        for curve, rows in fresh.items():
            if curve in found and _origin(found[curve]) == _origin(rows):
                found[curve] |= rows
            elif curve not in found or len(rows) >= len(found[curve]):
                found[curve] = rows
    rank = {name: place for place, name in enumerate(order)}
    everything = [row for rows in found.values() for row in rows.values()]
    return sorted(
        everything,
        key=lambda row: (
            rank.get(row["set"], len(rank)),
            row["learner"],
            row["metric"],
            row["strategy"],
            int(row["n"]),
            int(row["seed"]),
        ),
    )


def _origin(rows: Mapping[tuple[str, ...], PointRow]) -> set[tuple[str, str]]:
    return {(row["device"], row["n_test"]) for row in rows.values()}
