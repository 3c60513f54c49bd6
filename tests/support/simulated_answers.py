"""Sufficient statistics of simulated answers, many rows at once."""

import numpy as np


def translations(generator, quality_by_row, longest=30):
    """Return BLEU's counts of rows of a given quality: right words, and right n-grams where neighbours are right."""
    lengths = generator.integers(8, longest, len(quality_by_row))
    right = generator.random((len(lengths), longest)) < quality_by_row[:, None]
    right &= np.arange(longest) < lengths[:, None]
    runs, matches = right, []
    for order in range(1, 5):
        matches.append(runs.sum(axis=1))
        runs = runs[:, :-1] & right[:, order:]
    totals = [lengths - order for order in range(4)]
    return np.stack([lengths, lengths, *matches, *totals], axis=1).astype(float)


def entity_lists(generator, quality_by_row):
    """Return [right, predicted, gold] of rows of a given quality."""
    gold = generator.poisson(1.5, len(quality_by_row))
    right = generator.binomial(gold, quality_by_row)
    return np.stack([right, right + generator.poisson(0.4 * (1 - quality_by_row) + 0.1), gold], axis=1).astype(float)
