"""How a data set writes its placeholders, found from its (input, target) pairs: what stands in targets and not in inputs.

Every text in brackets or between marks is looked at in every dress that it may have (`([X])` may be `([X])` or `[X]` in brackets of
the text). The dress is chosen that leaves least in the targets which the inputs do not explain; others are added where they explain
what is left. Numbers are understood the same way: by the scheme that writes most rows again.
"""

from __future__ import annotations

import functools
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tunecurve.errors import DataError
from tunecurve.formats.alignment import align_exactly
from tunecurve.formats.placeholder_marks import unexplained, widened
from tunecurve.formats.placeholder_numbers import Numbering, is_a_count
from tunecurve.formats.placeholders import CLASSIC, PlaceholderForm, Style

Pairs = Sequence[tuple[str, str]]

N_ROWS_SCORED = 300
N_DRESSES_SCORED = 12
# A further dress must explain whole rows; where no row can be explained whole, this share of them in part.
SHARE_EXPLAINED = 0.05
_MIRROR = dict(zip("[<{(【〔「『《〈«‹⟨［｛（＜", "]>})】〕」』》〉»›⟩］｝）＞", strict=True))
_SYMMETRIC = "*%$#@|~^!+"
_DOUBLED = "_-="  # one of these is no mark: it stands within words
_BRACKETS = re.escape("".join([*_MIRROR, *_MIRROR.values()]))
_MARK = rf"[{_BRACKETS}{re.escape(_SYMMETRIC)}]|__|--|=="
_DRESSED = re.compile(
    rf"(?P<before>(?:{_MARK}){{1,4}})(?P<blank> ?)"
    rf"(?P<name>[^\W\d_][^\n\r\t\"“”{_BRACKETS}{re.escape(_SYMMETRIC)}]{{0,60}}?(?:#\d{{1,6}})?)(?<!\s)"
    rf"(?=(?P=blank)(?P<after>(?:{_MARK}){{1,4}}))"
)
_PREFIXED = re.compile(r"(?<!\w)(?P<before>[@#$%])(?P<name>[A-Z][A-Z0-9_]{1,30})(?![\w@#$%])")
_AROUND = rf"\w{_BRACKETS}{re.escape(_SYMMETRIC)}"
_BARE = re.compile(
    rf"(?<![{_AROUND}])(?P<name>(?!(.)\2+)[A-Z][A-Z_]{{2,30}}\d{{0,3}})(?![A-Z0-9_{_BRACKETS}{re.escape(_SYMMETRIC)}])"
)
# Dots and dashes are no runs: one side may write them where the other has one sign.
_RUN = re.compile(r"(?P<name>([*#_█■▇▪●○•·Xx])\2{2,}|[█■▇]+|\*\*)")
_BOXED = re.compile(r"(?P<name>[\[<({【]\s?(?:([*#_█•.…–—-])\2*)?\s?[\])}>】])")
_CLASSIC_NAME = re.compile(r"[A-Z][A-Z0-9_]*")


@dataclass
class _Dress:
    """A dress that the targets may have, and what was seen in it."""

    before: str
    after: str
    kind: str
    names: Counter[str] = field(default_factory=Counter)
    rows: list[int] = field(default_factory=list)

    def style(self, form: PlaceholderForm = CLASSIC) -> Style:
        """Return the dress with the labels that were seen in it."""
        return Style(self.before, self.after, tuple(sorted({form.label_class(name) for name in self.names})))

    def has_labels(self) -> bool:
        """Whether what was seen looks like labels: capitals, or few names that come again."""
        n_seen, classes = self.names.total(), {re.sub(r"\W*_?\d+$", "", name) for name in self.names}
        if self.kind == "bare":
            return n_seen >= 2 * len(classes)
        is_upper = all(name == name.upper() for name in self.names)
        return is_upper or 2 * len(classes) <= n_seen


def find_form(pairs: Pairs) -> PlaceholderForm:
    """Return how the targets write placeholders; the classic form where they show none."""
    dresses = _dresses(pairs)
    chosen = _choose(pairs, dresses)
    if not chosen:
        return CLASSIC
    numbering = _count(Counter(name for dress in chosen for name in dress.names.elements()))
    styles = chosen_styles(chosen, numbering)
    if len(styles) == 1:
        styles = (widened(pairs, styles[0], numbering),)
    return _with_rules(pairs, form_of_styles(styles, numbering))


def form_as_written(written: Sequence[str], pairs: Pairs) -> PlaceholderForm:
    """Return the form that a user describes by examples, its labels and numbers from the rows.

    Parameters
    ----------
    written : sequence of str
        Placeholders: with the word ``LABEL`` (or ``label``) where labels stand, ``<LABEL_1>``, or whole: ``<PERSON>``, ``***``.
    pairs : sequence of (str, str)
        Inputs and targets.

    Raises
    ------
    DataError
        When no target has a placeholder that is written so.
    """
    dresses: dict[tuple[str, str], _Dress] = {}
    for text in written:
        before, name, after = _parts(text)
        dress = dresses.setdefault((before, after), _Dress(before, after, "dressed"))
        names = Counter([name]) if name else _names_within(before, after, pairs)
        dress.names += names
    empty = [text for text, dress in zip(written, dresses.values(), strict=False) if not dress.names]
    if empty:
        raise DataError(
            f"data.placeholders: no target has a placeholder written {empty[0]}; correct it, or leave data.placeholders out: "
            "then they are found from the rows"
        )
    chosen = list(dresses.values())
    numbering = _count(Counter(name for dress in chosen for name in dress.names.elements()))
    return _with_rules(pairs, form_of_styles(chosen_styles(chosen, numbering), numbering))


