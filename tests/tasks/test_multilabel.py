"""Sets of labels in every shape in which people have them, and the way from data to predictions."""

import json

import pytest

from tests.cli.test_commands import invoke
from tunecurve.data.rows import Row
from tunecurve.errors import DataError, SpecError
from tunecurve.formats.label_sets import parse_labels
from tunecurve.metrics.multilabel import SubsetAccuracy
from tunecurve.spec.reading import parse_spec
from tunecurve.study.reading import read_study_rows
from tunecurve.tasks.lookup import suggest_task, task_of
from tunecurve.tasks.multilabel import TASK

WORDS = {"fire": "flames are burning", "water": "the cellar is flooded", "noise": "a loud bang"}
SETS = [["fire"], ["fire", "water"], [], ["noise"], ["noise", "water"], ["water"]]


def results_of(tmp_path):
    return json.loads((tmp_path / "out" / "results.json").read_text())


def incidents(n=120):
    sets = [SETS[number % len(SETS)] for number in range(n)]
    return [
        (f"{number}: " + " and ".join(WORDS[name] for name in one or ()) or "all is quiet", one)
        for number, one in enumerate(sets)
    ]


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def read(path, **data):
    spec = parse_spec({"task": "multilabel", "data": {"source": str(path), "target_column": "labels", **data}})
    found = read_study_rows(spec)
    return {row.source: row.target for row in found.rows}, {one.code: one for one in found.cleaning.findings()}


def expected():
    return {text: "; ".join(one) or "none" for text, one in incidents()}


def shaped(rows, shape):
    for text, one in rows:
        if shape == "repeated rows":
            yield from ({"source_text": text, "labels": name} for name in one or [""])
        elif shape == "one-hot":
            yield {"source_text": text, **{name: int(name in one) for name in WORDS}}
        elif shape == "truth values":
            yield {"source_text": text, **{name: name in one for name in WORDS}}
        else:
            make = {"lists": list, "lists as text": str, "JSON": json.dumps}.get(shape, shape.join)
            yield {"source_text": text, "labels": make(list(reversed(one)))}


@pytest.mark.parametrize(
    "shape",
    [
        "lists",
        "lists as text",
        "JSON",
        "; ",
        ";",
        "|",
        " | ",
        ", ",
        "/",
        "\n",
        "repeated rows",
        "one-hot",
        "truth values",
    ],
)
def test_every_shape_is_read_as_the_same_sets(tmp_path, shape):
    path = write(tmp_path / "rows.jsonl", shaped(incidents(), shape))
    columns = {"target_column": sorted(WORDS)} if shape in ("one-hot", "truth values") else {}
    rows, findings = read(path, **columns)
    assert rows == expected()
    assert "40 of 120 rows have several, 20 have none" in findings["label-sets"].text
    assert findings["label-sets"].is_note
    if shape == "repeated rows":
        assert "40 of 160 rows" in findings["rows-dropped"].text
        assert findings["rows-dropped"].is_note


def test_a_separator_of_ones_own_and_none_at_all(tmp_path):
    path = write(
        tmp_path / "rows.jsonl", [{"source_text": f"t{n}", "labels": ("a - b", "a", "c, d")[n % 3]} for n in range(9)]
    )
    assert set(read(path, label_separator=" - ")[0].values()) == {"a; b", "a", "c, d"}
    assert set(read(path, label_separator="")[0].values()) == {"a - b", "a", "c, d"}
    assert set(read(path)[0].values()) == {"a - b", "a", "c, d"}


def test_a_column_that_is_no_flag_is_said(tmp_path):
    rows = [{"source_text": f"t{n}", "fire": n % 2, "water": "maybe" if n < 5 else 1} for n in range(20)]
    found, findings = read(write(tmp_path / "rows.jsonl", rows), target_column=["fire", "water"])
    assert len(found) == 15
    assert "a column of their labels holds neither yes nor no" in findings["rows-dropped"].text


def test_several_columns_belong_to_sets_only():
    with pytest.raises(SpecError, match="expected task: multilabel"):
        parse_spec({"task": "classification", "data": {"target_column": ["fire", "water"]}})


