import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.cells import CELLS
from tunecurve.data.cells import TargetRule
from tunecurve.data.cleaning import CleaningRules, clean_rows, group_named
from tunecurve.errors import DataError
from tunecurve.tasks.lookup import TASK_NAMES, task_of

REFERENCES = TargetRule("references")


def raw(*pairs, **more):
    return [(f"line {i}", {"source_text": s, "target_text": t, **more}) for i, (s, t) in enumerate(pairs, start=1)]


def test_rows_in_equals_kept_plus_dropped_with_every_reason_named():
    rows, report = clean_rows(
        raw(
            ("a", "b"),
            ("", "b"),
            ("c", "  "),
            ("a", "b"),
            ("a", "other"),
            (5, "b"),
            ("d", None),
            ("long" * 9, "x"),
            ("e", ["f", "also f"]),
            ("g", [7]),
            ("cut \ud83d", "x"),
            (object(), "x"),
        ),
        CleaningRules(target_rule=REFERENCES, is_too_long=lambda source, target: len(source) > 20),
    )
    assert [(row.source, row.references) for row in rows] == [
        ("a", "b"),
        ("5", "b"),
        ("e", ("f", "also f")),
        ("g", "7"),
    ]
    assert report.dropped == {
        "empty input": 1,
        "empty target": 2,
        "duplicate": 1,
        "duplicate input with another target": 1,
        "input not text": 1,
        "input not valid Unicode": 1,
        "longer than data.max_tokens": 1,
    }
    assert report.rows_in == report.rows_kept + sum(report.dropped.values()) == 12
    assert report.places["empty target"] == ["line 3", "line 7"]


def test_duplicates_can_be_kept():
    rows, _ = clean_rows(raw(("a", "b"), ("a", "b")), CleaningRules(drop_duplicates=False))
    assert len(rows) == 2


def test_a_misspelt_column_is_an_error_with_a_suggestion():
    with pytest.raises(DataError, match=r"no column 'source_txt'.*Did you mean 'source_text'"):
        clean_rows(raw(("a", "b")), CleaningRules(input_column="source_txt"))


@pytest.mark.parametrize(
    ("rules", "column"),
    [
        (CleaningRules(target_column="gone"), "gone"),
        (CleaningRules(target_column=["target", "gone"]), "gone"),
        (CleaningRules(group_column="gone"), "gone"),
        (CleaningRules(input_column="gone"), "gone"),
    ],
)
def test_of_missing_columns_the_one_that_is_named_is_told(rules, column):
    with pytest.raises(DataError, match=f"no column '{column}'"):
        clean_rows([("line 2", {"text": "a", "target": "b"})], rules)


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (
            {"text": "a", "team": "b"},
            "which column is the input and which is the target is not told .*Name them with --input-column and --target",
        ),
        (
            {"source_text": "a", "team": "b"},
            "which column is the target is not told .*: source_text, team. Name it with --target-column",
        ),
        (
            {"sentence": "a", "target_text": "b"},
            "which column is the input is not told .* Name it with --input-column$",
        ),
    ],
)
def test_columns_that_nobody_named_are_asked_for(cells, said):
    with pytest.raises(DataError, match=said):
        clean_rows([("line 2", cells)], CleaningRules())


def test_no_rows_and_no_usable_rows_are_errors():
    with pytest.raises(DataError, match="no rows"):
        clean_rows([])
    with pytest.raises(DataError, match=r"no usable row is left .*2 empty target"):
        clean_rows(raw(("a", ""), ("b", "")))


def test_groups_come_from_the_column_or_from_the_skeleton():
    with_column, _ = clean_rows(raw(("a", "b"), template=7), CleaningRules(group_column="template"))
    assert with_column[0].group == "7"
    without_value, _ = clean_rows(raw(("a", "b"), ("c", "d"), template=None), CleaningRules(group_column="template"))
    assert without_value[0].group != without_value[1].group
    rows, _ = clean_rows(raw(("Bo is 5", "[NAME] is 5"), ("Al  is 66", "[CITY]  is 66"), ("Al was 5", "[NAME] was 5")))
    assert rows[0].group == rows[1].group != rows[2].group


def clean(task, pairs):
    return clean_rows(raw(*pairs), CleaningRules(target_rule=task_of(task).targets))


def warnings(report):
    return [finding.line for finding in report.findings() if not finding.is_note]


def notes(report):
    return [finding.line for finding in report.findings() if finding.is_note]


@pytest.mark.parametrize("codes", [(404, "other"), (0, 1), (True, False), (1.0, 2.5), (404, "404 not found")])
def test_classes_that_are_no_texts_stay_and_are_said(codes):
    rows, report = clean("classification", [(f"text {n}", codes[n % 2]) for n in range(40)])
    assert len({row.target for row in rows}) == 2
    assert report.rows_kept == 40
    assert warnings(report) == []
    assert sum("read as their text" in line for line in notes(report)) == len({type(c) for c in codes} - {str})


