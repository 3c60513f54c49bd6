"""A folder that holds its sides apart is taken so, and that is said; what is not clear is asked for."""

import json

import datasets
import pytest

from tunecurve.errors import DataError
from tunecurve.study.dataset import split_data
from tunecurve.study.reading import read_study_rows
from tunecurve.study.settling import settled_study


def rows(topic, n_rows):
    return [
        {"text": f"{topic} about word{chr(97 + n % 26)}{chr(97 + n // 26)}.", "label": "ab"[n % 2]}
        for n in range(n_rows)
    ]


def write(path, topic, n_rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows(topic, n_rows)))


def study(source, **data):
    values = {"task": "classification", "models": ["tfidf"], "train_sizes": [10]}
    settled = settled_study(
        {**values, "data": {"source": str(source), "input_column": "text", "target_column": "label", **data}}
    )
    return split_data(settled.spec, read_study_rows(settled.spec, settled=settled.findings)), settled


FILES = {
    "files": ("train.jsonl", "test.jsonl"),
    "numbered": ("train-00000-of-00001.jsonl", "test-00000-of-00001.jsonl"),
    "folders": ("train/rows.jsonl", "test/rows.jsonl"),
    "packed": ("my_train.jsonl", "my_test.jsonl"),
}


@pytest.mark.parametrize("names", FILES.values(), ids=FILES)
def test_train_and_test_of_a_folder_are_the_sides(tmp_path, names):
    for name, topic, n_rows in zip(names, ("Mail", "Letter"), (60, 20), strict=True):
        write(tmp_path / name, topic, n_rows)
    data, settled = study(tmp_path)
    assert (len(data.pool), len(data.test)) == (60, 20)
    assert all(row.source.startswith("Letter") for row in data.test)
    assert "'train' are the training rows, 'test' are the test rows" in settled.findings[0].line


def test_development_rows_are_kept_out(tmp_path):
    for name, topic in (("train", "Mail"), ("test", "Letter"), ("validation", "Note")):
        write(tmp_path / f"{name}.jsonl", topic, 30)
    data, _ = study(tmp_path)
    assert (len(data.pool), len(data.test), data.facts.n_dev) == (30, 30, 30)


def test_a_saved_dictionary_of_splits(tmp_path):
    parts = {
        "train": datasets.Dataset.from_list(rows("Mail", 60)),
        "test": datasets.Dataset.from_list(rows("Letter", 20)),
    }
    datasets.DatasetDict(parts).save_to_disk(tmp_path / "saved")
    data, _ = study(tmp_path / "saved")
    assert (len(data.pool), len(data.test)) == (60, 20)


def test_splits_of_other_names_are_named_by_the_study(tmp_path):
    parts = {name: datasets.Dataset.from_list(rows(name, 30)) for name in ("first", "second", "third")}
    datasets.DatasetDict(parts).save_to_disk(tmp_path / "saved")
    with pytest.raises(DataError, match="several splits: first"):
        study(tmp_path / "saved")
    data, _ = study(tmp_path / "saved", hub_split="third", hub_test_split="first")
    assert {row.source.split()[0] for row in data.pool} == {"third"}
    assert {row.source.split()[0] for row in data.test} == {"first"}


@pytest.mark.parametrize(
    "names", [("train.jsonl", "dev.jsonl"), ("train.jsonl", "test.jsonl", "eval.jsonl"), ("train.jsonl", "b.jsonl")]
)
def test_what_is_not_clear_is_asked_for(tmp_path, names):
    for name in names:
        write(tmp_path / name, name, 30)
    with pytest.raises(DataError, match="several splits"):
        study(tmp_path)


def test_what_the_study_names_stays(tmp_path):
    write(tmp_path / "rows" / "train.jsonl", "Mail", 60)
    write(tmp_path / "rows" / "test.jsonl", "Letter", 20)
    write(tmp_path / "own.jsonl", "Own", 25)
    data, settled = study(f"{tmp_path}/rows!/train", test_source=str(tmp_path / "own.jsonl"))
    assert (len(data.pool), len(data.test)) == (60, 25)
    assert settled.findings == () or "training rows" not in settled.findings[0].line
