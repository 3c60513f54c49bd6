"""How messages write what is many or long: the first of a list, a text cut short, a count with its noun."""

from __future__ import annotations

from collections.abc import Sequence


def first_of(names: Sequence[object], most: int, separator: str = ", ") -> str:
    """Return at most so many names, and ``...`` where there are more.

    Examples
    --------
    >>> first_of(["a", "b", "c"], 2), first_of(["a", "b"], 2)
    ('a, b, ...', 'a, b')
    """
    more = ["..."] if len(names) > most else []
    return separator.join([*map(str, names[:most]), *more])


def cut(text: str, longest: int) -> str:
    """Return a text in at most so many characters, with ``...`` at its end where it was longer."""
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


def counted(n: int, noun: str) -> str:
    """Return ``1 size``, ``3 sizes``."""
    return f"{n} {noun}" + ("" if n == 1 else "s")
