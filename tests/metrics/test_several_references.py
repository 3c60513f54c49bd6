"""Rows with several right answers: sacrebleu's own way for BLEU and chrF, any or best for others, else the first."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sacrebleu.metrics import BLEU, CHRF

from tunecurve.metrics.base import corpus_score, signature_for, statistics_matrix
from tunecurve.metrics.bleu import Bleu
from tunecurve.metrics.catalogue import METRIC_NAMES, build_metrics
from tunecurve.metrics.chrf import Chrf
from tunecurve.metrics.exact_match import ExactMatch
from tunecurve.metrics.masking import TextFidelity
from tunecurve.metrics.settings import MetricSettings

TEXT = st.lists(st.sampled_from(["the", "cat", "sat", "on", "a", "mat,", "Zürich", "."]), max_size=9).map(" ".join)
CORPUS = st.lists(st.tuples(TEXT, st.lists(TEXT, min_size=1, max_size=3).map(tuple)), min_size=1, max_size=5)
PAIRS = [(Bleu(), BLEU), (Chrf(), CHRF)]


def streams(references):
    """References as sacrebleu takes them: a list for every position; where a row has no more, None."""
    return [[row[k] if k < len(row) else None for row in references] for k in range(max(map(len, references)))]


@pytest.mark.parametrize(("metric", "peer"), PAIRS)
@given(corpus=CORPUS)
@settings(max_examples=100, deadline=None)
def test_rows_with_different_numbers_of_references_score_as_in_sacrebleu(metric, peer, corpus):
    predictions, references = [p for p, _ in corpus], [r for _, r in corpus]
    expected = peer().corpus_score(predictions, streams(references)).score
    assert corpus_score(metric, predictions, references, predictions) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(("metric", "peer"), PAIRS)
@pytest.mark.parametrize(
    "references", [["a b c d", ("a b c e",)], [("a b", "a c"), ("b", "c")], [("a b", "a c"), "b c d e"]]
)
def test_the_signature_is_sacrebleus_for_any_number_of_references(metric, peer, references):
    rows = [(row,) if isinstance(row, str) else row for row in references]
    scorer = peer()
    scorer.corpus_score(["a b c d", "b c d e"], streams(rows))
    assert signature_for(metric, references) == str(scorer.get_signature())


def test_an_empty_text_is_a_reference_to_sacrebleu_and_a_missing_one_is_not():
    prediction, reference = "the cat sat", "the cat sat on the mat"
    alone = BLEU().corpus_score([prediction], [[reference]])
    assert BLEU().corpus_score([prediction], [[reference], [None]]).ref_len == alone.ref_len
    assert BLEU().corpus_score([prediction], [[reference], [""]]).ref_len != alone.ref_len


def test_exact_match_takes_any_reference():
    assert corpus_score(ExactMatch(), ["b", "c"], [("a", " b"), ("a", "b")], ["", ""]) == 50


def test_other_metrics_look_at_the_first_and_their_signature_says_so():
    metric = TextFidelity()
    assert not metric.knows_several_references
    first = corpus_score(metric, ["[NAME] ran"], [("[NAME] ran", "nothing")], ["Bo ran"])
    second = corpus_score(metric, ["[NAME] ran"], [("nothing", "[NAME] ran")], ["Bo ran"])
    assert first == 100 > second
    assert signature_for(metric, [("a", "b")]) == f"{metric.signature}|refs:first"
    assert signature_for(ExactMatch(), [("a", "b"), "a"]) == f"{ExactMatch.signature}|nrefs:var"


# Those that ask a database have their own in tests/metrics/test_sql.py.
WITHOUT_DATABASE = [name for name in METRIC_NAMES if name not in ("sql_execution", "sql_failing", "sql_too_much")]


@pytest.mark.parametrize("metric", build_metrics(WITHOUT_DATABASE, MetricSettings(("a",))), ids=WITHOUT_DATABASE)
def test_a_tuple_of_one_is_the_text_itself(metric):
    texts = ["a", "person: Ada", "[A] saw"], ["a", "person: Ada", "[A] saw"], ["a", "Ada", "Bo saw"]
    tuples = [(reference,) for reference in texts[1]]
    np.testing.assert_array_equal(
        statistics_matrix(metric, *texts), statistics_matrix(metric, texts[0], tuples, texts[2])
    )
    assert signature_for(metric, tuples) == metric.signature


def test_a_row_without_a_reference_is_refused():
    with pytest.raises(ValueError, match="row 1 has no reference"):
        statistics_matrix(Bleu(), ["a", "b"], ["a", ()], ["", ""])