@pytest.mark.parametrize(
    ("targets", "task"),
    [
        (["fire; water", "fire", "water", "noise"], "multilabel"),
        (["a|b", "b|c", "a|c", "a", "b"], "multilabel"),
        (["joy, anger", "joy", "anger, fear", "fear"], "multilabel"),
        (["Food, drinks", "Clothes", "Toys, games"], "classification"),
        (["yes", "no"], "classification"),
        (["0,5", "1,0", "5,0", "0,1"], "classification"),
        (["1/4", "4/1", "1/2"], "classification"),
        (["open, close", "close, open", "open"], "classification"),
        (["Sports", "Sports/Football", "Sports/Tennis", "News/Politics"], "classification"),
        (["支付，物流", "物流", "支付"], "multilabel"),
        (["person: Ann; city: Bern", "none"], "ner"),
    ],
)
def test_sets_are_told_from_classes(targets, task):
    pairs = [(f"Ann of Bern said number {n}", targets[n % len(targets)]) for n in range(60)]
    assert suggest_task(pairs)[0] == task


def test_validate_suggests_it_for_classes_in_a_row(tmp_path):
    path = write(tmp_path / "rows.jsonl", shaped(incidents(), "; "))
    code, stdout, _ = invoke(
        "validate", "--data", path, "--task", "classification", "--target-column", "labels", "--split", "random",
        "--train-sizes", "40", "--test-size", "30",
    )  # fmt: skip
    assert code == 0
    assert "this looks like a multilabel task rather than classification" in stdout
    assert "for sets of labels, give --task multilabel" in stdout


@pytest.mark.slow
def test_it_runs_to_predictions(tmp_path):
    path = write(tmp_path / "rows.jsonl", shaped(incidents(240), "lists"))
    code, stdout, stderr = invoke(
        "run", "--data", path, "--task", "multilabel", "--target-column", "labels", "--split", "random", "--model", "tfidf",
        "--train-sizes", "5,20,150", "--test-size", "60", "--out", tmp_path / "out",
    )  # fmt: skip
    assert code == 0, stderr
    results = results_of(tmp_path)
    assert [metric["name"] for metric in results["metrics"]] == [
        "label_micro_f1", "label_macro_f1", "subset_accuracy", "recall_of_labels",
    ]  # fmt: skip
    assert results["floor"]["title"] == "most frequent set"
    scores = {point["label"]: point["scores"]["label_micro_f1"]["estimate"] for point in results["points"]}
    assert scores["tuned on 150"] > 95
    assert scores["tuned on 150"] > scores["most frequent set"]
    assert sorted(results["labels"]) == ["fire", "noise", "water"]
    right = next(check for check in results["checks"] if check["answer"] == "targets" and check["learner"] is None)
    assert right["scores"]["label_micro_f1"] == right["scores"]["subset_accuracy"] == 100
    code, stdout, _ = invoke("predict", tmp_path / "out", "--text", "flames are burning and the cellar is flooded")
    assert (code, stdout.strip()) == (0, "fire; water")
    assert "Label recall" in (tmp_path / "out" / "report.html").read_text()


@pytest.mark.parametrize(
    ("targets", "labels"),
    [
        ((["x; y", "b"], ["x; y"], ["b"]), {"x; y", "b"}),
        ((["x, y", "b"], ["x, y"], ["c", "b"]), {"x, y", "b", "c"}),
        ((["a", "a", "b"], ["b"], ["a"]), {"a", "b"}),
        ((["a", "b"], "a|c", "b|c"), {"a", "b", "c"}),
        ((["a", None], ["b"], []), {"a", "b"}),
        (([1, 2], [2], [3]), {"1", "2", "3"}),
        ((["Fire"], ["fire", "b"], ["b"]), {"Fire", "fire", "b"}),
        ((["none", "a"], ["b"], ["none"]), {"a", "b"}),
    ],
)
def test_odd_lists_give_the_labels_that_stand_in_them_and_are_told_as_sets_alone(tmp_path, targets, labels):
    rows = [{"source_text": f"text {n}", "target_text": targets[n % 3]} for n in range(24)]
    path = write(tmp_path / "rows.jsonl", rows)
    found = read_study_rows(parse_spec({"task": "multilabel", "data": {"source": str(path)}}))
    assert {label for row in found.rows for label in parse_labels(row.target)} == labels
    codes = [one.code for one in found.cleaning.findings()]
    assert "label-sets" in codes
    assert "lists-read" not in codes


