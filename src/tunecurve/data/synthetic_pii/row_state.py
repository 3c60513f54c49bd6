"""The values of one row: drawn on demand, remembered, and coherent where that is cheap.

``{FIRSTNAME_2}``, ``{LASTNAME_2}`` and ``{EMAIL_2}`` belong to one person; ``{CURRENCYCODE}`` and ``{CURRENCYSYMBOL}``
to one currency. This module knows who is who; how a value is written is left to the value modules.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from tunecurve.data.synthetic_pii.pools import Pools
from tunecurve.data.synthetic_pii.stable_random import StableRandom


@dataclass(frozen=True)
class Person:
    """A made-up person."""

    first: str
    last: str
    feminine: bool


@dataclass(frozen=True)
class Currency:
    """A currency with its official name and the word people use for it."""

    code: str
    symbol: str
    name: str
    colloquial: str


class RowState:
    """StableRandom, pools and the people and currencies met so far in one row."""

    def __init__(self, rng: StableRandom, pools: Pools) -> None:
        self.rng = rng
        self.pools = pools
        self._people: dict[int, Person] = {}
        self._currencies: dict[int, Currency] = {}

    def word(self, section: str) -> str:
        """Draw one entry of a section of the word file."""
        return self.rng.pick(self.pools.words[section])

    def pattern(self, section: str) -> str:
        """Draw one pattern of a section and fill its digits and letters."""
        return self.rng.fill(self.word(section))

    def person(self, index: int) -> Person:
        """Return person ``index`` of the row, drawn at the first call; no two share a name."""
        if index not in self._people:
            feminine = self.rng.chance(0.5)
            firsts = self.pools.feminine if feminine else self.pools.masculine
            taken = {name for person in self._people.values() for name in (person.first, person.last)}
            first, last = self.rng.pick(firsts), self.rng.pick(self.pools.surnames)
            while first in taken or last in taken or first == last:
                first, last = self.rng.pick(firsts), self.rng.pick(self.pools.surnames)
            self._people[index] = Person(first, last, feminine)
        return self._people[index]

    def currency(self, index: int) -> Currency:
        """Return currency ``index`` of the row, drawn at the first call."""
        if index not in self._currencies:
            self._currencies[index] = Currency(*self.word("currency").split("|"))
        return self._currencies[index]


def slug(text: str) -> str:
    """Return the text as lower-case ASCII letters and digits, as in host and user names."""
    folded = text.replace("ß", "ss").replace("ä", "ae").replace("ö", "oe").replace("ü", "ue")
    ascii_text = unicodedata.normalize("NFKD", folded).encode("ascii", "ignore").decode()
    return "".join(character for character in ascii_text.lower() if character.isalnum())