@pytest.mark.parametrize(
    ("n_dropped", "is_loud"), [(1, False), (2, False), (3, True), (50, True)]
)  # of 100: more than 2 %
def test_a_reason_that_takes_more_than_two_in_a_hundred_rows_is_a_warning(n_dropped, is_loud):
    _, report = clean("classification", [(f"text {n}", "" if n < n_dropped else f"class {n % 2}") for n in range(100)])
    assert report.dropped == {"empty target": n_dropped}
    (*lines,) = warnings(report)
    assert bool(lines) == is_loud
    if is_loud:
        assert f"{n_dropped} of 100 rows were dropped because their target is empty (line 1, line 2" in lines[0]
        assert "--target-column" in lines[0]


def test_a_reason_that_takes_most_of_a_class_is_a_warning_however_few():
    pairs = [(f"text {n}", "ok") for n in range(496)] + [("", "fraud")] * 3 + [("one text", "fraud")]
    _, report = clean("classification", pairs)
    (line,) = warnings(report)
    assert "3 of 500 rows were dropped because their input is empty" in line
    assert "3 of 4 rows of class 'fraud'" in line


def test_a_reason_that_takes_most_cells_of_a_kind_is_a_warning():
    pairs = [(f"text {n}", "ok") for n in range(300)] + [(object(), "ok")] * 4
    _, report = clean("generation", pairs)
    (line,) = warnings(report)
    assert "4 of 304 rows were dropped because their input is not text" in line


def test_masking_needs_a_target_even_where_nothing_is_to_mask():
    rows, report = clean("masking", [("Ada ran", "[N] ran"), ("It rained", ""), ("It snowed", "It snowed")])
    assert [row.source for row in rows] == ["Ada ran", "It snowed"]
    assert "the input itself where there is nothing to mask" in warnings(report)[0]


def test_empty_targets_of_ner_are_none_and_that_is_said_but_a_missing_column_is_not():
    pairs = [("a", "person: Ada"), ("b", None), ("c", []), ("d", ""), ("e", "none"), ("f", "[]"), ("g", float("nan"))]
    rows, report = clean("ner", pairs)
    assert [row.target for row in rows] == ["person: Ada", *["none"] * 6]
    assert warnings(report) == []
    assert notes(report)[0].startswith("5 of 7 cells of column 'target_text' are empty and read as 'none'")
    without = [*raw(("a", "person: Ada")), *[(f"line {n}", {"source_text": f"x {n}"}) for n in range(2, 9)]]
    _, report = clean_rows(without, CleaningRules(target_rule=task_of("ner").targets))
    assert report.dropped == {"no target column": 7}
    assert "they lack the target column" in warnings(report)[0]


@pytest.mark.parametrize(
    ("task", "cell", "parts"),
    [
        ("classification", ["fire", "water"], ["have several classes", "one class a row"]),
        ("classification", "['fire', 'water']", ["have several classes"]),
        ("classification", ("fire", "water"), ["have several classes"]),
        ("ner", ["Ada", "Rome"], ["have entities without a type", "'type: entity'"]),
        ("ner", ["B-PER", "O"], ["have tags of words"]),
        ("ner", [[0, 3, "PER"]], ["have spans with offsets", "[LABEL]"]),
        ("ner", {"PER": ["Ada"]}, ["have an object"]),
        ("masking", ["a", "b"], ["have a list of texts", "summarization and generation only"]),
        ("masking", [{"start": 0, "end": 3, "label": "X"}], ["have spans with offsets"]),
        ("generation", {"a": 1}, ["have an object", "JSON text", "json.dumps"]),
        ("generation", [{"role": "assistant", "content": "x"}], ["have chat turns", "last answer"]),
        ("summarization", [{"a": 1}, {"a": 2}], ["have a list of objects"]),
        ("classification", {"name": "fire"}, ["have an object", "the key that holds the class"]),
    ],
)
def test_shapes_that_hold_more_than_a_text_are_one_line_with_count_places_and_the_way_on(task, cell, parts):
    good = "person: Ada" if task == "ner" else "fine"
    with pytest.raises(DataError) as caught:
        clean(task, [(f"text {n}", cell if n % 5 < 3 else good) for n in range(45)])
    line = str(caught.value)
    assert line.startswith("27 of 45 rows ")
    for part in [*parts, "column 'target_text'", "line 1, line 2", "docs/data.md"]:
        assert part in line


