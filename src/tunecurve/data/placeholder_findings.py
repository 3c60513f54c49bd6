"""How a study's placeholders were understood, said in a line, and which targets are not quite maskings of their inputs."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from tunecurve.data.rows import Row
from tunecurve.findings import Finding
from tunecurve.formats.alignment import align_exactly
from tunecurve.formats.folding import without_invisible
from tunecurve.formats.placeholder_discovery import numbered_rows
from tunecurve.formats.placeholders import Placeholder, PlaceholderForm, Style
from tunecurve.wording import counted, first_of

MOST_NAMED = 8
# Numbers that cannot be told from the row matter from here on.
SHARE_UNTOLD = 0.1
_TYPOGRAPHIC = str.maketrans(
    {**dict.fromkeys("‘’‚‛`´′", "'"), **dict.fromkeys("“”„‟«»″", '"'), **dict.fromkeys("‐‑‒–—―−", "-"), "…": "..."}
)


def _without_blanks(text: str) -> str:
    return "".join(text.split())


_FIRST_LETTERS, _LAST_LETTERS = re.compile(r"[^\W\d_]+"), re.compile(r"[^\W\d_]+$")
# What may differ, and how to level it.
_LEVELS: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("blanks and line ends", _without_blanks),
    ("quotes, dashes and dots", lambda text: text.translate(_TYPOGRAPHIC)),
    ("invisible characters", without_invisible),
    ("Unicode forms", lambda text: unicodedata.normalize("NFKC", text)),
    ("capitals", str.casefold),
)


def placeholder_findings(form: PlaceholderForm, rows: Sequence[Row]) -> list[Finding]:
    """Return what was understood of the placeholders of masking rows, and what could mislead."""
    found = [_understood(form, rows), *_text_in_brackets(form, rows), *_mixed(form, rows)]
    return [*found, *_numbers_not_told(form, rows), *_not_maskings(form, rows), *_cut_words(form, rows)]


def _understood(form: PlaceholderForm, rows: Sequence[Row]) -> Finding:
    counts = Counter(label for row in rows for label in form.labels_in(row.target, row.source))
    n_rows = sum(bool(form.find(row.target, row.source)) for row in rows)
    labels = sorted(counts)
    text = f"placeholders are written {form.example}, in {n_rows} of {len(rows)} targets; "
    text += f"{counted(len(labels), 'label')}: {first_of(labels, MOST_NAMED)}"
    numbering = form.numbering
    if numbering.labels:
        whose = "" if len(numbering.labels) == len(labels) else f" ({first_of(numbering.labels, MOST_NAMED)})"
        text += f"; numbered{whose} {numbering.key}, as in {form.numbered_example}"
        text += ", from the end of the text" if numbering.is_backward else ""
        text += ", one count for all labels" if numbering.is_shared else ""
    return Finding("placeholders", text, "if not so, say it with data.placeholders", is_note=True)


def _text_in_brackets(form: PlaceholderForm, rows: Sequence[Row]) -> list[Finding]:
    written = Counter(row.source[one.start : one.end] for row in rows for one in form.find(row.source))
    if not written:
        return []
    most = [text for text, _ in written.most_common()]
    n_rows = sum(bool(form.find(row.source)) for row in rows)
    text = f"{first_of(most, MOST_NAMED)} in {n_rows} inputs is text, no placeholder: it stands there already"
    return [Finding("text-in-brackets", text, is_note=True)]


def _mixed(form: PlaceholderForm, rows: Sequence[Row]) -> list[Finding]:
    if len(form.styles) < 2:
        return []
    shares, places = [], []
    for style in form.styles:
        own = [row for row in rows if any(_is_dressed(style, one, row) for one in form.find(row.target, row.source))]
        shares.append(f"{style.example} in {len(own)} rows ({first_of(list(style.names), MOST_NAMED)})")
        places += [row.place for row in own[:2]]
    text = f"the targets write placeholders in {len(form.styles)} ways, all are read: {'; '.join(shares)}"
    remedy = "write them alike, else models learn both; or name the right ones with data.placeholders"
    return [Finding("mixed-placeholders", text, remedy, tuple(dict.fromkeys(places)))]


def _is_dressed(style: Style, one: Placeholder, row: Row) -> bool:
    return one.label in style.names and row.target[one.start : one.end] == style.dress(one.name)


def _numbers_not_told(form: PlaceholderForm, rows: Sequence[Row]) -> list[Finding]:
    if not form.numbering.labels:
        return []
    numbered = list(numbered_rows([(row.source, row.target) for row in rows], form))
    untold = sum(form.numbering.numbers(items) != names for items, names in numbered)
    if untold <= SHARE_UNTOLD * len(numbered):
        return []
    text = (
        f"the numbers of {untold} of {len(numbered)} targets cannot be told from their row (they run on from row to row, or "
        "follow what no text shows): a tagger numbers by its own count; labels are scored without numbers, BLEU and exact "
        "match with them"
    )
    return [Finding("numbers-not-told", text, "number anew in every row, or take the numbers out")]


def _not_maskings(form: PlaceholderForm, rows: Sequence[Row]) -> list[Finding]:
    odd = [row for row in rows if align_exactly(row.source, row.target, form) is None]
    if not odd:
        return []
    reasons = [_difference(form, row) for row in odd]
    counts = Counter(reasons)
    said = "; ".join(f"{count} by {reason}" for reason, count in counts.most_common(4))
    text = f"{len(odd)} of {len(rows)} targets differ from their inputs by more than placeholders: {said}"
    text += "; a tagger cannot learn or write these"
    only_signs = all(not reason.startswith("other words") for reason in counts)
    remedy = "make both columns alike" if only_signs else "look at these rows: noisy labels, or another task"
    code = "targets-differ" if only_signs else "underivable-targets"
    return [Finding(code, text, remedy, tuple(row.place for row in odd[:5] if row.place))]


def _difference(form: PlaceholderForm, row: Row) -> str:
    """Return what, levelled, makes a target a masking of its input."""
    source, target = row.source, form.replace(row.target, "\0", row.source)
    for name, level in _LEVELS:
        if _fits(level(source), level(target)):
            return _named(name, row, form)
    for _, level in _LEVELS:
        source, target = level(source), level(target)
    return _named("blanks and signs", row, form) if _fits(source, target) else "other words"


def _fits(source: str, target: str) -> bool:
    """Whether a text with NULs for placeholders is a masking of a source."""
    pattern = ".+".join(map(re.escape, re.split("\0+", target)))
    return re.fullmatch(pattern, source, re.DOTALL) is not None


def _named(reason: str, row: Row, form: PlaceholderForm) -> str:
    """Return the reason with the signs that differ, where they are few."""
    literal = form.replace(row.target, "", row.source)
    only_target = sorted((Counter(literal) - Counter(row.source)).keys())
    only_source = sorted(_signs_of(row.source) - set(literal))
    signs = [_shown(sign) for sign in [*only_source, *only_target] if not sign.isalnum() and not sign.isspace()]
    return f"{reason} ({' and '.join(dict.fromkeys(signs))})" if 0 < len(signs) <= 6 else reason


def _shown(sign: str) -> str:
    """Return a sign, one that cannot be seen by itself by its number."""
    return sign if sign.isprintable() and not unicodedata.combining(sign) else f"U+{ord(sign):04X}"


def _signs_of(text: str) -> set[str]:
    return {character for character in text if not character.isalnum() and not character.isspace()}


def _cut_words(form: PlaceholderForm, rows: Sequence[Row]) -> list[Finding]:
    """Count the targets that leave a part of a word standing beside a placeholder: ``[NAME]s``."""
    cut = [(row, text) for row in rows for text in list(_cuts(form, row))[:1]]
    if not cut:
        return []
    examples = [text for text, _ in Counter(text for _, text in cut).most_common(3)]
    text = f"{len(cut)} of {len(rows)} targets cut words in two ({first_of(examples, MOST_NAMED)}): a tagger masks whole words, aside from "
    text += "endings that its training rows leave standing after a label"
    return [Finding("cut-words", text, "", tuple(row.place for row, _ in cut[:4] if row.place), is_note=True)]


def _cuts(form: PlaceholderForm, row: Row) -> Iterator[str]:
    for span in align_exactly(row.source, row.target, form) or ():
        before, after = row.source[: span.start], row.source[span.end :]
        value = row.source[span.start : span.end]
        label = form.write(span.labels[0])
        beginning, ending = _LAST_LETTERS.search(before), _FIRST_LETTERS.match(after)
        if beginning and value[:1].isalpha() and _is_spaced(before[-1]):
            yield f"{beginning[0]}{label}"
        elif ending and value[-1:].isalpha() and _is_spaced(after[0]):
            yield f"{label}{ending[0]}"


def _is_spaced(letter: str) -> bool:
    """Whether the letter is of a script that writes blanks between words."""
    name = unicodedata.name(letter, "")
    return not name.startswith(("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN"))
