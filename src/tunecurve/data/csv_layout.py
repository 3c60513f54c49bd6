"""How a CSV or TSV file is laid out: which mark separates the cells, whether blanks follow it, and what stands above the header."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Sequence

from tunecurve.data.conll_rows import refuse_other_format
from tunecurve.data.encodings import open_text
from tunecurve.data.headers import ROWS_LOOKED_AT
from tunecurve.data.streams import DataFile
from tunecurve.errors import DataError

MAX_SAMPLE_CHARACTERS = 200_000
SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
BOM = "\ufeff"  # files that were put together keep theirs in the middle
_EXCEL_HINT = re.compile(r'"?sep=(.)"?\s*')


def find_layout(file: DataFile, own: str) -> tuple[str, int, list[str], list[str]]:
    """Return the mark between the cells, how many lines stand before the header (Excel's ``sep=;``), the first lines, and comments."""
    with open_text(file, newline="") as opened:
        sample = opened.read(MAX_SAMPLE_CHARACTERS)
    lines = sample.splitlines(keepends=True)
    if lines:
        refuse_other_format(file, lines[0])
        _refuse_json(file, lines[0])
    hint = _EXCEL_HINT.fullmatch(lines[0]) if lines else None
    if hint:
        return hint.group(1), 1, lines[1:ROWS_LOOKED_AT], []
    if len(sample) == MAX_SAMPLE_CHARACTERS and len(lines) > 1:
        lines = lines[:-1]
    n_comments = _n_comments(lines, own)
    comments, lines = lines[:n_comments], lines[n_comments:]
    candidates = [own, *(mark for mark in SEPARATORS if mark != own)]
    widths = {mark: _widths(lines[:ROWS_LOOKED_AT], mark) for mark in candidates}
    possible = [mark for mark in candidates if widths[mark] and widths[mark][0] > 1]
    even = [mark for mark in possible if len(set(widths[mark])) == 1]
    found = next(iter([*even, *possible, own]))
    return found, n_comments, lines[:ROWS_LOOKED_AT], comments


def _n_comments(lines: Sequence[str], own: str) -> int:
    """Return how many lines before the header are comments: they begin with ``#``, and the lines below have other cells."""
    n_comments = next((number for number, line in enumerate(lines) if not line.startswith("#")), 0)
    below = lines[n_comments : n_comments + ROWS_LOOKED_AT]
    for mark in (own, *SEPARATORS):
        widths = set(_widths(below, mark))
        if n_comments and len(widths) == 1 and max(widths) > 1:
            return n_comments if widths != set(_widths(lines[:n_comments], mark)) else 0
    return 0


def _refuse_json(file: DataFile, line: str) -> None:
    """Refuse a table whose first line is JSON: rows of the other format under the wrong name."""
    text = line.lstrip(BOM).strip()
    if not text.startswith(("{", "[")):
        return
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = {} if text in ("[", "{", "[{") else None
    if isinstance(value, dict | list):
        is_line = isinstance(value, dict) and text not in ("[", "{", "[{")
        what, ending = ("JSON Lines", ".jsonl") if is_line else ("JSON", ".json")
        raise DataError(f"'{file}' is {what} by its contents, not a table; let its name end in {ending}")


def blanks_follow(lines: Sequence[str], mark: str) -> bool:
    """Return whether a blank follows the separators of a table: those before quoted cells, or all.

    To a reader that keeps it, the marks of ``1, "a, b"`` are characters, and the comma between them separates.
    """
    if mark == "\t":
        return False
    behind = [cell for row in cells_of(lines, mark) for cell in row[1:] if cell]
    if not any(cell.startswith(' "') for cell in behind):
        return bool(behind) and all(cell.startswith(" ") for cell in behind)
    widths = [len(row) for row in cells_of(lines, mark, has_blanks=True, strict=True) if row]
    return len(set(widths[:-1] if len(widths) > 2 else widths)) == 1


def cells_of(lines: Sequence[str], mark: str, *, has_blanks: bool = False, strict: bool = False) -> list[list[str]]:
    """Return the cells of some lines by row; nothing where they cannot be read."""
    try:
        return list(csv.reader(lines, delimiter=mark, skipinitialspace=has_blanks, strict=strict))
    except csv.Error:
        return []


def _widths(lines: Sequence[str], mark: str) -> list[int]:
    """Return how many cells each row has; a row that the sample cuts counts for nothing."""
    rows = [row for row in cells_of(lines, mark) if row]
    return [len(row) for row in (rows[:-1] if len(rows) > 2 else rows)]