@pytest.mark.parametrize(
    ("targets", "labels"),
    [
        (["C++", "C", "C+D", "D", "C++ + D"], ["C++", "C", "C; D", "D", "C++; D"]),
        (["A/", "A", "A/D", "D", "//"], ["A/", "A", "A; D", "D", "//"]),
        (["R&", "R", "R&S", "S", "R&& & S"], ["R&", "R", "R; S", "S", "R&&; S"]),
        (["C++;D", "C++", "D", "C"], ["C++; D", "C++", "D", "C"]),
    ],
)
def test_signs_that_belong_to_a_label_stay_with_it(tmp_path, targets, labels):
    rows = [{"source_text": f"t{number}", "labels": target} for number, target in enumerate(targets)]
    found, _ = read(write(tmp_path / "rows.jsonl", rows))
    assert list(found.values()) == labels


@pytest.mark.parametrize("name", ["a;b", "a|b", "a, b", "a\nb"])
def test_the_name_of_a_column_is_one_label(tmp_path, name):
    rows = [{"source_text": f"t{number}", name: number % 2, "c": 1} for number in range(6)]
    found, _ = read(write(tmp_path / "rows.jsonl", rows), target_column=[name, "c"])
    assert {frozenset(parse_labels(text)) for text in found.values()} == {
        frozenset({"c"}),
        frozenset({"c", " ".join(name.split())}),
    }


@pytest.mark.parametrize(("yes", "no"), [("1.0", "0.0"), (1.0, 0.0), ("1", ""), (True, None)])
def test_flags_as_spreadsheets_and_pandas_write_them(tmp_path, yes, no):
    rows = [{"source_text": f"t{number}", "a": (no, yes)[number % 2], "b": yes} for number in range(4)]
    found, said = read(write(tmp_path / "rows.jsonl", rows), target_column=["a", "b"])
    assert list(found.values()) == ["b", "a; b"] * 2
    assert "flags-missing" not in said


def test_a_row_without_a_column_of_labels_is_said(tmp_path):
    rows = [{"source_text": "t0", "a": 1, "b": 0}, {"source_text": "t1", "a": 1}, {"source_text": "t2", "b": 1}]
    found, said = read(write(tmp_path / "rows.jsonl", rows), target_column=["a", "b"])
    assert list(found.values()) == ["a", "a", "b"]
    assert said["flags-missing"].text.startswith("2 of 3 rows lack")
    assert said["flags-missing"].places == ("line 2", "line 3")


@pytest.mark.parametrize("joined", ["fire|water", "fire#water", "fire water", "water, fire", "fire + water"])
def test_a_label_that_consists_of_others_is_said(joined):
    rows = [Row(f"t{n}", target, f"g{n}") for n, target in enumerate(["fire", "water", joined, "fire; earth"] * 3)]
    [found] = [one for one in TASK.label_findings(rows[:4], rows[4:]) if one.code == "several-in-label"]
    assert f"'{joined}' (3)" in found.text


@pytest.mark.parametrize("label", ["fire|wind", "firewater", "fire-fighter", "New York"])
def test_a_label_with_an_unknown_part_is_none(label):
    rows = [Row(f"t{n}", target, f"g{n}") for n, target in enumerate(["fire", "water", label] * 3)]
    assert not [one for one in TASK.label_findings(rows[:3], rows[3:]) if one.code == "several-in-label"]


@pytest.mark.parametrize(
    ("answer", "right"), [("", 0.0), (" \n", 0.0), ("none", 100.0), ("None.", 100.0), ("fire", 0.0)]
)
def test_no_answer_is_not_the_answer_that_there_is_none(answer, right):
    metric = SubsetAccuracy(["fire"])
    assert metric.score(metric.statistics(answer, "none", "")) == right


