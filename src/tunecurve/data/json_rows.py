"""Rows of JSON files: one object a line, or an array of objects; other shapes are named."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from tunecurve.data.streams import open_text
from tunecurve.errors import DataError

RawRow = tuple[str, Mapping[str, Any]]
MAX_LINE_CHARACTERS = 100_000_000
# A file that is one JSON value is in memory as a whole.
MAX_WHOLE_CHARACTERS = 500_000_000


def read_json(path: Path) -> Iterator[RawRow]:
    """Yield (place, cells) for every row."""
    with open_text(path, newline="\n") as file:
        lines = _numbered_lines(path, file)
        number, line = next(lines, (0, ""))
        if not line:
            return
        first = _parsed(line)
        if isinstance(first, dict):
            second = next(lines, None)
            if second is None:
                _refuse_columns(path, first)
            rest = itertools.chain([second] if second else [], lines)
            yield f"line {number}", first
            yield from _lines_as_rows(path, rest)
            return
        whole = first if first is not None and next(lines, None) is None else None
    if whole is None and first is None:
        whole = _whole_file(path)
    if whole is None:
        yield from _lines_as_rows(path, iter([(number, line)]))  # names what is wrong with the line
    elif isinstance(whole, dict):
        _refuse_columns(path, whole)
        yield f"line {number}", whole
    else:
        yield from _items_as_rows(path, number, whole)


def _numbered_lines(path: Path, file: IO[str]) -> Iterator[tuple[int, str]]:
    """Yield the lines that are not blank, with their numbers."""
    for number in itertools.count(1):
        line = file.readline(MAX_LINE_CHARACTERS + 1)
        if not line:
            return
        if len(line) > MAX_LINE_CHARACTERS:
            raise DataError(
                f"{path}, line {number}: longer than {MAX_LINE_CHARACTERS:,} characters; a .jsonl file holds one row a line; "
                f"of one long array: jq -c '.[]' {path.name} > rows.jsonl"
            )
        if line.strip():
            yield number, line


def _parsed(line: str) -> Any:
    """Return the value of a line, None where it is not JSON."""
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _lines_as_rows(path: Path, lines: Iterator[tuple[int, str]]) -> Iterator[RawRow]:
    for number, line in lines:
        try:
            cells = json.loads(line)
        except (ValueError, RecursionError) as error:
            detail = getattr(error, "msg", str(error))
            hint = _hint(path, line.strip(), number)
            raise DataError(f"{path}, line {number}: not JSON ({detail}): {line.strip()[:60]!r}; {hint}") from None
        if not isinstance(cells, dict):
            raise DataError(
                f"{path}, line {number}: expected a JSON object with columns, got {type(cells).__name__}; "
                "write one object a line"
            )
        yield f"line {number}", cells


def _hint(path: Path, line: str, number: int) -> str:
    """Return the way on from a line that is not JSON."""
    if line in ("[", "{"):
        return (
            f"objects over several lines become one object a line (JSON Lines) with: jq -c . {path.name} > rows.jsonl"
        )
    if line.startswith("{'"):
        return "this is how Python prints an object; write the rows with json.dumps(row), one a line"
    if not line.startswith(("{", "[")) and number == 1:
        return "a file of JSON Lines holds one object a line; a table with a header is a .csv or .tsv file: name it so"
    return "mend or delete the line"


def _whole_file(path: Path) -> Any:
    """Return the one value that a file holds over many lines; None where it holds something else."""
    with open_text(path, newline="\n") as file:
        text = file.read(MAX_WHOLE_CHARACTERS + 1)
    if not text.lstrip().startswith(("[", "{")):
        return None
    if len(text) > MAX_WHOLE_CHARACTERS:
        raise DataError(
            f"{path}: an array of more than {MAX_WHOLE_CHARACTERS:,} characters; write one object a line with: "
            f"jq -c '.[]' {path.name} > rows.jsonl"
        )
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        # An array that is cut or has a slip is told where; of lines with a value each, the first one is.
        if isinstance(error, json.JSONDecodeError) and error.lineno > 1 and error.msg != "Extra data":
            line = text.splitlines()[error.lineno - 1 : error.lineno]
            shown = repr(line[0].strip()[:60]) if line else "the end"
            raise DataError(
                f"{path}, line {error.lineno}: not JSON ({error.msg}): {shown}; mend it: a file holds one object a line, or "
                "one array of objects"
            ) from None
        return None


def _items_as_rows(path: Path, number: int, whole: Any) -> Iterator[RawRow]:
    odd = next((item for item in whole if not isinstance(item, dict)), None) if isinstance(whole, list) else whole
    if odd is not None or whole == [None]:
        what = type(whole).__name__ if not isinstance(whole, list) else f"list of {type(odd).__name__}"
        raise DataError(
            f"{path}, line {number}: expected a JSON object with columns, got {what}; write one object a line"
        )
    for position, cells in enumerate(whole, start=1):
        if not isinstance(cells, dict):
            raise DataError(f"{path}, row {position}: expected a JSON object with columns, got {type(cells).__name__}")
        yield f"row {position}", cells


def _refuse_columns(path: Path, whole: Mapping[str, Any]) -> None:
    """Refuse a file that is one object which holds all rows: by column, or under a key."""
    values = list(whole.values())
    convert = f"python -c \"import pandas; pandas.read_json('{path.name}').to_json('rows.jsonl', orient='records', lines=True)\""
    if {"columns", "data"} <= whole.keys() and isinstance(whole["data"], list):
        convert = convert.replace(f"'{path.name}'", f"'{path.name}', orient='split'")
        raise DataError(f"{path}: a table by columns (pandas' orient='split'), not rows; write rows with: {convert}")
    if len(values) > 1 and _are_rows(whole):
        raise DataError(
            f"{path}: one object that holds {len(values)} rows, each under a key of its own ({', '.join(list(whole)[:4])}, ...); write "
            f"one a line with: jq -c '.[]' {path.name} > rows.jsonl"
        )
    if len(values) > 1 and (_same_keys(values) or _same_lengths(values)):
        raise DataError(
            f"{path}: columns, not rows: one object with the columns {', '.join(list(whole)[:8])}, each with {len(values[0])} "
            f"cells; write rows with: {convert}"
        )
    for key, value in whole.items():
        if isinstance(value, list) and len(value) > 1 and all(isinstance(item, dict) for item in value):
            others = "" if len(whole) == 1 else f" (its keys are {', '.join(list(whole)[:8])})"
            if not all(len(item) <= 2 and {"role", "from"} & item.keys() for item in value):
                raise DataError(
                    f"{path}: one object that holds {len(value)} rows under the key '{key}'{others}; write one a line with: "
                    f"jq -c '.\"{key}\"[]' {path.name} > rows.jsonl"
                )


def _are_rows(whole: Mapping[str, Any]) -> bool:
    """Return whether an object of objects holds rows by their numbers or names, not columns, whose cells have numbers."""
    values = list(whole.values())
    if not _same_keys(values) or all(str(key).isdigit() for key in values[0]):
        return False
    return len(values) > len(values[0]) or all(key.isdigit() for key in whole)


def _same_keys(values: list[Any]) -> bool:
    if not all(isinstance(value, dict) and len(value) > 1 for value in values):
        return False
    return all(value.keys() == values[0].keys() for value in values)


def _same_lengths(values: list[Any]) -> bool:
    if not all(isinstance(value, list) and len(value) > 1 for value in values):
        return False
    return all(len(value) == len(values[0]) for value in values)
