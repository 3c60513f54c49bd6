"""Settings of training that no model of a study reads are said; those that one reads are not."""

import pytest

from tunecurve.learners.registry import LearnerOptions, build_learners
from tunecurve.spec.reading import parse_spec
from tunecurve.study.unused_settings import unused_settings
from tunecurve.tasks.lookup import task_of


def found(models, task, **values):
    spec = parse_spec({"task": task, "models": models, "train_sizes": [20], **values}, "study")
    options = LearnerOptions(task=task_of(task), encoder=spec.encoder)
    return [finding.text for finding in unused_settings(spec, build_learners(models, options).values())]


@pytest.mark.parametrize(
    ("models", "task", "values", "expected"),
    [
        (["tagger"], "masking", {}, []),
        (["tagger"], "masking", {"encoder": {"development_share": 0.2, "over_masking": 5}}, []),
        (["tagger"], "ner", {"encoder": {"join_neighbours": False}}, ["encoder.join_neighbours"]),
        (["tagger"], "masking", {"encoder": {"warm_rows": 100}}, ["encoder.warm_rows"]),
        (["tagger:warm"], "masking", {"encoder": {"warm_rows": 100}}, []),
        (["tagger"], "masking", {"recipe": {"development_share": 0.2}}, ["recipe.development_share"]),
        (["tfidf", "classifier"], "classification", {"encoder": {"epochs": 2}}, []),
        (["tfidf"], "classification", {"encoder": {"epochs": 2}}, ["encoder.epochs"]),
        (["setfit"], "classification", {"encoder": {"epochs": 2, "min_steps": 9}}, ["encoder.epochs"]),
        (["tagger+4x:tagger"], "masking", {"recipe": {"epochs": 2}}, ["recipe.epochs"]),
        (["tagger"], "masking", {"recipe": {"epochs": 2}, "train_sizes": [], "shots": [0]}, []),
        (["tagger"], "masking", {"presidio": {"leave_out": ["URL"]}, "train_sizes": []}, ["presidio.leave_out"]),
        (["tagger"], "masking", {"gliner": {"threshold": 0.4}, "train_sizes": []}, ["gliner.threshold"]),
    ],
)
def test_what_no_model_reads_is_said(models, task, values, expected):
    texts = found(models, task, **values)
    assert [text.split(" is set")[0] for text in texts] == expected


def test_it_names_the_setting_of_the_other_section():
    [text] = found(["tagger"], "masking", recipe={"development_share": 0.2})
    assert text.endswith("it changes nothing; for taggers and classifiers it is encoder.development_share")
