"""`tunecurve jobs`: the tuning jobs at providers, as the ledger and the providers know them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from tunecurve.cli.job_deployments import (
    all_deployments,
    delete_deployment,
    deployment_summary,
    forget_deployment,
    in_one_line,
    remove_left_overs,
    unknown_deployments,
)


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
    rows, deployments = _all_rows(), all_deployments()
    foreign = _foreign_jobs(rows) + unknown_deployments(deployments) if provider else []
    shown = [*map(_summary, rows), *map(deployment_summary, deployments), *foreign]
    if as_json:
        click.echo(json.dumps(shown))
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
            flow.account.say = lambda line: click.echo(line, err=True)
            rows[number] = flow.sync(row)
        except Exception as error:
            n_failed += 1
            click.echo(f"{row['key']}: {in_one_line(error)}", err=True)
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

    click.echo(redact(json.dumps(_find(key, among_deployments=True), indent=1)))


@jobs.command()
@click.argument("key")
def cancel(key: str) -> None:
    """Ask the provider to end a job, or to delete a deployment."""
    from tunecurve.errors import StudyStateError
    from tunecurve.learners.hosted.build import job_flow_of
    from tunecurve.learners.hosted.tuning.types import ENDED

    row = _find(key, among_deployments=True)
    if _is_deployment(row):
        with _one_line():
            row = delete_deployment(row)
        _print_table([deployment_summary(row)])
        return
    if row["state"] in ENDED:
        raise StudyStateError(f"job {row['key']} has ended ({row['state']}); nothing to cancel")
    with _one_line():
        flow = job_flow_of(row)
        row = flow.sync(row)
        if row["provider_id"] is None:
            raise StudyStateError(f"the provider knows no job {row['key']}; nothing to cancel")
        if row["state"] == "lost":
            raise StudyStateError(f"the provider knows job {row['provider_id']} no more; nothing to cancel")
        if row["state"] not in ENDED:
            flow.backend.cancel(row["provider_id"])
            row = flow.sync(row)
    _print_table([_summary(row)])


@jobs.command()
@click.argument("key")
@click.option("--model-is-gone", is_flag=True, help="The job succeeded, but its tuned model was deleted since.")
def retry(key: str, model_is_gone: bool) -> None:
    """Let the study make and pay for another job; what the first one may have cost stays booked."""
    from tunecurve.errors import StudyStateError
    from tunecurve.learners.hosted.build import job_flow_of
    from tunecurve.learners.hosted.ledger.jobs import IN_DOUBT

    row = _find(key)
    if row["state"] == "succeeded" and not model_is_gone:
        raise StudyStateError(
            f"job {row['key']} has succeeded; if its tuned model was deleted since, add --model-is-gone"
        )
    if row["state"] not in ("failed", "cancelled", "expired", "lost", "unknown", "succeeded", IN_DOUBT):
        raise StudyStateError(
            f"job {row['key']} is {row['state']}; one that is on its way is not repeated (tunecurve jobs cancel ends it)"
        )
    with _one_line():
        job_flow_of(row).retry(row)
    if row["state"] == "succeeded":
        _drop_trained(row)
    _say_how_to_go_on(row, "make another job")


@jobs.command()
@click.argument("key")
@click.argument("provider_id", metavar="ID")
def adopt(key: str, provider_id: str) -> None:
    """Take a job that stands in the provider's list as ID for the one whose creation got no answer."""
    from tunecurve.errors import StudyStateError
    from tunecurve.learners.hosted.build import job_flow_of
    from tunecurve.learners.hosted.ledger.jobs import CREATING, IN_DOUBT, QUEUED_HERE

    row = _find(key)
    if row["state"] not in (CREATING, IN_DOUBT, QUEUED_HERE, "lost"):
        raise StudyStateError(f"job {row['key']} is {row['state']} as {row['provider_id']}; it needs no other")
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
    from tunecurve.learners.hosted.ledger.jobs import FORGOTTEN

    row = _find(key, among_deployments=True)
    if _is_deployment(row):
        _print_table([deployment_summary(forget_deployment(row))])
        return
    if row["state"] in ("waiting", "running", "unknown", "succeeded", FORGOTTEN):
        hint = "" if row["state"] in ("succeeded", FORGOTTEN) else "; end it first: tunecurve jobs cancel " + row["key"]
        raise StudyStateError(f"job {row['key']} is {row['state']}; it is not forgotten{hint}")
    with _one_line():
        job_flow_of(row).forget(row)
    _say_how_to_go_on(row, "make another job, unless a later one is there")


