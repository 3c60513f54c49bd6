"""Our means over rows and rouge-score's own scores."""

import statistics
import unicodedata
from importlib.metadata import version

import pytest
from rouge_score.rouge_scorer import RougeScorer
from rouge_score.scoring import BootstrapAggregator

from tunecurve.metrics.base import corpus_score
from tunecurve.metrics.rouge import ROUGE_TYPES, Rouge
from tunecurve.metrics.tokenizers import choose_rouge_tokenizer

PREDICTIONS = ["the cats were found under the bed", "a model of learning curves", "", "police kill the gunman", "???"]
REFERENCES = ["the cat was under the bed", "we model learning curves", "nothing", "police killed the gunman", "!!!"]


@pytest.mark.parametrize("name", ROUGE_TYPES)
def test_the_score_is_the_mean_of_rouge_scores_f_measures(name):
    peer = RougeScorer([name], use_stemmer=True)
    rows = [peer.score(target, prediction) for target, prediction in zip(REFERENCES, PREDICTIONS, strict=True)]
    aggregator = BootstrapAggregator()
    for row in rows:
        aggregator.add_scores(row)
    found = corpus_score(Rouge(name), PREDICTIONS, REFERENCES, PREDICTIONS)
    assert found == pytest.approx(100 * statistics.fmean(row[name].fmeasure for row in rows))
    assert aggregator.aggregate()[name].low.fmeasure <= found / 100 <= aggregator.aggregate()[name].high.fmeasure
    assert 0 < found < 100


@pytest.mark.parametrize("name", ROUGE_TYPES)
def test_the_best_reference_counts_as_in_score_multi(name):
    references = [("we model learning curves", "a curve of learning"), ("a dog", "the cat was here", "cats")]
    predictions = ["a model of learning curves", "the cats are here"]
    peer = RougeScorer([name], use_stemmer=True)
    rows = [peer.score_multi(r, p)[name].fmeasure for r, p in zip(references, predictions, strict=True)]
    found = corpus_score(Rouge(name), predictions, references, predictions)
    assert found == pytest.approx(100 * statistics.fmean(rows))


def test_words_are_stemmed():
    assert corpus_score(Rouge("rouge1"), ["learning"], ["learned"], [""]) == 100


def rouge(name, prediction, reference, tokenizer="unicode"):
    return corpus_score(Rouge(name, tokenizer), [prediction], [reference], [""])


@pytest.mark.parametrize("name", ["rouge1", "rougeL"])
@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("Заказ 17 выполнен.", "Заказ 17 отменён."),
        ("Заказ выполнен", "Заказ отменён"),
        ("ההזמנה 17 בוצעה", "ההזמנה 17 בוטלה"),
        ("الطلب 17 اكتمل", "الطلب 17 أُلغي"),
        ("आदेश 17 पूरा हुआ", "आदेश 17 रद्द हुआ"),
        ("คำสั่งซื้อ 17 เสร็จแล้ว", "คำสั่งซื้อ 17 ถูกยกเลิก"),
        ("订单17已完成", "订单17已取消"),
        ("注文17は完了した", "注文17は取り消された"),
        ("주문 17 완료", "주문 17 취소"),
        ("Η παραγγελία 17 ολοκληρώθηκε", "Η παραγγελία 17 ακυρώθηκε"),
        ("Die Prüfung läuft", "Die Prüfung lärmt"),
    ],
)
def test_the_right_answer_is_perfect_and_another_one_is_not_in_every_script(name, right, wrong):
    for tokenizer in ("unicode", "by-row"):
        assert rouge(name, right, right, tokenizer) == pytest.approx(100)
        assert 0 < rouge(name, wrong, right, tokenizer) < 100


def test_unicode_words_do_not_depend_on_case_or_unicode_form():
    assert rouge("rouge1", unicodedata.normalize("NFD", "ЁЛКА Ελένη"), "ёлка ελένη") == pytest.approx(100)
    assert rouge("rouge1", "Ｃａｆé", "cafe\u0301") == pytest.approx(100)
    assert rouge("rouge1", "cafe", "café") == 0, "accents make other words in a summary"


def test_english_rows_score_the_same_by_row_as_with_the_package():
    for prediction, reference in zip(PREDICTIONS, REFERENCES, strict=True):
        assert rouge("rougeL", prediction, reference, "by-row") == rouge("rougeL", prediction, reference, "rouge-score")
    assert rouge("rouge1", "кошка", "кошка", "rouge-score") == 0, "the package's own words are a to z"


@pytest.mark.parametrize(
    ("texts", "tokenizer"),
    [
        (["The cat sat on the mat. " * 20, "A naïve baseline"], "rouge-score"),
        (["12.5 %", ""], "rouge-score"),
        (["Die Prüfung läuft über die Straße"], "unicode"),
        (["L'été dernier à Genève"], "unicode"),
        (["Склад закрыли"], "unicode"),
        (["订单已完成"], "unicode"),
    ],
)
def test_the_tokenizer_is_chosen_by_the_letters(texts, tokenizer):
    assert choose_rouge_tokenizer(texts).name == tokenizer


def test_the_signature_names_the_packages_version():
    assert Rouge("rougeL").signature.endswith(f"version:{version('rouge-score')}")
    assert Rouge("rougeL").signature != Rouge("rouge1").signature
    assert "tok:rouge-score" in Rouge("rougeL", "rouge-score").signature
    assert "stem:none" in Rouge("rougeL", "unicode").signature
    assert "tok:unicode" in Rouge("rougeL", "unicode").signature
