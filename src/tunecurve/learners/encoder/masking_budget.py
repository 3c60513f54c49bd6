"""The threshold that a budget of over-masking allows, chosen on rows that were not trained on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tunecurve.formats.spans import LabelledSpan
from tunecurve.learners.encoder.tags import OUTSIDE, tags_of
from tunecurve.learners.encoder.words import Words
from tunecurve.learners.training import OverMaskingBudget


def within_budget(
    texts: Sequence[Words], gold: Sequence[Sequence[LabelledSpan]], shares: Sequence[NDArray[np.float32]], budget: float
) -> tuple[float | None, OverMaskingBudget]:
    """Return the lowest threshold that keeps over-masking within a budget, and what it rests on.

    Parameters
    ----------
    texts : sequence of Words
        Of the rows that are kept for it.
    gold : sequence of sequence of LabelledSpan
        What is to be masked of each.
    shares : sequence of array, shape (words, tags)
        Tag probabilities of each.
    budget : float
        Per cent of the public characters.

    Returns
    -------
    threshold, OverMaskingBudget
        None where no word should stay: all would be within the budget, and everything be masked.
    """
    inside: list[float] = []
    lengths: list[int] = []
    without: list[bool] = []
    for words, spans, row in zip(texts, gold, shares, strict=True):
        for number, tag in enumerate(tags_of(words, [LabelledSpan(s.start, s.end, "x") for s in spans], {"x": 0})):
            if tag == OUTSIDE:
                inside.append(1.0 - float(row[number, OUTSIDE]))
                lengths.append(words.ends[number] - words.starts[number])
                without.append(bool(row[number, 1:].max(initial=0.0) > row[number, OUTSIDE]))
    if not lengths:
        return None, OverMaskingBudget(budget, len(texts), 0, None, None)
    threshold = threshold_within(inside, lengths, budget / 100)
    masked = _per_cent(np.array(inside) >= threshold, lengths)
    return threshold, OverMaskingBudget(budget, len(texts), len(lengths), masked, _per_cent(np.array(without), lengths))


def _per_cent(is_masked: NDArray[np.bool_], lengths: Sequence[int]) -> float:
    return 100.0 * float(np.dot(is_masked, lengths)) / sum(lengths)


def threshold_within(inside: Sequence[float], lengths: Sequence[int], budget: float) -> float:
    """Return the lowest threshold at which at most a share of the public characters is masked.

    Parameters
    ----------
    inside : sequence of float
        Probability, for every word that should stay, that it belongs to a span; one at least.
    lengths : sequence of int
        Their characters.
    budget : float
        Share of the characters, 0 to 1.
    """
    order = np.argsort(inside)[::-1]
    spent = np.cumsum(np.asarray(lengths, dtype=float)[order])
    affordable = int(np.searchsorted(spent, budget * spent[-1], side="right"))
    if affordable >= len(order):
        return 0.0
    # Just above the first word that is too much.
    return float(np.nextafter(np.float64(inside[order[affordable]]), 2.0))
