"""Leaks as docs/tasks.md defines them, written a second time: slowly, character by character, by the names of characters.

Nothing here comes from the package, so that a property test can hold one implementation to the other.
"""

import itertools
import unicodedata

GLUED_SCRIPTS = ("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN")
WITHOUT_BLANKS = tuple(name for name in GLUED_SCRIPTS if name != "HANGUL")
ACCENTS = ("COMBINING ",)
POINTS = ("HEBREW ", "ARABIC ")
INVISIBLE = ("VARIATION SELECTOR", "COMBINING GRAPHEME JOINER", "HANGUL FILLER", "HANGUL CHOSEONG FILLER")


def name_of(character):
    return unicodedata.name(character, "").removeprefix("HALFWIDTH ").removeprefix("FULLWIDTH ")


def is_letter(character):
    return unicodedata.category(character)[0] in "LMN"


def is_mark(character):
    return unicodedata.category(character)[0] == "M"


def belongs_to(character, scripts):
    return unicodedata.category(character)[0] == "L" and name_of(character).startswith(scripts)


def taken_apart(character):
    """Return a character's parts down to the last, Korean syllables whole."""
    parts = unicodedata.decomposition(character)
    if not parts:
        return character
    codes = [part for part in parts.split() if not part.startswith("<")]
    return "".join(taken_apart(chr(int(code, 16))) for code in codes)


def reader_form(text):
    kept = []
    for character in unicodedata.normalize("NFC", text):
        if unicodedata.category(character) == "Cf" or name_of(character).startswith(INVISIBLE):
            continue
        for part in itertools.chain.from_iterable(taken_apart(c) for c in taken_apart(character).casefold()):
            is_optional = name_of(part).startswith(ACCENTS + POINTS) and "KATAKANA" not in name_of(part)
            if (unicodedata.category(part) == "Mn" and is_optional) or name_of(part) == "ARABIC TATWEEL":
                continue
            value = unicodedata.decimal(part, None)
            kept.append("i" if part == "ı" else part if value is None else str(value))
    spaced = "".join(c if is_letter(c) or c == "\0" else " " for c in unicodedata.normalize("NFC", "".join(kept)))
    squeezed = "".join(c for i, c in enumerate(spaced) if c != " " or i == 0 or spaced[i - 1] != " ")
    return without_needless_blanks(squeezed)


def base_before(text, place):
    place -= 1
    while place > 0 and is_mark(text[place]):
        place -= 1
    return text[place] if place >= 0 else " "


def without_needless_blanks(text):
    kept = ""
    for place, character in enumerate(text):
        beside = character == " " and 0 < place < len(text) - 1
        if (
            beside
            and belongs_to(text[place + 1], WITHOUT_BLANKS)
            and belongs_to(base_before(text, place), WITHOUT_BLANKS)
        ):
            continue
        kept += character
    return kept


def may_break(text, place):
    if place in (0, len(text)) or not is_letter(text[place - 1]) or not is_letter(text[place]):
        return True
    if is_mark(text[place]):
        return False
    return belongs_to(base_before(text, place), GLUED_SCRIPTS) or belongs_to(text[place], GLUED_SCRIPTS)


def word_around(text, place):
    words, here = text, place
    left = max((i + 1 for i in range(here) if not is_letter(words[i])), default=0)
    right = min((i for i in range(here, len(words)) if not is_letter(words[i])), default=len(words))
    return words[left:right]


def spellings(value):
    """Return the value with and without each blank."""
    words = value.split()
    gaps = itertools.product(("", " "), repeat=len(words) - 1)
    return {"".join(itertools.chain(*zip(words, (*gap, ""), strict=True))) for gap in gaps} if words else set()


def places_of(text, value, cut):
    found = []
    wanted = spellings(value)
    lengths = {len(spelling) for spelling in wanted}
    for start in range(len(text)):
        for length in lengths:
            end = start + length
            if text[start:end] not in wanted:
                continue
            breaks = [may_break(text, start), may_break(text, end)]
            in_cut = [word_around(text, start) in cut, word_around(text, end) in cut]
            n_letters = sum(map(is_letter, text[start:end]))
            sees = all(b or c for b, c in zip(breaks, in_cut, strict=True)) or (any(breaks) and n_letters >= 5)
            if sees:
                found.append((start, end))
    return found


def cut_words(before, value, after):
    """Return the words that the ends of a value stand in the middle of."""
    parts = [reader_form(part) for part in (before, value, after)]
    whole, start, end = "".join(parts), len(parts[0]), len(parts[0]) + len(parts[1])
    return {word_around(whole, place) for place in (start, end) if not may_break(whole, place)}


def leaks_as_read(values, output, correct):
    """Return which values, triples of (text before, value, text after), the output shows more often than the right answer."""
    cut = set().union(*(cut_words(*value) for value in values)) if values else set()
    output, correct = reader_form(output), reader_form(correct)
    letters = [reader_form(value).replace(" ", "") for _, value, _ in values]
    spelled = {}
    for key, (_, value, _) in zip(letters, values, strict=True):
        spelled[key] = max(spelled.get(key, ""), reader_form(value), key=lambda text: len(text.split()))
    left_over = {}
    for key in sorted(filter(None, spelled), key=lambda text: (-len(text), text)):
        counts = []
        for text in (output, correct):
            places = places_of(text, spelled[key], cut)
            counts.append(len(places))
            hidden = {i for start, end in places for i in range(start, end)}
            left = "".join("\0" if i in hidden else c for i, c in enumerate(text))
            output, correct = (left, correct) if len(counts) == 1 else (output, left)
        left_over[key] = counts[0] - counts[1]
    found = []
    for key in letters:
        found.append(left_over.get(key, 0) > 0)
        left_over[key] = left_over.get(key, 0) - 1
    return tuple(found)
