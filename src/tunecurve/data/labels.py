"""Labels that are probably one, written in several ways; several in one; and what stands for none."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence

from tunecurve.findings import Finding
from tunecurve.formats.folding import compose, without_invisible
from tunecurve.formats.label_set_evidence import in_two_orders
from tunecurve.formats.label_sets import SEPARATORS, is_within_numbers
from tunecurve.wording import first_of, told_apart

# A closed set is small against the data, and its names are short.
MOST_LABELS, LONGEST_LABEL = 300, 60
# Names of classes may be sentences: where a label has ten rows, or at most one of ten is longer than the others may be.
LONGEST_SENTENCE, ROWS_A_SENTENCE = 200, 10
MAX_GROUPS_SHOWN = 5
_OUTER_MARKS = " .,;:!?\"'`´‘’“”()[]{}"
_BETWEEN_WORDS = re.compile(r"(?<=\w)[\s_\-]+(?=\w)")
_SEPARATED = re.compile(r"\s*[,;|/+&#，、،；؛｜]\s*|\s+and\s+")
_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?")
# Marks that separate classes, and hardly ever stand within one.
_LISTED = re.compile(r"\s*[,;|，、،；؛｜]\s*")
SEPARATED_BY = " with data.label_separator: '{sign}' in the study file"
AND, BLANK = " and ", " "
# Labels that are made of few words in every order are lists of these; of fewer labels that cannot be told.
MIN_WORD_LISTS = 3
# What programs write for a missing value.
_MISSING = {"nan", "NaN", "NAN", "null", "NULL", "N/A", "n/a", "#N/A", "<NA>", "NaT", "\\N"}
# What public data write where annotators did not agree on a class: beside classes that are numbers from 0 on, and beside words.
_NO_CLASS_NUMBERS, _NO_CLASS_SIGNS = {"-1", "-100"}, {"-", "--", "\u2013", "\u2014", "?", "_"}
# -1, 0 and 1 are the three of negative, neutral and positive: beside fewer numbers than three, -1 stands for none where it is rare.
MIN_NUMBERED_CLASSES, RARE = 3, 0.05


def is_closed_set(labels: Collection[str], n_rows: int) -> bool:
    """Return whether the labels of so many rows may be a closed set."""
    return len(labels) <= min(MOST_LABELS, max(2, n_rows // 3)) and _are_short(labels, n_rows)


def _are_short(labels: Collection[str], n_rows: int) -> bool:
    lengths = [len(label) for label in labels]
    n_long = sum(length > LONGEST_LABEL for length in lengths)
    is_named_at_length = ROWS_A_SENTENCE * len(labels) <= n_rows or ROWS_A_SENTENCE * n_long <= len(labels)
    return not n_long or (is_named_at_length and max(lengths) <= LONGEST_SENTENCE)


def come_again(targets: Collection[str]) -> tuple[int, int]:
    """Return how many of some targets other ones repeat, and how many different ones there are; zeros where they can be no classes.

    Classes are short and not too many, and no measured numbers (``3.75``).
    """
    counts = Counter(target.strip() for target in targets)
    n_measured = sum("." in label and _NUMBER.fullmatch(label) is not None for label in counts)
    if len(counts) > MOST_LABELS or not _are_short(counts, len(targets)) or 2 * n_measured > len(counts):
        return 0, 0
    return sum(count for count in counts.values() if count > 1), len(counts)


def lonely_labels(counts: Mapping[str, int], kind: str) -> list[Finding]:
    """Return one finding that names the labels (``kind`` says which) of a single row to train on; none where there are none."""
    lonely = sorted(label for label, count in counts.items() if count == 1)
    text = f"{kind} with a single row to train on: {first_of(told_apart(lonely), 8)}"
    return [Finding("lonely-classes", text)] if lonely else []


def levelled(label: str) -> str:
    """Return a label without case, blanks, outer punctuation, Unicode form, width and invisible characters.

    Signs that carry meaning stay: ``C++``, ``C#``, ``-1``, and a label that is nothing but signs.
    """
    text = without_invisible(unicodedata.normalize("NFKC", label))
    text = _BETWEEN_WORDS.sub(" ", " ".join(text.casefold().split())).strip(_OUTER_MARKS)
    text = unicodedata.normalize("NFKC", text)
    return _same_number(text) or text or label.strip()


def _same_number(text: str) -> str:
    """Return a plain number as its value is written: 1 for 1.0 and 01; empty for anything else."""
    if not _NUMBER.fullmatch(text):
        return ""
    whole, _, fraction = text.partition(".")
    sign = "-" if whole.startswith("-") else ""
    return sign + (whole.lstrip("+-").lstrip("0") or "0") + ("." + fraction.rstrip("0")).rstrip(".")


def class_findings(counts: Mapping[str, int]) -> list[Finding]:
    """Return what is odd about the classes of a data set, from how often each is there."""
    return [*untidy_labels(counts), *_several_in_one(counts)]


def _as_scored(label: str) -> str:
    """Return a label as scores of classes and of sets of labels compare it."""
    return compose(label).strip()


def untidy_labels(counts: Mapping[str, int], as_scored: Callable[[str], str] = _as_scored) -> list[Finding]:
    """Return one finding that names the labels which differ by their spelling only; none where there are none.

    Parameters
    ----------
    counts : mapping of str to int
        How often each label is there.
    as_scored : callable, optional
        The form in which scores compare a label; default: without blanks at its ends, letters and their accents in one character.
    """
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for label in sorted(counts, key=lambda label: (-counts[label], label)):
        groups[levelled(label)].append(label)
    untidy = [group for group in groups.values() if len(group) > 1]
    if not untidy:
        return []
    shown = "; ".join(", ".join(_in_words(label, counts) for label in group[:8]) for group in untidy[:MAX_GROUPS_SHOWN])
    numbers = ", or by how a number is written" if any(_same_number(group[0]) for group in untidy) else ""
    more = f"; and {len(untidy) - MAX_GROUPS_SHOWN} more" if len(untidy) > MAX_GROUPS_SHOWN else ""
    return [
        Finding(
            "untidy-labels",
            f"labels that differ only by case, blanks, punctuation or Unicode form{numbers}: {shown}{more}; {_measured(untidy, as_scored)}",
            "if they are one, write them alike: docs/data.md has the lines of Python",
        )
    ]


def _measured(groups: Sequence[Sequence[str]], as_scored: Callable[[str], str]) -> str:
    """Return which labels of groups that are probably one are one in scores, too."""
    one = []
    for group in groups:
        forms: defaultdict[str, list[str]] = defaultdict(list)
        for label in group:
            forms[as_scored(label)].append(label)
        one += [labels for labels in forms.values() if len(labels) > 1]
    if one and sum(map(len, one)) == sum(map(len, groups)) and len(one) == len(groups):
        them = "them" if len(groups) == 1 else "those of each group"
        return f"scores take {them} as one, and models that write text learn each as its row has it"
    names = first_of([" and ".join(map(_spelled, labels)) for labels in one], MAX_GROUPS_SHOWN)
    said = f"scores take {names} as one; each other one" if one else "each"
    return f"{said} is measured as a label of its own"


def _in_words(label: str, counts: Mapping[str, int]) -> str:
    return f"{_spelled(label)} ({counts[label]})"


def _spelled(label: str) -> str:
    return ascii(label) if _is_odd(label) else repr(label)


def _is_odd(label: str) -> bool:
    """Return whether a label looks like another one on the screen: accents apart, wide letters, invisible characters."""
    return unicodedata.normalize("NFKC", label) != label or without_invisible(label) != label


def _several_in_one(counts: Mapping[str, int]) -> list[Finding]:
    """Find labels that are other labels in a row: 'fire; water' where 'fire' is there by itself, or 'water; fire' is."""
    known = {levelled(label) for label in counts}
    joined = lists_of_words(counts)
    by_blanks = set(joined)
    for label in counts:
        parts = [levelled(part) for part in _SEPARATED.split(label) if part.strip()]
        listed = [levelled(part) for part in _LISTED.split(label) if part.strip()]
        is_joined = len(set(parts)) > 1 and all(part in known for part in parts)
        is_listed = len(set(listed)) > 1 and any(part in known for part in listed)
        if is_joined or (is_listed and not is_within_numbers([label], ",")):
            joined.append(label)
    joined += [label for sign in SEPARATORS for label in in_two_orders(counts, sign)]
    if not joined:
        return []
    joined = list(dict.fromkeys(joined))
    n_rows, n_all = sum(counts[label] for label in joined), sum(counts.values())
    shown = first_of([f"'{label}'" for label in sorted(joined)], 5)
    return [
        Finding(
            "several-classes",
            f"{n_rows} of {n_all} rows seem to have several classes ({shown}); classification measures one class a row, and each of "
            "these is one of its own",
            "for sets of labels, give --task multilabel"
            + _separator_to_say(joined, by_blanks)
            + "; else keep the one that matters",
        )
    ]


def _separator_to_say(joined: Sequence[str], by_blanks: Collection[str]) -> str:
    """Return the option with the separator of lists, where it is words or blanks and one for all; signs are found by themselves."""
    if all(AND in label for label in joined):
        return SEPARATED_BY.format(sign=AND)
    are_blanks_alone = by_blanks and not any(_SEPARATED.search(label) for label in joined)
    return SEPARATED_BY.format(sign=BLANK) if are_blanks_alone else ""


def lists_of_words(labels: Collection[str]) -> list[str]:
    """Return the labels that are others with blanks between them: each word is a label, or all are made of the same few words.

    Names of classes share words, too (``very positive``, ``very negative``), but each of these has its place in them. What is a
    list has a word first in one label and last in another.
    """
    words = {label: label.split() for label in labels}
    lists = {label: parts for label, parts in words.items() if len(set(parts)) > 1}
    known = {levelled(label) for label in labels}
    found = [label for label, parts in lists.items() if all(levelled(part) in known for part in parts)]
    counts = Counter(word for parts in words.values() for word in set(parts))
    moves = {parts[0] for parts in lists.values()} & {parts[-1] for parts in lists.values()}
    is_made_of_few = len(counts) <= len(words) and min(counts.values(), default=0) > 1
    if len(lists) >= MIN_WORD_LISTS and moves and is_made_of_few:
        return list(lists)
    return found


def missing_labels(counts: Mapping[str, int], column: str) -> list[Finding]:
    """Return one finding that names the labels of a column which stand for none; none where there are none."""
    names = sorted({label for label in counts if label.strip() in _MISSING} | {*_signs_of_no_class(counts)})
    if not names:
        return []
    n_rows, shown = sum(counts[label] for label in names), ", ".join(f"'{label}' ({counts[label]})" for label in names)
    is_one = len(names) == 1
    text = (
        f"{'a label' if is_one else 'labels'} that usually {'stands' if is_one else 'stand'} for a missing one: {shown}, in {n_rows} of "
        f"{sum(counts.values())} rows; each is measured as a label of its own"
    )
    conditions = " ".join(f"--where '{column}!={label.strip()}'" for label in names)
    remedy = f"if these rows have no label, leave them out: {conditions}, or leave the cell empty"
    return [Finding("missing-as-label", text, remedy)]


def _signs_of_no_class(counts: Mapping[str, int]) -> list[str]:
    """Return the labels that say that there is none: -1 among numbers from 0 on, a dash among words."""
    signs = [label for label in counts if label.strip() in _NO_CLASS_NUMBERS]
    others = {label.strip() for label in counts if label not in signs}
    if signs and others and others == {str(number) for number in range(len(others))}:
        is_rare = sum(counts[label] for label in signs) < RARE * sum(counts.values())
        return signs if len(others) >= MIN_NUMBERED_CLASSES or (is_rare and len(others) > 1) else []
    signs = [label for label in counts if label.strip() in _NO_CLASS_SIGNS]
    others = {label.strip() for label in counts if label not in signs}
    are_words = len(others) > 1 and all(any(map(str.isalpha, other)) for other in others)
    return signs if are_words else []
