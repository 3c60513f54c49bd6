"""`tunecurve jobs`: the tuning jobs at providers, as the ledger and the providers know them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from tunecurve.cli.as_json import print_json_list
from tunecurve.cli.job_deployments import (
    Shown,
    delete_deployment,
    deployment_summary,
    forget_deployment,
    in_one_line,
    remove_left_overs,
    rows_in_ledger,
    unknown_deployments,
)

if TYPE_CHECKING:
    from tunecurve.learners.hosted.ledger.deployments import DeploymentRow
    from tunecurve.learners.hosted.ledger.job_rows import JobRow

Row = TypeVar("Row", "JobRow", "JobRow | DeploymentRow")

# What `jobs show` prints of a job or a deployment before its details.
_IN_FRONT = (
    "key", "study", "backend", "model", "label", "state", "attempt", "provider_id", "usd_per_hour", "reserved_usd", "cost_usd",
    "created_at", "updated_at",
)  # fmt: skip


@click.group(invoke_without_command=True)
@click.pass_context
def jobs(context: click.Context) -> None:
    """List, follow, cancel and repeat tuning jobs; without a command: list."""
    if context.invoked_subcommand is None:
        context.invoke(list_jobs)


@jobs.command("list")
@click.option("--provider", is_flag=True, help="Also ask the providers for jobs that are not ours.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def list_jobs(provider: bool = False, as_json: bool = False) -> None:
    """List the jobs in the ledger, oldest first, then the deployments."""
    rows, deployments = _all_rows(), _all_deployments()
    foreign = _foreign_jobs(rows) + unknown_deployments(deployments) if provider else []
    shown = [*map(_summary, rows), *map(deployment_summary, deployments), *foreign]
    if as_json:
        print_json_list(map(asdict, shown))
        return
    _print_table(shown)


@jobs.command()
def sync() -> None:
    """Ask the providers how every job stands that has not ended, and delete deployments that were left over; makes nothing."""
    from tunecurve.errors import ModelError
    from tunecurve.learners.hosted.build import job_flow_of
    from tunecurve.learners.hosted.tuning.job_keeper import needs_a_look

    rows = [row for row in _all_rows() if needs_a_look(row)]
    n_left, n_undeleted = remove_left_overs()
    if n_left:
        click.echo(f"Deployments left over: {n_left}, deleted: {n_left - n_undeleted}.")
    if not rows:
        click.echo("No job is on its way.")
    n_failed = 0
    for number, row in enumerate(rows):
        try:
            flow = job_flow_of(row)
            flow.account.on_message = lambda line: click.echo(line, err=True)
            rows[number] = flow.sync(row)
        except Exception as error:
            n_failed += 1
            click.echo(f"{row.key}: {in_one_line(error)}", err=True)
    if rows:
        _print_table([_summary(row) for row in rows])
    if n_undeleted:
        raise ModelError(f"{n_undeleted} deployments may still stand and cost; tunecurve jobs shows them")
    if n_failed:
        raise ModelError(f"{n_failed} of {len(rows)} jobs could not be asked about; they are shown as last seen")


@jobs.command()
@click.argument("key")
def show(key: str) -> None:
    """Show everything known of one job or deployment; KEY is ours or the provider's, or the beginning of ours."""
    from tunecurve.privacy.redact import redact

    values = asdict(_find(key))
    known = {name: values.pop(name) for name in _IN_FRONT if name in values}
    known["detail"] = {name: value for name, value in values.items() if value is not None}
    click.echo(redact(json.dumps(known, indent=1)))


