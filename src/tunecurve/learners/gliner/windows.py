"""A long text as windows that a model reads whole: GLiNER itself drops what is beyond its length. Pure Python."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Window:
    """Words of a text that are read at once."""

    first: int
    end: int
    """Its words, end exclusive."""
    own_first: int
    own_end: int
    """The words whose findings are taken from this window, end exclusive: each word is some window's own."""


def cut_into_windows(n_pieces: Sequence[int], most_words: int, most_pieces: int | None) -> list[Window]:
    """Return windows of at most so many words and pieces; neighbours share up to a quarter of their words.

    Parameters
    ----------
    n_pieces : sequence of int
        The tokenizer's pieces of each word. A word of more than `most_pieces` is a window by itself.
    most_words : int
        Words that are read at once.
    most_pieces : int or None
        Pieces that are read at once; None: any number.

    Examples
    --------
    >>> [(window.first, window.end, window.own_first, window.own_end) for window in cut_into_windows([1] * 10, 8, None)]
    [(0, 8, 0, 7), (6, 10, 7, 10)]
    """
    windows: list[Window] = []
    first = own_first = 0
    while first < len(n_pieces):
        end = _end_of(n_pieces, first, most_words, most_pieces)
        if end <= own_first:  # a long word follows those that are shared: it leaves no room for them
            first, end = own_first, _end_of(n_pieces, own_first, most_words, most_pieces)
        if end == len(n_pieces):
            return [*windows, Window(first, end, own_first, end)]
        shared = (end - first) // 4
        # Own words end amid those that are shared: whatever begins there has words of both windows around it.
        own_end = max(end - shared // 2, own_first + 1)
        windows.append(Window(first, end, own_first, own_end))
        first, own_first = min(end - shared, own_end), own_end
    return windows


def _end_of(n_pieces: Sequence[int], first: int, most_words: int, most_pieces: int | None) -> int:
    end, pieces = first + 1, n_pieces[first]
    while end < len(n_pieces) and end - first < most_words:
        pieces += n_pieces[end]
        if most_pieces is not None and pieces > most_pieces:
            break
        end += 1
    return end
