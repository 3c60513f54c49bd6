"""Two routes to one number: our vectorised formulas and sacrebleu's own corpus scores."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sacrebleu.metrics import BLEU, CHRF

from tunecurve.metrics.base import corpus_score, statistics_matrix
from tunecurve.metrics.bleu import Bleu
from tunecurve.metrics.chrf import Chrf

WORDS = st.sampled_from(["the", "cat", "sat", "on", "[NAME]", "a", "mat,", "5%", "Zürich", "."])
TEXT = st.lists(WORDS, max_size=12).map(" ".join)
CORPUS = st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=6)


@given(CORPUS)
@settings(max_examples=150, deadline=None)
def test_bleu_equals_sacrebleu(pairs):
    predictions, references = [p for p, _ in pairs], [r for _, r in pairs]
    expected = BLEU().corpus_score(predictions, [references]).score
    assert corpus_score(Bleu(), predictions, references, predictions) == pytest.approx(expected, abs=1e-9)


@given(CORPUS)
@settings(max_examples=150, deadline=None)
def test_chrf_equals_sacrebleu(pairs):
    predictions, references = [p for p, _ in pairs], [r for _, r in pairs]
    expected = CHRF().corpus_score(predictions, [references]).score
    assert corpus_score(Chrf(), predictions, references, predictions) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(("metric", "peer"), [(Bleu(), BLEU()), (Chrf(), CHRF())])
def test_resampled_corpora_score_as_sacrebleu_scores_them(metric, peer):
    predictions = ["the cat sat on a mat", "hello world again", "x y z", "one two three four five"]
    references = ["the cat sat on the mat", "hello there world", "x y z", "one two 3 four five"]
    statistics = statistics_matrix(metric, predictions, references, predictions)
    counts = np.array([[2, 0, 1, 1], [0, 0, 4, 0], [1, 1, 1, 1], [0, 3, 0, 1]], dtype=float)
    scores = metric.score(counts @ statistics)
    for draw, score in zip(counts.astype(int), scores, strict=True):
        chosen = np.repeat(np.arange(4), draw)
        expected = peer.corpus_score([predictions[i] for i in chosen], [[references[i] for i in chosen]]).score
        assert score == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(("metric", "peer"), [(Bleu(), BLEU()), (Chrf(), CHRF())])
def test_signature_is_sacrebleus(metric, peer):
    peer.corpus_score(["a b c d"], [["a b c e"]])
    assert metric.signature == str(peer.get_signature())