@jobs.command()
@click.argument("key")
def cancel(key: str) -> None:
    """Ask the provider to end a job, or to delete a deployment."""
    from tunecurve.errors import StudyStateError
    from tunecurve.learners.hosted.build import job_flow_of
    from tunecurve.learners.hosted.ledger.deployments import DeploymentRow
    from tunecurve.learners.hosted.ledger.job_rows import ENDED

    row = _find(key)
    if isinstance(row, DeploymentRow):
        with _one_line():
            row = delete_deployment(row)
        _print_table([deployment_summary(row)])
        return
    if row.state in ENDED:
        raise StudyStateError(f"job {row.key} has ended ({row.state}); nothing to cancel")
    with _one_line():
        flow = job_flow_of(row)
        row = flow.sync(row)
        if row.provider_id is None:
            raise StudyStateError(f"the provider knows no job {row.key}; nothing to cancel")
        if row.state == "lost":
            raise StudyStateError(f"the provider knows job {row.provider_id} no more; nothing to cancel")
        if row.state not in ENDED:
            flow.backend.cancel(row.provider_id)
            row = flow.sync(row)
    _print_table([_summary(row)])


@jobs.command()
@click.argument("key")
@click.option("--model-is-gone", is_flag=True, help="The job succeeded, but its tuned model was deleted since.")
def retry(key: str, model_is_gone: bool) -> None:
    """Let the study make and pay for another job; what the first one may have cost stays booked."""
    from tunecurve.errors import StudyStateError
    from tunecurve.learners.hosted.build import job_flow_of
    from tunecurve.learners.hosted.ledger.job_rows import IN_DOUBT

    row = _find_job(key)
    if row.state == "succeeded" and not model_is_gone:
        raise StudyStateError(f"job {row.key} has succeeded; if its tuned model was deleted since, add --model-is-gone")
    if row.state not in ("failed", "cancelled", "expired", "lost", "unknown", "succeeded", IN_DOUBT):
        raise StudyStateError(
            f"job {row.key} is {row.state}; one that is on its way is not repeated (tunecurve jobs cancel ends it)"
        )
    with _one_line():
        job_flow_of(row).retry(row)
    if row.state == "succeeded":
        _drop_trained(row)
    _say_how_to_go_on(row, "make another job")


@jobs.command()
@click.argument("key")
@click.argument("provider_id", metavar="ID")
def adopt(key: str, provider_id: str) -> None:
    """Take a job that stands in the provider's list as ID for the one whose creation got no answer."""
    from tunecurve.errors import StudyStateError
    from tunecurve.learners.hosted.build import job_flow_of
    from tunecurve.learners.hosted.ledger.job_rows import CREATING, IN_DOUBT, NOT_MADE, QUEUED_HERE

    row = _find_job(key)
    if row.state not in (CREATING, IN_DOUBT, QUEUED_HERE, NOT_MADE, "lost"):
        raise StudyStateError(f"job {row.key} is {row.state} as {row.provider_id}; it needs no other")
    with _one_line():
        row = job_flow_of(row).adopt(row, provider_id)
    _print_table([_summary(row)])
    _say_how_to_go_on(row, "follow it")


@jobs.command()
@click.argument("key")
def forget(key: str) -> None:
    """Take a job or a deployment that the provider does not have, or does not bill, off the books."""
    from tunecurve.errors import StudyStateError
    from tunecurve.learners.hosted.build import job_flow_of
    from tunecurve.learners.hosted.ledger.deployments import DeploymentRow
    from tunecurve.learners.hosted.ledger.job_rows import FORGOTTEN

    row = _find(key)
    if isinstance(row, DeploymentRow):
        _print_table([deployment_summary(forget_deployment(row))])
        return
    if row.state in ("waiting", "running", "unknown", "succeeded", FORGOTTEN):
        hint = "" if row.state in ("succeeded", FORGOTTEN) else "; end it first: tunecurve jobs cancel " + row.key
        raise StudyStateError(f"job {row.key} is {row.state}; it is not forgotten{hint}")
    with _one_line():
        job_flow_of(row).forget(row)
    _say_how_to_go_on(row, "make another job, unless a later one is there")


def _say_how_to_go_on(row: JobRow, what: str) -> None:
    from tunecurve.study.study_file import continue_command

    study = Path(row.study)
    click.echo(f"Run the study again to {what}: {continue_command(study) or 'its command'}")


