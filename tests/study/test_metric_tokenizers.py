"""Which words BLEU and ROUGE see is chosen once by the script of the targets, said, and can be set."""

import pytest
from pydantic import ValidationError

from tunecurve.data.rows import Row
from tunecurve.spec.study import StudySpec
from tunecurve.study.decisions import Decisions
from tunecurve.study.metric_tokenizers import decide_tokenizers


def rows_of(*targets):
    return [Row(f"text {number}", target, "x") for number, target in enumerate(targets)]


def decide(task, *targets, decisions=None, **options):
    spec = StudySpec.model_validate({"task": task, "metric_options": options})
    return decide_tokenizers(spec, rows_of(*targets), decisions or Decisions())


@pytest.mark.parametrize(
    ("task", "target", "bleu", "rouge", "said"),
    [
        ("generation", "The order is done.", "13a", "rouge-score", []),
        ("generation", "订单已完成。", "zh", "rouge-score", ["bleu-tokenizer"]),
        ("masking", "今天[NAME]说", "zh", "rouge-score", ["bleu-tokenizer"]),
        ("masking", "เมื่อวาน[NAME]ไป[CITY]", "char", "rouge-score", ["bleu-tokenizer"]),
        ("summarization", "Склад закрыли.", "13a", "unicode", ["rouge-tokenizer"]),
        ("summarization", "Die Prüfung läuft.", "13a", "unicode", ["rouge-tokenizer"]),
        ("summarization", "We propose a model.", "13a", "rouge-score", []),
        ("classification", "退货", "13a", "rouge-score", []),
    ],
)
def test_the_script_decides_and_a_note_says_so(task, target, bleu, rouge, said):
    found = decide(task, target)
    assert (found.bleu, found.rouge) == (bleu, rouge)
    assert [finding.code for finding in found.findings] == said
    assert all(finding.is_note and not finding.blocks for finding in found.findings)


def test_a_decision_is_made_once():
    decisions = Decisions()
    assert decide("generation", "订单已完成。", decisions=decisions).bleu == "zh"
    later = Decisions(decisions.to_json())
    assert decide("generation", "订单已完成。", "The order is done, and more. " * 50, decisions=later).bleu == "zh"


def test_the_study_file_decides_first():
    assert decide("generation", "The order is done.", bleu_tokenizer="char").bleu == "char"
    assert decide("summarization", "Die Prüfung", rouge_tokenizer="rouge-score").rouge == "rouge-score"
    assert decide("summarization", "Die Prüfung", rouge_tokenizer="rouge-score").findings == ()


@pytest.mark.parametrize(
    ("task", "target", "options"),
    [
        ("generation", "订单已完成。", {"bleu_tokenizer": "13a"}),
        ("generation", "เมื่อวาน", {"bleu_tokenizer": "none"}),
        ("summarization", "Склад закрыли.", {"rouge_tokenizer": "rouge-score"}),
    ],
)
def test_a_blind_one_that_was_asked_for_is_a_warning_and_carries_no_verdict(task, target, options):
    (finding,) = decide(task, target, **options).findings
    assert finding.code == "blind-metric"
    assert finding.blocks == ("verdict",)
    assert "blind" in finding.line
    spec = StudySpec.model_validate({"task": task, "metrics": ["chrf"], "metric_options": options})
    (finding,) = decide_tokenizers(spec, rows_of(target), Decisions()).findings
    assert finding.blocks == (), "the headline is another metric"


def test_options_are_checked_and_change_the_studys_signature():
    plain, own = StudySpec(), StudySpec.model_validate({"metric_options": {"bleu_tokenizer": "char"}})
    assert plain.signature() != own.signature()
    assert "metric_options" not in plain.comparable_part(), "studies of before stay comparable"
    with pytest.raises(ValidationError, match="13a"):
        StudySpec.model_validate({"metric_options": {"bleu_tokenizer": "moses"}})
