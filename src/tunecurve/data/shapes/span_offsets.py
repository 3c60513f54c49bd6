"""Whether offsets without a text beside them count the characters of their text: most spans are whole words if they do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tunecurve.data.shapes.annotated import OFFSET_NAMES, AnnotatedShape
from tunecurve.data.shapes.base import Asked, Cells, NotReadError
from tunecurve.errors import DataError
from tunecurve.formats.offsets import COUNTINGS, Counting, RawSpan, in_characters
from tunecurve.formats.segmentation import is_edge

MIN_SPANS = 8
# Spans behind a character that counts differently show more by themselves.
MIN_DIFFERENT_SPANS = 2
SHARE_WHOLE = 0.8
# Hebrew has seven articles and prepositions of one letter, Arabic six.
MOST_ARTICLES = 8
_CHARACTERS = Counting()


@dataclass
class _Counts:
    """How many spans were looked at, and how many of them are whole words by each way of counting."""

    n_spans: int = 0
    n_whole: int = 0
    n_whole_otherwise: int = 0
    example: str = ""

    def add(self, *, is_whole: bool, is_whole_otherwise: bool, shown: str) -> None:
        """Count one span."""
        self.n_spans += 1
        self.n_whole += is_whole
        self.n_whole_otherwise += is_whole_otherwise
        self.example = self.example or ("" if is_whole else shown)

    def speaks_for_other(self, least: int) -> bool:
        """Return whether most spans are whole words by the other way of counting, and most are not by this one."""
        return (
            self.n_spans >= least
            and 2 * self.n_whole < self.n_spans
            and self.n_whole_otherwise >= SHARE_WHOLE * self.n_spans
        )


def check_offsets(shape: AnnotatedShape, sample: Sequence[Cells], asked: Asked) -> None:
    """Refuse offsets that cut words in most spans, where no text beside them and no word of the user says how they count.

    Raises
    ------
    DataError
        With the ways to say it.
    """
    if "offsets" in asked.options:
        return
    pairs: list[tuple[str, RawSpan]] = []
    for cells in sample:
        try:
            one = shape.annotation(cells, asked)
        except NotReadError:
            continue
        if any(span.text is not None for span in one.spans):
            return
        pairs += [(one.text, span) for span in one.spans]
    # Units first: behind a line break that counts as one, spans end too early as well.
    for other in COUNTINGS:
        if not other.is_end_inside:
            _check_unit(pairs, other)
    _check_ends(pairs)
    _check_begins(pairs)
    for other in COUNTINGS:
        if other.is_end_inside:
            _check_unit(pairs, other)
    _check_words(pairs)


def _check_ends(pairs: Sequence[tuple[str, RawSpan]]) -> None:
    short = [
        text[span.start : span.end]
        for text, span in pairs
        if not is_edge(text, span.end) and is_edge(text, span.end + 1)
    ]
    if len(pairs) >= MIN_SPANS and 2 * len(short) > len(pairs) and _share_begun(pairs) >= SHARE_WHOLE:
        raise DataError(
            f"{len(short)} of the first {len(pairs)} spans end one character before their word does (such as '{short[0][:40]}'), so "
            "offsets may count the last character, not the one behind it; say in the study file (tunecurve init): "
            "data.shape_options: {offsets: characters inclusive}, or {offsets: characters}"
        )


def _check_begins(pairs: Sequence[tuple[str, RawSpan]]) -> None:
    """Refuse offsets that seem to count from 1: spans leave out the first character of their words, and that is no article."""
    late = [
        (text[span.start - 1], text[span.start : span.end])
        for text, span in pairs
        if 0 < span.start < len(text) and not is_edge(text, span.start) and is_edge(text, span.start - 1)
    ]
    if len(pairs) < MIN_SPANS or 2 * len(late) <= len(pairs):
        return
    n_first = sum(_is_first_of(letter, rest[:1]) for letter, rest in late)
    if 2 * n_first > len(late) or len({letter.casefold() for letter, _ in late}) > MOST_ARTICLES:
        raise DataError(
            f"{len(late)} of the first {len(pairs)} spans begin one character behind the begin of a word (such as '{late[0][1][:40]}'), so "
            "offsets may count from 1, not from 0; take 1 from them (from the starts alone, where ends are right), or, if it is right so, "
            "say in the study file (tunecurve init): data.shape_options: {offsets: characters}"
        )


def _is_first_of(letter: str, following: str) -> bool:
    """Return whether a character is the first of the same word or number by its form: a capital, or a digit before a digit."""
    return (letter.isupper() and following.islower()) or (letter.isdigit() and following.isdigit())


def _share_begun(pairs: Sequence[tuple[str, RawSpan]]) -> float:
    """Return the share of spans that begin where a word does."""
    return sum(is_edge(text, span.start) for text, span in pairs) / len(pairs)


def _check_unit(pairs: Sequence[tuple[str, RawSpan]], other: Counting) -> None:
    """Refuse offsets that seem to count other units, by the spans that stand elsewhere if they do."""
    counts = _Counts()
    for text, span in pairs:
        known, otherwise = in_characters(text, span, _CHARACTERS), in_characters(text, span, other)
        if known != otherwise:
            counts.add(
                is_whole=_is_whole(text, known),
                is_whole_otherwise=_is_whole(text, otherwise),
                shown=text[slice(*known)] if known else "",
            )
    if counts.speaks_for_other(MIN_SPANS if other.is_end_inside else MIN_DIFFERENT_SPANS):
        name = OFFSET_NAMES[other]
        raise DataError(
            f"{counts.n_spans - counts.n_whole} of the first {counts.n_spans} spans whose place depends on how offsets count cut words if "
            f"they count characters (such as '{counts.example[:40]}'), and {counts.n_spans - counts.n_whole_otherwise} if they count "
            f"{other}; say in the study file (tunecurve init): data.shape_options: {{offsets: {name}}}, or {{offsets: characters}}"
        )


def _check_words(pairs: Sequence[tuple[str, RawSpan]]) -> None:
    """Refuse offsets that cut words by every way of counting."""
    places = [(text, in_characters(text, span, _CHARACTERS)) for text, span in pairs]
    cut = [text[slice(*place)] for text, place in places if place is not None and _is_displaced(text, place)]
    n_placed = sum(place is not None for _, place in places)
    if n_placed >= MIN_SPANS and 2 * len(cut) > n_placed:
        raise DataError(
            f"{len(cut)} of the first {n_placed} spans cut words on both sides or hold blanks at an end (such as '{cut[0][:40]}'), so "
            "offsets seem to be those of another text (blanks or marks were taken away later?); give the texts as they "
            "were labelled, or, if it is right so, say in the study file (tunecurve init): data.shape_options: {offsets: characters}"
        )


def _is_displaced(text: str, place: tuple[int, int]) -> bool:
    """Return whether a place cuts words on both sides, or has blanks at its ends: one side alone is that of an article or an ending."""
    start, end = place
    own = text[start:end]
    return own != own.strip() or not (is_edge(text, start) or is_edge(text, end))


def _is_whole(text: str, place: tuple[int, int] | None) -> bool:
    """Return whether a place is one of whole words, without blanks at its ends."""
    if place is None:
        return False
    start, end = place
    own = text[start:end]
    return bool(own) and own == own.strip() and is_edge(text, start) and is_edge(text, end)
