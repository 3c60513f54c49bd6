"""Which byte may come next in a masking: the input with non-empty stretches replaced by known placeholders.

The positions at which a half-written masking can stand in its input are the bits of one integer, and a copied byte moves
all of them at once (the "shift-and" of Baeza-Yates and Gonnet 1992, https://doi.org/10.1145/135239.135243). Knows
nothing of tokens or models. What it lets through is what `metrics.alignment.align_exactly` aligns.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import NamedTuple

from tunecurve.errors import ModelError
from tunecurve.formats.placeholders import CLASSIC, PlaceholderForm
from tunecurve.learners.lm.decoding.automaton import Automaton

MAX_DIGITS = 4


class KnownLabels:
    """The placeholders that may stand in a masking, as bytes.

    Parameters
    ----------
    names : iterable of str
        Labels, e.g. ``FIRSTNAME``.
    numbered : bool, default False
        Whether a number of up to four digits may follow a label: ``[FIRSTNAME_2]``.
    form : PlaceholderForm, default `[LABEL]`
        How placeholders are written.

    Raises
    ------
    ModelError
        When there are none, or one is no label.
    """

    def __init__(self, names: Iterable[str], numbered: bool = False, form: PlaceholderForm = CLASSIC) -> None:
        for name in (names := tuple(names)):
            if not form.pattern.fullmatch(form.write(name)):
                raise ModelError(
                    f"label '{name}' cannot be written as a placeholder like {form.example}: expected capital letters, digits "
                    "and '_', a letter first, or a label of the targets; correct prompt.labels"
                )
        if not names:
            raise ModelError(
                "a constrained model writes nothing but the input and [LABEL]s, and this prompt has no labels: the "
                "constraint needs a masking task; name the model without 'constrained:'"
            )
        self._whole = frozenset(form.write(name).encode() for name in names)
        self._beginnings = frozenset(text[:length] for text in self._whole for length in range(1, len(text)))
        separator = form.numbering.separator
        # What stands before a number, and what after it.
        self._around = [
            ((style.before + name + separator).encode(), style.after.encode())
            for name in (names if numbered else ())
            for style in (form.style_of(name),)
        ]
        self._number = functools.lru_cache(maxsize=4096)(self._number_in)

    def goes_on(self, text: bytes) -> bool:
        """Whether a placeholder begins with the text and is longer."""
        return text in self._beginnings or self._number(text)[1]

    def __contains__(self, text: bytes) -> bool:
        return text in self._whole or self._number(text)[0]

    def _number_in(self, text: bytes) -> tuple[bool, bool]:
        """Return whether the text is a numbered placeholder, and whether a longer one begins with it."""
        is_whole = goes_on = False
        for before, after in self._around:
            goes_on |= before.startswith(text)
            if not text.startswith(before):
                continue
            rest = text[len(before) :]
            end = rest.lstrip(b"0123456789")
            n_digits = len(rest) - len(end)
            if n_digits <= MAX_DIGITS and after.startswith(end) and (n_digits or not end):
                is_whole |= n_digits > 0 and end == after
                goes_on |= end != after or (not after and n_digits < MAX_DIGITS)
        return is_whole, goes_on


class Standing(NamedTuple):
    """Where a half-written masking may stand.

    Attributes
    ----------
    positions : int
        Bit i is set where it can go on with byte i of the input; the bit behind the last byte: the input is used up.
    labels : tuple of (bytes, int)
        What may be written of a placeholder, and where the stretch that it replaces begins.
    """

    positions: int
    labels: tuple[tuple[bytes, int], ...]


class MaskingAutomaton(Automaton[Standing]):
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

    start = Standing(1, ())

    def __init__(self, source: str, labels: KnownLabels, lead: str = "") -> None:
        self.text = (lead + source).encode()
        self._labels = labels
        self._occurs: dict[int, int] = {}
        for position, byte in enumerate(self.text):
            self._occurs[byte] = self._occurs.get(byte, 0) | 1 << position
        n_bytes, n_lead = len(self.text), len(lead.encode())
        self._end = 1 << n_bytes
        is_between = (
            position == n_bytes or self.text[position] & 0xC0 != 0x80 for position in range(n_lead, n_bytes + 1)
        )
        self._between = sum(is_one << n_lead + offset for offset, is_one in enumerate(is_between))

    def step(self, standing: Standing, byte: int) -> Standing | None:
        """Return where the masking stands after one more byte; None where no masking goes on with it."""
        positions = (standing.positions & self._occurs.get(byte, 0)) << 1
        written = [(label + bytes([byte]), label_from) for label, label_from in standing.labels]
        open_at = standing.positions & self._between & ~self._end
        if open_at:
            # The earliest position leaves open everything that later ones do.
            written.append((bytes([byte]), (open_at & -open_at).bit_length() - 1))
        labels: dict[bytes, int] = {}
        for label, label_from in written:
            if label in self._labels:
                positions |= self._between & -(2 << label_from)
            if self._labels.goes_on(label):
                labels[label] = min(label_from, labels.get(label, label_from))
        return Standing(positions, tuple(labels.items())) if positions or labels else None

    def may_end(self, standing: Standing) -> bool:
        """Whether what is written is a whole masking: the input is used up, or a label replaces the rest of it."""
        return bool(standing.positions & self._end)

    def only_position(self, standing: Standing) -> int | None:
        """Return the position in `text` where copying goes on, if there is but one; None also within a label."""
        positions = standing.positions
        return positions.bit_length() - 1 if not standing.labels and not positions & (positions - 1) else None
