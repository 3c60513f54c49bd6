"""A text with labelled spans, written as a target: masked, or as a list of entities; and labels as placeholders."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

import regex

from tunecurve.formats.entities import format_entities
from tunecurve.formats.spans import LabelledSpan, replace_spans

# A vowel sign or an accent belongs to its letter.
_NO_LETTER = regex.compile(r"[^\w\p{M}]+|_{2,}")
_DIGIT_FIRST = re.compile(r"^\d")
_IN_TYPE = re.compile(r"[\s:;：；؛]+")


def placeholder_label(label: str) -> str:
    """Return a label as it stands in a placeholder: capitals, `_` for blanks and signs; a leading digit behind `TYPE_`.

    ``date of birth`` becomes ``DATE_OF_BIRTH``, ``E-Mail`` becomes ``E_MAIL``.
    """
    written = _NO_LETTER.sub("_", label.strip()).strip("_").upper()
    return f"TYPE_{written}" if _DIGIT_FIRST.match(written) else written or "LABEL"


def entity_type(label: str) -> str:
    """Return a label as it stands before an entity: as it is, with blanks for colons and semicolons."""
    return _IN_TYPE.sub(" ", label).strip() or "entity"


def masked(text: str, spans: Sequence[LabelledSpan]) -> str:
    """Return the text with every span replaced by its label as a placeholder, ``[LABEL]``."""
    return replace_spans(text, [LabelledSpan(span.start, span.end, placeholder_label(span.label)) for span in spans])


def entity_list(text: str, spans: Sequence[LabelledSpan]) -> str:
    """Return the spans as ``type: entity; type: entity``, or ``none``."""
    return format_entities((entity_type(span.label), text[span.start : span.end]) for span in spans)


def renamed(labels: Iterable[str], write: Callable[[str], str] = placeholder_label) -> dict[str, str]:
    """Return the labels that targets write in another way, and how."""
    return {label: written for label in labels if (written := write(label)) != label}


def joined(labels: Iterable[str], write: Callable[[str], str] = placeholder_label) -> list[list[str]]:
    """Return the labels that targets write alike."""
    by_written: dict[str, list[str]] = {}
    for label in labels:
        by_written.setdefault(write(label), []).append(label)
    return [alike for alike in by_written.values() if len(alike) > 1]
