"""Every score and every prediction of a study as tidy tables for other tools."""

from __future__ import annotations

from pathlib import Path

from tunecurve.report.answer_lines import leak_form, lines_of, places_of
from tunecurve.report.safe_csv import to_csv
from tunecurve.report.tables import TIDY_COLUMNS
from tunecurve.results.model import Results
from tunecurve.results.records.trials import FinishedTrial
from tunecurve.storage.files import make_folder, write_json, write_text
from tunecurve.study.trial_folder import TrialFolder

PREDICTION_COLUMNS = (
    "learner", "strategy", "shots", "train_size", "seed", "row_id", "input", "target", "prediction", "stop_reason",
    "tokens_in", "tokens_out", "error", "target_nats", "target_units", "target_left_out",
    "test_row", "place", "values_leaked",
)  # fmt: skip


def prediction_rows(folder: Path, results: Results) -> list[dict[str, object]]:
    """Return one row for every prediction of every finished trial.

    With the row's number in the test set, where it stands in the data, and how many of its values leak, where leaks are measured.
    """
    rows: list[dict[str, object]] = []
    form = leak_form(results)
    for trial in results.finished:
        own = TrialFolder(folder / trial.folder)
        lines = own.answers()
        losses, where = _losses(folder, trial, len(lines)), places_of(folder, range(len(lines)))
        leaks = [answer.n_leaked if form else None for answer in lines_of(own, form)]
        rows += [
            trial.columns | line | loss | {"test_row": number, "place": place, "values_leaked": n_leaked}
            for number, (line, loss, place, n_leaked) in enumerate(
                zip(lines, losses, where, leaks, strict=True), start=1
            )
        ]
    return rows


def _losses(folder: Path, trial: FinishedTrial, n_rows: int) -> list[dict[str, object]]:
    """Return the loss of every test row of a trial as columns; empty ones where no loss is known."""
    if trial.loss is None or trial.loss.test is None:
        return [{}] * n_rows
    return [
        {"target_left_out": line["left_out"]}
        if line["left_out"]
        else {"target_nats": line["nats"], "target_units": line["n_units"]}
        for line in TrialFolder(folder / trial.folder).losses("test")
    ]


def write_tables(folder: Path, results: Results, destination: Path, kind: str) -> list[Path]:
    """Write scores and predictions as ``csv`` or ``json`` into a folder; return the two paths.

    In CSV, a text that a spreadsheet would take for a formula gets a leading apostrophe; JSON holds texts as they are.
    """
    make_folder(destination)
    tables = {
        "scores": (results.rows, TIDY_COLUMNS),
        "predictions": (prediction_rows(folder, results), PREDICTION_COLUMNS),
    }
    paths = []
    for name, (rows, columns) in tables.items():
        path = destination / f"{name}.{kind}"
        if kind == "csv":
            write_text(path, to_csv(rows, columns))
        else:
            write_json(path, [{column: row.get(column) for column in columns} for row in rows])
        paths.append(path)
    return paths
