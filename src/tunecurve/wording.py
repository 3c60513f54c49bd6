"""How messages write what is many or long: the first of a list, a text cut short, a count with its noun; and what is nearly certain."""

from __future__ import annotations

import math
from collections.abc import Sequence

# What rounds to 1 or to 0 in two digits.
LARGEST_CHANCE, SMALLEST_CHANCE = 0.995, 0.005


def first_of(names: Sequence[object], most: int, separator: str = ", ") -> str:
    """Return at most so many names, and ``...`` where there are more.

    Examples
    --------
    >>> first_of(["a", "b", "c"], 2), first_of(["a", "b"], 2)
    ('a, b, ...', 'a, b')
    """
    more = ["..."] if len(names) > most else []
    return separator.join([*map(str, names[:most]), *more])


def told_apart(labels: Sequence[str]) -> list[str]:
    """Return labels for a line that joins them by commas: each in quotation marks where one has a comma or blanks at its ends.

    Examples
    --------
    >>> told_apart(["work", "privacy"]), told_apart(["work", "security, privacy"])
    (['work', 'privacy'], ["'work'", "'security, privacy'"])
    """
    is_unclear = any("," in label or label != label.strip() for label in labels)
    return [f"'{label}'" for label in labels] if is_unclear else list(labels)


def cut(text: str, longest: int) -> str:
    """Return a text in at most so many characters, with ``...`` at its end where it was longer."""
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


def counted(n: int, noun: str) -> str:
    """Return ``1 size``, ``3 sizes``."""
    return f"{n} {noun}" + ("" if n == 1 else "s")


def chance_in_words(probability: float, few: str = "") -> str:
    """Return a probability in two digits, never 0 or 1: counted on drawn curves, it is neither; ``few`` stands before a small one.

    Examples
    --------
    >>> chance_in_words(0.876), chance_in_words(1.0), chance_in_words(0.0), chance_in_words(0.09, "only ")
    ('0.88', 'over 0.99', 'under 0.01', 'only 0.09')
    """
    if probability >= LARGEST_CHANCE:
        return "over 0.99"
    return "under 0.01" if probability < SMALLEST_CHANCE else f"{few}{probability:.2f}"


def of_hundred(share: float, counted_in: int) -> str:
    """Return how many of 100 a share is, where it was counted in few: ``over`` and ``under`` for all and for none of them.

    Examples
    --------
    >>> of_hundred(0.45, 40), of_hundred(1.0, 40), of_hundred(0.0, 40)
    ('45 of 100', 'over 97 of 100', 'under 3 of 100')
    """
    step = math.ceil(100 / counted_in)
    if share <= 0.0 or share >= 1.0:
        return f"over {100 - step} of 100" if share >= 1.0 else f"under {step} of 100"
    return f"{100 * share:.0f} of 100"