def _parts(written: str) -> tuple[str, str, str]:
    """Return before, name and after of a placeholder; no name where it says ``LABEL``."""
    general = re.fullmatch(r"(.*?)(?:LABEL|label)(?:[_ \-#:.]?\d+)?(.*)", written, re.DOTALL)
    if general is not None:
        return general[1], "", general[2]
    whole = re.fullmatch(r"([^\w]*|__+)(.*?)([^\w]*|__+)", written, re.DOTALL)
    assert whole is not None
    return (whole[1], whole[2], whole[3]) if whole[2] and whole[3] else ("", written, "")


def _names_within(before: str, after: str, pairs: Pairs) -> Counter[str]:
    style = Style(before, after)
    found: Counter[str] = Counter()
    for source, target in pairs:
        own = Counter(match[1] for match in re.finditer(style.any_label, source))
        found += Counter(match[1] for match in re.finditer(style.any_label, target)) - own
    return found


def chosen_styles(chosen: Sequence[_Dress], numbering: Numbering) -> tuple[Style, ...]:
    """Return the dresses with their labels; `[LABEL]` alone, in capitals, is the classic one."""
    form = PlaceholderForm(numbering=numbering)
    styles = tuple(dress.style(form) for dress in chosen)
    only = styles[0]
    is_classic = len(styles) == 1 and only.before == "[" and only.after == "]"
    return (Style(),) if is_classic and all(map(_CLASSIC_NAME.fullmatch, only.names)) else styles


def form_of_styles(styles: tuple[Style, ...], numbering: Numbering) -> PlaceholderForm:
    """Return the form of these dresses and numbers."""
    return PlaceholderForm(styles, numbering)


def _dresses(pairs: Pairs) -> list[_Dress]:
    """Return the dresses of what stands in targets and not in inputs, those of most rows first."""
    found: dict[tuple[str, str, str], _Dress] = {}
    for row, (source, target) in enumerate(pairs):
        if source == target:
            continue
        seen = Counter(_written(target))
        for (kind, before, name, after), count in seen.items():
            placeholder = before + name + after
            more = min(count, target.count(placeholder) - source.count(placeholder))
            more = min(more, target.count(name) - source.count(name))
            if kind == "bare":  # a word of the input in capitals is that word
                more = min(more, target.casefold().count(name.casefold()) - source.casefold().count(name.casefold()))
            if more > 0:
                where = (kind, "", "") if kind in ("bare", "boxed", "run") else (kind, before, after)
                dress = found.setdefault(where, _Dress(where[1], where[2], kind))
                dress.names[name] += more
                if not dress.rows or dress.rows[-1] != row:
                    dress.rows.append(row)
    usual = [dress for dress in found.values() if dress.has_labels()]
    return sorted(usual, key=lambda dress: (-len(dress.rows), len(dress.before + dress.after), dress.before))


def _written(text: str) -> Iterable[tuple[str, str, str, str]]:
    """Yield (kind, before, name, after) of all that may be a placeholder, in every dress that it may have."""
    for match in _DRESSED.finditer(text):
        blank = match["blank"]
        for before, after in _mirrored(match["before"], match["after"]):
            yield "dressed", before + blank, match["name"], blank + after
    for match in _PREFIXED.finditer(text):
        yield "dressed", match["before"], match["name"], ""
    for match in _RUN.finditer(text):
        yield "run", "", match["name"], ""
    for match in _BOXED.finditer(text):
        yield "boxed", "", match["name"], ""
    for match in _BARE.finditer(text):
        yield "bare", "", match["name"], ""


@functools.lru_cache(maxsize=4096)
def _mirrored(before: str, after: str) -> tuple[tuple[str, str], ...]:
    """Return the ends of `before` whose mirror image `after` begins with, the shortest first."""
    found = []
    for length in range(1, len(before) + 1):
        own = before[-length:]
        image = "".join(_MIRROR.get(character, character) for character in reversed(own))
        if any(character in _MIRROR.values() for character in own) or (length == 1 and own in _DOUBLED):
            continue
        if after.startswith(image):
            found.append((own, image))
        elif length > 1 and own[0] in "$#%@&" and own[1] in _MIRROR and after.startswith(image[:-1]):
            found.append((own, image[:-1]))
    return tuple(found)