@pytest.mark.parametrize(
    ("cell", "shape"),
    [
        ({"name": "fire"}, "an object"),
        ({"name": "fire", "score": 0.9}, "an object"),
        ([{"name": "fire"}], "a list of objects"),
        ([{"label": "fire", "score": 0.9}, {"label": "water"}], "a list of objects"),
    ],
)
def test_objects_in_the_place_of_sets_of_labels_are_told_how_to_write_these(cell, shape):
    with pytest.raises(DataError, match=rf'30 of 30 rows have {shape} .*list of their names, \["fire", "water"\]'):
        clean("multilabel", [(f"text {n}", cell) for n in range(30)])


def test_tokens_with_their_tags_are_named_together():
    rows = [(["Ada", "ran"], ["B-PER", "O"]), (["It", "rained"], ["O", "O"]), (["Bo", "ran"], [1, 0])]
    for task in ("ner", "classification", "masking", "generation"):
        with pytest.raises(DataError, match=r"3 of 3 rows have tokens and tags .*'source_text' and 'target_text'"):
            clean(task, rows)


@pytest.mark.parametrize(
    "turns", [[{"role": "user", "content": "a"}], [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]]
)
def test_a_missing_column_beside_chat_turns_names_these(turns):
    with pytest.raises(
        DataError, match=r"the columns are: talk \(chat turns\)\..*'talk' holds chat turns; chats are read"
    ):
        clean_rows([("line 1", {"talk": turns})])


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ({"text": "<|im_start|>user\nHi<|im_end|>"}, "'text' holds whole chats written in a model's template"),
        ({"id": 1, "text": "<s>[INST] Hi [/INST] Hello</s>"}, "'text' holds whole chats written in a model's template"),
        (
            {"text": "### Instruction:\nHi\n\n### Response:\nHello"},
            "'text' holds whole chats written in a model's template",
        ),
        ({"text": "Hello"}, "A study needs an input and a target"),
    ],
)
def test_rows_with_question_and_answer_in_one_text_are_named(cells, said):
    with pytest.raises(DataError, match=re.escape(said)):
        clean_rows([("line 1", cells)])


def test_where_everything_went_stands_in_the_error():
    with pytest.raises(
        DataError, match=r"no usable row is left .*2 of 2 rows were dropped because their target is empty"
    ):
        clean("classification", [("a", None), ("b", "")])


PAIRS = st.lists(st.tuples(CELLS, CELLS), max_size=12)


@given(pairs=PAIRS, task=st.sampled_from(TASK_NAMES), template=st.sampled_from(["", "{source_text}: {target_text}"]))
@pytest.mark.slow
def test_rows_in_are_kept_or_dropped_whatever_the_cells(pairs, task, template):
    try:
        rows, report = clean_rows(raw(*pairs), CleaningRules(target_rule=task_of(task).targets, template=template))
    except DataError:
        return
    assert report.rows_in == len(pairs) == len(rows) + sum(report.dropped.values())
    assert report.rows_kept == len(rows)
    for reason, count in report.dropped.items():
        if count > 0.02 * len(pairs):
            assert any(f"{count} of {len(pairs)} rows were dropped" in line for line in warnings(report)), reason
    for finding in report.findings():
        assert len(finding.line.splitlines()) == 1


ENTITIES = "'PER: Ada Lovelace; LOC: London'"


@pytest.mark.parametrize(
    "cell",
    [
        {"person": ["Ada"]},
        '{"person": ["Ada"]}',
        "{'person': ['Ada']}",
        [{"label": "person", "text": "Ada"}],
        '[{"label": "person", "text": "Ada"}]',
        [["person", "Ada"]],
    ],
)
def test_entities_in_another_form_are_one_line_that_says_how_to_write_them(cell):
    with pytest.raises(DataError) as raised:
        clean("ner", [(f"Ada met {word}", cell) for word in ("Bo", "Cy", "Di")])
    assert "3 of 3 rows have " in str(raised.value)
    assert ENTITIES in str(raised.value)


@pytest.mark.parametrize("task", ["classification", "masking", "generation", "ner"])
def test_a_list_of_texts_as_input_is_not_taken_for_several_targets(task):
    with pytest.raises(DataError, match="an input is one text: join them") as raised:
        clean(task, [(["Ada", "met", word], "person: Ada") for word in ("Bo", "Cy", "Di")])
    assert "right targets" not in str(raised.value)


@pytest.mark.parametrize(
    ("inputs", "template"),
    [(["text"], ""), (["body", "text"], ""), (["body"], "Mail: {body}\nAnswer: {text}"), (["text"], "{input}\n{body}")],
)
@pytest.mark.parametrize("task", ["classification", "generation", "masking"])
def test_a_target_that_is_a_part_of_the_input_is_refused(task, inputs, template):
    rows = [(f"line {n}", {"body": f"mail {n}", "text": "ab"[n % 2]}) for n in range(9)]
    with pytest.raises(DataError, match="column 'text' is the target and a part of the input"):
        clean_rows(
            rows,
            CleaningRules(
                input_column=inputs, template=template, target_column="text", target_rule=task_of(task).targets
            ),
        )


