"""Inner products of texts' vectors: of n-grams against scikit-learn's own, of the encoder against transformers alone."""

import numpy as np
import pytest

from tests.learners.encoder.test_encoder import tiny_tagger
from tests.learners.encoder.test_similarity import expected_vectors
from tunecurve.learners.encoder.classifier import ClassifierLearner
from tunecurve.selection.vectors import encoder_products, tfidf_products

POOL = ["block my card", "order a card", "I lost my pin", "block the pin"]
TEST = ["lost card", "block my card", "zzz"]


def test_products_of_ngrams_are_those_of_the_views_side_by_side():
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_union

    views = make_union(
        TfidfVectorizer(analyzer="word", ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"(?u)\S+"),
        TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True),
    ).fit(POOL)
    pool, test = views.transform(POOL), views.transform(TEST)
    found = tfidf_products(POOL, TEST)
    assert found.pool == pytest.approx((pool @ pool.T).toarray())
    assert found.test == pytest.approx((test @ pool.T).toarray())
    assert not found.test[2].any(), "it shares nothing with the pool"


def test_products_of_the_encoder_are_cosines_of_its_mean_vectors(tiny_encoder):
    learner = tiny_tagger(tiny_encoder, ClassifierLearner)
    found = encoder_products(learner, POOL, [*TEST, ""])
    pool, test = (expected_vectors(tiny_encoder.folder, texts) for texts in (POOL, TEST))
    assert found.pool == pytest.approx(pool @ pool.T, abs=1e-5)
    assert found.test[:3] == pytest.approx(test @ pool.T, abs=1e-5)
    assert np.diag(found.pool) == pytest.approx(1)
    assert found.test[1, 0] == pytest.approx(1), "one text"
    assert not found.test[3].any(), "a text without a known sign"
