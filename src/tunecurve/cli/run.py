"""`tunecurve run`: measure a learning curve, or continue one."""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tunecurve.cli.findings import finding_lines, show_findings
from tunecurve.cli.main import echo
from tunecurve.cli.options import study_options
from tunecurve.cli.spec_options import FiniteRange, option_of
from tunecurve.cli.wide import tell, terminal_width

if TYPE_CHECKING:
    from tunecurve.findings import Finding
    from tunecurve.results.model import Results
    from tunecurve.study.plan import Trial
    from tunecurve.study.progress import Progress
    from tunecurve.study.study import Study

_WIDEST_CHART, _HEIGHT_OF_CHART = 100, 9


@click.command()
@study_options
@click.option(
    "--executor",
    "executor_name",
    type=click.Choice(["local", "shared", "ray"]),
    default="local",
    show_default=True,
    help="Where trials run: this machine; this machine and all that run the same command in the same folder; a Ray cluster.",
)
@click.option("--workers", type=click.IntRange(min=1), help="local: trials at once (one a GPU, else one).")
@click.option("--ray-address", help="ray: the cluster ($RAY_ADDRESS, else one is started here).")
@click.option("--gpus-per-trial", type=FiniteRange(min=0), default=0.0, help="ray: share of a GPU, e.g. 0.25 (0).")
@option_of("track")
@option_of("show_texts")
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON.")
@click.option("--quiet", is_flag=True, help="No progress; errors only.")
@click.option("--yes", is_flag=True, help="Agree to the quoted costs of hosted models.")
def run(
    study: str | None,
    as_json: bool,
    quiet: bool,
    yes: bool,
    executor_name: Any,
    workers: int | None,
    ray_address: str | None,
    gpus_per_trial: float,
    **options: Any,
) -> int:
    """Measure a learning curve: zero-shot, few-shot and fine-tuned at growing sizes, on one frozen test set.

    Without arguments: the built-in PII study with the built-in model, at quick sizes. The same command continues an
    interrupted study; for a finished one it does nothing.
    """
    from tunecurve.cli.console import ConsoleProgress, stopping_on_interrupt, this_command
    from tunecurve.cli.options import options_of, study_values
    from tunecurve.errors import Interrupted, TrialsFailedError
    from tunecurve.executors.options import Executor
    from tunecurve.run import run_prepared
    from tunecurve.study.prepare import prepare_study
    from tunecurve.study.progress import Progress

    executor = Executor(executor_name, workers, ray_address, gpus_per_trial)
    values, origin = study_values(study, options)
    progress = Progress() if quiet else ConsoleProgress()
    asked = options_of(
        options,
        origin=origin,
        progress=progress,
        share=executor.workers_here,
        before_models=executor.refuse_time,
        will_run=True,
    )
    ready = prepare_study(values, asked)
    if isinstance(progress, ConsoleProgress):
        _say_what_is_to_do(progress, ready)
    ready.check_access()
    if not yes:
        _agree_to_costs(ready)
    try:
        with stopping_on_interrupt(progress), progress if isinstance(progress, ConsoleProgress) else nullcontext():
            done = run_prepared(ready, executor)
    except Interrupted as interrupted:
        raise Interrupted(f"{interrupted}; what is finished is kept. Continue with: {this_command()}") from None
    if quiet and done.tracking_failure:
        echo(done.tracking_failure, err=True)
    if as_json:
        click.echo(json.dumps(done.results.to_json()))
    elif not quiet:
        _show_results(done.results, set(ready.data.findings))
    if done.outcome.n_run == 0 and not done.outcome.failures and not quiet and not as_json:
        echo("Nothing to do: every trial of this study was finished before.")
    if done.outcome.failures:
        told = progress.told_failures if isinstance(progress, ConsoleProgress) else {}
        raise TrialsFailedError(_failure_summary(done.outcome.failures, told))
    return 0


def _say_what_is_to_do(progress: Progress, ready: Study) -> None:
    data = ready.data.facts
    progress.message(
        f"{ready.spec.name}: {data.rows_in} rows in, {data.rows_kept} kept; {data.n_test} test rows, "
        f"{data.n_pool} to train on, {data.n_set_aside} set aside; split: {data.split_method}"
    )
    for line in finding_lines(ready.data.findings):
        progress.message(line)
    progress.message(f"report (updated as trials finish): {ready.folder / 'report.html'}")


