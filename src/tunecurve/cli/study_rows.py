"""The rows of a study for commands that need its split and no model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tunecurve.cli.options import study_values

if TYPE_CHECKING:
    from tunecurve.spec.study import StudySpec
    from tunecurve.study.dataset import StudyData
    from tunecurve.study.reading import StudyRows


def split_rows_of(
    study: Path | None, options: Mapping[str, Any], out: Path | None = None
) -> tuple[StudySpec, StudyData, Path]:
    """Return a study, its rows on both sides and its folder, checked without models."""
    from tunecurve.errors import DataError
    from tunecurve.study.checks import check_without_models
    from tunecurve.study.prepare import split_as_asked
    from tunecurve.study.reading import read_study_rows
    from tunecurve.study.settling import settled_study

    values, origin = study_values(study, options)
    settled = settled_study(values, out, origin)
    spec, folder = settled.spec, settled.folder
    rows, are_defaults = read_study_rows(spec, folder, settled.findings), "train_sizes" not in values
    try:
        spec, data = split_as_asked(spec, rows, folder, sizes_are_defaults=are_defaults)
    except DataError:
        if not are_defaults:
            raise
        spec, data = _with_fewest_training_rows(spec, rows, folder)
    check_without_models(spec, data)
    return spec, data, folder


def rows_looked_at(study: Path | None, options: Mapping[str, Any]) -> tuple[StudySpec, StudyData]:
    """Return a study and its rows for a command that writes nothing to its folder: whatever that holds refuses nothing."""
    from tunecurve.study.looking import looked_at

    values, origin = study_values(study, options)
    (spec, data, _), said = looked_at(lambda folder: split_rows_of(study, options, folder), values, None, origin)
    data.findings.extend(said)
    return spec, data


def _with_fewest_training_rows(spec: StudySpec, rows: StudyRows, folder: Path) -> tuple[StudySpec, StudyData]:
    """Split for the test rows alone: nobody asked for training rows, so one is kept."""
    from tunecurve.study.prepare import split_as_asked

    smallest = spec.model_copy(update={"train_sizes": [1], "shots": []})
    return split_as_asked(smallest, rows, folder, sizes_are_defaults=False)
