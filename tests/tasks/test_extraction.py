"""Objects as targets in every shape, the floor, and the way through a study."""

import json

import pytest

from tests.cli.test_commands import invoke
from tests.fakes.lookup_learner import LookupLearner
from tunecurve.learners.baselines.floor import FloorLearner
from tunecurve.run import run_study
from tunecurve.spec.reading import parse_spec
from tunecurve.study.reading import read_study_rows
from tunecurve.tasks.extraction import UsualFields
from tunecurve.tasks.lookup import suggest_task, task_of

NAMES = ("Ann", "Bo", "Cleo")


def results_of(tmp_path):
    return json.loads((tmp_path / "out" / "results.json").read_text())


def orders(n=90):
    for number in range(n):
        who, count = NAMES[number % 3], number % 4 + 1
        value = {"intent": "order", "who": who, "items": {"bread": count}}
        if number % 5 == 0:
            value["note"] = ["quick", "warm"]
        yield f"{number}: {who} wants {count} breads{', quick and warm' if number % 5 == 0 else ''}", value


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def read(path):
    found = read_study_rows(parse_spec({"task": "extraction", "data": {"source": str(path)}}))
    return {row.source: row.target for row in found.rows}, {one.code: one for one in found.cleaning.findings()}


SHAPES = {"object": dict, "JSON": json.dumps, "indented": lambda value: json.dumps(value, indent=2), "Python": str}


@pytest.mark.parametrize("make", SHAPES.values(), ids=SHAPES)
def test_every_shape_is_read_as_the_same_objects(tmp_path, make):
    rows, findings = read(
        write(tmp_path / "rows.jsonl", ({"source_text": s, "target_text": make(t)} for s, t in orders()))
    )
    assert rows == {text: json.dumps(value) for text, value in orders()}
    assert (
        "JSON objects with 4 fields: intent (90), who (90), items.bread (90), note (18)"
        in findings["objects-read"].text
    )


def test_an_empty_object_is_a_target_and_an_empty_cell_is_none(tmp_path):
    rows = [{"source_text": f"t{n}", "target_text": ({"a": n}, {}, None)[n % 3]} for n in range(30)]
    found, findings = read(write(tmp_path / "rows.jsonl", rows))
    assert len(found) == 20
    assert "{}" in found.values()
    assert "10 of 30 rows were dropped because their target is empty" in findings["rows-dropped"].text


@pytest.mark.parametrize(
    ("targets", "task"),
    [
        (['{"a": 1}', '{"b": {"c": 2}}'], "extraction"),
        (['{"a": 1}'] * 19 + ["{}"], "extraction"),
        (['{"a": 1}', "words"], "classification"),
        (["[1, 2]", "[3]"], "classification"),
    ],
)
def test_objects_are_told_from_other_targets(targets, task):
    assert suggest_task([(f"row {n}", targets[n % len(targets)]) for n in range(60)])[0] == task


@pytest.mark.parametrize(
    ("targets", "answer"),
    [
        (['{"a": 1, "b": 2}', '{"a": 1, "c": 3}', '{"a": 2, "b": 2}'], {"a": 1, "b": 2}),
        (['{"a": {"x": "u", "y": 1}}', '{"a": {"x": "u"}}', '{"a": {"x": "v"}}'], {"a": {"x": "u"}}),
        (['{"t": [1, 2]}', '{"t": [1, 2]}', '{"t": []}'], {"t": [1, 2]}),
        (['{"a": null, "b": 1}', "no object"], {"b": 1}),
        ([], {}),
    ],
)
def test_the_floor_answers_the_usual_fields(targets, answer):
    assert json.loads(FloorLearner(UsualFields(), targets).learnt) == answer


def test_answers_may_be_as_long_as_objects_are_and_a_study_may_say_otherwise():
    assert parse_spec({"task": "extraction"}).answers.max_extra_tokens == task_of("extraction").max_extra_tokens
    assert parse_spec({"task": "extraction", "answers": {"max_extra_tokens": 5}}).answers.max_extra_tokens == 5
    assert parse_spec({"task": "extraction", "answers": {"batch_size": 5}}).answers.max_extra_tokens == 256
    assert parse_spec({"task": "generation"}).answers.max_extra_tokens == 16


