"""The forecasts that a study has shown, kept in its folder, and what came once a larger size was measured.

A line of forecasts.jsonl is one forecast of one learner and metric: when, by which version, from which trials. A size is
compared with the latest forecast that was made from smaller sizes alone, and only if all trials behind that forecast are still trials
of the study: another recipe, other rows or another metric make another curve.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from tunecurve.curve.scoring import crps
from tunecurve.storage.files import checked_line, checked_lines, value_of_line, write_bytes
from tunecurve.storage.versions import own_version

FORECASTS = "forecasts.jsonl"
# Six digits of a score are more than any test set resolves.
DIGITS = 6
LEVELS = (("80", "0.10", "0.90"), ("90", "0.05", "0.95"))


@dataclass(frozen=True)
class KeptForecasts:
    """The forecasts of a run folder.

    Attributes
    ----------
    entries : list of dict
        In the order in which they were made.
    n_damaged : int
        Lines that are not what was written; they are left out.
    """

    entries: list[dict[str, Any]]
    n_damaged: int


def read_forecasts(folder: Path) -> KeptForecasts:
    """Return the forecasts that a study has kept; none where there is no file yet."""
    path = folder / FORECASTS
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return KeptForecasts([], 0)
    except IsADirectoryError:
        return KeptForecasts([], 1)
    lines = checked_lines(content)
    intact = [value_of_line(line) for line, is_intact in lines if is_intact]
    is_cut = not content.endswith(b"\n") and bool(content)
    return KeptForecasts(intact, len(lines) - len(intact) + is_cut)


def damage_line(folder: Path, kept: KeptForecasts) -> str:
    """Return the line that says how much of the file is damaged, and what follows."""
    many = kept.n_damaged != 1
    return (
        f"'{folder / FORECASTS}': {kept.n_damaged} damaged line{'s' * many}; {'these forecasts are' if many else 'that forecast is'} left "
        "out when forecasts are compared with what was measured; delete the file to begin a new record"
    )


def keep_forecasts(folder: Path, results: Mapping[str, Any]) -> KeptForecasts:
    """Add the forecasts in the results that are not kept yet, and return all of them.

    The file is written whole or not at all. What is damaged in it stays there, and is counted at every reading.
    """
    with _alone(folder):
        kept = read_forecasts(folder)
        known = {_key(entry) for entry in kept.entries}
        fresh = [entry for entry in _forecasts_in(results) if _key(entry) not in known]
        if fresh and not (folder / FORECASTS).is_dir():
            _append(folder / FORECASTS, fresh)
        return KeptForecasts([*kept.entries, *fresh], kept.n_damaged)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Let one process at a time add lines: several may share a study."""
    descriptor = os.open(folder / f".{FORECASTS}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _append(path: Path, entries: Sequence[Mapping[str, Any]]) -> None:
    before = path.read_bytes() if path.exists() else b""
    end = b"\n" if before and not before.endswith(b"\n") else b""
    write_bytes(path, before + end + b"".join(map(checked_line, entries)))


def _key(entry: Mapping[str, Any]) -> tuple[Any, ...]:
    """What makes a forecast another one: the version, the trials behind it, what was asked."""
    return (entry["learner"], entry["metric"], entry["metric_signature"], entry["version"], *entry["trials"])


def _forecasts_in(results: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the forecasts that results show, as they are kept."""
    made_at = datetime.now(UTC).isoformat(timespec="seconds")
    for key, metric_key in (("forecast", "primary_metric"), ("second_forecast", "second_metric")):
        metric = next(item for item in results["metrics"] if item["name"] == results[metric_key])
        for learner, forecast in results[key].items():
            if not forecast["forecasts"]:
                continue
            yield {
                "made_at": made_at,
                "version": own_version(),
                "learner": learner,
                "metric": metric["name"],
                "metric_signature": metric["signature"],
                "direction": metric["direction"],
                "trials": sorted(_trials_of(results, learner)),
                "points": forecast["points"],
                "forecasts": [
                    {
                        "n": entry["n"],
                        "quantiles": {level: _short(value) for level, value in entry["quantiles"].items()},
                        "borrowed": bool(entry.get("borrowed")),
                        "speculative": bool(entry.get("speculative")),
                    }
                    for entry in forecast["forecasts"]
                ],
            }


def _short(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")


def _trials_of(results: Mapping[str, Any], learner: str) -> list[str]:
    """Return the folders of a learner's finished trials, which are named by everything that determines them."""
    return [
        trial["folder"]
        for trial in results["trials"]
        if trial["learner"] == learner and trial["strategy"] == "fine-tune" and trial["state"] == "finished"
    ]


def judge_forecasts(entries: Sequence[Mapping[str, Any]], results: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return for every measured size what had been forecast for it, as results.json shows it.

    Parameters
    ----------
    entries : sequence of mapping
        Kept forecasts, in the order in which they were made.
    results : mapping
        What the study has measured.

    Returns
    -------
    list of dict
        By metric, learner and size: ``learner``, ``metric``, ``n``, ``measured`` (mean of the ``runs`` runs), ``median``,
        ``interval_80``, ``interval_90``, ``inside_80``, ``inside_90``, ``crps`` and ``crps_last`` (of the last measured value, taken
        for the forecast), ``sizes`` that the forecast was made from, ``made_at``, ``version``, ``borrowed``, ``speculative``,
        ``sentence``. Sizes that were measured before any forecast from smaller ones are left out.
    """
    judged = []
    for metric_key in ("primary_metric", "second_metric"):
        metric = next(item for item in results["metrics"] if item["name"] == results[metric_key])
        for point in sorted(_tuned(results), key=lambda point: (point["learner"], point["train_size"])):
            measured = point["scores"][metric["name"]]["estimate"]
            if measured is None or measured != measured:
                continue
            still = set(_trials_of(results, point["learner"]))
            usable = [
                entry
                for entry in entries
                if (entry["learner"], entry["metric"]) == (point["learner"], metric["name"])
                and entry["metric_signature"] == metric["signature"]
                and set(entry["trials"]) <= still
                and _largest(entry) < point["train_size"]
            ]
            said = _at(usable[-1], point["train_size"]) if usable else None
            if said is not None:
                judged.append(_judged(usable[-1], said, point, float(measured), metric))
    return judged


def _largest(entry: Mapping[str, Any]) -> float:
    """Return the largest size that a forecast was made from; 0 where nothing was measured yet."""
    return max((float(item["n"]) for item in entry["points"]), default=0.0)


def _tuned(results: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [point for point in results["points"] if point["strategy"] == "fine-tune"]


def _at(entry: Mapping[str, Any], size: int) -> dict[str, Any] | None:
    """Return what an entry says at a size: between two forecast sizes read off the straight line in log n; None beyond them."""
    sizes = [forecast["n"] for forecast in entry["forecasts"]]
    after = next((place for place, n in enumerate(sizes) if n >= size - 1e-6), None)
    if after is None or (after == 0 and sizes[0] > size + 1e-6):
        return None
    above, below = entry["forecasts"][after], entry["forecasts"][max(after - 1, 0)]
    share = 1.0 if after == 0 else float(np.log(size / below["n"]) / np.log(above["n"] / below["n"]))
    quantiles = {
        level: (1 - share) * below["quantiles"][level] + share * value for level, value in above["quantiles"].items()
    }
    return {"quantiles": quantiles, "borrowed": above["borrowed"], "speculative": above["speculative"]}


def _judged(
    entry: Mapping[str, Any],
    said: Mapping[str, Any],
    point: Mapping[str, Any],
    measured: float,
    metric: Mapping[str, Any],
) -> dict[str, Any]:
    quantiles = said["quantiles"]
    intervals = {level: (quantiles[low], quantiles[high]) for level, low, high in LEVELS}
    sizes = [int(item["n"]) for item in entry["points"]]
    described = {
        "learner": point["learner"],
        "metric": metric["name"],
        "n": point["train_size"],
        "measured": measured,
        "runs": point["n_seeds"],
        "median": quantiles["0.50"],
        "interval_80": list(intervals["80"]),
        "interval_90": list(intervals["90"]),
        "inside_80": bool(intervals["80"][0] <= measured <= intervals["80"][1]),
        "inside_90": bool(intervals["90"][0] <= measured <= intervals["90"][1]),
        "crps": crps(quantiles, measured),
        "crps_last": abs(measured - entry["points"][-1]["mean_score"]) if entry["points"] else None,
        "sizes": sizes,
        "made_at": entry["made_at"],
        "version": entry["version"],
        "borrowed": said["borrowed"],
        "speculative": said["speculative"],
    }
    return described | {"sentence": sentence_of(described)}


def sentence_of(item: Mapping[str, Any]) -> str:
    """Return ``forecast 88.1 (85.2 to 90.4) from 4 sizes, measured 89.0``."""
    low, high = item["interval_80"]
    count = len(item["sizes"])
    marks = [word for word in ("borrowed", "speculative") if item[word]]
    runs = f" (mean of {item['runs']} runs)" if item["runs"] > 1 else ""
    return (
        f"forecast {item['median']:.1f} ({low:.1f} to {high:.1f}) from {count} size{'s' * (count != 1)}"
        f"{''.join(f', {mark}' for mark in marks)}, measured {item['measured']:.1f}{runs}"
    )


def summary_of(judged: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return how often the intervals held, and the mean score of the forecasts beside that of the last measured value."""
    count = len(judged)
    last = [item["crps_last"] for item in judged if item["crps_last"] is not None]
    return {
        "n": count,
        "held_80": sum(item["inside_80"] for item in judged),
        "held_90": sum(item["inside_90"] for item in judged),
        "below_80": sum(item["measured"] < item["interval_80"][0] for item in judged),
        "above_80": sum(item["measured"] > item["interval_80"][1] for item in judged),
        "crps": float(np.mean([item["crps"] for item in judged])) if count else None,
        "crps_last": float(np.mean(last)) if last else None,
    }
