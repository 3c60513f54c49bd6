"""The rows of a settled study, read and split: what every command that looks at both sides begins with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tunecurve.errors import DataError
from tunecurve.spec.study import StudySpec
from tunecurve.study.dataset import StudyData, split_data
from tunecurve.study.reading import read_study_rows
from tunecurve.study.settling import Settled


def split_rows_of(
    spec: StudySpec,
    settled: Settled,
    values: Mapping[str, Any],
    *,
    accept_data_changes: bool = False,
    needs_training_rows: bool = True,
) -> tuple[StudySpec, StudyData]:
    """Read and split the rows; default sizes that the data cannot carry are left out, sizes that were asked for are an error.

    Parameters
    ----------
    spec : StudySpec
        The settled study, or what it has grown to.
    settled : Settled
        Its folder, and what was found when it was settled.
    values : mapping
        The study file's content, which says whether sizes were asked for.
    accept_data_changes : bool
        Whether frozen rows may have changed.
    needs_training_rows : bool
        Whether default sizes are needed at all; if not, one training row is kept where the data carry no more.

    Raises
    ------
    DataError
        Where the rows cannot be read, or are too few.
    """
    rows = read_study_rows(spec, settled.folder, settled.findings)
    problem = ""
    for attempt in _attempts(spec, sizes_are_defaults="train_sizes" not in values, needs_some=needs_training_rows):
        try:
            return attempt, split_data(attempt, rows, settled.folder, accept_data_changes=accept_data_changes)
        except DataError as error:
            problem = str(error)
    raise DataError(f"{rows.cleaning.losses()}{problem}")


def _attempts(spec: StudySpec, *, sizes_are_defaults: bool, needs_some: bool) -> Iterator[StudySpec]:
    """Yield the study, and with fewer and fewer sizes if nobody asked for them."""
    yield spec
    if not sizes_are_defaults:
        return
    for count in range(len(spec.train_sizes) - 1, 0, -1):
        yield spec.model_copy(update={"train_sizes": spec.train_sizes[:count]})
    if not needs_some:
        yield spec.model_copy(update={"train_sizes": [1], "shots": []})
