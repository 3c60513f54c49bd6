"""What `validate` shows of rows to look at: suspicious labels and near-duplicates, a line each, as a file, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tunecurve.cli.as_json import findings_json
from tunecurve.cli.main import echo
from tunecurve.errors import UsageError
from tunecurve.wording import told_apart

if TYPE_CHECKING:
    from tunecurve.data.near_duplicates import NearPair
    from tunecurve.findings import Finding
    from tunecurve.study.suspicious.records import SuspiciousLabels, SuspiciousRow

# A line that a usual terminal holds, and what is left of it for a text.
COLUMNS, ROOM = 99, 70
MOST_PAIRS = 3
MOST_OF_LABELS = 180


def first_labels(labels: Sequence[str]) -> str:
    """Return the labels in a list, of many the first ones."""
    told = ""
    for number, label in enumerate(told_apart(labels)):
        if len(told) + len(label) > MOST_OF_LABELS:
            return f"{told}... ({len(labels) - number} more: --json)"
        told += f"{label}, "
    return told.removesuffix(", ")


def check_new_file(path: Path, *, is_asked: bool) -> None:
    """Refuse a file that is there already, or cannot be.

    Raises
    ------
    UsageError
        With the way on.
    """
    if not is_asked:
        raise UsageError("--no-suspicious and --suspicious-to contradict each other; leave one of them out")
    if path.exists() or path.is_symlink():
        raise UsageError(f"'{path}' exists; give --suspicious-to the name of a new file")
    if not path.parent.is_dir():
        raise UsageError(f"the folder '{path.parent}' does not exist; make it first")


def show_near(pairs: Sequence[NearPair], *, with_texts: bool) -> None:
    """Print the most similar pairs, as far as texts may be shown."""
    shown = pairs[:MOST_PAIRS] if with_texts else ()
    if shown:
        echo("alike    test row, and the training row most like it")
    for pair in shown:
        echo(f"         {pair.test.place}: {_cut(pair.test.source)}")
        echo(f"           {pair.training.place}: {_cut(pair.training.source)}")


def show_suspicious(rows: Sequence[SuspiciousRow], *, with_texts: bool) -> None:
    """Print rows: place, how sure, label and what the learners say; below it the text, or where in it."""
    if rows:
        echo("suspects place, how sure: label -> what both learners say")
    for row in rows:
        side = f"{row.place or 'row'}{' (test)' if row.side == 'test' else ''}"
        echo(f"         {side}, {row.sureness:.2f}: {row.label[:34]} -> {row.suggested[:34]}")
        if with_texts and row.input is not None:
            echo(f"           {_cut(_around(row))}")
        elif row.spans:
            echo(f"           characters {row.spans[0].start} to {row.spans[0].end}")


def _around(row: SuspiciousRow) -> str:
    """Return the text from a little before what is suspicious in it, which stands between marks."""
    text = row.input or ""
    if not row.spans:
        return text
    first = row.spans[0]
    begin = max(0, first.start - COLUMNS // 4)
    before, value, after = text[begin : first.start], text[first.start : first.end], text[first.end :]
    return f"{'...' if begin else ''}{before}>>{value}<<{after}"


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return repr(line if len(line) <= ROOM else f"{line[: ROOM - 3]}...")


def suspicious_json(found: SuspiciousLabels, findings: Sequence[Finding], *, with_texts: bool) -> dict[str, object]:
    """Return all suspicious rows as plain values, and what is said of them."""
    shown = replace(found, rows=tuple(_shown(row, with_texts) for row in found.rows))
    return shown.to_json() | {"findings": findings_json(findings)}


def near_json(pairs: Sequence[NearPair], *, with_texts: bool) -> list[dict[str, object]]:
    """Return all pairs as plain values."""
    return [
        {
            "similarity": round(pair.similarity, 3),
            **{
                side: {"place": row.place} | ({"input": row.source, "target": row.target} if with_texts else {})
                for side, row in (("test", pair.test), ("training", pair.training))
            },
        }
        for pair in pairs
    ]


def write_suspicious(path: Path, found: SuspiciousLabels, *, with_texts: bool) -> None:
    """Write one JSON object a row, the most certain first."""
    from tunecurve.storage.files import write_text

    lines = [json.dumps(_shown(row, with_texts).to_json(), ensure_ascii=False) for row in found.rows]
    write_text(path, "".join(f"{line}\n" for line in lines))


def _shown(row: SuspiciousRow, with_texts: bool) -> SuspiciousRow:
    return row if with_texts else replace(row, input=None, target=None)
