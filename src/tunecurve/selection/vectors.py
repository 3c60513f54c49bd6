"""Texts as vectors: all that cheap learners and ways of choosing need of them are their inner products."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tunecurve.learners.baselines.tfidf import VIEWS, new_vectorizer

FloatArray = NDArray[np.float64]
VectorKind = Literal["tfidf", "encoder"]


@dataclass(frozen=True)
class Products:
    """Inner products of the vectors of texts; every vector has the same length."""

    pool: FloatArray
    """Of pool rows with pool rows, shape (pool, pool)."""
    test: FloatArray
    """Of test rows with pool rows, shape (test, pool)."""


def tfidf_products(pool: Sequence[str], test: Sequence[str]) -> Products:
    """Return the products of n-gram counts, weighted as `TfidfLearner` does; what is rare is counted on the pool's inputs."""
    from scipy.sparse import hstack

    vectorizers = [new_vectorizer(analyzer, lengths).fit(pool) for _, analyzer, lengths in VIEWS]
    of_pool, of_test = (hstack([one.transform(texts) for one in vectorizers]).tocsr() for texts in (pool, test))
    return Products((of_pool @ of_pool.T).toarray(), (of_test @ of_pool.T).toarray())


def encoder_products(learner: Any, pool: Sequence[str], test: Sequence[str]) -> Products:
    """Return the products of mean vectors, all of length 1, from a classifier's encoder before any training."""
    vectors = _vectors(learner, [*pool, *test])
    of_pool = vectors[: len(pool)]
    return Products(of_pool @ of_pool.T, vectors[len(pool) :] @ of_pool.T)


def _vectors(learner: Any, sources: Sequence[str]) -> FloatArray:
    from tunecurve.learners.encoder.model import SegmentClassifier
    from tunecurve.learners.encoder.whole_texts import text_vectors

    model = SegmentClassifier(learner.backbone, 1, 0).to(learner.compute.device).eval()
    found: FloatArray = text_vectors(model, learner.tokenizer, learner.compute, sources).double().numpy()
    lengths = np.linalg.norm(found, axis=1, keepdims=True)
    return np.divide(found, lengths, out=np.zeros_like(found), where=lengths > 0)
