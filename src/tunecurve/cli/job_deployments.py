"""The part of `tunecurve jobs` on deployments: what stands at providers by the hour for tuned models' answers."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import click

if TYPE_CHECKING:
    from tunecurve.learners.hosted.ledger.calls import Ledger
    from tunecurve.learners.hosted.ledger.deployments import DeploymentRow

Row = TypeVar("Row")


@dataclass(frozen=True)
class Shown:
    """A job or a deployment as the table shows it; ``--json`` prints the same."""

    key: str
    state: str
    model: str
    what: str
    provider_id: str | None
    cost_usd: float | None
    study: str
    cost_is_estimated: bool = False
    booked_usd: float | None = None


def deployment_summary(row: DeploymentRow) -> Shown:
    """Return a deployment as the table of jobs shows it; one that stands has cost what its time has by now."""
    stood = row.stood_seconds
    if stood is None:
        stood = 0.0 if row.is_over else time.time() - row.created_at
    cost = row.booked_usd if row.usd_per_hour is not None else None
    what = f"deployment, {stood / 60:.0f} min"
    return Shown(row.key, row.state, row.model, what, row.provider_id, cost, row.study)


def rows_in_ledger(read: Callable[[Ledger], list[Row]]) -> list[Row]:
    """Return what is read from the ledger; opens nothing that is not there."""
    from tunecurve.learners.hosted.ledger.calls import Ledger, default_ledger_path

    path = default_ledger_path()
    if not path.exists():
        return []
    ledger = Ledger(path)
    try:
        return read(ledger)
    finally:
        ledger.close()


def remove_left_overs() -> tuple[int, int]:
    """Delete what processes that are gone have left standing; return how many there were, and how many are not known to be gone."""
    from tunecurve.learners.hosted.build import deployment_flow_of

    left = rows_in_ledger(lambda ledger: ledger.left_over_deployments())
    n_failed = 0
    for row in left:
        try:
            flow = deployment_flow_of(row)
            flow.account.on_message = lambda line: click.echo(line, err=True)
            n_failed += not flow.remove(row).is_over
        except Exception as error:
            n_failed += 1
            click.echo(f"{row.key}: {in_one_line(error)}", err=True)
    return len(left), n_failed


def delete_deployment(row: DeploymentRow) -> DeploymentRow:
    """Delete a deployment that its user names."""
    from tunecurve.errors import StudyStateError
    from tunecurve.learners.hosted.build import deployment_flow_of

    if row.is_over:
        raise StudyStateError(f"deployment {row.key} is {row.state}; nothing to delete")
    flow = deployment_flow_of(row)
    flow.account.on_message = lambda line: click.echo(line, err=True)
    after = flow.remove(row)
    if after.state == row.state and flow.account.ledger.owner.lives(row.owner):
        raise StudyStateError(f"deployment {row.key} answers for a study that is at work; stop that first")
    return after


def forget_deployment(row: DeploymentRow) -> DeploymentRow:
    """Take a deployment off the books that its user knows not to stand."""
    from tunecurve.errors import StudyStateError
    from tunecurve.learners.hosted.build import deployment_flow_of
    from tunecurve.learners.hosted.ledger.deployments import IN_DOUBT, UNDELETED

    if row.state not in (IN_DOUBT, UNDELETED):
        raise StudyStateError(
            f"deployment {row.key} is {row.state}; only one in doubt, or not known to be deleted, is forgotten "
            "(tunecurve jobs cancel deletes it)"
        )
    return deployment_flow_of(row).forget(row)


def unknown_deployments(rows: list[DeploymentRow]) -> list[Shown]:
    """Return deployments at the places of our own ones that carry our mark and are in no ledger here."""
    from tunecurve.learners.hosted.build import deployment_flow_of

    known = {row.key for row in rows}
    found = []
    for row in {row.backend: row for row in rows}.values():
        try:
            backend = deployment_flow_of(row).backend
            theirs = [other for other in backend.ours() if other.name not in known]
        except Exception as error:
            click.echo(f"{row.backend}: {in_one_line(error)}", err=True)
            continue
        found += [
            Shown("–", other.state, other.model, "deployment of another ledger, if it is in use; else: "
                  f"{backend.delete_command(other.provider_id)}", other.provider_id, None, "–")
            for other in theirs
        ]  # fmt: skip
    return found


def in_one_line(error: Exception) -> str:
    """Return why a provider could not be asked, in one line without secrets."""
    from tunecurve.errors import TunecurveError
    from tunecurve.learners.hosted.transport.failures import plain_reason
    from tunecurve.learners.hosted.tuning.errors import TransientError

    return str(error) if isinstance(error, TunecurveError | TransientError) else plain_reason(error)
