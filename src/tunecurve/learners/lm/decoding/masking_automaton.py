"""Which byte may come next in a masking: the input with non-empty stretches replaced by known placeholders.

The positions at which a half-written masking can stand in its input are the bits of one integer, and a copied byte moves
all of them at once (the "shift-and" of Baeza-Yates and Gonnet 1992, https://doi.org/10.1145/135239.135243). Knows
nothing of tokens or models. What it lets through is what `formats.alignment.align_exactly` aligns, within the limits of a `MaskShape`.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Collection, Iterable
from typing import NamedTuple

from tunecurve.errors import ModelError
from tunecurve.formats.mask_shapes import BLANKS, MaskShape
from tunecurve.formats.placeholders import CLASSIC, PlaceholderForm
from tunecurve.learners.lm.decoding.automaton import Automaton

MAX_DIGITS = 4
_BLANKS = BLANKS.encode()


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
        self._whole = {form.write(name).encode(): form.label_class(name) for name in names}
        self._beginnings = Counter(text[:length] for text in self._whole for length in range(1, len(text)))
        separator = form.numbering.separator
        # What stands before a number, and what after it.
        self._around = [
            ((style.before + name + separator).encode(), style.after.encode())
            for name in (names if numbered else ())
            for style in (form.style_of(name),)
        ]
        self._number = functools.lru_cache(maxsize=4096)(self._number_in)

    def goes_on(self, text: bytes, but: bytes = b"") -> bool:
        """Whether a placeholder, other than that one, begins with the text and is longer."""
        is_of_it = but != text and but.startswith(text)
        return self._beginnings[text] > is_of_it or self._number(text)[1]

    def written_without(self, labels: Collection[str]) -> frozenset[bytes]:
        """Return the placeholders without a number, but for those of these labels."""
        return frozenset(text for text, label in self._whole.items() if label not in labels)

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


class InARow(NamedTuple):
    """Placeholders with nothing or blanks alone between them: how many, and which is the last."""

    last: bytes
    length: int


NO_ROW = InARow(b"", 0)


class Standing(NamedTuple):
    """Where a half-written masking may stand.

    Attributes
    ----------
    positions : int
        Bit i is set where it can go on with byte i of the input; the bit behind the last byte: the input is used up.
    labels : tuple of ((bytes, InARow), int)
        What may be written of a placeholder, those that stand before it, and where the stretch that it replaces may begin, as bits.
    row : InARow
        The placeholders that stand before, with nothing or blanks behind them.
    """

    positions: int
    labels: tuple[tuple[tuple[bytes, InARow], int], ...]
    row: InARow = NO_ROW


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
    shape : MaskShape, optional
        How much of the input one placeholder stands for, and which may follow each other; default: no limit.
    """

    start = Standing(1, ())

    def __init__(self, source: str, labels: KnownLabels, lead: str = "", shape: MaskShape | None = None) -> None:
        self.text = (lead + source).encode()
        self._labels, self._shape = labels, shape
        self._once = frozenset() if shape is None else labels.written_without(shape.repeated)
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
        written = [((text + bytes([byte]), row), begins) for (text, row), begins in standing.labels]
        open_at = standing.positions & self._between & ~self._end
        if open_at and (self._shape is None or standing.row.length < self._shape.most_in_a_row):
            written.append(((bytes([byte]), standing.row), open_at))
        labels: dict[tuple[bytes, InARow], int] = {}
        row = standing.row if byte in _BLANKS else NO_ROW
        for (text, before), begins in written:
            refused = before.last if before.last in self._once else b""
            if text in self._labels and text != refused:
                row = InARow(text, before.length + 1)
                positions |= self._between & self._behind(begins)
            if self._labels.goes_on(text, refused):
                labels[text, before] = begins | labels.get((text, before), 0)
        return Standing(positions, tuple(labels.items()), row) if positions or labels else None

    def _behind(self, begins: int) -> int:
        """Return the positions at which a stretch may end that begins at one of these."""
        if self._shape is None:
            return -((begins & -begins) << 1)
        reached, n_reached = begins << 1, 1
        while n_reached < self._shape.most_bytes:
            n_more = min(n_reached, self._shape.most_bytes - n_reached)
            reached, n_reached = reached | reached << n_more, n_reached + n_more
        return reached

    def may_end(self, standing: Standing) -> bool:
        """Whether what is written is a whole masking: the input is used up, or a label replaces the rest of it."""
        return bool(standing.positions & self._end)

    def only_position(self, standing: Standing) -> int | None:
        """Return the position in `text` where copying goes on, if there is but one; None also within a label."""
        positions = standing.positions
        return positions.bit_length() - 1 if not standing.labels and not positions & (positions - 1) else None
