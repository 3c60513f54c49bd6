"""Texts as words with exact character offsets, their pieces as the encoder reads them, and windows over long texts.

A word is what the tokenizer splits before it makes pieces: letters, or one punctuation mark. Where scripts set no blanks
between words (Chinese, Thai, ...), or glue particles to names (Korean), every character as readers see it is a word, because names
begin and end within runs of letters there. Offsets are those of the text as it came, whatever casing or accents the tokenizer
levels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tunecurve.formats.segmentation import glued_characters, is_mark


@dataclass(frozen=True)
class Words:
    """A text in words."""

    starts: tuple[int, ...]
    ends: tuple[int, ...]
    """Character offsets of each word, end exclusive."""
    piece_ids: tuple[int, ...]
    """Token ids of all pieces in order."""
    piece_words: tuple[int, ...]
    """For each piece, the number of its word."""
    characters: frozenset[int] = frozenset()
    """Numbers of the words that are characters of a script without blanks between words, or Korean."""

    def __len__(self) -> int:
        return len(self.starts)


@dataclass(frozen=True)
class Window:
    """A stretch of a text that the encoder reads at once: pieces [first, last) of text number `text`."""

    text: int
    first: int
    last: int


def split_words(tokenizer: Any, texts: Sequence[str], *, by_character: bool = True) -> list[Words]:
    """Return every text in words; a text of unknown signs alone may have none.

    Parameters
    ----------
    tokenizer : transformers fast tokenizer
        Slow ones do not know offsets.
    texts : sequence of str
        The texts.
    by_character : bool, default True
        Whether characters of scripts without blanks are words of their own; else all words are the tokenizer's.
    """
    spread = [_spread(text) if by_character else _Spread(text, text) for text in texts]
    encoded = tokenizer([text.text for text in spread], add_special_tokens=False, return_offsets_mapping=True)
    return [
        _words_of(encoded["input_ids"][number], encoded["offset_mapping"][number], encoded.word_ids(number), text)
        for number, text in enumerate(spread)
    ]


def set_signs_apart(tokenizer: Any) -> bool:
    """Let a tokenizer that cuts texts at blanks alone, such as XLM-R's, cut them at signs, too; return whether it had to be changed.

    Names end before a full stop or a comma: what is no word of its own could not be left outside.

    Parameters
    ----------
    tokenizer : transformers fast tokenizer
        Changed in place.
    """
    from tokenizers import pre_tokenizers

    backend = tokenizer.backend_tokenizer
    if backend.pre_tokenizer is None or len(backend.pre_tokenizer.pre_tokenize_str("a,b")) > 1:
        return False
    backend.pre_tokenizer = pre_tokenizers.Sequence([backend.pre_tokenizer, pre_tokenizers.Punctuation("isolated")])
    return True


@dataclass(frozen=True)
class _Spread:
    """A text with blanks set around some characters: the offsets it came from, and those characters, start to end."""

    source: str
    text: str
    origin: tuple[int, ...] | None = None
    set_apart: Mapping[int, int] = field(default_factory=dict)

    def span_of(self, start: int, end: int) -> tuple[int, int]:
        """Return the offsets of a stretch, blanks before it aside, in the text as it came."""
        while start < end and self.text[start].isspace():  # some tokenizers count the blank before a word to it
            start += 1
        if start >= end:
            return start, end
        if self.origin is not None:
            start, end = self.origin[start], self.origin[end - 1] + 1
        while end < len(self.source) and is_mark(
            self.source[end]
        ):  # some level accents, and leave them out of the offsets
            end += 1
        return start, max(end, self.set_apart.get(start, end))


def _spread(text: str) -> _Spread:
    apart = list(glued_characters(text))
    if not apart:
        return _Spread(text, text)
    pieces, origin, position = [], list[int](), 0
    for start, end in [*apart, (len(text), len(text))]:
        pieces += [text[position:start], " ", text[start:end], " "]
        origin += [*range(position, start), start, *range(start, end), end]
        position = end
    return _Spread(text, "".join(pieces), tuple(origin), dict(apart))


def _words_of(
    piece_ids: Sequence[int], offsets: Sequence[tuple[int, int]], word_ids: Sequence[int | None], spread: _Spread
) -> Words:
    starts: list[int] = []
    ends: list[int] = []
    kept_ids, piece_words = [], []
    last: int | None = None
    for piece, offset, word in zip(piece_ids, offsets, word_ids, strict=True):
        start, end = spread.span_of(*offset)
        if word is None or start >= end:
            continue
        if word != last and (
            not starts or start != starts[-1]
        ):  # else behind a blank's piece, which stands where it does
            starts.append(start)
            ends.append(end)
        last = word
        ends[-1] = max(ends[-1], end)
        kept_ids.append(piece)
        piece_words.append(len(starts) - 1)
    characters = frozenset(number for number, start in enumerate(starts) if start in spread.set_apart)
    return Words(tuple(starts), tuple(ends), tuple(kept_ids), tuple(piece_words), characters)


def window_step(longest: int) -> int:
    """Return how many pieces lie between the beginnings of two windows."""
    return max(1, longest - longest // 4)


def windows_over(words: Sequence[Words], longest: int) -> list[Window]:
    """Return windows of at most `longest` pieces over every text; those of long texts overlap by a quarter."""
    step, found = window_step(longest), []
    for number, text in enumerate(words):
        n_pieces, first = len(text.piece_ids), 0
        while first + longest < n_pieces:
            found.append(Window(number, first, first + longest))
            first += step
        if n_pieces:
            found.append(Window(number, first, n_pieces))
    return found


def distance_to_border(piece: int, window: Window, n_pieces: int) -> int:
    """Return how much context a piece has in a window on its poorer side; ends of the text are no border."""
    left = piece - window.first if window.first > 0 else n_pieces
    right = window.last - 1 - piece if window.last < n_pieces else n_pieces
    return min(left, right)
