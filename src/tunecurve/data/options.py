"""What a study says about how its data are read, beside where they are."""

from __future__ import annotations

from dataclasses import dataclass

GIGABYTE = 1_000_000_000
MAX_UNPACKED_GB = 8.0
PART = "!/"


@dataclass(frozen=True)
class ReadingOptions:
    """How a source is read."""

    encoding: str | None = None
    """Encoding of text files; default: UTF-8, or what the byte-order mark names."""
    sheet: str | None = None
    """Sheet of a workbook."""
    max_unpacked_gb: float = MAX_UNPACKED_GB
    """Most that a compressed file may hold."""
    revision: str | None = None
    subset: str | None = None
    split: str = "train"
    """Commit and configuration of a hub data set; split of it or of a folder with several."""
    language: str = "en"
    seed: int = 0
    """Of ``builtin:pii``."""


def with_part(source: str) -> tuple[str, str]:
    """Return a source and the part of it that is named behind ``!/``: ``rows.zip`` and ``a/b.csv`` of ``rows.zip!/a/b.csv``."""
    whole, _, part = source.partition(PART)
    return whole, part
