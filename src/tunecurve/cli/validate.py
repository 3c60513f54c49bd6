"""`tunecurve validate`: check the study file and the data; nothing is trained, no model is loaded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tunecurve.cli.as_json import findings_json, print_json
from tunecurve.cli.findings import show_findings, show_rows
from tunecurve.cli.main import echo
from tunecurve.cli.options import study_options
from tunecurve.cli.suspects import (
    check_new_file,
    first_labels,
    near_json,
    show_near,
    show_suspicious,
    suspicious_json,
    write_suspicious,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tunecurve.findings import Finding
    from tunecurve.spec.study import StudySpec
    from tunecurve.study.dataset import StudyData
    from tunecurve.study.suspicious.find import LookedAt
    from tunecurve.study.suspicious.records import SuspiciousLabels
    from tunecurve.tasks.base import Task

# By default suspicious labels are looked for as long as that is nothing to wait for.
SECONDS = 10.0
SHOWN_BY_DEFAULT, SHOWN_IF_ASKED = 5, 20


@click.command()
@study_options
@click.option(
    "--suspicious/--no-suspicious",
    default=None,
    help="Look for suspicious labels in all rows (at most 50,000), and list 20; or not at all. Default: in as many rows as take about "
    "10 seconds, and 5.",
)
@click.option(
    "--suspicious-to",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the rows with suspicious labels as JSON Lines, the most certain first.",
)
@click.option("--no-texts", is_flag=True, help="Show no texts of rows.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def validate(
    study: str | None,
    suspicious: bool | None,
    suspicious_to: Path | None,
    no_texts: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Check a study file and its data: counts, what would be dropped, and what could mislead.

    Needs no model; `plan` and `run` count the same rows.
    """
    from tunecurve.cli.options import study_values
    from tunecurve.study.checks import check_without_models
    from tunecurve.study.dataset import decided_task
    from tunecurve.study.looking import looked_at
    from tunecurve.study.settling import settled_study
    from tunecurve.study.splitting import split_rows_of
    from tunecurve.study.suspicious.find import find_suspicious
    from tunecurve.study.suspicious.finding import suspicious_findings

    if suspicious_to is not None:
        check_new_file(suspicious_to, is_asked=suspicious is not False)
    values, origin = study_values(study, options)

    def look(out: Path | None) -> tuple[StudySpec, StudyData]:
        settled = settled_study(values, out, origin)
        return split_rows_of(settled.spec, settled, values, accept_data_changes=options["accept_data_changes"])

    (spec, data), said = looked_at(look, values, options["out"], origin)
    data.findings.extend(said)
    check_without_models(spec, data)
    task = decided_task(spec, data.pool, data.decisions)
    to_search = _rows_to_look_at(data, task, suspicious)
    # Of millions of rows, the search has the memory.
    data = replace(data, test=[], pool=[], pool_labels=None, frozen=None)
    found = find_suspicious(to_search, task)
    doubts, with_texts = suspicious_findings(found), spec.show_texts and not no_texts
    if suspicious_to is not None and not found.why_not:
        write_suspicious(suspicious_to, found, with_texts=with_texts)
    if as_json:
        _print_json(spec, data, found, doubts, with_texts=with_texts)
        return
    _show_study(spec, data)
    show_findings([*data.findings, *doubts])
    show_near(data.near.pairs, with_texts=with_texts)
    show_suspicious(found.rows[: SHOWN_IF_ASKED if suspicious else SHOWN_BY_DEFAULT], with_texts=with_texts)
    if suspicious_to is not None:
        n_rows = len(found.rows)
        echo(f"no file  {found.why_not}" if found.why_not else f"wrote    {suspicious_to}: {n_rows} rows to look at")
    echo(_conclusion([*data.findings, *doubts]))


def _print_json(
    spec: StudySpec, data: StudyData, found: SuspiciousLabels, doubts: Sequence[Finding], *, with_texts: bool
) -> None:
    from tunecurve.spec.shots import in_words

    print_json(
        {
            "ok": not _n_of("blocked", [*data.findings, *doubts]),
            "study": spec.name,
            "task": spec.task,
            "signature": spec.signature(),
            "train_sizes": spec.train_sizes,
            "shots": in_words(spec.shots) if spec.similar_shots else spec.shots,
            "data": data.facts,
            "findings": findings_json(data.findings),
            "suspicious": suspicious_json(found, doubts, with_texts=with_texts),
            "near_duplicates": near_json(data.near.pairs, with_texts=with_texts),
        }
    )


def _show_study(spec: StudySpec, data: StudyData) -> None:
    from tunecurve.spec.shots import in_words

    echo(f"study    {spec.name} ({spec.task}), signature {spec.signature()}")
    show_rows(data.facts)
    echo(
        f"sizes    {', '.join(map(str, spec.train_sizes)) or 'none'}; shots {', '.join(in_words(spec.shots)) or 'none'}"
    )
    if data.facts.labels:
        echo(f"labels   {len(data.facts.labels)}: {first_labels(data.facts.labels)}")


def _conclusion(findings: Sequence[Finding]) -> str:
    if n_blocked := _n_of("blocked", findings):
        return f"not ok: {n_blocked} finding(s) leave this study without a verdict"
    n_warnings = _n_of("warning", findings)
    return f"ok, with {n_warnings} warning(s)" if n_warnings else "ok"


def _n_of(kind: str, findings: Sequence[Finding]) -> int:
    return sum(finding.kind == kind for finding in findings)


def _rows_to_look_at(data: StudyData, task: Task, asked: bool | None) -> LookedAt:
    """Return the rows that are looked at for suspicious labels: many if asked for, those of few seconds if not, or none at all."""
    from tunecurve.study.suspicious.find import LookedAt, rows_to_look_at

    if asked is False:
        return LookedAt(n_rows=len(data.test) + len(data.pool), why_not="--no-suspicious")
    return rows_to_look_at(data, task, None if asked else SECONDS)
