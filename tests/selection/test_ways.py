"""Ways of choosing rows, and the cheap learner that they are tried with."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunecurve.selection.cheap_learners import Answers, answers_after, fit_classes, fit_label_sets, fit_of
from tunecurve.selection.vectors import Products, tfidf_products
from tunecurve.selection.ways import WAYS, Known

TEXTS = [f"{verb} my {thing} {n}" for n, verb in enumerate(["block", "order", "lost"] * 4) for thing in ("card", "pin")]
NEW = ["block the card", "I lost a pin", "order", "", "zzz"]


@pytest.mark.parametrize("classes", [["a", "b"], ["a", "b", "c"], ["a", "b", "c", "d"]])
@pytest.mark.parametrize("with_twins", [False, True])
def test_fit_in_the_span_of_the_rows_is_the_fit_on_the_ngrams(classes, with_twins):
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_union

    pool = TEXTS + (TEXTS[:5] if with_twins else [])
    targets = [classes[place % len(classes)] for place in range(len(pool))]
    views = make_union(
        TfidfVectorizer(analyzer="word", ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"(?u)\S+"),
        TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True),
    ).fit(pool)
    rows = list(range(0, len(pool), 2))[:-1] + list(range(1, 8, 2)) + ([len(TEXTS) + 1] if with_twins else [])
    told = [targets[row] for row in rows]
    model = LogisticRegression(C=10.0, max_iter=1000).fit(views.transform([pool[row] for row in rows]), told)
    found = answers_after(fit_classes, tfidf_products(pool, NEW), rows, told)
    for texts, answers in ((pool, found.pool), (NEW, found.test)):
        shares = model.predict_proba(views.transform(texts))
        assert answers.confidence == pytest.approx(shares.max(axis=1), abs=2e-3)
        is_clear = np.sort(shares, axis=1)[:, -1] - np.sort(shares, axis=1)[:, -2] > 0.01
        assert np.array(answers.texts)[is_clear].tolist() == model.predict(views.transform(texts))[is_clear].tolist()


def test_one_class_is_answered_for_certain():
    found = answers_after(fit_classes, tfidf_products(TEXTS, NEW), [0, 1, 2], [" only ", "only", "only"])
    assert set(found.pool.texts) == {"only"}
    assert (found.test.confidence == 1).all()


def test_sets_of_labels_are_asked_label_by_label():
    targets = ["card", "pin"] * 12
    targets[4], targets[5] = "card; everywhere", "everywhere; pin"
    targets = [f"{target}; always" for target in targets]
    found = answers_after(fit_label_sets, tfidf_products(TEXTS, NEW), list(range(24)), targets)
    assert found.test.texts[:2] == ["always; card", "always; pin"]
    assert ((found.pool.confidence > 0) & (found.pool.confidence <= 1)).all()


@pytest.mark.parametrize("answer", ["mask", "entities", "object", "text"])
def test_other_answers_have_no_cheap_learner(answer):
    assert fit_of(answer) is None


def known(seed=0, n=24, n_taken=6, targets=None, confidence=None):
    generator = np.random.default_rng(seed)
    vectors = generator.normal(size=(n, 3))
    order = generator.permutation(n).tolist()
    shares = generator.random(n) if confidence is None else np.array(confidence)
    answers = Answers([f"c{number}" for number in generator.integers(3, size=n)], shares)
    told = targets or [f"c{number}" for number in generator.integers(3, size=n)]
    return Known(order[:n_taken], order[n_taken:], lambda target: [target], told, answers, vectors @ vectors.T)


@given(seed=st.integers(0, 10_000), n=st.integers(1, 18), way=st.sampled_from(list(WAYS)))
@settings(max_examples=25, deadline=None)
def test_a_way_chooses_free_rows_each_once(seed, n, way):
    seen = known(seed)
    chosen = WAYS[way](seen, n)
    assert len(chosen) == len(set(chosen)) == n
    assert set(chosen) <= set(seen.free)


@given(seed=st.integers(0, 10_000), way=st.sampled_from(list(WAYS)), junk=st.text(max_size=5))
@settings(max_examples=25, deadline=None)
def test_no_way_sees_a_label_that_is_not_bought(seed, way, junk):
    honest = known(seed)
    blinded = [target if row in honest.taken else junk + str(row) for row, target in enumerate(honest.targets)]
    blind = Known(honest.taken, honest.free, honest.labels, blinded, honest.answers, honest.products)
    assert WAYS[way](blind, 7) == WAYS[way](honest, 7)


def test_least_confident_rows_come_first_and_chance_decides_among_equals():
    confidence = [0.9] * 24
    seen = known(3, confidence=confidence)
    assert WAYS["least confident"](seen, 5) == seen.free[:5]
    confidence[seen.free[9]], confidence[seen.free[4]] = 0.2, 0.3
    assert WAYS["least confident"](known(3, confidence=confidence), 3) == [seen.free[9], seen.free[4], seen.free[0]]


def test_diverse_rows_are_the_farthest_from_all_that_are_taken():
    points = np.array([[0.0, 0.0], [0.1, 0.0], [5.0, 0.0], [5.1, 0.0], [0.0, 3.0]])
    answers = Answers(["a"] * 5, np.ones(5))
    seen = Known([0], [1, 2, 3, 4], lambda target: [target], ["a"] * 5, answers, points @ points.T)
    assert WAYS["diverse"](seen, 2) == [3, 4]
    assert WAYS["diverse"](seen, 9) == [3, 4, 1, 2] or WAYS["diverse"](seen, 9) == [3, 4, 2, 1]


def test_stratified_rows_fill_up_the_labels_that_are_rare_among_the_taken():
    answers = Answers(["a", "a", "a", "b", "a", "c"], np.ones(6))
    seen = Known([0, 1], [2, 3, 4, 5], lambda target: [target], ["a"] * 6, answers, np.eye(6))
    assert set(WAYS["stratified"](seen, 2)) == {3, 5}


def test_products_are_those_of_the_vectors():
    found = tfidf_products(["a b", "a b", "c d"], ["a b"])
    assert isinstance(found, Products)
    assert found.pool[0, 1] == pytest.approx(found.pool[0, 0]) == pytest.approx(2.0)
    assert found.pool[0, 2] == pytest.approx(0.0)
    assert found.test[0] == pytest.approx(found.pool[0])
