"""What the test rows can show, in lines and as a table. Computes nothing new."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tunecurve.findings import Finding, blocked
from tunecurve.results.test_set.power import about


def rows_lines(results: Mapping[str, Any]) -> list[str]:
    """Return the sentences on the headline metric, leaks, and which rows to label next; none for results of an earlier version.

    Where several learners are measured, the one with the best score speaks for the test set.
    """
    test_set = results.get("test_set")
    if test_set is None:
        return []
    headline = [entry for entry in test_set["differences"] if entry["metric"] == results["primary_metric"]]
    reasons = blocked([Finding.from_json(item) for item in results["findings"]], "verdict")
    if reasons:  # a metric that is blind, or nothing to be learnt: no difference of it says anything
        return [f"Which differences these test rows can tell is not said: {reasons[0].text}.", *leak_lines(results)]
    if results["primary_metric"] is None:  # bare curves: each speaks for itself
        return [
            f"{entry['learner']}: {entry['sentence']}" if entry["learner"] else entry["sentence"] for entry in headline
        ]
    best = _best_learner(results)
    lines = [entry["sentence"] for entry in sorted(headline, key=lambda entry: entry["learner"] != best)[:1]]
    return lines + leak_lines(results) + [item["sentence"] for item in test_set["next_rows"]]


def _best_learner(results: Mapping[str, Any]) -> str | None:
    """Return the learner of the best fine-tuned point."""
    metric = next(item for item in results["metrics"] if item["name"] == results["primary_metric"])
    sign = 1.0 if metric["direction"] == "max" else -1.0
    scores = [
        (sign * point["scores"][metric["name"]]["estimate"], point["learner"])
        for point in results["points"]
        if point["strategy"] == "fine-tune" and point["scores"][metric["name"]]["estimate"] is not None
    ]
    return max((pair for pair in scores if pair[0] == pair[0]), default=(0.0, None))[1]


def leak_lines(results: Mapping[str, Any]) -> list[str]:
    """Return the sentence on leaks, unless a finding forbids to speak of them."""
    leaks = results["test_set"]["leaks"]
    findings = [Finding.from_json(item) for item in results["findings"]]
    return [leaks["sentence"]] if leaks and not blocked(findings, "leaks") else []


def rows_table(results: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Return header and rows: by learner and metric, the smallest difference that is told, and the rows for the one asked for."""
    header = ["learner", "metric", "rests on", "told in 4 of 5 cases", "to be told", "test rows for it"]
    rows = []
    for entry in (results.get("test_set") or {"differences": []})["differences"]:
        rests = "other studies" if entry["sizes"] is None else " and ".join(f"{size:,}" for size in entry["sizes"])
        smallest = [f"{value:.1f}" if value is not None else "–" for value in entry["smallest"]]
        needed = [f"{about(value):,}" if value is not None else "–" for value in entry["rows_needed"]]
        cells = [entry["learner"] or "any", entry["title"], rests]
        rows.append([*cells, " to ".join(smallest), f"{entry['wanted']:g}", " to ".join(needed)])
    return header, rows
