"""What was trained, when nobody says it: a language model or a classical learner, by what the points look like.

A few features of the measured points go into a logistic rule, learned so that the mixture of the two kinds' forecasts has the
lowest CRPS on curves of both (`benchmarks/forecast/fit_kinds.py`). The likelihood of the points hardly tells the kinds apart;
what does is how much error is left at how many rows, how fast it falls, and how rough the curve is: small samples,
large errors and rough curves are language models'.
"""

from __future__ import annotations

import numpy as np

from tunecurve.curve.points import Floats, PreparedCurve
from tunecurve.curve.priors import CLASSICAL, LANGUAGE_MODEL, LOSS, LOSS_FEW, TFIDF, prior_table
from tunecurve.curve.seed_noise import SEED_VARIANCE_EXPONENT

FEATURES = ("constant", "error", "size", "slope", "roughness")
# A rule learned from some dozens of data sets is never surer than this; a language model is never excluded, for intervals of
# classical learners are too narrow for its runs.
LEAST, MOST = 0.25, 0.95
# With fewer than three sizes the points say nothing of their kind.
FEWEST_SIZES, UNKNOWN = 3, 0.8


def kind_of_learner(name: str | None) -> str:
    """Return what a study's learner of this kind is, as forecasts name it; all but TF-IDF are language models or encoders."""
    return TFIDF if name == TFIDF else LANGUAGE_MODEL


def kind_features(curve: PreparedCurve) -> Floats:
    """Return the values of `FEATURES`, each of the order of one.

    The slope is that of the log error per doubling; the roughness is the logarithm of the SD of one run around a straight line (what
    seeds averaged away is put back).
    """
    doublings, log_error = np.log2(curve.size / curve.size[-1]), curve.log_error
    design = np.stack([np.ones(len(doublings)), doublings], axis=1)
    line = np.linalg.lstsq(design, log_error, rcond=None)[0]
    variance = float(np.square(log_error - design @ line).sum()) / (len(doublings) - 2)
    one_run = (
        curve.seed_variance * np.exp(2.0 * (log_error[-1] - log_error)) * 2.0 ** (-SEED_VARIANCE_EXPONENT * doublings)
    )
    variance += float(np.mean(one_run * (1.0 - 1.0 / curve.replicates)))
    size = np.clip(np.log2(curve.size[-1]) - 9.0, -5.0, 5.0)
    roughness = np.log(np.sqrt(variance) + 0.01) + 4.0
    return np.array([1.0, float(log_error[-1]) - 3.0, size / 2.0, np.clip(5.0 * line[1], -3.0, 3.0), roughness])


def kind_probabilities(curve: PreparedCurve, kind: str | None = None) -> dict[str, float]:
    """Return the entries of the table that a curve is forecast with, and their probabilities.

    Parameters
    ----------
    curve : PreparedCurve
    kind : {"language-model", "classical", "tfidf"}, optional
        What was trained; TF-IDF is a mixture as what nobody states is. Losses have one entry, and one for few sizes, whatever was trained.
    """
    has_few = len(curve.size) - curve.starts < FEWEST_SIZES
    if curve.scale.kind == LOSS:
        return {LOSS_FEW if has_few else LOSS: 1.0}
    if kind not in (None, TFIDF):
        return {kind: 1.0}
    chance = UNKNOWN
    if not has_few:
        weights = np.array(prior_table()["kinds"]["weights"])
        chance = float(np.clip(1.0 / (1.0 + np.exp(-kind_features(curve) @ weights)), LEAST, MOST))
    return {LANGUAGE_MODEL: chance, CLASSICAL: 1.0 - chance}
