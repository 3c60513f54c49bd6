"""`tunecurve validate`: check the study file and the data; nothing is trained, no model is loaded."""

from __future__ import annotations

from typing import Any

import click

from tunecurve.cli.as_json import findings_json, print_json
from tunecurve.cli.findings import show_findings, show_rows
from tunecurve.cli.main import echo
from tunecurve.cli.options import study_options


@click.command()
@study_options
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def validate(study: str | None, as_json: bool, **options: Any) -> None:
    """Check a study file and its data: counts, what would be dropped, and what could mislead.

    Needs no model; `plan` and `run` count the same rows.
    """
    from tunecurve.cli.options import study_values
    from tunecurve.spec.shots import in_words
    from tunecurve.study.checks import check_without_models
    from tunecurve.study.prepare import split_as_asked
    from tunecurve.study.reading import read_study_rows
    from tunecurve.study.settling import settled_study

    values, origin = study_values(study, options)
    settled = settled_study(values, options["out"], origin)
    spec, data = split_as_asked(
        settled.spec,
        read_study_rows(settled.spec, settled.folder, settled.findings),
        settled.folder,
        sizes_are_defaults="train_sizes" not in values,
        accept_data_changes=options["accept_data_changes"],
    )
    check_without_models(spec, data)
    n_blocked, n_warnings = (sum(finding.kind == kind for finding in data.findings) for kind in ("blocked", "warning"))
    if as_json:
        print_json(
            {
                "ok": not n_blocked,
                "study": spec.name,
                "task": spec.task,
                "signature": spec.signature(),
                "train_sizes": spec.train_sizes,
                "shots": in_words(spec.shots) if spec.similar_shots else spec.shots,
                "data": data.facts,
                "findings": findings_json(data.findings),
            }
        )
        return
    echo(f"study    {spec.name} ({spec.task}), signature {spec.signature()}")
    show_rows(data.facts)
    echo(
        f"sizes    {', '.join(map(str, spec.train_sizes)) or 'none'}; shots {', '.join(in_words(spec.shots)) or 'none'}"
    )
    if data.facts.labels:
        echo(f"labels   {len(data.facts.labels)}: {', '.join(data.facts.labels)}")
    show_findings(data.findings)
    echo(
        f"not ok: {n_blocked} finding(s) leave this study without a verdict"
        if n_blocked
        else "ok" + (f", with {n_warnings} warning(s)" if n_warnings else "")
    )
