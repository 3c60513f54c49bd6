"""Where a masked text replaced the input: spans with labels, from the two texts alone.

A masked text is literals with placeholders between them, so exact alignment is wildcard matching, for which taking every
literal as far left as it goes (and the last one at the end) finds a match whenever there is one. Texts that are not
such a masking (a model's free answer, a noisy target) are aligned by a longest common subsequence of words instead.
What a placeholder looks like is said by a `PlaceholderForm`; what the input has of that kind itself is text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import regex

from tunecurve.formats.folding import compose
from tunecurve.formats.placeholders import CLASSIC, Placeholder, PlaceholderForm
from tunecurve.formats.segmentation import TOKEN

# Blanks are no tokens: a blank inside a value would match any blank of the masked text.
_TOKEN = regex.compile(f"(?V1){TOKEN}")


@dataclass(frozen=True)
class Span:
    """A replaced stretch of the input."""

    start: int
    end: int
    """Character offsets into the input, end exclusive."""
    labels: tuple[str, ...]
    """Label classes in order; more than one when placeholders touch each other."""


def label_class(label: str, form: PlaceholderForm = CLASSIC) -> str:
    """Return the label without its number: ``NAME_2`` -> ``NAME``."""
    return form.label_class(label)


def placeholders(text: str, form: PlaceholderForm = CLASSIC, source: str = "") -> list[str]:
    """Return the label classes of all placeholders in the text, in order, aside from what the input has itself."""
    return form.labels_in(text, source)


def literal_text(masked: str, form: PlaceholderForm = CLASSIC, source: str = "") -> str:
    """Return the masked text with every placeholder replaced by a NUL, so that literals never join across it."""
    return form.replace(masked, "\0", source)


def align_exactly(
    source: str, masked: str, form: PlaceholderForm = CLASSIC, *, keep_numbers: bool = False
) -> list[Span] | None:
    """Return the replaced spans, or None if `masked` is not `source` with non-empty stretches replaced.

    Blanks at the ends of a text do not count, as they do not in exact match.

    Parameters
    ----------
    source, masked : str
        The two texts.
    form : PlaceholderForm, default `[LABEL]`
        What a placeholder is. One that the input has at this place is text.
    keep_numbers : bool, default False
        Whether the spans carry the labels as they stand (`NAME_2`) or their classes (`NAME`).
    """
    spans = _align(source, masked, form, keep_numbers)
    if spans is not None or not (_has_outer_blanks(source) or _has_outer_blanks(masked)):
        return spans
    spans = _align(source.strip(), masked.strip(), form, keep_numbers)
    n_before = len(source) - len(source.lstrip())
    return spans and [Span(span.start + n_before, span.end + n_before, span.labels) for span in spans]


def _has_outer_blanks(text: str) -> bool:
    return text[:1].isspace() or text[-1:].isspace()


def _align(source: str, masked: str, form: PlaceholderForm, keep_numbers: bool) -> list[Span] | None:
    found = form.find(masked)
    is_copied = [masked[one.start : one.end] in source for one in found]
    taken = [one for one, copied in zip(found, is_copied, strict=True) if not copied]
    spans = _match(source, masked, taken, keep_numbers)
    if spans is not None or len(taken) == len(found):
        return spans
    # Some of what the input has too is a placeholder all the same: as few as will do, the last ones first.
    taken = list(found)
    for one, copied in zip(found, is_copied, strict=True):
        if copied and _match(source, masked, rest := [it for it in taken if it is not one], keep_numbers) is not None:
            taken = rest
    return _match(source, masked, taken, keep_numbers)


def _match(source: str, masked: str, found: Sequence[Placeholder], keep_numbers: bool) -> list[Span] | None:
    """Return the stretches of the source that the placeholders replace."""
    if not found:
        return [] if source == masked else None
    ends = [one.end for one in found]
    literals = [masked[: found[0].start]]
    literals += [masked[end:start] for end, start in zip(ends, [*(one.start for one in found[1:]), None], strict=True)]
    if not source.startswith(literals[0]):
        return None
    spans: list[Span] = []
    start = len(literals[0])
    pending: tuple[str, ...] = ()
    for index, one in enumerate(found):
        pending = (*pending, one.name if keep_numbers else one.label)
        literal = literals[index + 1]
        is_last = index == len(found) - 1
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


def align_approximately(source: str, masked: str, form: PlaceholderForm = CLASSIC) -> list[Span]:
    """Return replaced spans from a longest common subsequence of words; always succeeds.

    Stretches of the input that vanished without a placeholder beside them are not spans; see `removed_stretches`.
    """
    return [Span(start, end, labels) for start, end, labels, _ in _changes(source, masked, form) if labels]


def removed_stretches(source: str, masked: str, form: PlaceholderForm = CLASSIC) -> list[tuple[int, int]]:
    """Return start and end of what vanished from the input with nothing in its place, by the same subsequence."""
    return [(start, end) for start, end, _, n_instead in _changes(source, masked, form) if not n_instead]


def replacements(source: str, changed: str) -> list[str]:
    """Return what stands in a changed text for each stretch of the source that is gone; nothing where nothing does."""
    from rapidfuzz.distance import LCSseq

    tokens = [list(_words(text, 0, len(text))) for text in (source, changed)]
    blocks = _changed_blocks(LCSseq.opcodes(*([token.text for token in side] for side in tokens)))
    return [
        changed[tokens[1][start].start : tokens[1][end - 1].end] if end > start else ""
        for source_from, source_to, start, end in blocks
        if source_to > source_from
    ]


def _changes(source: str, masked: str, form: PlaceholderForm) -> Iterator[tuple[int, int, tuple[str, ...], int]]:
    """Yield start and end of what is gone from the source, the labels in its place, and how many words or labels are."""
    from rapidfuzz.distance import LCSseq

    source_tokens, masked_tokens = list(_tokens(source, form)), list(_tokens(masked, form))
    texts = [[token.text for token in tokens] for tokens in (source_tokens, masked_tokens)]
    for source_from, source_to, masked_from, masked_to in _changed_blocks(LCSseq.opcodes(*texts)):
        labels = tuple(token.label for token in masked_tokens[masked_from:masked_to] if token.label is not None)
        if source_to > source_from:
            start, end = source_tokens[source_from].start, source_tokens[source_to - 1].end
            yield start, end, labels, masked_to - masked_from


@dataclass(frozen=True)
class _Token:
    text: str
    start: int
    end: int
    label: str | None = None


def _tokens(text: str, form: PlaceholderForm) -> Iterator[_Token]:
    """Yield placeholders, words and other marks in their order."""
    position = 0
    for one in form.find(text):
        yield from _words(text, position, one.start)
        yield _Token(text[one.start : one.end], one.start, one.end, one.label)
        position = one.end
    yield from _words(text, position, len(text))


def _words(text: str, start: int, end: int) -> Iterator[_Token]:
    for match in _TOKEN.finditer(text, start, end):
        yield _Token(compose(match.group()), match.start(), match.end())


def _changed_blocks(opcodes: Any) -> list[tuple[int, int, int, int]]:
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


def align(source: str, masked: str, form: PlaceholderForm = CLASSIC) -> tuple[list[Span], bool]:
    """Return the replaced spans and whether the alignment is exact."""
    spans = align_exactly(source, masked, form)
    return (spans, True) if spans is not None else (align_approximately(source, masked, form), False)
