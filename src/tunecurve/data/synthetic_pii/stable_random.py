"""Seeded random draws that stay the same on every platform and Python version.

Only `random.Random.random()` is promised to be stable between Python versions, so every draw here is built on it.
A string key seeds the generator (through SHA-512), so that each row has its own stream, independent of all others.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")
UPPERCASE = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class StableRandom:
    """A stream of random draws named by ``key``."""

    def __init__(self, key: str) -> None:
        self.random = random.Random(key).random

    def below(self, limit: int) -> int:
        """Return an integer in ``[0, limit)``."""
        return int(self.random() * limit)

    def between(self, low: int, high: int) -> int:
        """Return an integer in ``[low, high]``."""
        return low + int(self.random() * (high - low + 1))

    def chance(self, probability: float) -> bool:
        """Return True with this probability."""
        return self.random() < probability

    def pick(self, options: Sequence[T]) -> T:
        """Return one of the options, all equally likely."""
        return options[int(self.random() * len(options))]

    def text(self, alphabet: str, length: int) -> str:
        """Return ``length`` characters drawn from the alphabet."""
        return "".join([self.pick(alphabet) for _ in range(length)])

    def digits(self, length: int) -> str:
        """Return a string of ``length`` decimal digits, leading zeros included."""
        return f"{int(self.random() * 10**length):0{length}d}" if length else ""

    def fill(self, pattern: str) -> str:
        """Fill ``#`` with a digit, ``%`` with a digit from 1 to 9 and ``?`` with a capital letter."""
        return "".join([self._filled(character) for character in pattern])

    def _filled(self, character: str) -> str:
        if character == "#":
            return str(self.below(10))
        if character == "%":
            return str(self.between(1, 9))
        return self.pick(UPPERCASE) if character == "?" else character

    def shuffled(self, options: Sequence[T]) -> list[T]:
        """Return the options in random order (Fisher-Yates)."""
        deck = list(options)
        for last in range(len(deck) - 1, 0, -1):
            other = self.below(last + 1)
            deck[last], deck[other] = deck[other], deck[last]
        return deck
