"""From what a tool found in a text to the text with placeholders. Pure Python: knows texts, spans and labels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from tunecurve.formats.placeholders import CLASSIC, PlaceholderForm


@dataclass(frozen=True)
class Finding:
    """A stretch of the input that a tool took for personal data."""

    start: int
    end: int
    """Character offsets into the input, end exclusive."""
    entity_type: str
    """The tool's name for the kind, or the task's label."""
    score: float
    """Confidence, 0 to 1."""


def resolve_overlaps(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings that do not overlap, in text order, which together cover the same characters.

    The higher score wins, then the longer finding, then the earlier one. Of a finding that loses, the part that no
    winner covers stays a finding of its own, so that settling an overlap never uncovers a character.
    """
    ranked = sorted(findings, key=lambda it: (-it.score, it.start - it.end, it.start, it.entity_type))
    settled: list[Finding] = []
    for finding in ranked:
        start = finding.start
        for taken in sorted(settled, key=lambda it: it.start):
            if taken.end <= start or taken.start >= finding.end:
                continue
            if taken.start > start:
                settled.append(Finding(start, taken.start, finding.entity_type, finding.score))
            start = max(start, taken.end)
        if start < finding.end:
            settled.append(Finding(start, finding.end, finding.entity_type, finding.score))
    return sorted(settled, key=lambda it: it.start)


def write_masked(
    text: str, findings: Iterable[Finding], form: PlaceholderForm = CLASSIC, *, is_numbered: bool = False
) -> str:
    """Return the text with every finding replaced by the placeholder of its label.

    Parameters
    ----------
    text : str
        The input.
    findings : iterable of Finding
        Their kinds are the task's labels; they may overlap, in any order.
    form : PlaceholderForm, default `[LABEL]`
        How placeholders are written.
    is_numbered : bool, default False
        Whether labels are numbered by order of first appearance; a value that comes again under a label keeps its number (or as
        the form counts).
    """
    spans = []
    for span in resolve_overlaps(findings):
        start, end = _without_edges(text, span.start, span.end)
        if start < end:  # what is left of a finding that lost may be a blank or a comma
            spans.append((start, end, form.only_name or span.entity_type))
    numbering = replace(form.numbering, labels=tuple({label for *_, label in spans}) if is_numbered else ())
    written = numbering.numbers([(label, text[start:end]) for start, end, label in spans])
    pieces, position = [], 0
    for (start, end, _), name in zip(spans, written, strict=True):
        pieces += [text[position:start], form.write(name)]
        position = end
    return "".join([*pieces, text[position:]])


def _without_edges(text: str, start: int, end: int) -> tuple[int, int]:
    """Cut blanks from both ends; a stretch without any letter or digit is cut to nothing."""
    value = text[start:end]
    if not any(character.isalnum() for character in value):
        return start, start
    return start + len(value) - len(value.lstrip()), end - (len(value) - len(value.rstrip()))