def test_targets_that_are_no_objects_are_counted_and_none_at_all_is_refused(tmp_path):
    rows = [{"source_text": s, "target_text": json.dumps(t) if n else "sorry"} for n, (s, t) in enumerate(orders())]
    more = ["--task", "extraction", "--split", "random", "--train-sizes", "20", "--test-size", "30"]
    code, stdout, _ = invoke("validate", "--data", write(tmp_path / "rows.jsonl", rows), *more)
    assert code == 0
    assert "1 of 90 targets are no JSON objects: no answer to them can be right" in stdout
    words = [{"source_text": s, "target_text": f"some words {n}"} for n, (s, _) in enumerate(orders())]
    code, _, stderr = invoke("validate", "--data", write(tmp_path / "words.jsonl", words), *more)
    assert code == 3
    assert "no field of a JSON object in any training target, so this is no extraction task" in stderr


@pytest.mark.slow
def test_it_runs_with_curves_by_field(tmp_path):
    path = write(tmp_path / "rows.jsonl", ({"source_text": s, "target_text": t} for s, t in orders(120)))
    study = {
        "task": "extraction",
        "data": {"source": str(path)},
        "split": {"method": "random", "test_size": 40},
        "train_sizes": [5, 40],
        "models": ["lookup"],
        "shots": [],
    }
    run_study(study, out=tmp_path / "out", learners={"lookup": LookupLearner("lookup")})
    results = results_of(tmp_path)
    assert results["floor"]["title"] == "most frequent value of every field"
    assert [metric["name"] for metric in results["metrics"]][:2] == ["field_f1", "exact_object"]
    assert sorted(results["labels"]) == ["intent", "items.bread", "note", "who"]
    assert "intent, items.bread, note, who" in results["prompt"]["system"]
    floor = next(point for point in results["points"] if point["strategy"] == "floor")
    assert 0 < floor["scores"]["field_f1"]["estimate"] < 100
    assert floor["scores"]["valid_json"]["estimate"] == 100
    right = next(check for check in results["checks"] if check["answer"] == "targets" and check["learner"] is None)
    assert right["scores"]["field_f1"] == right["scores"]["exact_object"] == 100


ODD = {
    "nested lists": ({"a": [[1, [2]], []]}, '{"a": [[1, [2]], []]}'),
    "null": ({"a": None, "b": [None, 1]}, '{"b": [null, 1]}'),
    "NaN": ({"a": float("nan"), "b": 1}, '{"b": 1}'),
    "a huge integer": ({"a": 10**40}, f'{{"a": {10**40}}}'),
    "escapes": ('{"\\u00e9": "\\ud83d\\ude00"}', '{"é": "😀"}'),
    "an empty key": ({"": 1}, '{"": 1}'),
    "an empty object": ({}, "{}"),
}


@pytest.mark.parametrize(("value", "written"), ODD.values(), ids=ODD)
def test_odd_objects_are_read_beside_usual_ones(tmp_path, value, written):
    rows = [{"source_text": f"t{n}", "target_text": value if n == 3 else {"a": n}} for n in range(12)]
    found, _ = read(write(tmp_path / "rows.jsonl", rows))
    assert found["t3"] == written
    assert found["t4"] == '{"a": 4}'


@pytest.mark.parametrize("value", [{"a": "\ud800"}, {"\udc00": 1}, {"a": [{"b": "x\udfff"}]}])
def test_half_a_character_is_dropped_and_told(tmp_path, value):
    rows = [{"source_text": f"t{n}", "target_text": value if n == 3 else {"a": n}} for n in range(12)]
    found, findings = read(write(tmp_path / "rows.jsonl", rows))
    assert "t3" not in found
    assert "half a character" in findings["rows-dropped"].text


def test_a_masked_object_is_no_extraction_and_empty_objects_are():
    masked = [(json.dumps({"name": f"Ada {n}"}), json.dumps({"name": "[NAME]"})) for n in range(20)]
    assert suggest_task(masked)[0] == "masking"
    assert suggest_task([(f"text {n}", "{}" if n % 2 else f'{{"a": {n}}}') for n in range(20)])[0] == "extraction"


def test_lists_of_objects_are_no_objects_with_words_around_them():
    """They were called so, and then refused under the task that was advised."""
    pairs = [(f"Ann lives in {n}.", f'[{{"person": "Ann", "city": "{n}"}}]') for n in range(20)]
    assert task_of("extraction").recognise(pairs) == ""
    assert task_of("extraction").recognise([(source, target[1:-1]) for source, target in pairs])
