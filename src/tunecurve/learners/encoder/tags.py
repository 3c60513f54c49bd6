"""From spans to one tag a word and back: O, B-LABEL for a span's first word, I-LABEL inside it."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence

from tunecurve.formats.spans import LabelledSpan
from tunecurve.learners.encoder.words import Words

OUTSIDE = 0
INSIDE_TO_BETWEEN = 3


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
