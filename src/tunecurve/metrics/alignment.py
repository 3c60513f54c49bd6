"""Where a masked text replaced the input: spans with labels, from the two texts alone.

A masked text is literals with `[LABEL]` between them, so exact alignment is wildcard matching, for which taking every
literal as far left as it goes (and the last one at the end) finds a match whenever there is one. Texts that are not
such a masking (a model's free answer, a noisy target) are aligned by a token-wise longest common subsequence instead.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

PLACEHOLDER = re.compile(r"\[([A-Z][A-Z0-9_]*)\]")
# Blanks are no tokens: a blank inside a value would match any blank of the masked text.
_TOKEN = re.compile(r"\[[A-Z][A-Z0-9_]*\]|\w+|[^\w\s]")


@dataclass(frozen=True)
class Span:
    """A replaced stretch of the input.

    Attributes
    ----------
    start, end : int
        Character offsets into the input, end exclusive.
    labels : tuple of str
        Label classes in order; more than one when placeholders touch each other.
    """

    start: int
    end: int
    labels: tuple[str, ...]


def label_class(label: str) -> str:
    """Return the label without a trailing number: ``NAME_2`` -> ``NAME``."""
    return re.sub(r"_\d+$", "", label)


def placeholders(text: str) -> list[str]:
    """Return the label classes of all ``[LABEL]`` placeholders in the text, in order."""
    return [label_class(label) for label in PLACEHOLDER.findall(text)]


def literal_text(masked: str) -> str:
    """Return the masked text with every placeholder replaced by a NUL, so that literals never join across it."""
    return PLACEHOLDER.sub("\0", masked)


def align_exactly(source: str, masked: str, *, keep_numbers: bool = False) -> list[Span] | None:
    """Return the replaced spans, or None if `masked` is not `source` with non-empty stretches replaced.

    Parameters
    ----------
    source, masked : str
        The two texts.
    keep_numbers : bool, default False
        Whether the spans carry the labels as they stand (`NAME_2`) or their classes (`NAME`).
    """
    parts = PLACEHOLDER.split(masked)
    literals = parts[0::2]
    labels = parts[1::2] if keep_numbers else [label_class(label) for label in parts[1::2]]
    if not labels:
        return [] if source == masked else None
    if not source.startswith(literals[0]):
        return None
    spans: list[Span] = []
    start = len(literals[0])
    pending: tuple[str, ...] = ()
    for index, label in enumerate(labels):
        pending = (*pending, label)
        literal = literals[index + 1]
        is_last = index == len(labels) - 1
        if literal == "" and not is_last:
            continue
        end = _literal_position(source, literal, start + 1, is_last)
        if end is None:
            return None
        spans.append(Span(start, end, pending))
        start, pending = end + len(literal), ()
    return spans


def _literal_position(source: str, literal: str, earliest: int, is_last: bool) -> int | None:
    if not is_last:
        found = source.find(literal, earliest)
        return found if found >= 0 else None
    position = len(source) - len(literal)
    return position if position >= earliest and source.endswith(literal) else None


def align_approximately(source: str, masked: str) -> list[Span]:
    """Return replaced spans from a token-wise longest common subsequence; always succeeds.

    Stretches of the input that vanished without a placeholder beside them are not spans.
    """
    from rapidfuzz.distance import LCSseq

    places = [match.span() for match in _TOKEN.finditer(source)]
    source_tokens, masked_tokens = _TOKEN.findall(source), _TOKEN.findall(masked)
    spans = []
    for source_from, source_to, masked_from, masked_to in _changed_blocks(LCSseq.opcodes(source_tokens, masked_tokens)):
        labels = [
            label_class(match.group(1))
            for token in masked_tokens[masked_from:masked_to]
            if (match := PLACEHOLDER.fullmatch(token))
        ]
        if labels and source_to > source_from:
            spans.append(Span(places[source_from][0], places[source_to - 1][1], tuple(labels)))
    return spans


def _changed_blocks(opcodes) -> list[tuple[int, int, int, int]]:  # type: ignore[no-untyped-def]
    """Join neighbouring inserts and deletes into blocks (source from, to, masked from, to)."""
    blocks: list[tuple[int, int, int, int]] = []
    for tag, source_from, source_to, masked_from, masked_to in opcodes:
        if tag == "equal":
            continue
        if blocks and blocks[-1][1] == source_from and blocks[-1][3] == masked_from:
            blocks[-1] = (blocks[-1][0], source_to, blocks[-1][2], masked_to)
        else:
            blocks.append((source_from, source_to, masked_from, masked_to))
    return blocks


def align(source: str, masked: str) -> tuple[list[Span], bool]:
    """Return the replaced spans and whether the alignment is exact."""
    spans = align_exactly(source, masked)
    return (spans, True) if spans is not None else (align_approximately(source, masked), False)
