import numpy as np
import pytest

from tunecurve.metrics.base import Metric, corpus_score
from tunecurve.metrics.catalogue import build_metrics
from tunecurve.metrics.leaks import Value, find_leaks
from tunecurve.metrics.masking import LabelRecall
from tunecurve.metrics.settings import MetricSettings
from tunecurve.tasks.lookup import task_of

SOURCE = "Kattie Li, born 1990-05-04, pays with 4111 1111 1111 1111. Kattie is nice."
TARGET = "[NAME], born [DOB], pays with [CARD]. [NAME] is nice."
LABELS = ["NAME", "DOB", "CARD"]


def score(name, prediction, source=SOURCE, target=TARGET):
    (metric,) = build_metrics([name], MetricSettings(tuple(LABELS)))
    return corpus_score(metric, [prediction], [target], [source])


def test_the_right_answer_is_perfect_in_every_metric():
    for metric in build_metrics(task_of("masking").metrics, MetricSettings(tuple(LABELS))):
        best = 100.0 if metric.direction == "max" else 0.0
        assert corpus_score(metric, [TARGET], [TARGET], [SOURCE]) == pytest.approx(best), metric.name


def test_copying_the_input_leaks_everything_and_masks_nothing():
    assert score("leak_documents", SOURCE) == 100
    assert score("leak_entities", SOURCE) == 100
    assert score("label_accuracy", SOURCE) == 0
    assert score("over_masking", SOURCE) == 0
    assert 50 < score("text_fidelity", SOURCE) < 100


def test_one_leak_of_four_values():
    prediction = "[NAME], born 1990-05-04, pays with [CARD]. [NAME] is nice."
    assert score("leak_entities", prediction) == 25
    assert score("leak_documents", prediction) == 100
    assert score("label_accuracy", prediction) == 75


def test_a_wrong_label_is_no_leak_but_costs_accuracy():
    prediction = TARGET.replace("[DOB]", "[DATE]")
    assert score("leak_entities", prediction) == 0
    assert score("label_accuracy", prediction) == 75
    assert score("invented_placeholders", prediction) == 100


def test_masking_what_is_public_is_over_masking():
    prediction = "[NAME], born [DOB], pays with [CARD]. [NAME] is [NAME]."
    assert score("over_masking", prediction) == pytest.approx(100 * 4 / len("bornpayswithisnice"))
    assert score("leak_entities", prediction) == 0


@pytest.mark.parametrize("dressed", ["<NAME>", "{NAME}", "[name]", "[[NAME]]", "(NAME)", "[ NAME ]"])
def test_a_label_in_another_dress_is_wrong_style(dressed):
    assert score("wrong_placeholder_style", TARGET.replace("[NAME]", dressed, 1)) == 100
    assert score("wrong_placeholder_style", TARGET) == 0


def test_brackets_of_the_input_are_not_wrong_style():
    assert score("wrong_placeholder_style", "see (NAME) of [CARD]", "see (NAME) of 4111", "see (NAME) of [CARD]") == 0


def leaks(value, output, correct, test):
    return getattr(find_leaks([Value(value)], output, correct), test) == (True,)


def test_leak_tests_see_through_case_spacing_and_separators():
    assert leaks("Bo Li", "Hi Bo Li!", "Hi \0!", "exactly")
    assert not leaks("Bo", "Bobo", "\0", "exactly")
    assert leaks("Bo  Li", "hi bo-li", "hi \0", "as_read")
    assert not leaks("Bo  Li", "hi bo-li", "hi \0", "exactly")
    assert leaks("555-01 00", "call 5550100", "call \0", "by_digits")
    assert not leaks("12", "call 12", "call \0", "by_digits"), "too few digits to tell"


def test_one_surviving_copy_is_one_leak():
    source, target = "Bo met Bo in Rome", "[NAME] met [NAME] in [CITY]"
    assert score("leak_entities", "[NAME] met Bo in [CITY]", source, target) == pytest.approx(100 / 3)
    source, target = "Ann Lee saw Ann", "[NAME] saw [NAME]"
    assert score("leak_entities", "Ann Lee saw [NAME]", source, target) == 50
    assert score("leak_entities", "[NAME] saw Ann", source, target) == 50


def test_a_value_that_also_stands_in_the_public_text_is_no_leak_by_itself():
    source, target = "May will come in May.", "[NAME] will come in May."
    assert score("leak_entities", target, source, target) == 0
    assert score("leak_entities", source, source, target) == 100


def test_an_empty_answer_is_not_counted_as_safe_and_is_worth_nothing():
    assert np.isnan(score("leak_documents", ""))
    assert score("unanswered", "") == 100
    assert score("bleu", "") == 0
    assert score("text_fidelity", "") == 0


def test_rows_without_personal_data_do_not_count_for_leaks():
    assert np.isnan(score("leak_documents", "ok", "ok", "ok"))


def test_recall_by_label():
    recall = LabelRecall(LABELS)
    prediction = "[NAME], born [DOB], pays with 4111 1111 1111 1111. Kattie is nice."
    table = recall.by_label(recall.statistics(prediction, TARGET, SOURCE))
    assert table == {"CARD": (0.0, 1), "DOB": (100.0, 1), "NAME": (50.0, 2)}


def test_every_metric_keeps_the_contract():
    for metric in build_metrics(task_of("masking").metrics, MetricSettings(tuple(LABELS))):
        assert isinstance(metric, Metric)
        row = metric.statistics("a [NAME]", "a [NAME]", "a Bo")
        stacked = metric.score(np.stack([row, 2 * row]))
        assert stacked.shape == (2,)
        assert metric.signature


def test_a_label_of_the_right_answer_is_not_invented_where_no_training_row_has_it():
    target = TARGET.replace("[DOB]", "[BIRTHDAY]")
    assert score("invented_placeholders", target, target=target) == 0
    assert score("invented_placeholders", target) == 100
    assert score("invented_placeholders", target.replace("[CARD]", "[IBAN]"), target=target) == 100
