"""Our means over rows and rouge-score's own scores."""

import statistics
from importlib.metadata import version

import pytest
from rouge_score.rouge_scorer import RougeScorer
from rouge_score.scoring import BootstrapAggregator

from tunecurve.metrics.base import corpus_score
from tunecurve.metrics.rouge import ROUGE_TYPES, Rouge

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


def test_another_script_has_no_words_and_the_module_says_so():
    assert corpus_score(Rouge("rouge1"), ["кошка"], ["кошка"], [""]) == 0


def test_the_signature_names_the_packages_version():
    assert Rouge("rougeL").signature.endswith(f"version:{version('rouge-score')}")
    assert Rouge("rougeL").signature != Rouge("rouge1").signature
