"""Test rows that the user names: a file of their own, a column; rows on both sides; development rows; conditions; limits."""

import json

import pytest

from tunecurve.cli.main import run_command
from tunecurve.errors import DataError, SpecError
from tunecurve.spec.reading import parse_spec
from tunecurve.study.dataset import split_data
from tunecurve.study.freezing import freeze
from tunecurve.study.reading import read_study_rows

THINGS = ["anvil", "barrel", "candle", "drum", "easel", "flask", "globe", "harp", "inkwell", "jug"]
PLACES = ["attic", "canal", "mill", "stairs", "ferry", "barn"]
TRAIN = [{"text": f"The {t} rolled in the {p}. Ask Tilda.", "masked": f"The {t} rolled in the {p}. Ask [NAME]."}
         for t in THINGS for p in PLACES[:4]]  # fmt: skip
TEST = [{"text": f"A {t} sank by the {p}. Ask Wenna.", "masked": f"A {t} sank by the {p}. Ask [NAME]."}
        for t in THINGS[:5] for p in PLACES[3:]]  # fmt: skip


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def data_of(folder=None, *, keep=False, accept=False, split=None, **data):
    values = {
        "data": {"input_column": "text", "target_column": "masked", **data},
        "train_sizes": [10],
        "split": split or {},
    }
    spec = parse_spec(values)
    found = split_data(spec, read_study_rows(spec, folder), folder, accept_data_changes=accept)
    if keep:
        folder.mkdir(exist_ok=True)
        freeze(found, spec, folder)
    return found


def finding(data, code):
    return next((one for one in data.findings if one.code == code), None)


@pytest.fixture
def files(tmp_path):
    return {"source": write(tmp_path / "train.jsonl", TRAIN), "test_source": write(tmp_path / "test.jsonl", TEST)}


def with_sides(names=("train", "test")):
    return [{**row, "split": names[0]} for row in TRAIN] + [{**row, "split": names[1]} for row in TEST]


def test_a_file_of_test_rows_is_the_test_set_and_all_training_rows_are_used(files):
    data = data_of(**files)
    assert [row.source for row in data.test] == [row["text"] for row in TEST]
    assert sorted(row.source for row in data.pool) == sorted(row["text"] for row in TRAIN)
    assert data.test[0].place == "test.jsonl, line 1"
    assert finding(data, "rows-on-both-sides") is None


@pytest.mark.parametrize("names", [("train", "test"), ("Training", "TEST "), ("train", "testing")])
def test_a_split_column_does_the_same(tmp_path, names, files):
    data = data_of(source=write(tmp_path / "both.jsonl", with_sides(names)), split_column="split")
    assert [row.row_id for row in data.test] == [row.row_id for row in data_of(**files).test]
    assert len(data.pool) == len(TRAIN)


def test_values_of_a_split_column_that_say_nothing_are_named_and_can_be_told(tmp_path):
    path = write(tmp_path / "both.jsonl", with_sides(("fit", "holdout")))
    with pytest.raises(DataError, match=r"name no side: 'fit' \(40, first at line 1\), 'holdout' \(15.*split_roles"):
        data_of(source=path, split_column="split")
    data = data_of(source=path, split_column="split", split_roles={"fit": "train", "holdout": "test"})
    assert (len(data.test), len(data.pool)) == (15, 40)


def test_a_split_column_without_test_rows_or_that_is_not_there_is_an_error(tmp_path):
    path = write(tmp_path / "both.jsonl", with_sides(("train", "train")))
    with pytest.raises(DataError, match=r"names no test rows, only: train \(55\)"):
        data_of(source=path, split_column="split")
    with pytest.raises(DataError, match=r"no column 'spilt'.*Did you mean 'split'"):
        data_of(source=path, split_column="spilt")


@pytest.mark.parametrize("names", [("train", "test"), ("training", "validation"), ("dev", "test")])
def test_a_group_column_that_names_sides_is_refused_with_the_way(tmp_path, names):
    path = write(tmp_path / "both.jsonl", with_sides(names))
    with pytest.raises(DataError, match=r"names the sides of a split.*use --split-column split"):
        data_of(source=path, group_column="split", split={"test_size": 10})


