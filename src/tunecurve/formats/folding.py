"""Texts as readers compare them: what looks or reads the same is the same.

`fold` levels, in this order: compatibility forms (NFKC: full-width letters and digits, ligatures, circled numbers), case
(``ß`` is ``ss``, all forms of i are one), invisible characters (zero-width ones, soft hyphens, marks of direction, variation
selectors), accents and vowel points that a reader can do without (Latin, Greek and Cyrillic accents, Hebrew points, Arabic
vowel signs and stretching), and digits by value. Vowel signs of Indic and Thai script and the Japanese voicing mark make other
letters and stay. Letters of different scripts that look alike, and letters with a stroke (``ł``, ``ø``), stay different.
"""

from __future__ import annotations

import functools
import unicodedata

import regex

# Invisible: format characters and what Unicode lists as ignorable when displayed.
_INVISIBLE = regex.compile(r"[\p{Cf}\p{Default_Ignorable_Code_Point}]+")
_OPTIONAL_MARKS = regex.compile(
    r"[\p{Block=Combining_Diacritical_Marks}\p{Block=Combining_Diacritical_Marks_Extended}"
    r"\p{Block=Combining_Diacritical_Marks_Supplement}\p{Block=Combining_Half_Marks}"
    r"[[\p{Hebrew}\p{Arabic}\u064b-\u065f\u0670]&&\p{Mn}]\u0640]+",
    regex.V1,
)
_DIGIT = regex.compile(r"(?![0-9])\p{Nd}")


@functools.lru_cache(maxsize=16384)
def fold(text: str) -> str:
    """Return the text as readers compare it; two texts that read the same fold to the same."""
    if text.isascii():
        return text.lower()
    bare = _OPTIONAL_MARKS.sub("", unicodedata.normalize("NFKD", level(text))).replace("ı", "i")
    digits = _DIGIT.sub(lambda match: str(unicodedata.decimal(match.group())), bare)
    return unicodedata.normalize("NFKC", digits)


def level(text: str) -> str:
    """Return the text in one case and without compatibility forms and invisible characters; accents stay."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", without_invisible(text)).casefold())


def without_invisible(text: str) -> str:
    """Return the text without the characters that cannot be seen."""
    return text if text.isascii() else _INVISIBLE.sub("", text)


def compose(text: str) -> str:
    """Return the text in Unicode's composed form (NFC): canonically equal texts become equal."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)
