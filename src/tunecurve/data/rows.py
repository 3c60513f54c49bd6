"""The row: an input text, its target text, and where it came from."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from tunecurve.formats.placeholders import CLASSIC, PlaceholderForm

_LABEL = re.compile(r"\[[A-Z][A-Z0-9_]*\]")
_DIGITS = re.compile(r"\d+")
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True)
class Row:
    """One labelled example.

    Attributes
    ----------
    source : str
        The input text.
    target : str
        The text that should come out.
    group : str
        Rows of one group never sit on both sides of a split.
    place : str
        Where the row stands in its file, for messages, e.g. ``"line 7"``.
    other_targets : tuple of str
        Further texts that are as right as the target; models are tuned on the target alone.
    side : {"", "train", "test", "dev"}
        The side that the data name for the row; empty where they name none.
    """

    source: str
    target: str
    group: str
    place: str = ""
    other_targets: tuple[str, ...] = ()
    side: str = ""

    @property
    def row_id(self) -> str:
        """Hash of the content, 16 hexadecimal digits."""
        return content_id(self.source, self.target, *self.other_targets)

    @property
    def references(self) -> str | tuple[str, ...]:
        """What an answer is compared with: the target, or all targets where there are several."""
        return (self.target, *self.other_targets) if self.other_targets else self.target


def content_id(*texts: str) -> str:
    """Return a 16-digit hash of the texts; the boundaries between them count."""
    digest = hashlib.sha256()
    for text in texts:
        encoded = text.encode("utf-8", "surrogatepass")
        digest.update(len(encoded).to_bytes(8, "big") + encoded)
    return digest.hexdigest()[:16]


def ids_hash(rows: Sequence[Row]) -> str:
    """Return the hash of the rows' contents in their order, 16 hexadecimal digits."""
    return hashlib.sha256("\n".join(row.row_id for row in rows).encode()).hexdigest()[:16]


def skeleton(text: str, form: PlaceholderForm = CLASSIC) -> str:
    """Return the text with labels, digits, case and spacing levelled, so that template twins look alike."""
    # Labels that look classic are levelled in any case, also those of the text: templates are told apart by their words.
    text = text if form.is_classic else form.replace(text, "[]")
    return _SPACE.sub(" ", _DIGITS.sub("0", _LABEL.sub("[]", text))).strip().casefold()