def test_classes_as_groups_are_refused():
    rows = [(f"line {n}", {"text": f"mail {n}", "label": "ab"[n % 2]}) for n in range(9)]
    with pytest.raises(DataError, match="'label' is the target and the group"):
        clean_rows(
            rows,
            CleaningRules(
                input_column="text",
                target_column="label",
                group_column="label",
                target_rule=task_of("classification").targets,
            ),
        )


@pytest.mark.parametrize("nothing", [None, "", "  ", float("nan")])
@pytest.mark.parametrize(("n_without", "is_note"), [(50, False), (3, False), (2, True)])
def test_rows_without_a_group_are_counted(nothing, n_without, is_note):
    rows = [
        (f"line {n}", {"text": f"mail {n}", "label": "ab"[n % 2], "who": nothing if n < n_without else n % 9})
        for n in range(100)
    ]
    _, report = clean_rows(rows, CleaningRules(input_column="text", target_column="label", group_column="who"))
    (found,) = (one for one in report.findings() if one.code == "no-group")
    assert f"{n_without} of 100 rows name no group in column 'who'" in found.line
    assert "line 1" in found.line
    assert found.is_note == is_note


def test_rows_that_all_have_a_group_are_not_mentioned():
    rows = [(f"line {n}", {"text": f"mail {n}", "label": "ab"[n % 2], "who": n % 9}) for n in range(100)]
    _, report = clean_rows(rows, CleaningRules(input_column="text", target_column="label", group_column="who"))
    assert report.findings() == []


@pytest.mark.parametrize(("list_is", "is_told"), [("classes", True), ("one", False), ("references", False)])
def test_of_classes_a_repeated_input_may_be_a_set_of_labels(list_is, is_told):
    rows = raw(*(("a", f"b{number}") for number in range(4)), ("c", "d"))
    _, report = clean_rows(rows, CleaningRules(target_rule=TargetRule(list_is)))
    (finding,) = report.loud_drops()
    assert report.dropped == {"duplicate input with another target": 3}
    assert ("--task multilabel" in finding.line) is is_told
    assert "repeat --input-column" in finding.line


@pytest.mark.parametrize(
    ("cell", "labels"),
    [
        ({"fire": 1, "water": 0}, ("fire",)),
        ({"fire": 1.0, "water": 1.0, "noise": 0.0}, ("fire", "water")),  # spaCy's cats
        ({"fire": True, "water": None}, ("fire",)),
        ({"fire": False, "water": "no"}, ("none",)),
    ],
)
def test_an_object_of_flags_is_a_set_of_labels(cell, labels):
    rule = task_of("multilabel").targets
    rows, report = clean_rows(raw(("a", cell)), CleaningRules(target_rule=rule))
    assert (rows[0].target, *rows[0].other_targets) == labels
    assert "objects of flags" in report.notes[0].line


@pytest.mark.parametrize("cell", [{"fire": 2}, {"fire": {"is": 1}}, {"fire": "perhaps", "water": 1}])
@pytest.mark.parametrize("task", ["multilabel", "classification"])
def test_any_other_object_is_named(cell, task):
    with pytest.raises(DataError, match="1 of 1 rows have an object"):
        clean_rows(raw(("a", cell)), CleaningRules(target_rule=task_of(task).targets))


@pytest.mark.parametrize("cell", [[{"a": 1}, {"a": 2}], ["a", "b"], '[{"a": 1}, {"a": 2}]'])
def test_a_list_as_the_target_of_extraction_is_told_to_be_an_object(cell):
    rule = task_of("extraction").targets
    with pytest.raises(DataError, match=re.escape('put the list under a key, {"items": [...]}')):
        clean_rows(raw(("text", cell)), CleaningRules(target_rule=rule))


@pytest.mark.parametrize(
    "written",
    [
        [3, 3.0, "3", " 3 ", "3.0", "3\u200b", "\ufeff3", "3\n"],
        ["Zürich 3", "Zu\u0308rich 3", "Zürich\u00a03", "Zürich  3 "],
        ["-4", -4.0],
    ],
)
def test_groups_that_read_the_same_are_one(written):
    assert len({group_named({"who": cell}, "who") for cell in written}) == 1


@pytest.mark.parametrize("written", [["3", "03", 3.5, "3.05", "30"], ["Ann", "ann"], ["1.2.0", "1.2"], ["a b", "ab"]])
def test_groups_that_read_otherwise_are_several(written):
    assert len({group_named({"who": cell}, "who") for cell in written}) == len(written)


@pytest.mark.parametrize("nothing", [None, "", "  ", float("nan"), "\u200b"])
def test_a_cell_without_a_name_names_no_group(nothing):
    assert group_named({"who": nothing}, "who") == group_named({}, "who") == group_named({"who": "a"}, None) == ""
