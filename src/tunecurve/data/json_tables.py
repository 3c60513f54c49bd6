"""Rows of a JSON file that is one object: a table by columns, rows under keys of their own, or rows under one key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tunecurve.data.options import PART
from tunecurve.data.streams import DataFile
from tunecurve.errors import DataError

_USUAL_KEYS = ("data", "rows", "items", "examples", "records", "instances", "results", "samples")
# What stands in lists within one row: turns of a chat, spans.
_KEYS_WITHIN_A_ROW = {"role", "from", "start", "end", "start_offset", "begin", "offset", "parts"}
MAX_DEPTH = 4
Cells = dict[str, Any]


@dataclass(frozen=True)
class JsonTable:
    """The rows that one object holds."""

    rows: list[Cells]
    """The cells of each."""
    how: str
    """How the object was understood, in words."""


def table_in(file: DataFile, whole: Mapping[str, Any]) -> JsonTable | None:
    """Return the rows that an object holds; None where it is a row itself.

    Raises
    ------
    DataError
        When it holds rows in a way that can be read in two ways, or in none.
    """
    _refuse_pairs(file, whole)
    if file.part:
        return _under_key(file, whole, file.part)
    return (
        _spacy(whole) or _split(file, whole) or _by_keys(whole) or _by_columns(file, whole) or _under_a_key(file, whole)
    )


def _refuse_pairs(file: DataFile, whole: Mapping[str, Any]) -> None:
    """Refuse an object that holds nothing but lists of two texts each, as CLINC150 has its sides: which is the target nothing says."""
    pairs = [key for key, value in whole.items() if _are_pairs_of_texts(value)]
    if len(pairs) == len(whole) and any(len(whole[key]) > 1 for key in pairs):
        key = file.part if file.part in pairs else pairs[0]
        more = f" (and so for {', '.join(name for name in pairs if name != key)})" if len(pairs) > 1 else ""
        raise DataError(
            f"{file}: the rows under '{key}' are lists of two texts, without names; name them, one row a line: jq -c "
            f"'.{key}[] | {{text: .[0], label: .[1]}}' {file.name} > {key}.jsonl{more}"
        )


def _are_pairs_of_texts(value: Any) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(
            isinstance(item, list) and len(item) == 2 and all(isinstance(part, str) for part in item) for item in value
        )
    )


def _spacy(whole: Mapping[str, Any]) -> JsonTable | None:
    """Return the rows of annotation tools that write spaCy's examples under a key, beside the classes: texts with spans."""
    items = whole.get("annotations")
    if not isinstance(items, list) or not isinstance(whole.get("classes"), list):
        return None
    pairs = [item for item in items if item is not None]  # a text that nobody has annotated is null
    if not pairs or not all(isinstance(pair, list) and len(pair) == 2 and isinstance(pair[1], dict) for pair in pairs):
        return None
    return JsonTable([{"text": text, **cells} for text, cells in pairs], "spaCy's examples under 'annotations'")


def _split(file: DataFile, whole: Mapping[str, Any]) -> JsonTable | None:
    """Return the rows of pandas' ``orient="split"`` and ``orient="table"``."""
    data, columns = whole.get("data"), whole.get("columns")
    if not isinstance(data, list):
        return None
    if isinstance(columns, list) and all(isinstance(row, list) for row in data):
        odd = next((number for number, row in enumerate(data, 1) if len(row) != len(columns)), None)
        if odd is not None:
            raise DataError(
                f"{file}, row {odd}: {len(data[odd - 1])} cells, expected {len(columns)} as under 'columns'"
            )
        return JsonTable([dict(zip(map(str, columns), row, strict=True)) for row in data], "pandas' orient='split'")
    schema = whole.get("schema")
    if isinstance(schema, dict) and isinstance(schema.get("fields"), list) and _are_objects(data):
        index = schema.get("primaryKey") or []
        rows = [{key: cell for key, cell in row.items() if key not in index or key != "index"} for row in data]
        return JsonTable(rows, "pandas' orient='table'")
    return None


def _by_keys(whole: Mapping[str, Any]) -> JsonTable | None:
    """Return the rows of an object that holds each under a key of its own."""
    values = list(whole.values())
    if len(values) < 2 or not _have_same_keys(values) or all(str(key).isdigit() for key in values[0]):
        return None
    if len(values) > len(values[0]) or all(key.isdigit() for key in whole):
        return JsonTable(values, f"rows under keys of their own ({', '.join(list(whole)[:3])}, ...)")
    return None


