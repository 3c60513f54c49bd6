"""`tunecurve status`: what is done, running, failed and waiting in a run folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tunecurve.cli.as_json import findings_json, print_json
from tunecurve.cli.findings import show_findings
from tunecurve.cli.main import echo
from tunecurve.cli.wide import tell

if TYPE_CHECKING:
    from tunecurve.results.model import Results


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print trials, decision, time and money as JSON.")
def status(folder: Path, as_json: bool) -> None:
    """Show the state of every trial in a run folder."""
    from tunecurve.cli.main import visible
    from tunecurve.report.decision import decision_text
    from tunecurve.report.tables import number, text_table
    from tunecurve.report.test_set import rows_lines
    from tunecurve.results.records.trials import FinishedTrial
    from tunecurve.results.stored import load

    results = load(folder)
    primary = results.primary_metric
    scores = [trial.scores[primary] if isinstance(trial, FinishedTrial) else None for trial in results.trials]
    states = [_state_now(folder / trial.folder) for trial in results.trials]
    trials = list(zip(results.trials, states, scores, strict=True))
    if as_json:
        listed = [
            {"learner": trial.learner, "trial": trial.label, "state": state, primary: score, "failure": trial.failure}
            for trial, state, score in trials
        ]
        print_json({"schema_version": 2, "trials": listed, **summary_json(results)})
        return
    rows = [
        [visible(trial.learner), trial.label, state, number(score, ".2f"), visible(trial.failure or "")]
        for trial, state, score in trials
    ]
    tell(decision_text(results))
    echo()
    echo(text_table(["learner", "trial", "state", primary, "failure"], rows))
    tell(f"\n{states.count('finished')} of {len(trials)} trials finished. {results.headline}")
    for line in rows_lines(results.about_test_set):
        tell(line)
    show_findings(results.findings)


def summary_json(results: Results) -> dict[str, object]:
    """Return the decision, the time and the money of a study, as `status` and `report` print them."""
    from tunecurve.results.decision import decision_of

    trained = [trial.training.train_seconds for trial in results.finished if trial.training]
    answered = [trial.answer_seconds for trial in results.finished]
    return {
        "complete": results.complete,
        "n_trials": len(results.trials),
        "n_finished": len(results.finished),
        "decision": decision_of(results),
        "headline": results.headline,
        "seconds": {"training": sum(trained), "answering": sum(answered), "total": sum(trained) + sum(answered)},
        "money": results.money,
        "findings": findings_json(results.findings),
    }


def _state_now(folder: Path) -> str:
    """Return the state as the trial's folder tells it: results.json is as old as the last trial that ended."""
    from tunecurve.study.trial_folder import TrialFolder

    return TrialFolder(folder).state
