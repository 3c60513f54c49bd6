"""What stands within an object is named with a dot."""

import csv
import json

import pytest

from tunecurve.data.parts import cells_with_parts, part_names
from tunecurve.errors import DataError
from tunecurve.study.dataset import split_data
from tunecurve.study.reading import read_study_rows
from tunecurve.study.settling import settled_study

WORDS = ["amber", "brisk", "coral", "dusky", "eager", "frosty", "gentle", "humble", "ivory", "jolly"]
PAIRS = [
    (f"The {WORDS[n % 10]} kettle is {WORDS[n // 10]}", f"Der Kessel {WORDS[n // 10]} ist wie {WORDS[n % 10]}")
    for n in range(60)
]
TRANSLATIONS = [{"id": n, "translation": {"en": one, "de": other}} for n, (one, other) in enumerate(PAIRS)]


def write(folder, rows, kind):
    path = folder / f"rows.{kind}"
    if kind == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif kind == "csv":
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    else:
        pa = pytest.importorskip("pyarrow")
        from pyarrow import parquet

        parquet.write_table(pa.Table.from_pylist(rows), path)
    return path


def settle(tmp_path, rows, kind="jsonl", **data):
    source = str(write(tmp_path, rows, kind))
    return settled_study(
        {"data": {"source": source, **data}, "split": {"test_size": 10}, "train_sizes": [10]}, tmp_path / "run"
    )


def pairs_of(settled):
    return {(row.source, row.target) for row in read_study_rows(settled.spec).rows}


def test_parts_are_found_by_their_dotted_names():
    cells = {"a": {"b": {"c.d": 1}, "e": None}, "a.x": "own", "t": "{'en': 'one'}", "l": ["x"]}
    names = ["a.b.c.d", "a.e", "a.x", "t.en", "a.b.y", "l.0", "none.at.all"]
    assert cells_with_parts(cells, names) == {**cells, "a.b.c.d": 1, "a.e": None, "t.en": "one"}
    assert part_names(cells) == ["a.e", "a.b.c.d", "t.en"]


@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet"])
def test_translations_are_read_where_the_direction_is_said(kind, tmp_path):
    with pytest.raises(
        DataError, match=r"--input-column translation\.en --target-column translation\.de, or"
    ) as caught:
        settle(tmp_path, TRANSLATIONS, kind)
    assert "--input-column translation.de --target-column translation.en" in str(caught.value)
    both = settle(tmp_path, TRANSLATIONS, kind, input_column="translation.en", target_column="translation.de")
    assert both.spec.task == "generation"
    assert pairs_of(both) == set(PAIRS)
    one = settle(tmp_path, TRANSLATIONS, kind, target_column="translation.en")
    assert pairs_of(one) == {(other, text) for text, other in PAIRS}
    assert "'translation.de' is the input, 'translation.en' is the target; not part of them: id" in one.findings[0].text


def test_a_part_is_named_wherever_a_column_is(tmp_path):
    rows = [
        {"data": {"review": text, "note": "n", "meta": {"kind": "ab"[n % 2], "who": n % 20, "ok": n % 3}}}
        for n, (text, _) in enumerate(PAIRS)
    ]
    names = {"input_column": "data.review", "target_column": "data.meta.kind", "group_column": "data.meta.who"}
    settled = settle(tmp_path, rows, where=["data.meta.ok!=1"], **names)
    assert settled.spec.task == "classification"
    found = read_study_rows(settled.spec)
    assert {row.target for row in found.rows} == {"a", "b"}
    assert len(found.rows) == 40
    assert {row.group for row in found.rows} == {str(n) for n in range(20)}
    assert split_data(settled.spec, found).facts.n_test >= 10


def test_errors_name_the_parts_and_the_way_to_them(tmp_path):
    rows = [{"kept": 1, "data": {"review": text}, "kind": {"name": "ab"[n % 2]}} for n, (text, _) in enumerate(PAIRS)]
    open_ = settle(tmp_path, rows, input_column=None)
    with pytest.raises(DataError, match=r"named with a dot: data\.review, kind\.name"):
        read_study_rows(open_.spec)
    wrong = settle(tmp_path, rows, input_column="data.revue", target_column="kind.name")
    with pytest.raises(DataError, match=r"no column 'data\.revue'.*Did you mean 'data\.review'"):
        read_study_rows(wrong.spec)
    whole = settle(tmp_path, rows, input_column="data", target_column="kind.name")
    with pytest.raises(DataError, match=r"60 of 60 rows have an object \(column 'data'.*--input-column data\.KEY"):
        read_study_rows(whole.spec)
