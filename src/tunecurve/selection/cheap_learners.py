"""Logistic regression on vectors, which is trained in a second: the learner of a replay.

A ridge-penalised fit lies in the span of its training rows. It is therefore computed in their coordinates, as many as there are
rows, and is the fit on the vectors themselves: hundreds of thousands of n-grams cost no more than hundreds of rows.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tunecurve.formats.label_sets import format_labels, parse_labels
from tunecurve.learners.baselines.tfidf import REGULARISATION
from tunecurve.learners.label_thresholds import MIDDLE, indicators
from tunecurve.selection.vectors import FloatArray, Products
from tunecurve.tasks.base import AnswerKind

# What keeps twins among the training rows from a division by zero, as a share of a vector's squared length.
JITTER = 1e-6


@dataclass(frozen=True)
class Answers:
    """What a learner answers, and how probable it takes its answers to be."""

    texts: list[str]
    """The answers, shape (rows,)."""
    confidence: FloatArray
    """Their probabilities, shape (rows,)."""


@dataclass(frozen=True)
class Answered:
    """The answers of one fit to the rows of the pool and to the test rows."""

    pool: Answers
    test: Answers


# From training coordinates, targets and the coordinates of rows to be answered to their answers.
Fit = Callable[[FloatArray, Sequence[str], FloatArray], Answers]


class CheapLearner(Protocol):
    """What is trained in a replay, again and again."""

    @property
    def products(self) -> Products:
        """Inner products of the inputs' vectors, by which diverse rows are chosen."""
        ...

    def after(self, rows: Sequence[int], targets: Sequence[str]) -> Answered:
        """Return what it answers once it was trained on some rows of the pool, given by their numbers and their targets."""
        ...


@dataclass(frozen=True)
class OfTexts:
    """Logistic regression on the vectors of whole texts."""

    fit: Fit
    """From `fit_of`."""
    products: Products
    """Of the vectors."""

    def after(self, rows: Sequence[int], targets: Sequence[str]) -> Answered:
        """Return the answers of a fit to some rows of the pool."""
        return answers_after(self.fit, self.products, rows, targets)


def fit_of(answer: AnswerKind) -> Fit | None:
    """Return how answers of a kind are learnt from whole texts; None where they are not."""
    fits: dict[AnswerKind, Fit] = {"class": fit_classes, "labels": fit_label_sets}
    return fits.get(answer)


def answers_after(fit: Fit, products: Products, rows: Sequence[int], targets: Sequence[str]) -> Answered:
    """Return the answers of a learner that was trained on some rows of the pool."""
    train, others = coordinates(products, rows)
    answers = fit(train, targets, others)
    n_pool = len(products.pool)
    return Answered(
        Answers(answers.texts[:n_pool], answers.confidence[:n_pool]),
        Answers(answers.texts[n_pool:], answers.confidence[n_pool:]),
    )


def coordinates(products: Products, rows: Sequence[int]) -> tuple[FloatArray, FloatArray]:
    """Return the coordinates of training rows, and those of all pool and test rows behind them, in the span of the training rows."""
    from scipy.linalg import cholesky, solve_triangular

    inner = products.pool[np.ix_(rows, rows)]
    ridge = JITTER * max(float(np.trace(inner)) / len(rows), 1.0)
    lower = cholesky(inner + ridge * np.eye(len(rows)), lower=True)
    others = np.vstack([products.pool[:, rows], products.test[:, rows]])
    return lower, solve_triangular(lower, others.T, lower=True).T


def fit_classes(train: FloatArray, targets: Sequence[str], others: FloatArray) -> Answers:
    """Return the likeliest classes of rows and their probabilities."""
    from sklearn.linear_model import LogisticRegression

    gold = [target.strip() for target in targets]
    if len(set(gold)) < 2:
        return Answers([gold[0]] * len(others), np.ones(len(others)))
    with warnings.catch_warnings():  # many classes and few rows are what is replayed here, no mistake
        warnings.filterwarnings("ignore", message=".*unique classes", category=UserWarning)
        model = LogisticRegression(C=REGULARISATION, max_iter=1000).fit(train, gold)
    shares = model.predict_proba(others)
    return Answers([str(model.classes_[index]) for index in shares.argmax(axis=1)], shares.max(axis=1))


def fit_label_sets(train: FloatArray, targets: Sequence[str], others: FloatArray) -> Answers:
    """Return the likeliest sets of labels and their probabilities: each label is asked on its own."""
    labels = sorted({label for target in targets for label in parse_labels(target)})
    shares = _label_shares(train, indicators(targets, labels), others)
    is_there = shares >= MIDDLE
    texts = [format_labels(label for label, there in zip(labels, row, strict=True) if there) for row in is_there]
    return Answers(texts, np.where(is_there, shares, 1.0 - shares).prod(axis=1))


def _label_shares(train: FloatArray, gold: NDArray[np.bool_], others: FloatArray) -> FloatArray:
    from sklearn.linear_model import LogisticRegression

    shares = np.tile(gold.all(axis=0).astype(np.float64), (len(others), 1))
    for number in np.flatnonzero(gold.any(axis=0) & ~gold.all(axis=0)):
        model = LogisticRegression(C=REGULARISATION, max_iter=1000).fit(train, gold[:, number])
        shares[:, number] = model.predict_proba(others)[:, 1]
    return shares
