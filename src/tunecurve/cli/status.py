"""`tunecurve status`: what is done, running, failed and waiting in a run folder."""

from __future__ import annotations

import json
from pathlib import Path

import click

from tunecurve.cli.findings import show_findings
from tunecurve.cli.main import echo


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def status(folder: Path, as_json: bool) -> None:
    """Show the state of every trial in a run folder."""
    from tunecurve.cli.main import visible
    from tunecurve.findings import Finding
    from tunecurve.report.learning_curve import load_study
    from tunecurve.report.tables import text_table
    from tunecurve.report.test_set import rows_lines

    results = load_study(folder).results
    primary = results["primary_metric"]
    trials = [
        {
            "learner": trial["learner"],
            "trial": trial["label"],
            "state": _state_now(folder / trial["folder"]),
            primary: (trial.get("scores") or {}).get(primary),
            "failure": trial["failure"],
        }
        for trial in results["trials"]
    ]
    if as_json:
        click.echo(json.dumps(trials))
        return
    rows = [
        [
            visible(trial["learner"]),
            trial["trial"],
            trial["state"],
            f"{trial[primary]:.2f}" if trial[primary] is not None else "–",
            visible(trial["failure"] or ""),
        ]
        for trial in trials
    ]
    echo(text_table(["learner", "trial", "state", primary, "failure"], rows))
    n_finished = sum(trial["state"] == "finished" for trial in trials)
    echo(f"\n{n_finished} of {len(trials)} trials finished. {results['headline']}")
    for line in rows_lines(results):
        echo(line)
    show_findings(map(Finding.from_json, results.get("findings", [])))


def _state_now(folder: Path) -> str:
    """Return the state as the trial's folder tells it: results.json is as old as the last trial that ended."""
    from tunecurve.study.trial_folder import state_of_folder

    return state_of_folder(folder)
