"""Spans as annotation tools and data sets write them: lists `[start, end, label]`, objects under many names, results of Label Studio."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tunecurve.formats.offsets import RawSpan

_STARTS = (
    *("start", "begin", "start_offset", "startOffset", "start_position", "start_char", "start_index", "startPos"),
    *("startCharIndex", "BeginOffset", "beginOffset", "offset"),
)
_ENDS = (
    *("end", "stop", "end_offset", "endOffset", "end_position", "end_char", "end_index", "endPos", "endCharIndex"),
    "EndOffset",
)
_LABELS = (
    *("label", "labels", "entity_type", "entity_label", "entity_group", "entityLabel", "entityName", "displayName"),
    *("display_name", "type", "Type", "types", "tag", "tags", "category", "class", "ner"),
)
_TEXTS = ("text", "Text", "value", "entity_value", "entity_text", "surface", "word", "mention", "span", "covered_text")
_COLUMNS = (("begin_offset", *_STARTS), _ENDS, (*_LABELS, "entity"))
SEVERAL = "several labels"


class SpanError(ValueError):
    """A span that cannot be read; says why in a few words."""


class NumberAsLabelError(SpanError):
    """A span whose label is a number without a name."""


def is_span(item: Any) -> bool:
    """Return whether an item has offsets and a label."""
    if isinstance(item, Mapping):
        inner = _inner(item)
        return _offsets(inner) is not None and _first(inner, (*_LABELS, "entity")) is not None
    if not isinstance(item, list | tuple) or len(item) < 3:
        return False
    return sorted(map(_kind, item[:3])) == ["label", "number", "number"]


def read_spans(items: Sequence[Any], names: Sequence[str] = ()) -> tuple[list[RawSpan], list[str]]:
    """Return the spans of a list as they are written, and what is to be counted about them.

    Parameters
    ----------
    items : sequence of any
        Each `[start, end, label]`, or an object with offsets and a label.
    names : sequence of str, optional
        What labels that are numbers stand for.

    Raises
    ------
    SpanError
        For an item that is none.
    """
    spans, remarks = [], []
    for item in items:
        if not is_span(item):
            raise SpanError("without offsets or label")
        start, end, label, text = _parts(item)
        labels = label if isinstance(label, list | tuple) else [label]
        if not labels:
            raise SpanError("without a label")
        if len(labels) > 1:
            remarks.append(SEVERAL)
        spans.append(RawSpan(start, end, _name(labels[0], names), text if isinstance(text, str) else None))
    return spans, remarks


def single_span_columns(names: Sequence[str]) -> tuple[str, str, str] | None:
    """Return the columns of start, end and label of rows that are single spans; None where one of them is missing."""
    by_name = {_level(name): name for name in reversed(names)}
    found = [next((by_name[key] for key in map(_level, keys) if key in by_name), None) for keys in _COLUMNS]
    start, end, label = found
    return None if start is None or end is None or label is None else (start, end, label)


def _level(name: str) -> str:
    return name.replace(" ", "").replace("_", "").casefold()


def _parts(item: Any) -> tuple[int, int, Any, Any]:
    if not isinstance(item, Mapping):
        numbers = [int(part) for part in item[:3] if _kind(part) == "number"]
        return numbers[0], numbers[1], next(part for part in item[:3] if _kind(part) == "label"), None
    inner = _inner(item)
    start, end = _offsets(inner) or (0, 0)
    label = _first(inner, _LABELS)
    # Pipelines of transformers call the label entity; where there is another one, entity is the text.
    text = _first(inner, _TEXTS) if label is not None else _first(inner, ("word", *_TEXTS))
    return (
        start,
        end,
        inner.get("entity") if label is None else label,
        text if text is not None or label is None else inner.get("entity"),
    )


def _inner(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the object that holds the offsets: Label Studio puts them under `value`."""
    value = item.get("value")
    return value if isinstance(value, Mapping) else item


def _offsets(item: Mapping[str, Any]) -> tuple[int, int] | None:
    start, end = _first(item, _STARTS), _first(item, _ENDS)
    if end is None and _is_number(start) and _is_number(item.get("length")):
        end = start + item["length"]
    return (int(start), int(end)) if _is_number(start) and _is_number(end) else None


def _name(label: Any, names: Sequence[str]) -> str:
    if isinstance(label, str) and label.strip() and not label.strip().isdecimal():
        return label.strip()
    if isinstance(label, str) and not label.strip():
        raise SpanError("without a label")
    try:
        number = int(label)
    except (TypeError, ValueError):
        raise SpanError("with a label that is no text") from None
    if not 0 <= number < len(names):
        raise NumberAsLabelError(f"with the number {number} as label")
    return names[number]


def _first(item: Mapping[str, Any], keys: Sequence[str]) -> Any:
    return next((item[key] for key in keys if item.get(key) is not None), None)


def _kind(part: Any) -> str:
    if _is_number(part):
        return "number"
    return "label" if isinstance(part, str | list | tuple) else "other"


def _is_number(part: Any) -> bool:
    # JSON written by JavaScript or pandas may say 5.0.
    return (isinstance(part, int) and not isinstance(part, bool)) or (isinstance(part, float) and part.is_integer())
