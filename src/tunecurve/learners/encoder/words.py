"""Texts as words with exact character offsets, their pieces as the encoder reads them, and windows over long texts.

A word is what the tokenizer splits before it makes pieces: letters, or one punctuation mark. Offsets are those of the
text as it came, whatever casing or accents the tokenizer levels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Words:
    """A text in words.

    Attributes
    ----------
    starts, ends : tuple of int
        Character offsets of each word, end exclusive.
    piece_ids : tuple of int
        Token ids of all pieces in order.
    piece_words : tuple of int
        For each piece, the number of its word.
    """

    starts: tuple[int, ...]
    ends: tuple[int, ...]
    piece_ids: tuple[int, ...]
    piece_words: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.starts)


@dataclass(frozen=True)
class Window:
    """A stretch of a text that the encoder reads at once: pieces [first, last) of text number `text`."""

    text: int
    first: int
    last: int


def split_words(tokenizer: Any, texts: Sequence[str]) -> list[Words]:
    """Return every text in words; a text of unknown signs alone may have none.

    Parameters
    ----------
    tokenizer : transformers fast tokenizer
        Slow ones do not know offsets.
    """
    encoded = tokenizer(list(texts), add_special_tokens=False, return_offsets_mapping=True)
    return [
        _words_of(encoded["input_ids"][number], encoded["offset_mapping"][number], encoded.word_ids(number), text)
        for number, text in enumerate(texts)
    ]


def _words_of(
    piece_ids: Sequence[int], offsets: Sequence[tuple[int, int]], word_ids: Sequence[int | None], text: str
) -> Words:
    starts: list[int] = []
    ends: list[int] = []
    kept_ids, piece_words = [], []
    last: int | None = None
    for piece, (start, end), word in zip(piece_ids, offsets, word_ids, strict=True):
        while start < end and text[start].isspace():  # some tokenizers count the blank before a word to it
            start += 1
        if word is None or start >= end:
            continue
        if word != last:
            starts.append(start)
            ends.append(end)
            last = word
        ends[-1] = max(ends[-1], end)
        kept_ids.append(piece)
        piece_words.append(len(starts) - 1)
    return Words(tuple(starts), tuple(ends), tuple(kept_ids), tuple(piece_words))


def windows_over(words: Sequence[Words], longest: int) -> list[Window]:
    """Return windows of at most `longest` pieces over every text; those of long texts overlap by a quarter."""
    step = max(1, longest - longest // 4)
    found = []
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
