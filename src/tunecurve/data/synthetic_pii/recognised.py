"""Which texts hold rows of `builtin:pii`, masked or not, also with words before, behind or between them.

Words alone are compared, without case; numbers are all alike. A text counts where all words of a template stand in it in order, with a
few words at most in the place of a value, or where so many words in a row are a template's that no other text has them by chance.
"""

from __future__ import annotations

import re
from collections import defaultdict
from functools import cache

from tunecurve.data.rows import skeleton
from tunecurve.data.synthetic_pii.labels import LANGUAGES
from tunecurve.data.synthetic_pii.templates import Template, load_templates
from tunecurve.formats.placeholders import CLASSIC, PlaceholderForm

# A template of fewer words could be anybody's: "The plaintiff, [], resides at []".
FEWEST_WORDS = 5
# So many words in a row say it without the rest of their template.
WORDS_IN_A_ROW = 12
MOST_WORDS_OF_A_VALUE = 12
_KEY = 3
_WORD = re.compile(r"[^\W_]+")
# What `render` changes before a value: "a" to "an" in English, "de" to "d'" in French.
_VARIABLE = frozenset({"a", "an", "de", "d", "que", "qu"})

Words = tuple[str, ...]


def holds_made_up_row(text: str, form: PlaceholderForm = CLASSIC) -> bool:
    """Tell whether a text, with its values or with placeholders for them, holds a row of `builtin:pii`.

    >>> holds_made_up_row("Hello. Bed 7 is free again, and the cleaning took only 20 minutes! Thanks!")
    True
    """
    words, stretches, templates = _words(text, form), _stretches(), _templates()
    for place in range(len(words)):
        if words[place : place + WORDS_IN_A_ROW] in stretches:
            return True
        for length in range(1, _KEY + 1):
            for pieces, longest in templates.get(words[place : place + length], ()):
                if _stands_at(words, place, pieces, longest):
                    return True
    return False


def _words(text: str, form: PlaceholderForm = CLASSIC) -> Words:
    return tuple(word for word in _WORD.findall(skeleton(text, form)) if word not in _VARIABLE)


@cache
def _stretches() -> frozenset[Words]:
    """Return every run of words that a masked row may have, of all templates."""
    found = set()
    for template in _all_templates():
        for words in _pieces(template, at_labels=False):
            found |= {words[first : first + WORDS_IN_A_ROW] for first in range(len(words) - WORDS_IN_A_ROW + 1)}
    return frozenset(found)


@cache
def _templates() -> dict[Words, list[tuple[list[Words], int]]]:
    """Return the templates, as words between their values, by the first words of the longest piece, and which that is."""
    found = defaultdict(list)
    for template in _all_templates():
        pieces = _pieces(template, at_labels=True)
        if sum(map(len, pieces)) >= FEWEST_WORDS:
            longest = max(range(len(pieces)), key=lambda number: len(pieces[number]))
            found[pieces[longest][:_KEY]].append((pieces, longest))
    return dict(found)


def _all_templates() -> list[Template]:
    return [template for language in LANGUAGES for template in load_templates(language)]


def _pieces(template: Template, *, at_labels: bool) -> list[Words]:
    """Return the words of a template between its values; labels, which a target has no words for, part them only `at_labels`."""
    pieces: list[Words] = [()]
    for part in template.parts:
        if isinstance(part, str):
            pieces[-1] += _words(part)
        elif at_labels or not part.masked:
            pieces.append(())
    return [piece for piece in pieces if piece]


def _stands_at(words: Words, place: int, pieces: list[Words], longest: int) -> bool:
    """Tell whether a template stands where its longest piece is: the others follow each other behind and before it."""
    end = place + len(pieces[longest])
    if words[place:end] != pieces[longest]:
        return False
    for piece in pieces[longest + 1 :]:
        starts = range(end, end + MOST_WORDS_OF_A_VALUE + 1)
        start = next((start for start in starts if words[start : start + len(piece)] == piece), None)
        if start is None:
            return False
        end = start + len(piece)
    first = place
    for piece in reversed(pieces[:longest]):
        latest = first - len(piece)
        starts = range(latest, max(latest - MOST_WORDS_OF_A_VALUE, 0) - 1, -1)
        start = next((start for start in starts if words[start : start + len(piece)] == piece), None)
        if start is None:
            return False
        first = start
    return True
