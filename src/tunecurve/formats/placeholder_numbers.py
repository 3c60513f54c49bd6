"""How placeholders are numbered: which labels, from which number on, and when a value gets a new one."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

Key = Literal["by value", "by occurrence"]


@dataclass(frozen=True)
class Numbering:
    """A scheme of numbers within one text."""

    labels: tuple[str, ...] = ()
    """Label classes that carry a number."""
    separator: str = "_"
    """What stands between label and number: ``"_"`` in ``NAME_1``."""
    start: int = 1
    """The first number."""
    width: int = 1
    """Digits that a number has at least: 2 for ``01``."""
    key: Key = "by value"
    """The same value gets the same number again, or every occurrence a new one."""
    is_backward: bool = False
    """Whether numbers are given from the end of the text to its beginning."""
    is_shared: bool = False
    """Whether all labels share one row of numbers."""

    @property
    def is_classic(self) -> bool:
        """Whether numbers are written ``_1``, ``_2``."""
        return (self.separator, self.start, self.width) == ("_", 1, 1)

    def numbers(self, items: Sequence[tuple[str, str]]) -> list[str]:
        """Return each (label, value)'s label with its number, in order; labels without numbers as they are."""
        written = [label for label, _ in items]
        seen: dict[str, dict[object, int]] = {}
        indices = range(len(items) - 1, -1, -1) if self.is_backward else range(len(items))
        for index in indices:
            label, value = items[index]
            if label not in self.labels:
                continue
            numbers = seen.setdefault("" if self.is_shared else label, {})
            key: object = (label, value) if self.key == "by value" else index
            number = numbers.setdefault(key, self.start + len(numbers))
            written[index] = f"{label}{self.separator}{number:0{self.width}d}"
        return written

    def variants(self) -> Iterator[Numbering]:
        """Yield this scheme with every rule of counting, the usual ones first."""
        keys: tuple[Key, Key] = ("by value", "by occurrence")
        for is_shared, is_backward, key in itertools.product((False, True), (False, True), keys):
            yield Numbering(self.labels, self.separator, self.start, self.width, key, is_backward, is_shared)

    def to_json(self) -> dict[str, object]:
        """Return the scheme as plain values."""
        return {**asdict(self), "labels": list(self.labels)}

    @classmethod
    def from_json(cls, values: Any) -> Numbering:
        """Return the scheme that `to_json` wrote."""
        return cls(**{**values, "labels": tuple(values["labels"])})


def is_a_count(numbers: Iterable[int]) -> bool:
    """Whether the numbers of a label are what counting gives: 0 or 1, and all that follow, at least two of them."""
    found = sorted(set(numbers))
    return len(found) > 1 and found[0] in (0, 1) and found[-1] - found[0] == len(found) - 1