def _drop_trained(row: JobRow) -> None:
    """Remove the records of a tuned model that is gone from its study, so that its trial is trained anew."""
    from tunecurve.learners.hosted.tunable import TUNED
    from tunecurve.study.trial_folder import TRAINING, trials_of

    model = row.job.tuned_model if row.job is not None else None
    for trial in trials_of(Path(row.study)):
        if trial.has(TUNED) and json.loads((trial.path / TUNED).read_text(encoding="utf-8")).get("model") == model:
            trial.remove(TRAINING, TUNED)


@contextmanager
def _one_line() -> Iterator[None]:
    """Turn whatever a provider's SDK raises into a line."""
    from tunecurve.errors import ModelError, TunecurveError

    try:
        yield
    except TunecurveError:
        raise
    except Exception as error:
        raise ModelError(f"the provider cannot be asked: {in_one_line(error)}; try again later") from None


def _all_rows() -> list[JobRow]:
    return rows_in_ledger(lambda ledger: ledger.jobs())


def _all_deployments() -> list[DeploymentRow]:
    return rows_in_ledger(lambda ledger: ledger.deployments())


def _find(key: str) -> JobRow | DeploymentRow:
    rows: list[JobRow | DeploymentRow] = [*_all_rows(), *_all_deployments()]
    return _one_called(key, rows)


def _find_job(key: str) -> JobRow:
    return _one_called(key, _all_rows())


def _one_called(key: str, rows: list[Row]) -> Row:
    from tunecurve.errors import UsageError
    from tunecurve.learners.hosted.ledger.job_rows import OUR_PREFIX

    short = key.removeprefix(OUR_PREFIX)
    found = [row for row in rows if key == row.provider_id or row.key.removeprefix(OUR_PREFIX).startswith(short)]
    if len(found) != 1:
        what = "no job is" if not found else f"{len(found)} jobs are"
        raise UsageError(f"{what} called '{key}'; see: tunecurve jobs")
    return found[0]


def _foreign_jobs(rows: list[JobRow]) -> list[Shown]:
    """Return the jobs at the places of our own ones that are not ours."""
    from tunecurve.learners.hosted.build import job_flow_of

    ours = [row.key for row in rows]
    our_ids = {row.provider_id for row in rows}
    places = {row.backend: row for row in rows}
    found = []
    for row in places.values():
        try:
            found += job_flow_of(row).backend.jobs()
        except Exception as error:
            click.echo(f"{row.backend}: {in_one_line(error)}", err=True)
    return [
        Shown("–", job.state, job.base_model, "not ours", job.provider_id, None, "–")
        for job in found
        if job.provider_id not in our_ids and not any(job.is_of(key) for key in ours)
    ]  # fmt: skip


def _summary(row: JobRow) -> Shown:
    return Shown(
        row.key,
        row.state,
        row.model,
        row.label,
        row.provider_id,
        row.cost_usd,
        row.study,
        row.is_estimated,
        row.booked_usd,
    )


def _cost_in_words(line: Shown) -> str:
    """Return what a job costs; what is booked for one whose cost is not known, and that no provider told it, is said."""
    from tunecurve.learners.hosted.prices import money

    if line.cost_usd is not None:
        return money(line.cost_usd) + (" (estimated)" if line.cost_is_estimated else "")
    return f"at most {money(line.booked_usd)} booked" if line.booked_usd else "–"


def _print_table(lines: list[Shown]) -> None:
    from tunecurve.cli.main import visible
    from tunecurve.report.tables import text_table

    if not lines:
        click.echo("No tuning jobs yet.")
        return
    cells = [
        [visible(line.key), line.state, visible(line.model), line.what, visible(line.provider_id or "–"),
         _cost_in_words(line)]
        for line in lines
    ]  # fmt: skip
    click.echo(text_table(["key", "state", "model", "what", "job at the provider", "cost"], cells))
