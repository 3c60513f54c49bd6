"""Suspicious classes and sets of labels: logistic regression on TF-IDF, and a vote of the nearest neighbours by words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tunecurve.study.suspicious.folds import (
    FEWEST_ROWS,
    BoolArray,
    FloatArray,
    Folds,
    IntArray,
    check_learnt,
    confident,
    out_of_fold,
)

N_NEIGHBOURS = 10
# Probabilities that are enough to have a label, or not to, where the other learner agrees.
LIKELY, UNLIKELY = 0.5, 0.8
_CELLS_AT_ONCE = 1_000_000


def suspicious_classes(texts: Sequence[str], gold: BoolArray, folds: Folds) -> list[tuple[int, int, float]]:
    """Return (row, number of the class that the learners say, sureness) where both agree against the class."""
    shares, votes = _learners(texts, gold, folds)
    totals = shares.sum(axis=1, keepdims=True)
    shares = np.divide(shares, totals, out=np.zeros_like(shares), where=totals > 0)
    given = gold.argmax(axis=1)
    likely = np.where(confident(shares, gold, LIKELY), shares, 0.0)
    suggested = likely.argmax(axis=1)
    rows = np.arange(len(given))
    is_known = gold.sum(axis=0)[given] >= FEWEST_ROWS
    agree = (likely.max(axis=1) > 0) & (suggested != given) & (votes.argmax(axis=1) == suggested) & is_known
    margins = _margins(shares, votes, rows, suggested, given)
    return [(int(row), int(suggested[row]), float(margins[row])) for row in np.flatnonzero(agree & (margins > 0))]


def suspicious_labels(texts: Sequence[str], gold: BoolArray, folds: Folds) -> list[tuple[int, list[int], float]]:
    """Return (row, numbers of the labels to turn, sureness) where both learners agree against labels, each by itself."""
    shares, votes = _learners(texts, gold, folds)
    is_likely = confident(shares, gold, LIKELY) & (votes > 0.5)
    is_missing = ~gold & is_likely
    # That a label is unlikely says little: rare ones always are. It counts where another label explains the text.
    is_wrong = gold & confident(1 - shares, ~gold, UNLIKELY) & (votes < 0.5) & is_likely.any(axis=1, keepdims=True)
    turned = (is_missing | is_wrong) & (gold.sum(axis=0) >= FEWEST_ROWS)
    sureness = np.where(gold, 1 - 2 * (shares + votes) / 2, 2 * (shares + votes) / 2 - 1)
    turned &= sureness > 0
    return [
        (int(row), np.flatnonzero(turned[row]).tolist(), float(sureness[row][turned[row]].max()))
        for row in np.flatnonzero(turned.any(axis=1))
    ]


def _margins(shares: FloatArray, votes: FloatArray, rows: IntArray, suggested: IntArray, given: IntArray) -> FloatArray:
    both = (shares + votes) / 2
    return both[rows, suggested] - both[rows, given]


def _learners(texts: Sequence[str], gold: BoolArray, folds: Folds) -> tuple[FloatArray, FloatArray]:
    """Return the two learners' probabilities, each shape (rows, labels)."""
    from scipy.sparse import hstack

    from tunecurve.learners.baselines.tfidf import VIEWS, new_vectorizer

    # In single precision: beside millions of rows it counts, and rows keep their ranks.
    views = {
        name: new_vectorizer(analyzer, lengths, np.float32).fit_transform(texts) for name, analyzer, lengths in VIEWS
    }
    words, features = views["words"].tocsr(), hstack(list(views.values()), format="csr")
    views.clear()  # the features hold them once more
    shares = out_of_fold(features, gold, folds.folds)
    del features
    check_learnt(shares, gold)
    return shares, _votes(words, gold, folds.groups)


def _votes(features: Any, gold: BoolArray, groups: IntArray) -> FloatArray:
    """Return the share of every label among each row's nearest neighbours of other groups, weighted by cosine.

    A row that shares no word with any other gets the vote of its own label: nothing speaks against it.
    """
    n_rows = len(gold)
    n_neighbours = min(N_NEIGHBOURS, n_rows - 1)
    votes = np.zeros(gold.shape)
    at_once = max(1, _CELLS_AT_ONCE // n_rows)
    for start in range(0, n_rows, at_once):
        block = slice(start, start + at_once)
        likeness = (features[block] @ features.T).toarray()
        likeness[groups[block, None] == groups[None, :]] = 0.0
        nearest = np.argpartition(-likeness, n_neighbours - 1, axis=1)[:, :n_neighbours]
        weights = np.take_along_axis(likeness, nearest, axis=1)
        votes[block] = np.einsum("rk,rkl->rl", weights, gold[nearest])
        totals = weights.sum(axis=1, keepdims=True)
        votes[block] = np.divide(votes[block], totals, out=gold[block].astype(float), where=totals > 0)
    return votes