def vectors(write, n=24):
    """Return rows with a place for each of three labels."""
    return [
        {"source_text": f"text {number}", "labels": write([number % 2, number // 2 % 2, number // 4 % 2])}
        for number in range(n)
    ]


@pytest.mark.parametrize(
    "write",
    [
        list,
        lambda one: [float(item) for item in one],
        lambda one: [bool(item) for item in one],
        lambda one: ["yes" if item else "no" for item in one],
        str,
        json.dumps,
        lambda one: " ".join(map(str, one)),
        lambda one: ",".join(map(str, one)),
        lambda one: "|".join(map(str, one)),
        lambda one: f"[{' '.join(map(str, one))}]",
        lambda one: [0.1 + 0.8 * item for item in one],
        lambda one: [1 - one[0], one[0]],
        lambda one: [float(one[0] and 1e-7), 0.5, 0.25],
    ],
)
def test_vectors_are_no_sets_of_labels(tmp_path, write):
    """Of ``[0, 1, 0]`` the labels would be 0 and 1."""
    path = write_file(tmp_path, vectors(write))
    with pytest.raises(DataError, match=r"a place for each label, .*--target-column fire"):
        read(path)


@pytest.mark.parametrize(
    "sets",
    [
        [[0], [1], [0, 1], []],
        [[3, 17], [4, 17], [3, 9], [9, 4]],
        [["0"], ["1"], ["2"], ["0", "2"]],
        [["yes"], ["no"], ["maybe", "no"]],
        [["0.5"], ["1.0"], ["0.5", "2.0"]],
        ["1;0;2", "2;0", "1"],
    ],
)
def test_labels_that_are_numbers_are_labels(tmp_path, sets):
    rows = [{"source_text": f"text {number}", "labels": sets[number % len(sets)]} for number in range(24)]
    read_rows, _ = read(write_file(tmp_path, rows))
    assert len(read_rows) == 24


def write_file(tmp_path, rows):
    return write(tmp_path / "rows.jsonl", rows)


@pytest.mark.parametrize("label", ["Health; safety", "a;b", "x； y", "c;"])
@pytest.mark.parametrize("others", [["a, b"], ["plain"], []])
def test_converted_sets_are_read_as_the_same_sets(tmp_path, label, others):
    """A semicolon within a label is written with a backslash, and read so again."""
    texts = [[label], [label, *others], ["c"], ["c", *others]]
    rows = [{"source_text": f"text {number}", "labels": texts[number % 4] or ["c"]} for number in range(24)]
    first, _ = read(write_file(tmp_path, rows), label_separator="\n")
    again = [{"source_text": source, "labels": target} for source, target in first.items()]
    second, _ = read(write_file(tmp_path, again))
    assert second == first
    assert {name for target in second.values() for name in parse_labels(target)} == {label, "c", *others}


def test_what_is_lost_of_orders_and_of_none_beside_labels_is_said(tmp_path):
    sets = [["a", "b"], ["b", "a"], ["a", "b"], ["none", "a"], ["none"]]
    rows = [{"source_text": f"text {number}", "labels": sets[number % 5]} for number in range(20)]
    found, said = read(write_file(tmp_path, rows))
    assert list(found.values())[:5] == ["a; b", "a; b", "a; b", "a", "none"]
    assert (
        "12 of 20 rows have several, 4 have none, 4 have the labels of others in another order"
        in said["label-sets"].text
    )
    assert said["none-beside-labels"].text.startswith("4 rows have 'none' beside other labels")
    assert said["none-beside-labels"].places == ("line 4", "line 9", "line 14", "line 19")
    assert not said["none-beside-labels"].is_note


def test_decimal_commas_in_lists_stay(tmp_path):
    rows = [
        {"source_text": f"text {number}", "labels": [["0,5"], ["1,0", "0,5"], ["1,0"], ["5,0"]][number % 4]}
        for number in range(24)
    ]
    assert set(read(write_file(tmp_path, rows))[0].values()) == {"0,5", "0,5; 1,0", "1,0", "5,0"}


@pytest.mark.parametrize(
    ("targets", "is_said"), [(["0,5", "1,0", "5,0"], True), (["1,2", "1,2,3", "3"], False), (["a,b", "b", "a"], False)]
)
def test_numbers_that_are_taken_apart_by_the_word_of_their_user_are_said(tmp_path, targets, is_said):
    rows = [{"source_text": f"text {number}", "labels": targets[number % 3]} for number in range(24)]
    path = write_file(tmp_path, rows)
    assert ("numbers-as-sets" in read(path)[1]) == is_said
    assert "numbers-as-sets" not in read(path, label_separator=",")[1]


def test_sets_in_any_order_that_are_not_taken_for_sets_are_named():
    words = [f"label{chr(97 + number)}" for number in range(12)]
    targets = [f"{one}, {two}" for one in words for two in words if one != two]
    rows = [Row(f"text {number}", target, f"g{number}") for number, target in enumerate(targets)]
    assert suggest_task([(row.source, row.target) for row in rows])[0] == "generation"
    (finding,) = task_of("generation").label_findings(rows[:30], rows[30:])
    assert finding.code == "other-task"
    assert "132 of 132 targets are several of 12 labels, separated by ','" in finding.text
    assert "--task multilabel" in finding.remedy
    turned = [Row(row.source, "; ".join(sorted(row.target.split(", "))), row.group) for row in rows]
    assert suggest_task([(row.source, row.target) for row in turned])[0] == "multilabel"
