"""CSV that spreadsheets open without running anything."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

# A cell that starts with one of these is a formula to a spreadsheet.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%", "＝", "＋", "－", "＠")


def to_csv(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> str:
    """Return CSV in which no cell is live: a text that a spreadsheet would run as a formula gets a leading quote."""
    buffer = io.StringIO()
    # With this line end (RFC 4180) cells that hold either half of it are quoted: a bare \r would begin a row of its own.
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([formula_safe(row.get(column)) for column in columns] for row in rows)
    return buffer.getvalue()


def formula_safe(value: Any) -> Any:
    """Return the cell; a text that starts like a formula, also behind blanks, gets a leading apostrophe."""
    if isinstance(value, str) and value.lstrip(" \u00a0\ufeff").startswith(_FORMULA_STARTS):
        return "'" + value
    return value
