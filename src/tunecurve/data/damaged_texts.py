"""Texts that a wrong encoding has damaged before they came here: ``cafÃ©`` for ``café``, ``caf�``.

The file is valid UTF-8, so reading it is no error; what was lost stands in the texts as other letters, and models learn these.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tunecurve.data.counted import Counted
from tunecurve.data.rows import Row
from tunecurve.findings import Finding

LOST = "\ufffd"
# Up to this share, rows may speak of damaged texts: it is a note.
FEW = 0.01
MOST_PLACES_KEPT = 20
# Of more rows, every so many are looked at.
MOST_ROWS = 100_000
# First bytes of the letters of one alphabet in UTF-8, how many bytes follow, and how many letters in a row show it beyond doubt.
_LETTERS = (
    (b"\xc2\xc3\xc4\xc5", 1, 1),
    (b"\xce\xcf\xd0\xd1\xd7\xd8\xd9", 1, 2),
    (b"\xe2", 2, 1),
    (b"\xe0\xe1\xe3\xe4\xe5\xe6\xe7\xe8\xe9", 2, 2),
    (b"\xf0", 3, 1),
)
# What files are wrongly read as, and which of these letters show it; Cyrillic read as windows-1251 begins with the usual Р and С.
_ENCODINGS = {
    "cp1252": _LETTERS,
    "cp1251": ((b"\xd0\xd1", 1, 3),),
    "mac_roman": ((b"\xc3", 1, 1),),
    "cp850": ((b"\xc3", 1, 1),),
    "cp437": ((b"\xc3", 1, 1),),
}
# Before these marks a letter by itself or the end of a word in capitals is no sign of damage: “Ä”, MANHÃ….
_CAPITAL_BEFORE_MARK = re.compile("(?<![a-zà-ÿ])[ÃÂÄÅ][…“”‘’–—»›]")
_CONTROLS = "".join(map(chr, range(0x80, 0xA0)))  # what Latin-1 makes of bytes for which cp1252 has marks


def _characters(values: Iterable[int], encoding: str) -> str:
    return "".join(bytes([value]).decode(encoding, "ignore") for value in values)


def _pattern(encoding: str) -> re.Pattern[str]:
    trail = _characters(range(0x80, 0xC0), encoding) + (_CONTROLS if encoding == "cp1252" else "")
    ways = [
        f"(?:[{re.escape(_characters(lead, encoding))}][{re.escape(trail)}]{{{n_trail}}}){{{n_letters},}}"
        for lead, n_trail, n_letters in _ENCODINGS[encoding]
    ]
    return re.compile("|".join(ways))


_PATTERNS = {encoding: _pattern(encoding) for encoding in _ENCODINGS}


@dataclass(frozen=True)
class Damage:
    """One place at which a text was damaged: what stands there, what stood there, and how to bring it back.

    Only the damaged characters: findings are kept in results.json, where no row's text belongs.
    """

    shown: str
    meant: str
    encoding: str


def damage_in(text: str) -> Damage | None:
    """Return the first place at which UTF-8 was read as another encoding; None where there is none.

    Examples
    --------
    >>> damage_in("a cafÃ© in town")
    Damage(shown='Ã©', meant='é', encoding='cp1252')
    >>> damage_in("a café in town"), damage_in("MANHÃ…"), damage_in("CAFÉ»")
    (None, None, None)
    """
    if text.isascii():
        return None
    for encoding, pattern in _PATTERNS.items():
        for match in pattern.finditer(text):
            repaired = _repaired(match, encoding)
            if repaired == match.group() or _CAPITAL_BEFORE_MARK.match(text, match.start()):
                continue
            return Damage(match.group(), repaired, "latin-1" if set(_CONTROLS) & set(match.group()) else encoding)
    return None


def _repaired(found: re.Match[str], encoding: str) -> str:
    """Return the text that was read in the wrong encoding; where it was none, what stands there."""
    raw = bytearray()
    for character in found.group():
        raw += character.encode("latin-1") if character in _CONTROLS else character.encode(encoding)
    try:
        meant = raw.decode()
    except UnicodeDecodeError:
        return found.group()
    is_text = all(character.isprintable() or character in "\xa0\xad" for character in meant)
    return meant if is_text else found.group()


def damage_findings(rows: Sequence[Row]) -> list[Finding]:
    """Return how many rows hold damaged texts, with one of them and the way to mend it."""
    damaged, lost = Counted(most_places=MOST_PLACES_KEPT), Counted(most_places=MOST_PLACES_KEPT)
    example = None
    looked_at = rows[:: -(-len(rows) // MOST_ROWS)] if rows else rows
    for row in looked_at:
        texts = [text for text in (row.source, row.target) if not text.isascii()]
        found = [damage for text in texts if (damage := damage_in(text)) is not None]
        if found:
            example = example or found[0]
            damaged.add(row.place)
        if any(LOST in text for text in texts):
            lost.add(row.place)
    of_all = f" (looked at: {len(looked_at):,} of {len(rows):,} rows)" if len(looked_at) < len(rows) else ""
    return [*_misread(damaged, example, len(looked_at), of_all), *_lost(lost, len(looked_at), of_all)]


def _misread(counted: Counted, example: Damage | None, n_rows: int, of_all: str) -> list[Finding]:
    if example is None:
        return []
    codec = f".encode('{example.encoding}').decode()"
    text = (
        f"{counted.n} of {n_rows} rows hold texts whose UTF-8 was once read as {example.encoding}: '{example.shown}' stands for "
        f"'{example.meant}'{of_all}"
    )
    remedy = f"take the texts from where they were whole, or mend them: text{codec}, or ftfy.fix_text(text)"
    return [Finding("misread-texts", text, remedy, tuple(counted.places), is_note=counted.n <= FEW * n_rows)]


def _lost(counted: Counted, n_rows: int, of_all: str) -> list[Finding]:
    if not counted.n:
        return []
    text = (
        f"{counted.n} of {n_rows} rows hold the sign for a character that was lost in a wrong encoding (U+FFFD){of_all}"
    )
    remedy = "take the texts from where they were whole: what was lost cannot be brought back"
    return [Finding("lost-characters", text, remedy, tuple(counted.places), is_note=counted.n <= FEW * n_rows)]
