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
    from tunecurve.results.records.trials import TrialResult


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print trials, decision, time and money as JSON.")
def status(folder: Path, as_json: bool) -> None:
    """Show the state of every trial in a run folder."""
    from tunecurve.cli.main import visible
    from tunecurve.report.decision import decision_text
    from tunecurve.report.tables import number, text_table
    from tunecurve.report.test_set import rows_lines
    from tunecurve.results.stored import left_out, load

    results = load(folder)
    primary = results.primary_metric
    trials = [(trial, *_as_it_is_now(folder, trial, primary)) for trial in results.trials]
    if as_json:
        listed = [
            {"learner": trial.learner, "trial": trial.label, "state": state, primary: score, "failure": failure}
            for trial, state, score, failure in trials
        ]
        print_json({"schema_version": 2, "trials": listed, **summary_json(results)})
        return
    rows = [
        [visible(trial.learner), trial.label, state, number(score, ".2f"), visible(failure or "")]
        for trial, state, score, failure in trials
    ]
    n_finished = [state for _, state, _, _ in trials].count("finished")
    n_left_out = len(left_out(results))
    tell(decision_text(results, (n_finished, len(trials)), n_left_out))
    echo()
    echo(text_table(["learner", "trial", "state", primary, "failure"], rows))
    not_counted = f" ({n_left_out} of them not counted in what follows)" if n_left_out else ""
    tell(f"\n{n_finished} of {len(trials)} trials finished{not_counted}. {results.headline}")
    for line in rows_lines(results.about_test_set):
        tell(line)
    show_findings(results.findings)


def summary_json(results: Results) -> dict[str, object]:
    """Return the decision, the time and the money of a study, as `status` and `report` print them."""
    from tunecurve.results.decision import decision_of
    from tunecurve.results.stored import left_out

    n_left_out = len(left_out(results))
    trained = [trial.training.train_seconds for trial in results.finished if trial.training]
    answered = [trial.answer_seconds for trial in results.finished]
    return {
        "complete": results.complete,
        "n_trials": len(results.trials),
        "n_finished": len(results.finished) + n_left_out,
        "n_left_out": n_left_out,
        "decision": decision_of(results),
        "headline": results.headline,
        "seconds": {"training": sum(trained), "answering": sum(answered), "total": sum(trained) + sum(answered)},
        "money": results.money,
        "findings": findings_json(results.findings),
    }


def _as_it_is_now(folder: Path, trial: TrialResult, metric: str) -> tuple[str, float | None, str | None]:
    """Return state, score and failure as the trial's folder tells them: results.json may be older."""
    from tunecurve.results.records.trials import FinishedTrial
    from tunecurve.study.trial_folder import TrialFolder

    now = TrialFolder(folder / trial.folder)
    state, failure = now.state, trial.failure
    if isinstance(trial, FinishedTrial):
        return state, trial.scores[metric], failure
    if state != trial.state:
        failure = now.failure()
    return state, now.score(metric) if state == "finished" else None, failure