def _choose(pairs: Pairs, dresses: Sequence[_Dress]) -> list[_Dress]:
    """Return the dresses of the data set, the most frequent one first."""
    waiting = [dress for dress in dresses if dress.kind != "bare"][:N_DRESSES_SCORED]
    waiting += [dress for dress in dresses if dress.kind == "bare"][:1]
    sample = _sample(pairs, waiting)
    chosen: list[_Dress] = []
    left = [unexplained(source, target, None) for source, target in sample]
    while waiting:
        trials = []
        for dress in waiting:
            if dress.kind == "bare" and chosen:
                continue
            form = PlaceholderForm(tuple(it.style() for it in [*chosen, dress]))
            trials.append(([unexplained(*pair, form) for pair in sample], dress))
        if not trials:
            break
        rest, best = min(trials, key=lambda trial: sum(trial[0]))
        is_new = _explains(left, rest, best, chosen)
        if not is_new:
            break
        chosen.append(best)
        waiting.remove(best)
        left = rest
    return sorted(chosen, key=lambda dress: -len(dress.rows))


def _sample(pairs: Pairs, dresses: Sequence[_Dress]) -> list[tuple[str, str]]:
    """Return rows of every dress, evenly over the data."""
    rows: set[int] = set()
    for dress in dresses:
        step = max(1, len(dress.rows) // (N_ROWS_SCORED // max(1, len(dresses))))
        rows.update(dress.rows[::step])
    return [pairs[row] for row in sorted(rows)]


def _explains(left: Sequence[int], rest: Sequence[int], dress: _Dress, chosen: Sequence[_Dress]) -> bool:
    """Whether a further dress says something of the targets that the chosen ones do not."""
    better = sum(after < before for before, after in zip(left, rest, strict=True))
    whole = sum(after == 0 < before for before, after in zip(left, rest, strict=True))
    if not chosen:
        return better > 0
    known = {name for it in chosen for name in it.style().names}
    few_are_enough = set(dress.style().names) <= known
    return whole >= (1 if few_are_enough else 2) or better >= max(2, SHARE_EXPLAINED * len(left))


def _count(names: Counter[str]) -> Numbering:
    """Return which labels carry numbers, and how these are written."""
    numbers: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name, count in names.items():
        match = re.match(r"^(.*?[^\d])(\d+)$", name, re.DOTALL)
        if match is None:
            continue
        stem, separator = re.match(r"^(.*?)([_ \-#:.]?)$", match[1], re.DOTALL).groups()  # type: ignore[union-attr]
        numbers[stem, separator] += [match[2]] * count
    usual: Counter[str] = Counter()
    for (stem, separator), digits in numbers.items():
        if stem and (separator == "_" or is_a_count(map(int, digits)) or _runs_on(digits)):
            usual[separator] += len(digits)
    if not usual:
        return Numbering()
    separator = max(usual, key=lambda it: (usual[it], it == "_"))
    counted = {
        stem: digits
        for (stem, it), digits in numbers.items()
        if it == separator and (it == "_" or is_a_count(map(int, digits)) or _runs_on(digits))
    }
    # Beside labels that count, one that never gets further than the first number counts, too.
    first = {min(map(int, digits)) for digits in counted.values()}
    for (stem, it), digits in numbers.items():
        if it == separator and stem not in counted and len(set(digits)) == 1 and {int(digits[0])} <= first <= {0, 1}:
            counted[stem] = digits
    labels = tuple(sorted(stem for stem, digits in counted.items() if len(digits) > names[stem]))
    if not labels:
        return Numbering()
    every = [number for label in labels for number in counted[label]]
    padded = Counter(len(number) for number in every if number[0] == "0" and len(number) > 1)
    start = 0 if sum(int(number) == 0 for number in every) > 0.02 * len(every) else 1
    return Numbering(labels, separator, start, padded.most_common(1)[0][0] if padded else 1)


def _runs_on(digits: Sequence[str]) -> bool:
    """Whether many different numbers fill a range, as where they run on from row to row."""
    found = {int(number) for number in digits}
    return len(found) >= 8 and len(found) > (max(found) - min(found)) / 2


def _with_rules(pairs: Pairs, form: PlaceholderForm) -> PlaceholderForm:
    """Return the form with the rules of counting that write most rows again."""
    if not form.numbering.labels:
        return form
    rows = list(numbered_rows(pairs, form))
    best = max(form.numbering.variants(), key=lambda it: sum(it.numbers(items) == names for items, names in rows))
    return PlaceholderForm(form.styles, best)


def numbered_rows(pairs: Pairs, form: PlaceholderForm) -> Iterable[tuple[list[tuple[str, str]], list[str]]]:
    """Yield, of rows with numbers whose target is a masking, the (label, value) pairs and their labels as written."""
    n_found = 0
    for source, target in pairs:
        spans = align_exactly(source, target, form, keep_numbers=True)
        names = [name for span in spans or () for name in span.labels]
        if not any(form.number_of(name) for name in names):
            continue
        n_found += 1
        yield (
            [
                (form.label_class(name), f"{source[span.start : span.end]}{part or ''}")
                for span in spans or ()
                for part, name in enumerate(span.labels)
            ],
            names,
        )
        if n_found >= N_ROWS_SCORED:
            return