def test_rows_on_both_sides_are_said_and_not_trained_on(tmp_path, files):
    shouted = {**TEST[1], "text": TEST[1]["text"].upper().replace(" ", "  ")}
    files["source"] = write(tmp_path / "more.jsonl", [*TRAIN, TEST[0], shouted])
    data = data_of(**files)
    said = finding(data, "rows-on-both-sides")
    assert "2 training rows have the same input or group as a test row and are not trained on" in said.text
    assert said.places == ("line 41", "line 42")
    assert len(data.pool) == 40
    kept = data_of(**files, split={"both_sides": "keep"})
    assert len(kept.pool) == 42
    assert "trained on all the same" in finding(kept, "rows-on-both-sides").text


def test_a_named_group_stays_on_the_test_side(tmp_path):
    train = [{**row, "who": f"w{n % 8}"} for n, row in enumerate(TRAIN)]
    test = [{**row, "who": "w3"} for row in TEST]
    paths = {"source": write(tmp_path / "a.jsonl", train), "test_source": write(tmp_path / "b.jsonl", test)}
    assert len(data_of(**paths, group_column="who").pool) == 35
    assert len(data_of(**paths).pool) == 40


def test_a_smaller_test_size_draws_and_the_rest_is_not_trained_on(files):
    data = data_of(**files, split={"test_size": 6})
    assert len(data.test) == 6
    assert len(data.pool) == 40
    assert "6 of the 15 test rows" in data.facts.split_method
    assert len(data_of(**files, split={"test_size": 500}).test) == 15


def test_own_test_rows_are_frozen_and_training_rows_join(tmp_path, files):
    out = tmp_path / "out"
    before = data_of(out, keep=True, **files)
    more = [{"text": f"More {p} here. Ask Bo.", "masked": f"More {p} here. Ask [NAME]."} for p in PLACES]
    write(tmp_path / "train.jsonl", [*TRAIN, *more, TEST[2]])
    write(tmp_path / "test.jsonl", [*TEST, {"text": "One more. Ask Bo.", "masked": "One more. Ask [NAME]."}])
    after = data_of(out, **files)
    assert [row.row_id for row in after.test] == [row.row_id for row in before.test]
    assert len(after.pool) == 46
    assert "1 rows that the data name as test rows" in finding(after, "unused-test-rows").text


def test_development_rows_are_kept_out_of_both(tmp_path, files):
    dev = [TRAIN[0], TRAIN[5], {"text": "Only here. Ask Bo.", "masked": "Only here. Ask [NAME]."}]
    files["dev_source"] = write(tmp_path / "dev.jsonl", dev)
    data = data_of(**files)
    assert len(data.pool) == 38
    assert data.facts.n_dev == 3
    assert data.facts.dev_sha256
    files.pop("test_source")
    inputs = {row["text"] for row in dev}
    alone = data_of(**files, split={"test_size": 10})
    assert len(alone.test) + len(alone.pool) + alone.facts.n_set_aside == 43
    assert not inputs & {row.source for row in [*alone.test, *alone.pool]}


def test_two_ways_to_name_test_rows_are_one_too_many():
    with pytest.raises(SpecError, match=r"one way to name the test rows, got test_source and split_column"):
        parse_spec({"data": {"test_source": "a.jsonl", "split_column": "split"}})


def test_test_rows_of_the_same_file_or_made_up_ones_are_refused(files):
    with pytest.raises(DataError, match=r"are the same.*--split-column"):
        data_of(source=files["source"], test_source=files["source"])
    with pytest.raises(DataError, match=r"made-up rows"):
        data_of(source=files["source"], test_source="builtin:pii")
    with pytest.raises(DataError, match=r"not on the hub.*--test-data"):
        data_of(source=files["source"], hub_test_split="test")


LANGUAGES = ["en"] * 20 + ["fr"] * 12 + ["de"] * 8


@pytest.mark.parametrize(
    ("where", "n_kept"),
    [(["lang=en"], 20), (["lang!=en"], 20), (["lang in en, fr"], 32), (["ok=true", "lang=en"], 10), ({"n": 3}, 1),
     ({"lang": ["en", "de"]}, 28), (["n in 1,2,3"], 3), (["ok=true"], 20), ({"ok": False}, 20), (["n!=3"], 39)],
)  # fmt: skip
def test_conditions_compare_cells_as_texts(tmp_path, where, n_kept):
    rows = [{**row, "lang": LANGUAGES[n], "n": float(n), "ok": n % 2 == 0} for n, row in enumerate(TRAIN)]
    path = write(tmp_path / "rows.jsonl", rows)
    spec = parse_spec({"data": {"source": path, "input_column": "text", "target_column": "masked", "where": where}})
    assert len(read_study_rows(spec).rows) == n_kept


