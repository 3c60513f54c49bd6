"""Suspicious words of masking and named entities: not labelled, or otherwise, than words like them in contexts like theirs.

Two learners say what label a word has: a logistic regression on the word, its neighbours and their forms, and a table that
remembers which labels the same words and contexts have in other rows. Neither has seen the row or its group.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import regex

from tunecurve.formats.segmentation import TOKEN
from tunecurve.formats.spans import LabelledSpan
from tunecurve.study.suspicious.folds import (
    FEWEST_ROWS,
    N_FOLDS,
    FloatArray,
    Folds,
    IntArray,
    check_learnt,
    confident,
    out_of_fold,
)

NO_LABEL = ""
# Occurrences elsewhere, and the share of them with one label, from which on that is the word's usual one.
FEWEST_ELSEWHERE, MOSTLY = 3, 0.8
# Weight of nothing known beside what the table remembers: a single occurrence is no proof.
LITTLE_EVIDENCE = 0.5
_TOKEN = regex.compile(rf"(?V1){TOKEN}")
_FEATURES = 2**18
_EDGE = "\n"


@dataclass(frozen=True)
class Word:
    """A word of a text with its label, and the number of the span in its text that it belongs to; -1: none."""

    row: int
    start: int
    end: int
    label: str
    span: int


@dataclass(frozen=True)
class Stretch:
    """Words side by side whose label both learners see otherwise: a labelled span, or words that are not labelled."""

    row: int
    start: int
    end: int
    label: str
    suggested: str
    sureness: float


def words_of(texts: Sequence[str], spans: Sequence[Sequence[LabelledSpan]]) -> list[Word]:
    """Return the words of all texts in order; a word has the label of the span that holds at least half of it."""
    found = []
    for row, (text, own) in enumerate(zip(texts, spans, strict=True)):
        for match in _TOKEN.finditer(text):
            start, end = match.span()
            number = next(
                (n for n, span in enumerate(own) if 2 * (min(end, span.end) - max(start, span.start)) >= end - start),
                -1,
            )
            found.append(Word(row, start, end, own[number].label if number >= 0 else NO_LABEL, number))
    return found


def suspicious_words(texts: Sequence[str], words: Sequence[Word], folds: Folds) -> list[Stretch]:
    """Return the stretches of words where both learners agree against the label."""
    from sklearn.feature_extraction import FeatureHasher

    labels = sorted({word.label for word in words})
    numbers = {label: number for number, label in enumerate(labels)}
    given = np.array([numbers[word.label] for word in words], dtype=np.intp)
    gold = np.zeros((len(words), len(labels)), dtype=bool)
    gold[np.arange(len(words)), given] = True
    fold_of_word = folds.folds[[word.row for word in words]]
    described = descriptions(texts, words)
    features = FeatureHasher(_FEATURES, input_type="string", alternate_sign=False).transform(described)
    shares = out_of_fold(features, gold, fold_of_word)
    check_learnt(shares, gold)
    totals = shares.sum(axis=1, keepdims=True)
    shares = np.divide(shares, totals, out=np.zeros_like(shares), where=totals > 0)
    votes = _remembered(described, given, fold_of_word, len(labels))
    likely = np.where(confident(shares, gold), shares, 0.0)
    suggested = likely.argmax(axis=1)
    every = np.arange(len(words))
    margins = (shares + votes)[every, suggested] / 2 - (shares + votes)[every, given] / 2
    agree = (likely.max(axis=1) > 0) & (suggested != given) & (votes.argmax(axis=1) == suggested) & (margins > 0)
    agree &= gold.sum(axis=0)[given] >= FEWEST_ROWS
    said = [labels[number] if agrees else None for number, agrees in zip(suggested, agree, strict=True)]
    return _stretches(words, said, margins.tolist(), _usual_labels(described, words, fold_of_word))


def _stretches(
    words: Sequence[Word], said: Sequence[str | None], margins: Sequence[float], usual: Sequence[str | None]
) -> list[Stretch]:
    """Return labelled spans of which every word is seen alike, and neighbouring words without a label that are.

    That a span should have no label counts only where each of its words usually has none: contexts say little of names. Another label
    counts half where no word of the span usually has it.
    """
    found = []
    by_stretch = itertools.groupby(
        range(len(words)), lambda n: (words[n].row, words[n].span, said[n] if words[n].span < 0 else None)
    )
    for (row, span, _), group in by_stretch:
        members = list(group)
        first = words[members[0]]
        suggested = said[members[0]]
        if suggested is None or any(said[number] != suggested for number in members):
            continue
        if span >= 0 and suggested == NO_LABEL and any(usual[number] != NO_LABEL for number in members):
            continue
        sureness = sum(margins[number] for number in members) / len(members)
        if span >= 0 and suggested != NO_LABEL and all(usual[number] != suggested for number in members):
            sureness /= 2
        found.append(Stretch(row, first.start, words[members[-1]].end, first.label, suggested, sureness))
    return found


def descriptions(texts: Sequence[str], words: Sequence[Word]) -> list[list[str]]:
    """Return what both learners see of every word: itself, its form, and two words on each side."""
    forms = [texts[word.row][word.start : word.end] for word in words]
    found = []
    for number, (word, form) in enumerate(zip(words, forms, strict=True)):

        def beside(step: int, number: int = number, row: int = word.row) -> str:
            other = number + step
            return forms[other] if 0 <= other < len(words) and words[other].row == row else _EDGE

        before, after = beside(-1).casefold(), beside(1).casefold()
        second_before, second_after = beside(-2).casefold(), beside(2).casefold()
        own, shape = form.casefold(), _shape(form)
        found.append(
            [
                f"word {own}",
                f"before {second_before} {before} {shape}",
                f"after {after} {second_after} {shape}",
                f"around {before} {shape} {after}",
                f"word before {before} {own}",
                f"word after {own} {after}",
                f"previous {before}",
                f"next {after}",
                f"shape {_shape(beside(-1))} {shape} {_shape(beside(1))}",
                f"end {own[-3:]}",
                f"begin {own[:3]} {shape}",
                f"previous and {before} {shape}",
                f"next and {after} {shape}",
            ]
        )
    return found


# Those of the descriptions that the table remembers.
N_REMEMBERED = 6


def _shape(form: str) -> str:
    """Return what a word looks like: capital, number, mark, its length where that says something."""
    if form == _EDGE:
        return "edge"
    if form.isdigit():
        return f"digits {min(len(form), 6)}"
    if any(character.isdigit() for character in form):
        return "mixed"
    if form[:1].isupper():
        return "capitals" if form.isupper() and len(form) > 1 else "capital"
    return "word" if form[:1].isalpha() else form


def _remembered(described: Sequence[Sequence[str]], given: IntArray, folds: IntArray, n_labels: int) -> FloatArray:
    """Return the share of every label among the same words and contexts of the other folds, the decisive ones first.

    A word that is in no way like any other gets the vote of its own label.
    """
    counts: defaultdict[str, Counter[tuple[int, int]]] = defaultdict(Counter)
    for keys, label, fold in zip(described, given.tolist(), folds.tolist(), strict=True):
        for key in keys[:N_REMEMBERED]:
            counts[key][label, fold] += 1
    votes = np.zeros((len(described), n_labels))
    for number, (keys, own, fold) in enumerate(zip(described, given.tolist(), folds.tolist(), strict=True)):
        total = 0.0
        for key in keys[:N_REMEMBERED]:
            others: Counter[int] = Counter()
            for (label, other_fold), count in counts[key].items():
                if other_fold != fold:
                    others[label] += count
            n_others = others.total()
            if not n_others:
                continue
            purity = max(others.values()) / n_others
            weight = purity**2 * n_others / (n_others + 2)
            total += weight
            for label, count in others.items():
                votes[number, label] += weight * count / n_others
        if total:
            votes[number] /= total + LITTLE_EVIDENCE
        else:
            votes[number, own] = 1.0
    return votes


def _usual_labels(described: Sequence[Sequence[str]], words: Sequence[Word], folds: IntArray) -> list[str | None]:
    """Return the label that each word has in most of its occurrences in other folds; None where these are few or differ."""
    counts: defaultdict[str, Counter[tuple[str, int]]] = defaultdict(Counter)
    for keys, word, fold in zip(described, words, folds.tolist(), strict=True):
        counts[keys[0]][word.label, fold] += 1
    found: dict[tuple[str, int], str | None] = {}
    for key, own in counts.items():
        for left_out in range(N_FOLDS):
            others: Counter[str] = Counter()
            for (label, fold), count in own.items():
                others[label] += count * (fold != left_out)
            label, count = others.most_common(1)[0]
            is_usual = others.total() >= FEWEST_ELSEWHERE and count >= MOSTLY * others.total()
            found[key, left_out] = label if is_usual else None
    return [found[keys[0], fold] for keys, fold in zip(described, folds.tolist(), strict=True)]
