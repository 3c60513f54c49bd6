"""A study without a task is settled from its first rows; what it says itself is never overruled."""

import json

import pytest

from tunecurve.study.dataset import split_data
from tunecurve.study.freezing import freeze
from tunecurve.study.reading import read_study_rows
from tunecurve.study.settling import settled_study
from tunecurve.study.study_file import resolved_yaml

WORDS = ["amber", "brisk", "coral", "dusky", "eager", "frosty", "gentle", "humble", "ivory", "jolly"]


def texts(n_rows):
    return [
        f"The {WORDS[n % 10]} {WORDS[n // 10 % 10]} kettle number {WORDS[n // 100]} sings for Ada"
        for n in range(n_rows)
    ]


KINDS = {
    "classification": lambda n, text: ["tea", "milk", "sugar"][n % 3],
    "multilabel": lambda n, text: [["tea"], ["tea", "milk"], ["milk", "sugar"]][n % 3],
    "ner": lambda n, text: ["person: Ada"],
    "extraction": lambda n, text: {"who": "Ada", "n": n},
    "masking": lambda n, text: text.replace("Ada", "[NAME]"),
    "generation": lambda n, text: f"Die Antwort auf {WORDS[n % 10]} {WORDS[n // 10 % 10]} lautet {n}",
}


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return {"name": "s", "data": {"source": str(path)}, "split": {"test_size": 10}, "train_sizes": [10]}


def rows_of(kind, n_rows=60):
    return [{"text": text, "output": KINDS[kind](n, text)} for n, text in enumerate(texts(n_rows))]


@pytest.mark.parametrize("kind", KINDS)
def test_the_task_is_found_and_said_before_anything_is_trained(kind, tmp_path):
    values = write(tmp_path / "rows.jsonl", rows_of(kind))
    settled = settled_study(values, tmp_path / "run")
    assert settled.spec.task == kind
    assert f"task: {kind}\n" in resolved_yaml(settled.spec)
    assert list(settled.spec.models) == list(settled.spec.kind.models)
    said = [finding.text for finding in settled.findings]
    assert said[0] == "columns found by their names: 'text' is the input, 'output' is the target"
    assert said[1].startswith(f"no task is named, and {kind} is found: ")
    data = split_data(settled.spec, read_study_rows(settled.spec, None, settled.findings))
    assert [finding.text for finding in data.findings[:2]] == said


@pytest.mark.parametrize("task", ["generation", "classification"])
def test_a_task_that_is_named_stays(task, tmp_path):
    values = write(tmp_path / "rows.jsonl", rows_of("classification"))
    settled = settled_study({**values, "task": task}, tmp_path / "run")
    assert settled.spec.task == task
    assert [finding.code for finding in settled.findings] == ["columns-found"]


@pytest.mark.parametrize("word", [{}, {"task": "auto"}])
def test_the_built_in_rows_are_masking(word):
    assert settled_study({"data": {"source": "builtin:pii"}, **word}).spec.task == "masking"


def test_what_was_found_stays_though_later_rows_look_otherwise(tmp_path):
    values, folder = write(tmp_path / "rows.jsonl", rows_of("classification")), tmp_path / "run"
    settled = settled_study(values, folder)
    data = split_data(settled.spec, read_study_rows(settled.spec, folder, settled.findings), folder)
    folder.mkdir()
    freeze(data, settled.spec, folder)
    more = [{"text": f"{text} again", "output": f"x {n}", "label": "y"} for n, text in enumerate(texts(200))]
    again = settled_study(write(tmp_path / "rows.jsonl", [*more, *rows_of("classification")]), folder)
    assert again.spec.comparable_part() == settled.spec.comparable_part()
    assert list(again.spec.models) == ["classifier", "tfidf"]
    kept = split_data(again.spec, read_study_rows(again.spec, folder, again.findings), folder)
    assert [finding.text for finding in kept.findings[:2]] == [finding.text for finding in settled.findings]


def test_rows_with_placeholders_that_look_like_nothing_else_are_masking(tmp_path):
    # The words are not those of the input: no mask lies on it exactly, yet half of the targets and more have placeholders.
    rows = [{"text": text, "output": f"Somebody [NAME] sings, says kettle {n}"} for n, text in enumerate(texts(60))]
    assert settled_study(write(tmp_path / "rows.jsonl", rows), tmp_path / "run").spec.task == "masking"


def test_a_sorted_file_shows_its_task_behind_its_first_rows(tmp_path):
    rows = [
        {"text": f"{text} {n}", "output": text.replace("Ada", "[NAME]") + f" {n}"}
        for n in range(3)
        for text in texts(200)
    ]
    unmasked = [{"text": f"{text} {n} plain", "output": f"{text} {n} plain"} for n in range(2) for text in texts(200)]
    assert settled_study(write(tmp_path / "rows.jsonl", [*unmasked, *rows]), tmp_path / "run").spec.task == "masking"


def test_conditions_choose_the_rows_that_show_the_task(tmp_path):
    mixed = [{**row, "kind": "a"} for row in rows_of("generation")] + [
        {**row, "kind": "b"} for row in rows_of("classification")
    ]
    values = write(tmp_path / "rows.jsonl", mixed)
    values["data"]["where"] = ["kind=b"]
    assert settled_study(values, tmp_path / "run").spec.task == "classification"


@pytest.mark.parametrize(
    ("data", "task"),
    [
        ({"placeholders": ["[NAME]"]}, "masking"),
        ({"label_separator": ","}, "multilabel"),
        ({"target_column": ["a", "b"]}, "multilabel"),
    ],
)
def test_keys_of_a_task_name_it(data, task, tmp_path):
    rows = [{**row, "a": 1, "b": 0} for row in rows_of("generation")]
    values = write(tmp_path / "rows.jsonl", rows)
    values["data"] |= {"input_column": "text", "target_column": "output", **data}
    assert settled_study(values, tmp_path / "run").spec.task == task


def test_lists_of_labels_are_said_to_be_lists(tmp_path):
    settled = settled_study(write(tmp_path / "rows.jsonl", rows_of("multilabel")), tmp_path / "run")
    assert "multilabel is found: 40 of 60 targets are lists of several labels" in settled.findings[1].text


@pytest.mark.parametrize(
    ("sets", "task"),
    [
        ([["fear"], ["joy", "love"]], "multilabel"),  # always the same ones together
        ([["joy", "love"], ["joy", "love"], ["fear", "envy"]], "multilabel"),
        ([["fear"], ["joy"]], "classification"),
        ([["fear"], ["joy"]] * 30 + [["fear", "joy"]], "classification"),  # a slip is an error that names it
    ],
)
def test_lists_of_labels_in_few_combinations(sets, task, tmp_path):
    rows = [{"text": text, "labels": sets[number % len(sets)]} for number, text in enumerate(texts(61))]
    assert settled_study(write(tmp_path / "rows.jsonl", rows), tmp_path / "run").spec.task == task
