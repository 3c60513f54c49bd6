"""The rows of a study for commands that need its split and no model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tunecurve.cli.options import study_values

if TYPE_CHECKING:
    from tunecurve.spec.study import StudySpec
    from tunecurve.study.dataset import StudyData


def checked_rows(
    study: Path | None, options: Mapping[str, Any], out: Path | None = None
) -> tuple[StudySpec, StudyData, Path]:
    """Return a study, its rows on both sides and its folder, checked without models."""
    from tunecurve.study.checks import check_without_models
    from tunecurve.study.settling import settled_study
    from tunecurve.study.splitting import split_rows_of

    values, origin = study_values(study, options)
    settled = settled_study(values, out, origin)
    # Nobody asked for training rows: the test rows are what is looked at.
    spec, data = split_rows_of(settled.spec, settled, values, needs_training_rows=False)
    check_without_models(spec, data)
    return spec, data, settled.folder


def rows_looked_at(study: Path | None, options: Mapping[str, Any]) -> tuple[StudySpec, StudyData]:
    """Return a study and its rows for a command that writes nothing to its folder: whatever that holds refuses nothing."""
    from tunecurve.study.looking import looked_at

    values, origin = study_values(study, options)
    (spec, data, _), said = looked_at(lambda folder: checked_rows(study, options, folder), values, None, origin)
    data.findings.extend(said)
    return spec, data
