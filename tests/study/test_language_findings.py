"""Rows in another language name the multilingual encoder, unless the study has it; English rows name nothing."""

import pytest

from tunecurve.data.rows import Row
from tunecurve.data.synthetic_pii import generate_rows
from tunecurve.learners.encoder.weights import BUILTIN_ENCODER, ENCODERS
from tunecurve.spec.reading import parse_spec
from tunecurve.study.language_findings import ENGLISH_ENCODERS, MULTILINGUAL_ENCODER, language_findings


def rows_in(language, n=60):
    made = generate_rows(n, seed=1, language=language)
    return [Row(row["source_text"], row["target_text"], row["target_text"]) for row in made]


def found(models, rows, task="masking"):
    spec = parse_spec({"task": task, "models": models, "train_sizes": [20]}, "study")
    return language_findings(rows[:20], rows[20:], spec)


@pytest.mark.parametrize(
    ("models", "task", "named"),
    [
        (["tagger"], "masking", "tagger:multilingual-e5-small-4bit"),
        (["smollm2-135m-instruct", "tagger:warm"], "masking", "tagger:warm:multilingual-e5-small-4bit"),
        (["tagger:warm:all-mpnet-base-v2"], "masking", "tagger:warm:multilingual-e5-small-4bit"),
        (["tagger+4x:openai/gpt-5-mini"], "masking", "tagger:multilingual-e5-small-4bit"),
        (
            ["classifier", "setfit", "tfidf"],
            "classification",
            "classifier:multilingual-e5-small-4bit and setfit:multilingual-e5-small-4bit",
        ),
    ],
)
def test_another_encoder_is_named(models, task, named):
    [finding] = found(models, rows_in("de"), task)
    assert f"measure {named} beside" in finding.remedy
    assert finding.kind == "note"
    assert "a guess by frequent words and letters: German" in finding.text
    assert {"masking": "BLEU", "classification": "a classifier was right"}[task] in finding.remedy


@pytest.mark.parametrize(
    "models",
    [
        ["tagger", "tagger:multilingual-e5-small-4bit"],
        ["tagger:owner/some-encoder"],
        ["smollm2-135m-instruct"],
        ["presidio"],
    ],
)
def test_nothing_is_said_where_it_is_there_or_nothing_reads_english_alone(models):
    assert found(models, rows_in("fr")) == []


def test_nothing_is_said_of_english_rows_nor_of_a_few_others():
    assert found(["tagger"], rows_in("en")) == []
    assert found(["tagger"], rows_in("en") + rows_in("it", 15)) == []
    assert found(["tagger"], rows_in("it", 60) + rows_in("en", 60)) != []


def test_texts_that_tell_nothing_are_no_other_language():
    assert found(["tagger"], [Row(f"Müller {n}", "x", "x") for n in range(60)]) == []


def test_the_encoders_are_those_that_can_be_named():
    assert {*ENGLISH_ENCODERS[1:], MULTILINGUAL_ENCODER} == {*ENCODERS}
    assert BUILTIN_ENCODER in ENGLISH_ENCODERS


def test_of_a_task_without_a_measurement_it_says_so():
    [finding] = found(["tagger"], rows_in("it"), "ner")
    assert finding.remedy.endswith("about twice the time: what it brings to this task was not measured")
