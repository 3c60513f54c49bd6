"""What the test rows can show, in lines and as a table. Computes nothing new."""

from __future__ import annotations

from tunecurve.findings import blocked
from tunecurve.report.tables import Table
from tunecurve.results.records.test_set import TestSet, TestSetAnswer
from tunecurve.results.test_set.entries import about


def rows_lines(answer: TestSetAnswer) -> list[str]:
    """Return the sentences on the headline metric, leaks, and which rows to label next.

    Where several learners are measured, the one with the best score speaks for the test set.
    """
    of_metric = [entry for entry in answer.test_set.differences if entry.metric == answer.metric]
    reasons = blocked(answer.findings, "verdict")
    if reasons:  # a metric that is blind, or nothing to be learnt: no difference of it says anything
        return [f"Which differences these test rows can tell is not said: {reasons[0].text}.", *_leak_lines(answer)]
    if answer.metric is None:  # bare curves: each speaks for itself
        return [f"{entry.learner}: {entry.sentence}" if entry.learner else entry.sentence for entry in of_metric]
    lines = [entry.sentence for entry in sorted(of_metric, key=lambda entry: entry.learner != answer.best_learner)[:1]]
    return lines + _leak_lines(answer) + _next_rows_lines(answer.test_set)


def _next_rows_lines(test_set: TestSet) -> list[str]:
    """Return what would show each learner's gain, by name where several are measured: their gains and seeds differ."""
    learners = {entry.learner for entry in test_set.differences} | {item.learner for item in test_set.next_rows}
    named = len(learners - {None, ""}) > 1
    lines = (
        f"{item.learner}: {item.sentence}" if named and item.learner else item.sentence for item in test_set.next_rows
    )
    return list(dict.fromkeys(lines))


def _leak_lines(answer: TestSetAnswer) -> list[str]:
    """Return what may leak if none does; not where some do, or where a finding forbids to speak of leaks."""
    leaks = None if answer.leaks else answer.test_set.leaks
    return [leaks.sentence] if leaks and not blocked(answer.findings, "leaks") else []


def rows_table(test_set: TestSet) -> Table:
    """Return header and rows: by learner and metric, the smallest difference that is told, and the rows for the one asked for."""
    header = ["learner", "metric", "rests on", "told in 4 of 5 cases", "to be told", "test rows for it"]
    rows = []
    for entry in test_set.differences:
        rests = "other studies" if entry.sizes is None else " and ".join(f"{size:,}" for size in entry.sizes)
        smallest = [f"{value:.1f}" if value is not None else "–" for value in entry.smallest]
        needed = [f"{about(value):,}" if value is not None else "–" for value in entry.rows_needed]
        cells = [entry.learner or "any", entry.title, rests]
        rows.append([*cells, " to ".join(smallest), f"{entry.wanted:g}", " to ".join(needed)])
    return header, rows
