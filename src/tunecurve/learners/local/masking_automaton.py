"""Which byte may come next in a masking: the input with non-empty stretches replaced by known `[LABEL]`s.

The places at which a half-written masking can stand in its input are the bits of one integer, and a copied byte moves
all of them at once (the "shift-and" of Baeza-Yates and Gonnet 1992, https://doi.org/10.1145/135239.135243). Knows
nothing of tokens or models. What it lets through is what `metrics.alignment.align_exactly` aligns.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from tunecurve.errors import ModelError
from tunecurve.metrics.placeholders import CLASSIC

OPEN, CLOSE = ord("["), ord("]")
_NUMBERED = re.compile(rb"(.+)_([0-9]{0,4})")


class KnownLabels:
    """The texts that may stand between brackets.

    Parameters
    ----------
    names : iterable of str
        Labels, e.g. ``FIRSTNAME``.
    numbered : bool, default False
        Whether a number of up to four digits may follow a label: ``FIRSTNAME_2``.

    Raises
    ------
    ModelError
        When there are none, or one is no label.
    """

    def __init__(self, names: Iterable[str], numbered: bool = False) -> None:
        for name in (names := tuple(names)):
            if not CLASSIC.pattern.fullmatch(f"[{name}]"):
                raise ModelError(
                    f"label '{name}' cannot be written as a placeholder: expected capital letters, digits and '_', a "
                    "letter first; correct prompt.labels"
                )
        if not names:
            raise ModelError(
                "a constrained model writes nothing but the input and [LABEL]s, and this prompt has no labels: the "
                "constraint needs a masking task; name the model without 'constrained:'"
            )
        self._names = frozenset(name.encode() for name in names)
        self._beginnings = frozenset(name[:length] for name in self._names for length in range(len(name) + 1))
        self._numbered = numbered

    def can_begin_with(self, text: bytes) -> bool:
        """Whether a label begins with the text."""
        return text in self._beginnings or self._number_after_name(text) is not None

    def __contains__(self, text: bytes) -> bool:
        return text in self._names or bool(self._number_after_name(text))

    def _number_after_name(self, text: bytes) -> bytes | None:
        found = _NUMBERED.fullmatch(text) if self._numbered else None
        return found.group(2) if found and found.group(1) in self._names else None


class Standing(NamedTuple):
    """Where a half-written masking may stand.

    Attributes
    ----------
    places : int
        Bit i is set where it can go on with byte i of the input; the bit behind the last byte: the input is used up.
    label : bytes or None
        What is written of a label behind its bracket; None outside.
    label_from : int
        Where the stretch that this label replaces begins.
    """

    places: int
    label: bytes | None
    label_from: int


class MaskingAutomaton:
    """Follows one masking, byte by byte.

    Every label replaces at least one character of its own; labels begin and end between characters.

    Parameters
    ----------
    source : str
        The input.
    labels : KnownLabels
        What may replace a stretch of it.
    lead : str, default ""
        Text that the masking must begin with, before the input.
    """

    start = Standing(1, None, 0)

    def __init__(self, source: str, labels: KnownLabels, lead: str = "") -> None:
        self.text = (lead + source).encode()
        self._labels = labels
        self._occurs: dict[int, int] = {}
        for place, byte in enumerate(self.text):
            self._occurs[byte] = self._occurs.get(byte, 0) | 1 << place
        n_bytes, n_lead = len(self.text), len(lead.encode())
        self._end = 1 << n_bytes
        is_between = (place == n_bytes or self.text[place] & 0xC0 != 0x80 for place in range(n_lead, n_bytes + 1))
        self._between = sum(is_one << n_lead + offset for offset, is_one in enumerate(is_between))

    def step(self, standing: Standing, byte: int) -> Standing | None:
        """Return where the masking stands after one more byte; None where no masking goes on with it."""
        places = (standing.places & self._occurs.get(byte, 0)) << 1
        label, label_from = None, 0
        if byte == OPEN:
            open_at = standing.places & self._between & ~self._end
            if open_at:
                # The earliest place leaves open everything that later ones do.
                label, label_from = b"", (open_at & -open_at).bit_length() - 1
        elif standing.label is not None:
            if byte == CLOSE:
                if standing.label in self._labels:
                    places |= self._between & -(2 << standing.label_from)
            elif self._labels.can_begin_with(longer := standing.label + bytes([byte])):
                label, label_from = longer, standing.label_from
        return Standing(places, label, label_from) if places or label is not None else None

    def follow(self, standing: Standing, text: bytes) -> Standing | None:
        """Return where the masking stands after some more bytes; None where no masking goes on with them."""
        found: Standing | None = standing
        for byte in text:
            if found is None:
                return None
            found = self.step(found, byte)
        return found

    def may_end(self, standing: Standing) -> bool:
        """Whether what is written is a whole masking: the input is used up, or a label replaces the rest of it."""
        return bool(standing.places & self._end)

    def only_place(self, standing: Standing) -> int | None:
        """Return the place in `text` where copying goes on, if there is but one; None also within a label."""
        places = standing.places
        return places.bit_length() - 1 if standing.label is None and not places & (places - 1) else None
