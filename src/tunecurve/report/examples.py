"""The worst answers of a trial: what a reader should see before trusting its score."""

from __future__ import annotations

from pathlib import Path

from tunecurve.formats.placeholders import PlaceholderForm, form_of_decision
from tunecurve.metrics.leak_names import LEAKS
from tunecurve.metrics.masked_row import analyse_row
from tunecurve.report.row_faults import faults_of
from tunecurve.results.model import Results
from tunecurve.study.trial_folder import KeptAnswer, TrialFolder


def worst_examples(folder: Path, results: Results, n_examples: int = 8) -> list[dict[str, object]]:
    """Return the rows of the best trial with the most leaks, then with the least text in common with the target.

    Returns
    -------
    list of dict
        With input, target, prediction, stop_reason, and, where leaks are measured, the number of values that leak (else None) and
        what is wrong with which values; wrong answers only.
    """
    trial = results.best_trial()
    if trial is None:
        return []
    rated = []
    form = form_of_decision(results.decided.get("placeholders"))
    has_leaks = any(metric.name == LEAKS for metric in results.metrics)
    for line in TrialFolder(folder / trial.folder).answers():
        if line["prediction"].strip() == line["target"].strip():
            continue
        rated.append(_rate(line, form, has_leaks=has_leaks))
    rated.sort(key=lambda item: item[:2])
    return [line for _, _, line in rated[:n_examples]]


def _rate(line: KeptAnswer, form: PlaceholderForm, *, has_leaks: bool) -> tuple[int, float, dict[str, object]]:
    """Return what an answer is sorted by, leaks first, and what the report shows of it."""
    row = analyse_row(line["prediction"], line["target"], line["input"], form)
    similarity = row.common_characters / max(1, row.literal_characters)
    n_leaked = sum(row.leaked) if has_leaks else 0
    faults = faults_of(line["prediction"], line["target"], line["input"], form).said if has_leaks else []
    shown = line | {"n_leaked": n_leaked if has_leaks else None, "n_values": len(row.leaked), "faults": faults}
    return -n_leaked, similarity, shown
