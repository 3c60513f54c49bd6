"""Counts and hashes of a study's rows, for results and report."""

from __future__ import annotations

from dataclasses import dataclass

from tunecurve.data.split import Overlap
from tunecurve.storage.records import Record


@dataclass(frozen=True)
class DataFacts(Record):
    """Counts and hashes of a study's rows: rows in = kept + dropped."""

    rows_in: int
    rows_kept: int
    dropped: dict[str, int]
    """By the reason."""
    dropped_places: dict[str, list[str]]
    """The first places, by the reason."""
    n_test: int
    n_pool: int
    n_set_aside: int
    """Neither tested nor trained on, because their group is in the test set."""
    n_dev: int
    dev_sha256: str | None
    groups_in_test: int
    split_method: str
    test_sha256: str
    pool_sha256: str
    overlap: Overlap
    labels: list[str]
    labels_are_numbered: bool