def _by_columns(file: DataFile, whole: Mapping[str, Any]) -> JsonTable | None:
    """Return the rows of an object that holds columns: lists, or objects whose keys are the rows' numbers."""
    values = list(whole.values())
    if len(values) < 2:
        return None
    how = f"by columns ({', '.join(list(whole)[:8])})"
    if _have_same_keys(values):
        return JsonTable([{name: cells[key] for name, cells in whole.items()} for key in values[0]], how)
    if all(map(_are_rows, values)):  # of one length by chance: rows under several keys
        return None
    if all(isinstance(value, list) and len(value) > 1 for value in values):
        lengths = {name: len(value) for name, value in whole.items()}
        if len(set(lengths.values())) == 1:
            return JsonTable([dict(zip(whole, cells, strict=True)) for cells in zip(*values, strict=True)], how)
        if not any(_are_objects(value) for value in values):
            counts = ", ".join(f"{name} {length}" for name, length in list(lengths.items())[:6])
            raise DataError(f"{file}: columns of different lengths ({counts}); expected one cell a row in each")
    return None


def _under_a_key(file: DataFile, whole: Mapping[str, Any]) -> JsonTable | None:
    found = dict(_lists_of_rows(whole))
    if len(found) == 1:
        found = _with_short_lists(whole, next(iter(found)))
    if len(found) > 1:
        counts = ", ".join(f"{key} ({len(rows)})" for key, rows in list(found.items())[:8])
        first = next(iter(found))
        raise DataError(
            f"{file}: one object with rows under several keys: {counts}; name the one to read: {file}{PART}{first}, e.g. one for "
            "--data and one for --test-data"
        )
    return JsonTable(_plain(file, *next(iter(found.items()))), f"rows under '{next(iter(found))}'") if found else None


def _with_short_lists(whole: Mapping[str, Any], key: str) -> dict[str, list[Cells]]:
    """Return the rows under a key, and the lists beside them that hold a single row with the same columns."""
    lists = dict(_lists_of_rows(whole, min_rows=1))
    columns = lists[key][0].keys()
    return {name: rows for name, rows in lists.items() if name == key or (len(rows) == 1 and rows[0].keys() == columns)}


def _under_key(file: DataFile, whole: Mapping[str, Any], key: str) -> JsonTable:
    found = dict(_lists_of_rows(whole, min_rows=1))
    if key not in found:
        known = ", ".join(found) or "none"
        raise DataError(f"{file}: no rows under '{key}'; keys with rows: {known}")
    return JsonTable(_plain(file, key, found[key]), f"rows under '{key}'")


def _lists_of_rows(whole: Mapping[str, Any], above: str = "", min_rows: int = 2) -> Iterator[tuple[str, list[Cells]]]:
    """Yield the lists of objects in an object, each with its dotted key."""
    for key, value in whole.items():
        name = above + key
        if isinstance(value, dict) and name.count(".") < MAX_DEPTH:
            yield from _lists_of_rows(value, f"{name}.", min_rows)
        elif _are_rows(value) and (len(value) >= min_rows or key in _USUAL_KEYS):
            yield name, value


def _plain(file: DataFile, key: str, rows: list[Cells]) -> list[Cells]:
    """Return rows without the wrapping that the hub's data set viewer gives them; refuse texts with lists of questions."""
    if all({"row_idx", "row"} <= row.keys() and isinstance(row["row"], dict) for row in rows):
        return [row["row"] for row in rows]
    nested = next((name for name in rows[0] if _are_objects(rows[0][name]) and name in ("paragraphs", "qas")), None)
    if nested:
        raise DataError(
            f"{file}: nested as SQuAD is: '{key}' holds '{nested}', not rows; write one row a question: jq -c '.data[].paragraphs[] | "
            f".context as $c | .qas[] | {{context: $c, question, answer: .answers[0].text}}' {file.name} > rows.jsonl"
        )
    return rows


def _are_objects(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)


def _are_rows(value: Any) -> bool:
    """Return whether a list holds rows, not what stands in lists within one row."""
    return _are_objects(value) and not all(_KEYS_WITHIN_A_ROW & item.keys() for item in value)


def _have_same_keys(values: list[Any]) -> bool:
    if not all(isinstance(value, dict) and len(value) > 1 for value in values):
        return False
    return all(value.keys() == values[0].keys() for value in values)
