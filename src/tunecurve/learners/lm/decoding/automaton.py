"""What an answer may be, byte by byte: what every automaton that constrains decoding has in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Generic, TypeVar

StandingT = TypeVar("StandingT")


class Automaton(ABC, Generic[StandingT]):
    """Says which bytes may come next.

    Attributes
    ----------
    start : StandingT
        Where an answer stands before its first byte.
    """

    start: StandingT

    @abstractmethod
    def step(self, standing: StandingT, byte: int) -> StandingT | None:
        """Return where the answer stands after one more byte; None where no answer goes on with it."""

    def follow(self, standing: StandingT, text: bytes) -> StandingT | None:
        """Return where the answer stands after some more bytes; None where no answer goes on with them."""
        found: StandingT | None = standing
        for byte in text:
            if found is None:
                return None
            found = self.step(found, byte)
        return found

    def takes(self, text: bytes) -> bool:
        """Return whether the text is a whole answer."""
        standing = self.follow(self.start, text)
        return standing is not None and self.may_end(standing)

    @abstractmethod
    def may_end(self, standing: StandingT) -> bool:
        """Return whether what is written is a whole answer."""