def test_conditions_that_leave_nothing_say_what_there_is(tmp_path):
    path = write(tmp_path / "rows.jsonl", [{**row, "lang": "en"} for row in TRAIN])
    with pytest.raises(DataError, match=r"lang=eng leaves no row.*'en' \(40\).*Did you mean 'en'"):
        data_of(source=path, where=["lang=eng"])
    with pytest.raises(DataError, match=r"no row of .* has a column 'lnag'.*Did you mean 'lang'"):
        data_of(source=path, where=["lnag!=en"])
    with pytest.raises(SpecError, match=r"expected COLUMN=VALUE"):
        parse_spec({"data": {"where": ["lang en"]}})


def classes(n_first, n_second):
    return [{"text": f"{t} {n} {t}", "masked": "neg" if n < n_first else "pos"}
            for n in range(n_first + n_second) for t in [THINGS[n % 10]]]  # fmt: skip


def limited(path, limit, folder=None, **data):
    values = {"task": "classification", "train_sizes": [10], "split": {"test_size": 10, "method": "random"}}
    base = {"source": path, "input_column": "text", "target_column": "masked", "limit": limit}
    spec = parse_spec({**values, "data": {**base, **data}})
    found = split_data(spec, read_study_rows(spec, folder), folder)
    return spec, found


def test_a_limit_draws_from_a_sorted_file_and_keeps_its_order(tmp_path):
    path = write(tmp_path / "sorted.jsonl", classes(60, 50))
    spec, data = limited(path, 60)
    assert {row.target for row in data.pool} == {"neg", "pos"}
    rows = read_study_rows(spec).rows
    assert len(rows) == 60
    lines = [int(row.place.split()[1]) for row in rows]
    assert lines == sorted(lines)
    with pytest.raises(DataError, match=r"all rows are 'neg'.*--first-rows"):
        limited(path, 60, limit_takes="first")
    first = read_study_rows(limited(path, 70, limit_takes="first")[0]).rows
    assert [row.place for row in first] == [f"line {n}" for n in range(1, 71)]


def test_a_larger_limit_holds_the_rows_of_a_smaller_one_and_order_does_not_matter(tmp_path):
    rows = classes(60, 50)
    path = write(tmp_path / "a.jsonl", rows)
    turned = write(tmp_path / "b.jsonl", rows[::-1])
    drawn = [
        {row.row_id for row in read_study_rows(limited(p, n)[0]).rows}
        for p, n in ((path, 40), (path, 80), (turned, 40))
    ]
    assert drawn[0] < drawn[1]
    assert drawn[0] == drawn[2]


