"""Reading the rows of a study: from where its description says, cleaned; too long or not by a rule of the text alone."""

from __future__ import annotations

from tunecurve.data.cleaning import CleaningReport, clean_rows
from tunecurve.data.length import too_long_test
from tunecurve.data.rows import Row
from tunecurve.data.sources import read_rows
from tunecurve.findings import Finding
from tunecurve.spec import StudySpec


def read_clean_rows(spec: StudySpec) -> tuple[list[Row], CleaningReport]:
    """Read and clean the rows of a study; which rows these are does not depend on its models."""
    data = spec.data
    raw_rows = read_rows(
        data.source,
        limit=data.limit,
        revision=data.revision,
        subset=data.subset,
        hub_split=data.hub_split,
        language=data.language,
        seed=data.seed,
        findings=(findings := list[Finding]()),
    )
    group_column = "template_id" if data.source.startswith("builtin:") and not data.group_column else data.group_column
    rows, report = clean_rows(
        raw_rows,
        input_column=data.input_columns,
        template=spec.prompt.column_template,
        target_column=data.target_column,
        target_rule=spec.kind.targets,
        group_column=group_column,
        group_by=spec.kind.group_by,
        drop_duplicates=data.drop_duplicates,
        is_too_long=too_long_test(data.max_tokens),
    )
    report.notes += findings
    return rows, report
