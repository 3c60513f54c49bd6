"""Rows of JSON files: one object a line, objects over several lines, one array of objects, or one object that holds them all."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import IO, Any

from tunecurve.data.csv_layout import BOM
from tunecurve.data.encodings import open_text
from tunecurve.data.json_tables import table_in
from tunecurve.data.json_values import JsonValues
from tunecurve.data.rows import RawRow
from tunecurve.data.streams import DataFile
from tunecurve.errors import DataError
from tunecurve.findings import Finding
from tunecurve.formats.json_pairs import RepeatedKey, unique_keys

MAX_LINE_CHARACTERS = 100_000_000
_DECODER = json.JSONDecoder(object_pairs_hook=unique_keys)


def read_json(file: DataFile, findings: list[Finding]) -> Iterator[RawRow]:
    """Yield (place, cells) for every row."""
    with open_text(file, newline="\n") as text:
        values = JsonValues(file, text)
        mark = values.next_mark()
        if mark == "[" and not _has_pairs_in_lines(file):
            yield from _array(file, values)
            return
        if file.suffix == ".json" and mark == "{":
            yield from _objects(file, values, findings)
            return
    with open_text(file, newline="\n") as text:
        yield from _lines(file, text)


def as_cells(value: Any) -> Any:
    """Return a row as its cells: `[text, {"entities": [...]}]`, as spaCy's examples are written, is a text and its annotations."""
    is_pair = isinstance(value, list) and len(value) == 2 and isinstance(value[0], str) and isinstance(value[1], dict)
    return {"text": value[0], **value[1]} if is_pair and "text" not in value[1] else value


def _has_pairs_in_lines(file: DataFile) -> bool:
    """Return whether the first line of a file is a text and its annotations, not the beginning of an array of rows."""
    with open_text(file, newline="\n") as text:
        values = JsonValues(file, text)
        values.next_mark()
        values.take()
        if values.next_mark() != '"':  # rows are objects or lists; the whole array may be one line
            return False
    with open_text(file, newline="\n") as text:
        _, line = next(_numbered_lines(file, text), (0, ""))
    try:
        return isinstance(as_cells(json.loads(line)), dict)
    except (ValueError, RecursionError):
        return False


def _array(file: DataFile, values: JsonValues) -> Iterator[RawRow]:
    """Yield the objects of one array."""
    values.take()
    for number in itertools.count(1):
        mark = values.next_mark()
        if mark == "]" and number == 1:
            values.take()
            break
        line = values.line
        cells = as_cells(values.value())
        if not isinstance(cells, dict):
            raise DataError(
                f"{file}, line {line}: expected a JSON object with columns as item {number}, got a list of {type(cells).__name__}; "
                "write one object a line"
            )
        yield f"row {number}", cells
        mark = values.next_mark()
        if mark not in (",", "]"):
            what = f"{mark!r} after item {number}" if mark else f"it ends after item {number}"
            raise DataError(
                f"{file}, line {values.line}: not JSON ({what}, expected ',' or ']'); mend it, or write one object a line"
            )
        if values.take() == "]":
            break
    if values.next_mark():
        raise DataError(
            f"{file}, line {values.line}: something follows the array; expected one array, or one object a line"
        )


def _objects(file: DataFile, values: JsonValues, findings: list[Finding]) -> Iterator[RawRow]:
    """Yield the objects that follow one another; one alone may hold all rows."""
    line = values.line
    first = values.value()
    if not values.next_mark():
        table = table_in(file, first)
        if table is None:
            yield f"line {line}", first
            return
        text = f"'{file.name}' is one object, read as {table.how}: {len(table.rows)} rows"
        findings.append(Finding("json-table", text, is_note=True))
        for number, cells in enumerate(table.rows, start=1):
            yield f"row {number}", cells
        return
    cells = first
    while True:
        if not isinstance(cells, dict):
            raise _no_object(file, line, cells)
        yield f"line {line}", cells
        mark = values.next_mark()
        if not mark:
            return
        if mark == ",":
            raise DataError(
                f"{file}, line {values.line}: objects with commas between them, but no brackets around; begin the file with [ and end "
                "it with ], or leave the commas out"
            )
        line = values.line
        cells = values.value()


def _lines(file: DataFile, text: IO[str]) -> Iterator[RawRow]:
    """Yield the objects of a file that holds one a line; a first one over several lines makes all of them so."""
    lines = _numbered_lines(file, text)
    number, line = next(lines, (0, ""))
    if line.strip() == "{":
        with open_text(file, newline="\n") as again:
            yield from _objects(file, JsonValues(file, again), [])
        return
    yield from _lines_as_rows(file, itertools.chain([(number, line)] if line else [], lines))


def _numbered_lines(file: DataFile, text: IO[str]) -> Iterator[tuple[int, str]]:
    """Yield the lines that are not blank, with their numbers."""
    for number in itertools.count(1):
        line = text.readline(MAX_LINE_CHARACTERS + 1)
        if not line:
            return
        if len(line) > MAX_LINE_CHARACTERS:
            raise DataError(
                f"{file}, line {number}: longer than {MAX_LINE_CHARACTERS:,} characters; a .jsonl file holds one row a line"
            )
        line = line.lstrip(BOM)
        if line.strip():
            yield number, line


def _lines_as_rows(file: DataFile, lines: Iterator[tuple[int, str]]) -> Iterator[RawRow]:
    for number, line in lines:
        try:
            cells = as_cells(_DECODER.decode(line))
        except RepeatedKey as error:
            raise DataError(f"{file}, line {number}: {error}") from None
        except (ValueError, RecursionError) as error:
            detail = getattr(error, "msg", str(error))
            hint = _hint(file, line.strip(), number)
            raise DataError(f"{file}, line {number}: not JSON ({detail}): {line.strip()[:60]!r}; {hint}") from None
        if not isinstance(cells, dict):
            raise _no_object(file, number, cells)
        yield f"line {number}", cells


def _no_object(file: DataFile, line: int, value: Any) -> DataError:
    return DataError(
        f"{file}, line {line}: expected a JSON object with columns, got {type(value).__name__}; write one object a line"
    )


def _hint(file: DataFile, line: str, number: int) -> str:
    """Return the way on from a line that is not JSON."""
    if line in ("[", "{"):
        return (
            f"objects over several lines become one object a line (JSON Lines) with: jq -c . {file.name} > rows.jsonl"
        )
    if line.startswith(("//", "/*", "#")):
        return "this is a comment, which JSON has none of; delete it"
    if line.startswith("{'"):
        return "this is how Python prints an object; write the rows with json.dumps(row), one a line"
    if not line.startswith(("{", "[")) and number == 1:
        return "a file of JSON Lines holds one object a line; a table with a header is a .csv or .tsv file: name it so"
    return "mend or delete the line"
