"""From spans to one tag a word and back: O, B-LABEL for a span's first word, I-LABEL inside it."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tunecurve.formats.spans import LabelledSpan
from tunecurve.learners.encoder.words import Words

OUTSIDE = 0
SMALLEST_SHARE = 1e-9
INSIDE_TO_BETWEEN = 3
# What stands for all words with letters or digits among signs.
LETTERS = ""


def tag_names(labels: Sequence[str]) -> list[str]:
    """Return the tags of a label set: O, then B and I of every label in order."""
    return ["O", *(f"{position}-{label}" for label in labels for position in "BI")]


def tags_of(words: Words, spans: Sequence[LabelledSpan], label_numbers: dict[str, int]) -> list[int]:
    """Return every word's tag; a word belongs to the span that holds at least half of it.

    Parameters
    ----------
    label_numbers : dict of str to int
        Place of every label in the label set; spans of other labels are left outside.
    """
    tags = [OUTSIDE] * len(words)
    for span in spans:
        if span.label not in label_numbers:
            continue
        is_first = True
        for number, (start, end) in enumerate(zip(words.starts, words.ends, strict=True)):
            if 2 * (min(end, span.end) - max(start, span.start)) >= end - start:
                tags[number] = 1 + 2 * label_numbers[span.label] + (0 if is_first else 1)
                is_first = False
    return tags


def under_known_labels(spans: Sequence[LabelledSpan], known: Sequence[str]) -> list[LabelledSpan]:
    """Return the spans with labels that are not known called otherwise: by a known one that no other span of them has, where there is one.

    What is masked is so told from what it is called: who knows no such label can still leave nothing of it in the text.
    """
    named = {span.label for span in spans}
    other = next((label for label in known if label not in named), known[0] if known else None)
    return [span if span.label in known or other is None else replace(span, label=other) for span in spans]


def joined_labels(rows: Sequence[tuple[str, Sequence[LabelledSpan]]], labels: Sequence[str]) -> list[str]:
    """Return the labels whose neighbouring spans are one in the training rows: ``[ADDRESS]`` stands for all lines of an address.

    Blanks inside spans of the label are counted, and blanks between two spans of it: where there are `INSIDE_TO_BETWEEN` times as many
    inside, neighbours are one. A label without any of these follows all labels taken together.

    Parameters
    ----------
    rows : sequence of (str, sequence of LabelledSpan)
        Inputs with their spans, in order.
    labels : sequence of str
        The labels to choose from.
    """
    inside, between = Counter[str](), Counter[str]()
    for source, spans in rows:
        for span in spans:
            inside[span.label] += len(source[span.start : span.end].split()) - 1
        for first, second in itertools.pairwise(spans):
            between[first.label] += first.label == second.label and source[first.end : second.start].isspace()

    def is_one(n_inside: int, n_between: int) -> bool:
        return n_inside > 0 and n_inside >= INSIDE_TO_BETWEEN * n_between

    of_all = is_one(inside.total(), between.total())
    return [
        label
        for label in labels
        if (is_one(inside[label], between[label]) if inside[label] + between[label] else of_all)
    ]


def filled_signs(rows: Sequence[tuple[str, Words, Sequence[LabelledSpan]]]) -> list[str]:
    """Return what belongs to a span where it stands between two words of spans, without a blank: ``/`` in ``a.com/login``.

    Each is a sign, or `LETTERS` for any word with letters or digits, so that none of the rows' own words is kept. What the training
    rows have within a span is counted, and what they have between two spans of one stretch; `INSIDE_TO_BETWEEN` decides. Characters of
    scripts without blanks say nothing: whole sentences are stretches there.

    Parameters
    ----------
    rows : sequence of (str, Words, sequence of LabelledSpan)
        Inputs, in words, with their spans.
    """
    inside, between = Counter[str](), Counter[str]()
    for source, words, spans in rows:
        tags = tags_of(words, [LabelledSpan(span.start, span.end, "x") for span in spans], {"x": 0})
        for first, last in _stretches(words):
            in_spans = [number for number in range(first, last) if tags[number] != OUTSIDE]
            for number in range(in_spans[0] + 1, in_spans[-1]) if in_spans else ():
                if number not in words.characters:
                    counted = between if tags[number] == OUTSIDE else inside
                    counted[_sign(source, words, number)] += 1
    return sorted(sign for sign, count in inside.items() if count >= INSIDE_TO_BETWEEN * between[sign])


def with_gaps_filled(source: str, words: Words, tags: Sequence[int], filled: Collection[str]) -> list[int]:
    """Return tags where words between two of a span, without a blank, go on with it if all of them are among `filled`.

    Characters of scripts without blanks do not: one wrong word would take all that stands between it and the next span.
    """
    found = list(tags)
    for first, last in _stretches(words):
        in_spans = [number for number in range(first, last) if tags[number] != OUTSIDE]
        for before, behind in itertools.pairwise(in_spans):
            gap = range(before + 1, behind)
            if all(number not in words.characters and _sign(source, words, number) in filled for number in gap):
                for number in gap:
                    found[number] = tags[before] + tags[before] % 2
    return found


def _stretches(words: Words) -> Iterator[tuple[int, int]]:
    """Yield the runs of words [first, last) that have no blank between them."""
    first = 0
    for number in range(1, len(words) + 1):
        if number == len(words) or words.ends[number - 1] != words.starts[number]:
            yield first, number
            first = number


def _sign(source: str, words: Words, number: int) -> str:
    text = source[words.starts[number] : words.ends[number]]
    return LETTERS if any(map(str.isalnum, text)) else text


def likeliest_tags(shares: NDArray[np.float32], is_inside: NDArray[np.bool_]) -> list[int]:
    """Return the likeliest sequence of tags in which the I of a label follows its B or I (Viterbi 1967).

    The likeliest tag of each word alone breaks a name in two where a word in its middle is nearly as likely to begin one, or
    to have another label. Labels that begin nowhere in the text have no beginnings: their I may follow anything.

    Parameters
    ----------
    shares : ndarray
        Probability of every tag, shape (words, tags); one word at least.
    is_inside : ndarray
        Which words are in spans; the others are outside.
    """
    nats = np.log(np.maximum(shares.astype(np.float64), SMALLEST_SHARE))
    nats[is_inside, OUTSIDE] = -np.inf
    nats[~is_inside, 1:] = -np.inf
    begins = (shares[:, 1::2] > SMALLEST_SHARE).any(axis=0)
    inside = np.arange(2, shares.shape[1], 2)
    score, sources = nats[0].copy(), []
    score[inside[begins]] = -np.inf
    for own in nats[1:]:
        best = int(score.argmax())
        source = np.full(len(own), best)
        source[2::2] = np.where(begins, np.where(score[1::2] > score[2::2], inside - 1, inside), best)
        sources.append(source)
        score = own + score[source]
    tags = [int(score.argmax())]
    for source in reversed(sources):
        tags.append(int(source[tags[-1]]))
    return tags[::-1]


def runs_of_tags(words: Words, tags: Sequence[int], *, may_touch: bool = False) -> list[tuple[int, int]]:
    """Return the runs of words [first, last) that make one span each.

    A word goes on with the run before it when it touches that (no character between), or when its tag is the I of the
    same label; otherwise it begins a run.

    Parameters
    ----------
    may_touch : bool, default False
        Whether one span may follow another without a character between where every character is a word: there a B begins
        a run.
    """
    runs: list[tuple[int, int]] = []
    for number, tag in enumerate(tags):
        if tag == OUTSIDE:
            continue
        is_next = bool(runs) and runs[-1][1] == number
        touches = is_next and words.ends[number - 1] == words.starts[number]
        if may_touch and number in words.characters and tag % 2 == 1:
            touches = False
        goes_on = is_next and tag % 2 == 0 and (tags[number - 1] - 1) // 2 == (tag - 1) // 2
        if touches or goes_on:
            runs[-1] = (runs[-1][0], number + 1)
        else:
            runs.append((number, number + 1))
    return runs
