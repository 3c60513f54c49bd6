"""`tunecurve jobs`: the tuning jobs at providers, as the ledger and the providers know them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click


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
    """List the jobs in the ledger, oldest first."""
    rows = _all_rows()
    foreign = _foreign_jobs(rows) if provider else []
    if as_json:
        click.echo(json.dumps([_summary(row) for row in rows] + foreign))
        return
    _print_table([_summary(row) for row in rows] + foreign)


@jobs.command()
def sync() -> None:
    """Ask the providers how every job stands that has not ended; submits nothing."""
    from tunecurve.learners.hosted.build import job_flow_of
    from tunecurve.learners.hosted.jobs import ENDED, QUEUED_HERE

    rows = [row for row in _all_rows() if row["state"] not in ENDED and row["state"] != QUEUED_HERE]
    if not rows:
        click.echo("No job is on its way.")
        return
    _print_table([_summary(job_flow_of(row).sync(row)) for row in rows])


@jobs.command()
@click.argument("key")
def show(key: str) -> None:
    """Show everything known of one job; KEY is ours or the provider's, or the beginning of ours."""
    from tunecurve.redact import redact

    click.echo(redact(json.dumps(_find(key), indent=1)))


@jobs.command()
@click.argument("key")
def cancel(key: str) -> None:
    """Ask the provider to end a job."""
    from tunecurve.errors import StudyStateError
    from tunecurve.learners.hosted.build import job_flow_of
    from tunecurve.learners.hosted.jobs import ENDED

    row = _find(key)
    if row["state"] in ENDED:
        raise StudyStateError(f"job {row['key']} has ended ({row['state']}); nothing to cancel")
    flow = job_flow_of(row)
    row = flow.sync(row)
    if row["provider_id"] is None:
        raise StudyStateError(f"the provider knows no job {row['key']}; nothing to cancel")
    flow.backend.cancel(row["provider_id"])
    _print_table([_summary(flow.sync(row))])


@jobs.command()
@click.argument("key")
def retry(key: str) -> None:
    """Let the study make and pay for another job instead of one that failed, expired or was cancelled."""
    from tunecurve.errors import StudyStateError
    from tunecurve.learners.hosted.build import job_flow_of

    row = _find(key)
    if row["state"] not in ("failed", "cancelled", "expired"):
        raise StudyStateError(
            f"job {row['key']} is {row['state']}; only failed, cancelled and expired ones are repeated"
        )
    job_flow_of(row).retry(row)
    click.echo(
        f"Run the study again to make another job: tunecurve run {Path(row['study']) / 'study.yaml'} --out {row['study']}"
    )


def _all_rows() -> list[dict[str, Any]]:
    from tunecurve.learners.hosted.ledger import Ledger, default_ledger_path

    path = default_ledger_path()
    if not path.exists():
        return []
    ledger = Ledger(path)
    try:
        return ledger.jobs()
    finally:
        ledger.close()


def _find(key: str) -> dict[str, Any]:
    from tunecurve.errors import UsageError

    rows = _all_rows()
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
    places = {row["backend"]: row for row in rows}
    return [
        {"key": "–", "state": job.state, "model": job.base_model, "what": "not ours", "provider_id": job.provider_id,
         "cost_usd": None, "study": "–"}
        for row in places.values()
        for job in job_flow_of(row).backend.jobs()
        if not any(job.is_of(key) for key in ours)
    ]  # fmt: skip


def _summary(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "key": row["key"],
        "state": row["state"],
        "model": row["model"],
        "what": row["label"],
        "provider_id": row["provider_id"],
        "cost_usd": row["cost_usd"],
        "study": row["study"],
    }


def _print_table(rows: list[dict[str, Any]]) -> None:
    from tunecurve.cli.main import visible
    from tunecurve.learners.hosted.prices import money
    from tunecurve.report.tables import text_table

    if not rows:
        click.echo("No tuning jobs yet.")
        return
    cells = [
        [visible(row["key"]), row["state"], visible(row["model"]), row["what"], visible(row["provider_id"] or "–"),
         money(row["cost_usd"]) if row["cost_usd"] is not None else "–"]
        for row in rows
    ]  # fmt: skip
    click.echo(text_table(["key", "state", "model", "what", "job at the provider", "cost"], cells))