def _say_how_to_go_on(row: dict[str, Any], what: str) -> None:
    study = Path(row["study"])
    click.echo(f"Run the study again to {what}: tunecurve run {study / 'study.yaml'} --out {study}")


def _drop_trained(row: dict[str, Any]) -> None:
    """Remove the records of a tuned model that is gone from its study, so that its trial is trained anew."""
    from tunecurve.learners.hosted.tunable import TUNED
    from tunecurve.study.trial_folder import TRAINING, trials_of

    model = (row["detail"].get("job") or {}).get("tuned_model")
    for trial in trials_of(Path(row["study"])):
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


def _all_rows() -> list[dict[str, Any]]:
    from tunecurve.learners.hosted.ledger.calls import Ledger, default_ledger_path

    path = default_ledger_path()
    if not path.exists():
        return []
    ledger = Ledger(path)
    try:
        return ledger.jobs()
    finally:
        ledger.close()


def _is_deployment(row: dict[str, Any]) -> bool:
    return "usd_per_hour" in row


def _find(key: str, *, among_deployments: bool = False) -> dict[str, Any]:
    from tunecurve.errors import UsageError

    rows = [*_all_rows(), *(all_deployments() if among_deployments else [])]
    found = [
        row
        for row in rows
        if key == row["provider_id"] or row["key"].removeprefix("tunecurve-").startswith(key.removeprefix("tunecurve-"))
    ]
    if len(found) != 1:
        what = "no job is" if not found else f"{len(found)} jobs are"
        raise UsageError(f"{what} called '{key}'; see: tunecurve jobs")
    return found[0]


def _foreign_jobs(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the jobs at the places of our own ones that are not ours."""
    from tunecurve.learners.hosted.build import job_flow_of

    ours = [row["key"] for row in rows]
    our_ids = {row["provider_id"] for row in rows}
    places = {row["backend"]: row for row in rows}
    found = []
    for row in places.values():
        try:
            found += job_flow_of(row).backend.jobs()
        except Exception as error:
            click.echo(f"{row['backend']}: {in_one_line(error)}", err=True)
    return [
        {"key": "–", "state": job.state, "model": job.base_model, "what": "not ours", "provider_id": job.provider_id,
         "cost_usd": None, "study": "–"}
        for job in found
        if job.provider_id not in our_ids and not any(job.is_of(key) for key in ours)
    ]  # fmt: skip


def _summary(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "key": row["key"],
        "state": row["state"],
        "model": row["model"],
        "what": row["label"],
        "provider_id": row["provider_id"],
        "cost_usd": row["cost_usd"],
        "cost_is_estimated": bool(row["detail"].get("is_estimated")),
        "booked_usd": row["reserved_usd"] if row["cost_usd"] is None else row["cost_usd"],
        "study": row["study"],
    }


def _cost_in_words(row: dict[str, Any]) -> str:
    """Return what a job costs; what is booked for one whose cost is not known, and that no provider told it, is said."""
    from tunecurve.learners.hosted.prices import money

    if row["cost_usd"] is not None:
        return money(row["cost_usd"]) + (" (estimated)" if row.get("cost_is_estimated") else "")
    return f"at most {money(row['booked_usd'])} booked" if row.get("booked_usd") else "–"


def _print_table(rows: list[dict[str, Any]]) -> None:
    from tunecurve.cli.main import visible
    from tunecurve.report.tables import text_table

    if not rows:
        click.echo("No tuning jobs yet.")
        return
    cells = [
        [visible(row["key"]), row["state"], visible(row["model"]), row["what"], visible(row["provider_id"] or "–"),
         _cost_in_words(row)]
        for row in rows
    ]  # fmt: skip
    click.echo(text_table(["key", "state", "model", "what", "job at the provider", "cost"], cells))
