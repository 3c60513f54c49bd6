"""Kinds of task on the command line: suggested from the data, refused where a model does not know them."""

import json
import re

import pytest

from tests.cli.test_commands import invoke


def write_rows(path, pairs):
    path.write_text("".join(json.dumps({"source_text": s, "target_text": t}) + "\n" for s, t in pairs))
    return path


@pytest.fixture
def classes_file(tmp_path):
    """120 rows of two classes, and one row of a third."""
    pairs = [(f"text number {n} about {'cats' if n % 2 else 'dogs'}", "cat" if n % 2 else "dog") for n in range(120)]
    return write_rows(tmp_path / "classes.jsonl", [*pairs, ("a lonely text", "lonely")])


def test_validate_suggests_the_task_and_says_why(classes_file):
    code, stdout, _ = invoke(
        "validate",
        "--data",
        classes_file,
        "--task",
        "generation",
        "--split",
        "random",
        "--train-sizes",
        "50",
        "--test-size",
        "30",
    )
    assert code == 0
    assert "this looks like a classification task rather than generation: " in stdout
    assert re.search(r"only [23] different short texts; if so, give --task classification", stdout)


def test_data_without_placeholders_are_no_masking_task_and_the_message_names_the_right_one(classes_file):
    code, stdout, stderr = invoke("validate", "--data", classes_file, "--test-size", "30", "--task", "masking")
    assert (code, stdout) == (3, "")
    assert len(stderr.splitlines()) == 1
    assert "no placeholder ([LABEL], <LABEL>, {{label}}, ***, ...) in any training target" in stderr
    assert "this looks like --task classification" in stderr


def test_classes_that_nothing_can_learn_are_named(tmp_path):
    pairs = [(f"text {n}", "a" if n % 2 else "b") for n in range(100)]
    pairs += [(f"row {n}", f"single{n}") for n in range(20)]
    path = write_rows(tmp_path / "rows.jsonl", pairs)
    code, stdout, _ = invoke(
        "validate", "--data", path, "--task", "classification", "--split", "random", "--test-size", "40", "--train-sizes", "50"
    )  # fmt: skip
    assert code == 0
    assert "labels only in the test set, which nothing can learn: single" in stdout
    assert "classes with a single row to train on: single" in stdout


def test_targets_that_are_not_derived_from_inputs_are_counted(tmp_path):
    pairs = [(f"Ann{n} is here", f"[NAME] {'was' if n % 5 == 0 else 'is'} here {n}") for n in range(40)]
    pairs += [(f"Bo{n} is here", "[NAME] is here") for n in range(80)]
    path = write_rows(tmp_path / "rows.jsonl", pairs)
    code, stdout, _ = invoke(
        "validate", "--data", path, "--split", "random", "--test-size", "60", "--train-sizes", "50"
    )
    assert code == 0
    assert re.search(r"\d+ of 120 targets differ from their inputs by more than placeholders: ", stdout)
    assert "a tagger cannot learn or write these" in stdout


@pytest.mark.parametrize(
    ("model", "task", "expected"),
    [
        ("tagger", "classification", "'tagger' is for masking and ner tasks, and this one is classification"),
        ("classifier", "generation", "'classifier' is for multilabel and classification tasks"),
        ("presidio", "classification", "'presidio' is for masking tasks"),
        ("tagger:warm", "classification", "'tagger:warm' is for masking tasks, and this one is classification"),
        ("tagger:warm", "ner", "expected task: masking, and this one is ner; use 'tagger'"),
        ("classifier:", "classification", "'classifier:': no encoder is named behind the last ':'"),
        ("Classifier:all-mpnet-base-v2", "classification", "Did you mean 'classifier:all-mpnet-base-v2'?"),
        ("gliner:folder", "classification", "'gliner:folder' is for masking tasks"),
    ],
)
def test_models_that_do_not_know_the_task_are_refused(classes_file, tmp_path, model, task, expected):
    code, _, stderr = invoke(
        "plan", "--data", classes_file, "--task", task, "--model", model, "--test-size", "30", "--out", tmp_path / "out"
    )
    assert code == 2
    assert expected in stderr
    assert len(stderr.strip().splitlines()) == 1


def test_an_unknown_encoder_is_one_line(classes_file, tmp_path):
    code, _, stderr = invoke(
        "plan", "--data", classes_file, "--task", "classification", "--model", "classifier:all-minilm", "--test-size", "30",
        "--out", tmp_path / "out",
    )  # fmt: skip
    assert code == 2
    named = "all-minilm-l6-v2, all-mpnet-base-v2, multilingual-e5-small-4bit"
    assert f"unknown encoder 'all-minilm'; expected {named}, a hub id (owner/name) or a folder." in stderr
