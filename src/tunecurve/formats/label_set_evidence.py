"""Whether texts with a sign in them are sets of labels, where nobody says so: what else they may be is named first.

Numbers and dates (``0,5``), sentences (``Hello Ann, please wait.``), paths (``Sports/Football``) and pairs whose parts have a meaning
by their place (``Yes, maybe``; ``2|1`` beside ``1|2``) are no sets: different targets would become one, or a part of one.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence

from tunecurve.formats.label_sets import COMMAS, SURE, is_within_numbers, parts_of, separators_in

# Of the parts of texts with several, so many stand in another place elsewhere, or alone where they are later ones here: labels are no
# places of a path. Pairs of three labels in the order of the alphabet have a third.
MIN_FREE = 1 / 3
# Where two orders of the same parts are there, so many of the parts are targets by themselves, too.
MIN_ALONE = 0.8
# A text of so many words that ends as sentences do is one.
WORDS_OF_A_SENTENCE = 4
MOST_SENTENCES = 0.5
_SENTENCE_END = re.compile(r"[.!?。！？؟…]['\"”’)]*$")
_NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)?%?")


def separator_of_sets(texts: Collection[str], *, is_named: bool = False) -> str:
    """Return the sign that separates labels in some of the texts though nobody says that these are sets; else nothing."""
    distinct = set(texts)
    signs = separators_in(texts, is_asked=False)
    return next((sign for sign in signs if are_sets(distinct, sign, is_named=is_named)), "")


def are_sets(texts: Collection[str], sign: str, *, is_named: bool = False) -> bool:
    """Return whether a sign that stands in some of the texts separates labels there.

    Parameters
    ----------
    texts : collection of str
        Different targets.
    sign : str
        What may stand between labels.
    is_named : bool, default False
        Whether their column is one of sets by its name.
    """
    parts = {text: parts_of(text, sign) for text in texts}
    several = {text: one for text, one in parts.items() if len(one) > 1}
    if not several or _are_sentences(several):
        return False
    if is_within_numbers(several, sign) and not (is_named and _share_alone(several.values(), texts) >= MIN_ALONE):
        return False
    is_by_name = is_named and sign in (*SURE, *COMMAS)
    if not (is_by_name or sign in SURE) and _share_of_free(list(parts.values())) < MIN_FREE:
        return False
    return is_by_name or not _have_an_order(list(parts.values()), texts)


def orders_of(sets: Sequence[Sequence[str]]) -> Mapping[frozenset[str], Counter[tuple[str, ...]]]:
    """Return in which orders the labels of each set are written, and how often."""
    orders: defaultdict[frozenset[str], Counter[tuple[str, ...]]] = defaultdict(Counter)
    for one in sets:
        orders[frozenset(one)][tuple(one)] += 1
    return orders


def in_two_orders(texts: Collection[str], sign: str) -> list[str]:
    """Return the texts that are the parts of another one, words among them, in another order: ``water, fire`` beside ``fire, water``."""
    parts = {text: parts_of(text, sign) for text in texts}
    orders = orders_of([one for one in parts.values() if len(one) > 1])
    return [
        text
        for text, one in parts.items()
        if len(orders.get(frozenset(one), ())) > 1 and not all(map(_NUMBER.fullmatch, one))
    ]


def _are_sentences(texts: Collection[str]) -> bool:
    n_sentences = sum(len(text.split()) >= WORDS_OF_A_SENTENCE and bool(_SENTENCE_END.search(text)) for text in texts)
    return n_sentences >= MOST_SENTENCES * len(texts)


def _share_of_free(sets: Sequence[Sequence[str]]) -> float:
    """Return the share of parts that are met in more than one place; one that stands alone is in the first."""
    places: defaultdict[str, set[int]] = defaultdict(set)
    for one in sets:
        for place, part in enumerate(one):
            places[part].add(place)
    of_several = [part for one in sets if len(one) > 1 for part in one]
    return sum(len(places[part]) > 1 for part in of_several) / len(of_several)


def _have_an_order(sets: Sequence[Sequence[str]], texts: Collection[str]) -> bool:
    """Return whether the same parts stand in two orders, or with one of them twice, and are not words that are targets by themselves."""
    orders = orders_of(sets)
    merged = [labels for labels, found in orders.items() if len(found) > 1]
    are_numbers = any(all(map(_NUMBER.fullmatch, labels)) for labels in merged)
    return bool(merged) and (are_numbers or _share_alone(merged, texts) < MIN_ALONE)


def _share_alone(sets: Collection[Collection[str]], texts: Collection[str]) -> float:
    """Return the share of the parts of some sets that are texts by themselves."""
    parts = [part for one in sets for part in one]
    return sum(part in texts for part in parts) / len(parts)
