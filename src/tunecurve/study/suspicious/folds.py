"""Which rows are looked at, and which of them never teach each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

N_FOLDS = 3
# A label with fewer rows (or words) is not known well enough to say that one of them is wrong.
FEWEST_ROWS = 5
FEWEST_DISCRIMINATION = 0.06
IntArray = npt.NDArray[np.intp]
FloatArray = npt.NDArray[np.floating]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Folds:
    """Rows in folds of whole groups."""

    groups: IntArray
    folds: IntArray
    """The number of each row's group and fold."""

    @classmethod
    def of_groups(cls, names: Sequence[str]) -> Folds:
        """Return folds in which the rows of a group are together: random, and always the same ones."""
        unique, groups = np.unique(np.asarray(names, dtype=object).astype(str), return_inverse=True)
        fold_of_group = np.random.default_rng(0).permutation(len(unique)) % N_FOLDS
        return cls(groups.astype(np.intp), fold_of_group[groups])

    @property
    def n_groups(self) -> int:
        """How many groups there are."""
        return int(self.groups.max()) + 1 if len(self.groups) else 0


def out_of_fold(features: Any, gold: BoolArray, folds: IntArray) -> FloatArray:
    """Return the probability of every label for every row, from one regression a label, against the rest, on the other folds."""
    from scipy.special import expit

    found = np.zeros(gold.shape)
    for fold in np.unique(folds):
        is_left_out = folds == fold
        known = features[~is_left_out]
        columns = gold[~is_left_out].T
        fitted = {n: _fitted(known, column) for n, column in enumerate(columns) if column.any() and not column.all()}
        del known  # as large as all features nearly: beside millions of rows it counts
        asked = features[is_left_out]
        for number, column in enumerate(columns):
            if number in fitted:
                weights, bias = fitted[number]
                found[is_left_out, number] = expit(asked @ weights + bias)
            else:
                found[is_left_out, number] = float(column.all())
    return found


def _fitted(features: Any, gold: BoolArray) -> tuple[FloatArray, float]:
    """Return weights and bias; a rough optimum is enough to rank rows, and takes a tenth of the time."""
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    from tunecurve.learners.baselines.tfidf import REGULARISATION

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = LogisticRegression(
            C=REGULARISATION, solver="liblinear", dual=True, tol=0.1, max_iter=20, random_state=0
        ).fit(features, gold)
    return model.coef_[0], float(model.intercept_[0])


def confident(shares: FloatArray, gold: BoolArray, enough: float = 1.0) -> BoolArray:
    """Return which labels are at least as likely for a row as they usually are for rows that have them.

    Parameters
    ----------
    shares : array of float, shape (rows, labels)
        Out-of-sample probabilities.
    gold : array of bool, shape (rows, labels)
        Which row has which label.
    enough : float, default 1
        A probability that is enough, also where the label usually has more: nearly certain learners doubt nothing else.
    """
    counts = gold.sum(axis=0)
    usual = np.divide((shares * gold).sum(axis=0), counts, out=np.ones(len(counts)), where=counts > 0)
    return (shares >= np.clip(usual, 1e-9, enough)) & (counts > 0)


class NothingLearntError(ValueError):
    """The learners know no more of a row than chance does: what they say against its label means nothing."""


def check_learnt(shares: FloatArray, gold: BoolArray) -> None:
    """Refuse learners that cannot tell rows that have a label from rows that have not.

    By how much more likely a label is for rows that have it (Tjur's coefficient of discrimination, 2009), on average over labels.

    Raises
    ------
    NothingLearntError
        Where that is less than a little.
    """
    known = gold[:, (gold.sum(axis=0) >= FEWEST_ROWS) & ~gold.all(axis=0)]
    of_known = shares[:, (gold.sum(axis=0) >= FEWEST_ROWS) & ~gold.all(axis=0)]
    counts = known.sum(axis=0)
    slopes = (of_known * known).sum(axis=0) / counts - (of_known * ~known).sum(axis=0) / (len(known) - counts)
    slope = float(slopes.mean()) if slopes.size else 0.0
    if slope < FEWEST_DISCRIMINATION:
        raise NothingLearntError(
            "cheap learners cannot tell these labels from the texts: they find a label no more likely where it stands than elsewhere "
            f"(by {100 * max(slope, 0.0):.0f} points of 100)"
        )