def _agree_to_costs(ready: Study) -> None:
    """Ask before money is spent beyond the threshold; where nobody can answer, --yes does."""
    from tunecurve.errors import MoneyError
    from tunecurve.learners.hosted.prices import money

    if not ready.quotes_usd():
        return
    left, threshold = ready.quote_left_usd(), ready.spec.hosted.ask_above
    obstacles = ready.obstacle_lines()
    if left is not None and left <= threshold and not obstacles:
        return
    if obstacles:
        what = "; ".join(obstacles)
    elif left is None:
        what = "the price of some calls is unknown (tunecurve plan shows which)"
    else:
        what = f"about {money(left)} are left to pay, more than {money(threshold)}"
    if not sys.stdin.isatty():
        raise MoneyError(f"{what}; agree with --yes (--max-cost sets a hard cap); nothing was sent")
    if not click.confirm(f"{what}. Go on?", err=True):
        raise MoneyError("not agreed to; nothing was sent")


def _show_results(results: Results, known: Collection[Finding]) -> None:
    """Show what was measured, and what was found that its user has not been told before."""
    from tunecurve.report.decision import decision_text
    from tunecurve.report.history import history_lines
    from tunecurve.report.loss_panel import loss_lines
    from tunecurve.report.spent import money_line
    from tunecurve.report.tables import prompt_lines
    from tunecurve.report.teaching import teaching_lines
    from tunecurve.report.test_set import rows_lines
    from tunecurve.results.decision import decision_of

    tell()
    tell(decision_text(results))
    width = terminal_width()
    if width is not None:
        _draw(results, width)
    tell()
    echo(_points_within(results, width))
    for line in [*loss_lines(results), "", results.headline, *_remarks(results)]:
        tell(line)
    show_findings(finding for finding in results.findings if finding not in known)
    told = decision_of(results).reason
    for learner, forecast in results.forecast.items():
        of_whom = f"{learner}: " if len(results.forecast) > 1 else ""
        if forecast.said != told:  # that stands above
            tell(f"{of_whom}{forecast.said}")
        for more in (forecast.first_study, forecast.borrowed):
            if more:
                tell(f"{of_whom}{more.sentence}")
    for term, text in prompt_lines(results):
        tell(text if term == "best prompt" else f"{term}: {text}")
    for line in [*teaching_lines(results), *history_lines(results), *rows_lines(results.about_test_set)]:
        tell(line)
    folder = results.folder or Path()
    tell(f"Report: {folder / 'report.html'}   curve: {folder / 'curve.png'}   numbers: {folder / 'results.json'}")
    if results.money is not None:
        tell(money_line(results.money))


def _draw(results: Results, width: int) -> None:
    """Draw the curve in characters."""
    from tunecurve.report.text_chart import chart_of_results

    plain = not (sys.stdout.encoding or "").lower().startswith("utf")
    lines = chart_of_results(results).lines(min(width, _WIDEST_CHART) - 1, _HEIGHT_OF_CHART, plain=plain)
    if lines:
        echo("\n" + "\n".join(lines))


def _points_within(results: Results, width: int | None) -> str:
    """Return the table of points with as many metrics as there is room for, the headline metric at least."""
    from tunecurve.report.tables import default_columns, point_table, text_table

    names = default_columns(results)
    while True:
        table = text_table(*point_table(results, names))
        if width is None or len(names) == 1 or max(map(len, table.splitlines())) <= width:
            n_more = len(results.metrics) - len(names)
            return table if width is None or not n_more else f"{table}\n(the report has {n_more} more metrics)"
        names = names[:-1]


def _remarks(results: Results) -> list[str]:
    """Return what of the answers belongs beside the headline: rows without one, answers cut, or in a wrapper."""
    metric = results.metric()
    return [
        f"{trial.learner} {trial.label}: {'; '.join(remarks)}"
        for trial in results.finished
        if (remarks := trial.answers.remarks(metric.name, metric.title))
    ]


def _failure_summary(failures: Mapping[Trial, str], told: Mapping[Trial, str]) -> str:
    """Return one line: how many trials failed, by reason; one that stands above already is not said again."""
    if all(told.get(trial) == reason for trial, reason in failures.items()):
        names = ", ".join(f"{trial.learner} {trial.label}" for trial in failures)
        why = "why stands" if len(failures) == 1 else "why they failed stands"
        return (
            f"{len(failures)} trial(s) failed ({names}; {why} above), the others are finished and kept. The same command tries "
            "them again"
        )
    by_reason: dict[str, list[str]] = {}
    for trial, reason in failures.items():
        by_reason.setdefault(reason, []).append(f"{trial.learner} {trial.label}")
    grouped = "; ".join(f"{', '.join(labels)}: {reason}" for reason, labels in by_reason.items())
    return f"{len(failures)} trial(s) failed, the others are finished and kept ({grouped}). The same command tries them again"
