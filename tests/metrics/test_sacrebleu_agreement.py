"""Two routes to one number: our vectorised formulas and sacrebleu's own corpus scores."""

import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sacrebleu.metrics import BLEU, CHRF

from tunecurve.errors import SpecError
from tunecurve.metrics import tokenizers
from tunecurve.metrics.base import corpus_score, statistics_matrix
from tunecurve.metrics.bleu import Bleu
from tunecurve.metrics.chrf import Chrf
from tunecurve.metrics.classification import Accuracy
from tunecurve.metrics.exact_match import ExactMatch
from tunecurve.metrics.ner import EntityF1
from tunecurve.metrics.tokenizers import choose_bleu_tokenizer

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


SCRIPT_WORDS = st.sampled_from(
    ["今天", "林晓燕", "說。", "สวัสดี", "ครับ", "[NAME]", "Hello", "12.5", "Заказ", "، نعم", "です", "한국"]
)
SCRIPT_TEXT = st.lists(SCRIPT_WORDS, max_size=10).map("".join)


@pytest.mark.parametrize("tokenizer", ["zh", "char", "intl", "none"])
@given(corpus=st.lists(st.tuples(SCRIPT_TEXT, SCRIPT_TEXT), min_size=1, max_size=5))
@settings(max_examples=60, deadline=None)
def test_bleu_equals_sacrebleu_with_its_other_tokenizers(tokenizer, corpus):
    predictions, references = [p for p, _ in corpus], [r for _, r in corpus]
    peer = BLEU(tokenize=tokenizer)
    expected = peer.corpus_score(predictions, [references]).score
    assert corpus_score(Bleu(tokenizer), predictions, references, predictions) == pytest.approx(expected, abs=1e-9)
    assert Bleu(tokenizer).signature == str(peer.get_signature())


@pytest.mark.parametrize(
    ("texts", "tokenizer"),
    [
        (["今天[NAME]说，[CITY]的发票丢了。"], "zh"),
        (["[NAME_1]說：「我在[CITY]。」"], "zh"),
        (["[NAME]さんは京都へ行きました"], "char"),
        (["เมื่อวาน[NAME]ไป[CITY]"], "char"),
        (["ថ្ងៃនេះ[NAME]ទៅផ្សារ"], "char"),
        (["[NAME]는 [CITY]에서 왔다"], "char"),
        (["The cat sat on the mat with 林."], "13a"),
        (["Die Prüfung läuft", "Заказ выполнен", "الطلب اكتمل", "ההזמנה", "आदेश पूरा हुआ"], "13a"),
        (["12.5 %", ""], "13a"),
    ],
)
def test_the_tokenizer_is_chosen_by_the_script(texts, tokenizer, monkeypatch):
    monkeypatch.setattr(tokenizers, "is_installed", lambda name: False)
    assert choose_bleu_tokenizer(texts).name == tokenizer


def test_dictionaries_are_used_where_they_are_installed(monkeypatch):
    monkeypatch.setattr(tokenizers, "is_installed", lambda name: True)
    assert choose_bleu_tokenizer(["田中さんは京都へ"]).name == "ja-mecab"
    assert choose_bleu_tokenizer(["민수는 왔다"]).name == "ko-mecab"


@pytest.mark.parametrize("name", ["ja-mecab", "ko-mecab"])
def test_a_tokenizer_that_is_not_installed_is_one_line_with_the_way_on(name, monkeypatch):
    monkeypatch.setattr("tunecurve.metrics.bleu.is_installed", lambda name: False)
    with pytest.raises(SpecError, match=r"not installed; pip install 'sacrebleu\["):
        Bleu(name)


@pytest.mark.parametrize("metric", [Bleu(), Chrf(), ExactMatch(), Accuracy(["café au lait"]), EntityF1()])
def test_composed_and_decomposed_texts_are_the_same_text(metric):
    composed = "drink: café au lait" if isinstance(metric, EntityF1) else "café au lait"
    composed += " à" * 3 if isinstance(metric, Bleu) else ""
    for answer in (composed, unicodedata.normalize("NFD", composed)):
        for right in (composed, unicodedata.normalize("NFD", composed)):
            assert corpus_score(metric, [answer], [right], [""]) == pytest.approx(100)
