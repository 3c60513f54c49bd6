"""What `validate`, `plan`, `run` and `status` say about a study's rows: counts, and findings a line each."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from tunecurve.cli.main import echo
from tunecurve.cli.wide import tell
from tunecurve.findings import Finding, as_shown

if TYPE_CHECKING:
    from tunecurve.study.facts import DataFacts


def finding_lines(findings: Iterable[Finding]) -> list[str]:
    """Return one line a finding, its kind in front, in the columns of `validate`."""
    return [f"{finding.kind:<9}{finding.line}" for finding in as_shown(findings)]


def show_findings(findings: Iterable[Finding]) -> None:
    """Print the findings."""
    for line in finding_lines(findings):
        tell(line)


def show_rows(facts: DataFacts) -> None:
    """Print how many rows came in, stayed and went, and where those that went stood."""
    reasons = ", ".join(f"{count} {reason}" for reason, count in facts.dropped.items())
    dropped = f", dropped: {reasons}" if reasons else ""
    echo(f"rows     {facts.rows_in} rows in, {facts.rows_kept} kept{dropped}")
    for reason, places in facts.dropped_places.items():
        echo(f"         {reason}: {', '.join(places)}{', ...' if facts.dropped[reason] > len(places) else ''}")
    echo(f"split    {facts.split_method}: {facts.n_test} test rows in {facts.groups_in_test} groups, "
         f"{facts.n_pool} to train on, {facts.n_set_aside} set aside")  # fmt: skip