def test_a_limited_study_grows_and_loses_nothing(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    path = write(tmp_path / "a.jsonl", classes(60, 50))
    spec, before = limited(path, 40, out)
    freeze(before, spec, out)
    write(tmp_path / "a.jsonl", [*classes(60, 50), *({"text": f"new {n}", "masked": "pos"} for n in range(200))])
    _, same = limited(path, 40, out)
    assert [row.row_id for row in same.pool] == [row.row_id for row in before.pool]
    _, more = limited(path, 70, out)
    assert [row.row_id for row in more.test] == [row.row_id for row in before.test]
    assert [row.row_id for row in more.pool][:30] == [row.row_id for row in before.pool]
    assert len(more.pool) == 60


def test_the_command_line_names_test_rows(files, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = [
        "--data",
        files["source"],
        "--input-column",
        "text",
        "--target-column",
        "masked",
        "--train-sizes",
        "10,40",
    ]
    assert run_command(["validate", *options, "--test-data", files["test_source"]]) == 0
    assert "15 test rows" in capsys.readouterr().out
    assert run_command(["validate", *options, "--test-data", "nowhere.jsonl"]) == 3
    assert "nowhere.jsonl" in capsys.readouterr().err


def test_an_empty_file_of_test_rows_is_named(files, tmp_path):
    empty = write(tmp_path / "none.jsonl", [])
    with pytest.raises(DataError, match=r"none\.jsonl' has no rows; expected the labelled test rows"):
        data_of(**{**files, "test_source": empty})


def test_conditions_say_how_many_rows_they_leave(tmp_path):
    rows = [{**row, "lang": "en" if n % 4 else "fr"} for n, row in enumerate(TRAIN)]
    found = data_of(source=write(tmp_path / "rows.jsonl", rows), where=["lang=en"], split={"test_size": 5})
    kept = sum(row["lang"] == "en" for row in rows)
    assert f"{kept} of {len(rows)} rows of" in finding(found, "rows-where").text
    assert "lang=en" in finding(found, "rows-where").text


def pointed_at(tmp_path, rows, **data):
    split = {"test_size": 10, "method": "random"}
    return finding(data_of(source=write(tmp_path / "all.jsonl", rows), split=split, **data), "split-column-unused")


@pytest.mark.parametrize("column", ["split", "subset", "fold", "Usage", "in which part"])
@pytest.mark.parametrize("names", [("train", "test"), ("Training", "testing")])
def test_a_column_of_sides_that_nobody_names_is_pointed_at(tmp_path, column, names):
    rows = [{"text": row["text"], "masked": row["masked"], column: row["split"]} for row in with_sides(names)]
    found = pointed_at(tmp_path, rows)
    assert f"column '{column}' says which rows are to train on" in found.text
    assert f"{names[0]} ({len(TRAIN)}), {names[1]} ({len(TEST)})" in found.text
    assert found.remedy.endswith("--split-column 'in which part'" if " " in column else f"--split-column {column}")
    assert found.is_note


def test_the_option_that_is_pointed_at_is_taken(tmp_path):
    data = data_of(source=write(tmp_path / "all.jsonl", with_sides()), split_column="split")
    assert len(data.test) == len(TEST)
    assert finding(data, "split-column-unused") is None


@pytest.mark.parametrize(
    ("names", "role"),
    [(("train", "dev"), "dev"), (("train", "validation"), "validation"), (("train", "holdout"), "holdout")],
)
def test_what_stands_for_test_is_said_where_no_value_does(tmp_path, names, role):
    found = pointed_at(tmp_path, with_sides(names))
    assert f"data.split_roles: {{{role}: test}}" in found.remedy
    taken = data_of(source=str(tmp_path / "all.jsonl"), split_column="split", split_roles={role: "test"})
    assert len(taken.test) == len(TEST)


@pytest.mark.parametrize(
    "sides",
    [["train"] * 2, ["test"] * 2, ["wet", "dry"], ["a", "train"]],  # one side, and words that are none
)
def test_a_column_that_names_no_two_sides_is_not_pointed_at(tmp_path, sides):
    rows = [{**row, "where from": sides[n % 2]} for n, row in enumerate(TRAIN)]
    assert pointed_at(tmp_path, rows) is None


def test_neither_is_a_column_that_is_something_else(tmp_path):
    rows = [{**row, "split": ("train", "test")[n % 2]} for n, row in enumerate(TRAIN)]
    assert pointed_at(tmp_path, rows) is not None
    assert pointed_at(tmp_path, rows, where=["split=train"]) is None
    assert pointed_at(tmp_path, rows, input_column=["text", "split"]) is None


def test_a_group_that_pandas_wrote_with_a_gap_stays_on_the_test_side(tmp_path):
    train = [{**row, "who": n % 8} for n, row in enumerate(TRAIN)]
    test = [{**row, "who": 3.0} for row in TEST]
    paths = {"source": write(tmp_path / "a.jsonl", train), "test_source": write(tmp_path / "b.jsonl", test)}
    data = data_of(**paths, group_column="who")
    assert len(data.pool) == 35
    assert "5 training rows have the same input or group" in finding(data, "rows-on-both-sides").text


@pytest.mark.parametrize("has_own_rows", [True, False])
def test_groups_on_both_sides_of_a_frozen_split_stay_and_are_said(tmp_path, has_own_rows):
    out = tmp_path / "out"
    rows = [{**row, "who": f"customer {n}"} for n, row in enumerate(TRAIN)]
    test = [{**row, "who": f"other {n}"} for n, row in enumerate(TEST)]
    paths = {"source": write(tmp_path / "a.jsonl", rows if has_own_rows else [*rows, *test]), "group_column": "who"}
    paths |= {"test_source": write(tmp_path / "b.jsonl", test)} if has_own_rows else {"split": {"test_size": 10}}
    before = data_of(out, keep=True, **paths)
    assert finding(before, "groups-on-both-sides") is None
    named = {before.pool[0].source, before.pool[1].source, before.test[0].source}
    for name, some in (("a", rows if has_own_rows else [*rows, *test]), ("b", test)):
        write(tmp_path / f"{name}.jsonl", [{**row, "who": "one"} if row["text"] in named else row for row in some])
    after = data_of(out, **paths)
    assert [row.row_id for row in after.pool] == [row.row_id for row in before.pool]
    assert finding(after, "groups-on-both-sides").text.startswith("2 training rows of this study")
    assert finding(after, "rows-on-both-sides") is None
