"""`tunecurve run`: measure a learning curve, or continue one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from tunecurve.cli.options import study_options


@click.command()
@study_options
@click.option("--no-texts", is_flag=True, help="Keep row texts out of the report.")
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON.")
@click.option("--quiet", is_flag=True, help="No progress; errors only.")
def run(study: Path | None, as_json: bool, quiet: bool, no_texts: bool, **options: Any) -> int:
    """Measure a learning curve: zero-shot, few-shot and fine-tuned at growing sizes, on one frozen test set.

    Without arguments: the built-in PII study with the built-in model, at quick sizes. The same command continues an
    interrupted study; for a finished one it does nothing.
    """
    from tunecurve.cli.console import ConsoleProgress, stop_on_interrupt, this_command
    from tunecurve.cli.options import study_values
    from tunecurve.errors import Interrupted, TrialsFailedError
    from tunecurve.run import prepare_study, run_prepared
    from tunecurve.study.progress import Progress

    values, origin = study_values(study, options)
    if no_texts:
        values["show_texts"] = False
    progress = Progress() if quiet else ConsoleProgress()
    ready = prepare_study(
        values,
        out=options["out"],
        device=options["device"],
        threads=options["threads"],
        progress=progress,
        origin=origin,
    )
    if isinstance(progress, ConsoleProgress):
        _say_what_is_to_do(progress, ready)
    stop_on_interrupt(progress)
    try:
        done = run_prepared(ready, progress)
    except Interrupted as interrupted:
        raise Interrupted(f"{interrupted}; what is finished is kept. Continue with: {this_command()}") from None
    _show_results(done.folder, done.results, as_json=as_json, quiet=quiet)
    if done.outcome.n_run == 0 and not done.outcome.failures and not quiet and not as_json:
        click.echo("Nothing to do: every trial of this study was finished before.")
    if done.outcome.failures:
        raise TrialsFailedError(_failure_summary(done.outcome.failures))
    return 0


def _say_what_is_to_do(progress: Any, ready: Any) -> None:
    data = ready.data.facts
    progress.message(
        f"{ready.spec.name}: {data['rows_in']} rows in, {data['rows_kept']} kept; {data['n_test']} test rows, "
        f"{data['n_pool']} to train on, {data['n_set_aside']} set aside ({data['split_method']})"
    )
    progress.message(f"look at {ready.folder / 'report.html'} while it grows")


def _show_results(folder: Path, results: dict[str, Any], *, as_json: bool, quiet: bool) -> None:
    from tunecurve.report.tables import default_columns, point_table, text_table
    from tunecurve.study.storage import without_nan

    if as_json:
        click.echo(json.dumps(without_nan(results), ensure_ascii=False))
        return
    if quiet:
        return
    click.echo()
    click.echo(text_table(*point_table(results, default_columns(results))))
    click.echo()
    click.echo(results["headline"])
    for learner, forecast in results["forecast"].items():
        said = forecast["refusal"] or forecast["verdict"]["sentence"]
        click.echo(f"{learner}: {said}" if len(results["forecast"]) > 1 else said)
    click.echo(f"Report: {folder / 'report.html'}   curve: {folder / 'curve.png'}   numbers: {folder / 'results.json'}")


def _failure_summary(failures: dict[Any, str]) -> str:
    """Return one line: how many trials failed, by reason."""
    by_reason: dict[str, list[str]] = {}
    for trial, reason in failures.items():
        by_reason.setdefault(reason, []).append(f"{trial.learner} {trial.label}")
    grouped = "; ".join(f"{', '.join(labels)}: {reason}" for reason, labels in by_reason.items())
    return f"{len(failures)} trial(s) failed, the others are finished and kept ({grouped}). The same command tries them again"
