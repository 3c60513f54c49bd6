"""A text and spans beside it, as doccano, JSON-MIN, ai4privacy, presidio-research and spaCy write them."""

import json

import pytest

from tests.support.shapes import read_shape
from tunecurve.data.shapes.base import Asked
from tunecurve.data.shapes.registry import recognise
from tunecurve.errors import DataError

TEXT = "Ada Lee left Graz."
MASKED, LISTED = "[PERSON] left [CITY].", "PERSON: Ada Lee; CITY: Graz"
LIST = [[0, 7, "PERSON"], [13, 17, "CITY"]]


def objects(start, end, label, text=None):
    """Return the two spans as objects with keys of these names."""
    return [
        {start: first, end: last, label: name, **({text: TEXT[first:last]} if text else {})}
        for first, last, name in LIST
    ]


DRESSES = {
    "doccano": {"id": 1, "text": TEXT, "label": LIST, "Comments": []},
    "doccano 1.8": {"id": 1, "text": TEXT, "entities": objects("start_offset", "end_offset", "label"), "relations": []},
    "doccano labels": {"text": TEXT, "labels": LIST},
    "doccano data": {"data": TEXT, "label": LIST},
    "json-min": {
        "text": TEXT,
        "label": [{**one, "labels": [one["labels"]]} for one in objects("start", "end", "labels", "text")],
        "annotator": 1,
    },
    "json-min in csv": {"text": TEXT, "label": json.dumps(objects("start", "end", "labels", "text")), "annotator": 1},
    "ai4privacy": {"source_text": TEXT, "privacy_mask": objects("start", "end", "label", "value"), "language": "en"},
    "ai4privacy as text": {"source_text": TEXT, "privacy_mask": str(objects("start", "end", "label", "value"))},
    "presidio-research": {
        "full_text": TEXT,
        "spans": objects("start_position", "end_position", "entity_type", "entity_value"),
        "template_id": 3,
    },
    "spacy": {"text": TEXT, "ents": objects("start", "end", "label"), "tokens": [{"id": 0, "start": 0, "end": 3}]},
    "spacy training": {"text": TEXT, "entities": LIST},
    "spacy in an object": {"text": TEXT, "annotations": {"entities": LIST}},
    "comprehend": {"Text": TEXT, "Entities": objects("BeginOffset", "EndOffset", "Type")},
    "comprehend, all its keys": {
        "File": "a.txt",
        "Line": 0,
        "Text": TEXT,
        "Entities": [{**one, "Score": 0.9} for one in objects("BeginOffset", "EndOffset", "Type", "Text")],
    },
    "pipeline": {"text": TEXT, "entities": objects("start", "end", "entity_group", "word")},
    "begin and length": {
        "text": TEXT,
        "spans": [{"offset": 0, "length": 7, "type": "PERSON"}, {"offset": 13, "length": 4, "type": "CITY"}],
    },
    "label first": {"text": TEXT, "spans": [["PERSON", 0, 7], ["CITY", 13, 17]]},
    "tuples as text": {"text": TEXT, "spans": "[(0, 7, 'PERSON'), (13, 17, 'CITY')]"},
    "label is a list": {
        "text": TEXT,
        "spans": [{"start": 0, "end": 7, "labels": ["PERSON"]}, {"start": 13, "end": 17, "labels": ["CITY"]}],
    },
    "with stretches outside": {
        "source_text": TEXT,
        "span_labels": [[0, 7, "PERSON"], [7, 13, "O"], [13, 17, "CITY"], [17, 18, "O"]],
    },
    "in another order": {"text": TEXT, "spans": LIST[::-1]},
    "floats": {"text": TEXT, "spans": [[0.0, 7.0, "PERSON"], [13.0, 17.0, "CITY"]]},
}


@pytest.mark.parametrize("dress", DRESSES)
def test_every_dress_masks_and_lists_the_same(dress):
    row = DRESSES[dress]
    assert read_shape([row] * 3, task="masking").pairs == [(TEXT, MASKED)] * 3
    assert read_shape([row] * 3, task="ner").pairs == [(TEXT, LISTED)] * 3


def test_the_line_says_what_is_input_and_target():
    rows = [{"text": TEXT, "label": LIST}, {"text": "Nobody left.", "label": []}]
    assert read_shape(rows, task="masking").line == (
        "read as spans with offsets: 'text' is the input, the target is it with [LABEL]s in the place of the spans; 1 rows have no span: "
        "their target is the text itself"
    )
    assert read_shape(rows, task="ner").line.endswith("1 rows have no span: their target is 'none'")


def test_a_row_without_spans_is_a_row():
    rows = [{"text": TEXT, "label": LIST}, {"text": "Nobody left.", "label": []}]
    assert read_shape(rows, task="masking").pairs[1] == ("Nobody left.", "Nobody left.")
    assert read_shape(rows, task="ner").pairs[1] == ("Nobody left.", "none")


def test_a_row_without_a_list_is_not_labelled():
    rows = [{"text": TEXT, "label": LIST}, {"text": "Nobody left.", "label": None}, {"text": "Bo left."}]
    assert read_shape(rows, task="ner").pairs[1:] == ["not labelled"] * 2


def test_json_min_leaves_the_list_out_where_nothing_was_labelled():
    rows = [{"text": TEXT, "label": LIST, "annotation_id": 1}, {"text": "Nobody left.", "annotation_id": 2}]
    assert read_shape(rows, task="ner").pairs[1] == ("Nobody left.", "none")


@pytest.mark.parametrize(
    ("spans", "name"),
    [
        ([[0, 700, "PERSON"]], "spans outside the text"),
        ([[-1, 3, "PERSON"]], "spans outside the text"),
        ([{"start": 0, "end": 7, "label": "PERSON", "text": "Eve"}], "spans unlike their text"),
        ([[0, 7, "PERSON"], {"start": 3}], "a span that is none"),
        ([[0, 7, "PERSON"], None], "a span that is none"),
    ],
)
def test_spans_that_cannot_be_read_drop_their_row_with_the_reason(spans, name):
    read = read_shape([{"text": TEXT, "spans": LIST}] * 3 + [{"text": TEXT, "spans": spans}], task="masking")
    assert read.pairs[:3] == [(TEXT, MASKED)] * 3
    assert read.pairs[3] == name


def test_emoji_counted_as_javascript_does_is_seen_by_the_texts():
    row = {"text": "😀 Ada Lee", "label": [{"start": 3, "end": 10, "text": "Ada Lee", "labels": ["PERSON"]}]}
    read = read_shape([row], task="masking")
    assert read.pairs == [("😀 Ada Lee", "😀 [PERSON]")]
    shown = "the texts beside the offsets show"
    assert f"in 1 row {shown} that they count UTF-16 units" in read.line
    assert f"in 2 rows {shown} that they count UTF-16 units" in read_shape([row] * 2, task="masking").line
    said = read_shape([row], task="masking", options={"offsets": "utf-16"})
    assert said.pairs == read.pairs
    assert shown not in said.line, "the study file says how they count"


def test_units_that_the_study_file_names():
    row = {"text": "Żoë left", "label": [[0, 5, "PERSON"]]}
    assert read_shape([row], task="ner", options={"offsets": "bytes"}).pairs == [("Żoë left", "PERSON: Żoë")]
    row = {"text": "Ada left", "label": [[0, 2, "PERSON"]]}
    assert read_shape([row], task="ner", options={"offsets": "characters inclusive"}).pairs == [
        ("Ada left", "PERSON: Ada")
    ]
    with pytest.raises(
        DataError, match="offsets is 'words', expected one of: characters, characters inclusive, utf-16"
    ):
        read_shape([row], task="ner", options={"offsets": "words"})


def test_ends_that_seem_to_lie_in_the_spans_are_asked_for():
    rows = [
        {"text": f"Ada{number} left", "label": [[0, 3 + len(str(number)) - 1, "PERSON"]]} for number in range(10, 22)
    ]
    with pytest.raises(
        DataError, match=r"12 of the first 12 spans end one character before their word .*offsets: characters inclusive"
    ):
        read_shape(rows, task="ner")
    assert read_shape(rows, task="ner", options={"offsets": "characters"}).pairs[0][1] == "PERSON: Ada1"


def test_what_was_done_to_spans_is_said():
    rows = [
        {"text": TEXT, "spans": [[0, 18, "PERSON"], [13, 17, "CITY"]]},
        {"text": TEXT, "spans": [[0, 8, "PERSON"], [0, 7, "CITY"]]},
        {"text": "Ada Lees", "spans": [[0, 7, "first name"], [0, 7, "first name"]]},
    ]
    read = read_shape(rows, task="masking")
    assert [target for _, target in read.pairs] == ["[PERSON]", "[PERSON] left Graz.", "[FIRST_NAME]s"]
    said = {finding.code: finding for finding in read.findings}
    assert said["spans-nested"].text == "1 spans lie inside longer ones: only the longest is read"
    assert not said["spans-nested"].is_note
    assert not said["spans-several-labels"].is_note
    assert said["spans-twice"].is_note
    assert said["spans-within-words"].is_note
    assert said["labels-as-placeholders"].text == "labels are written as placeholders: 'first name' as [FIRST_NAME]"
    assert "labels-as-placeholders" not in {finding.code for finding in read_shape(rows, task="ner").findings}


def test_numbers_are_no_labels():
    rows = [{"text": TEXT, "annotations": [{"label": 1, "start_offset": 0, "end_offset": 7, "user": 1}]}] * 3
    with pytest.raises(DataError, match=r"with the number 1 as label: numbers are no labels; .*tag_names"):
        read_shape(rows, task="ner")
    read = read_shape(rows, task="ner", options={"tag_names": ["CITY", "PERSON"]})
    assert read.pairs[0] == (TEXT, "PERSON: Ada Lee")


def test_spans_of_several_annotators_in_one_list():
    spans = [
        {"label": "P", "start_offset": 0, "end_offset": 7, "user": 1},
        {"label": "Q", "start_offset": 0, "end_offset": 7, "user": 2},
    ]
    read = read_shape([{"text": TEXT, "annotations": spans}] * 3, task="ner")
    assert read.pairs[0] == (TEXT, "P: Ada Lee")
    assert [finding.text for finding in read.findings] == [
        "3 rows have spans of several annotators: those of the first are read"
    ]


def test_relations_are_named():
    row = {"text": TEXT, "entities": LIST, "relations": [{"from_id": 1, "to_id": 2, "type": "left"}]}
    assert [finding.code for finding in read_shape([row], task="ner").findings] == ["spans-relations"]


def test_the_masked_text_of_the_data_goes_before():
    row = {
        "source_text": TEXT,
        "masked_text": "[GIVENNAME_1] left [CITY_1].",
        "privacy_mask": objects("start", "end", "label", "value"),
    }
    match = read_shape([row] * 3, task="masking").match
    assert (match.shape, match.input_columns, match.target_columns) == ("columns", ("source_text",), ("masked_text",))
    assert "the masked text of the data" in match.said
    assert read_shape([row] * 3, task="ner").pairs[0] == (TEXT, LISTED)


def test_the_text_column_is_the_one_in_which_the_spans_stand():
    row = {"title": "A note", "sentence_text": TEXT, "spans": LIST}
    assert read_shape([row] * 3, task="ner").pairs[0] == (TEXT, LISTED)


def test_two_lists_that_differ_are_asked_for():
    row = {"text": TEXT, "names": [[0, 7, "PERSON"]], "places": [[13, 17, "CITY"]]}
    with pytest.raises(
        DataError, match="2 ways; say which is meant: --shape spans --input-column text --target-column names, or"
    ):
        read_shape([row] * 3, task="ner")
    assert read_shape([row] * 3, task="ner", target_columns=("places",)).pairs[0] == (TEXT, "CITY: Graz")


@pytest.mark.parametrize("task", ["classification", "generation", "summarization", "extraction"])
def test_other_tasks_do_not_take_spans(task):
    assert recognise([{"text": TEXT, "label": LIST}], Asked(task)) is None


def test_without_a_task_the_task_is_asked_for():
    with pytest.raises(DataError, match=r"fit two tasks; say which is meant: --task masking .* or --task ner"):
        read_shape([{"text": TEXT, "label": LIST}], task="")


@pytest.mark.parametrize(
    "row",
    [
        {"text": TEXT, "label": "PERSON"},
        {"text": TEXT, "label": ["PERSON", "CITY"]},
        {"text": TEXT, "label": [[1, 2], [3, 4]]},
        {"text": TEXT, "label": [{"name": "x"}]},
        {"text": TEXT, "label": []},
    ],
)
def test_other_lists_are_no_spans(row):
    found = recognise([row] * 3, Asked("ner"))
    assert found is None or found.shape == "columns"


OTHER_DRESSES = {
    "lists by key": {"text": TEXT, "entities": {"start": [0, 13], "end": [7, 17], "label": ["PERSON", "CITY"]}},
    "lists by key, with texts": {
        "text": TEXT,
        "ents": {"start": [0, 13], "end": [7, 17], "type": ["PERSON", "CITY"], "text": ["Ada Lee", "Graz"]},
    },
    "ground truth": {
        "source": TEXT,
        "my-job": {
            "annotations": {"entities": objects("startOffset", "endOffset", "label"), "labels": [{"label": "CITY"}]}
        },
        "my-job-metadata": {"entities": [{"confidence": 0.9}, {"confidence": 0.8}], "type": "groundtruth/text-span"},
    },
    "vertex": {"textContent": TEXT, "textSegmentAnnotations": objects("startOffset", "endOffset", "displayName")},
    "ubiai": {"documentName": "a.txt", "document": TEXT, "tokens": objects("start", "end", "entityLabel", "text")},
    "luis": {"text": TEXT, "entities": objects("startPos", "endPos", "entity")},
}


@pytest.mark.parametrize("dress", OTHER_DRESSES)
def test_every_other_dress_masks_and_lists_the_same(dress):
    row = OTHER_DRESSES[dress]
    assert read_shape([row] * 3, task="masking").pairs == [(TEXT, MASKED)] * 3
    assert read_shape([row] * 3, task="ner").pairs == [(TEXT, LISTED)] * 3


def test_lists_by_key_may_be_empty():
    rows = [OTHER_DRESSES["lists by key"], {"text": "Nobody left.", "entities": {"start": [], "end": [], "label": []}}]
    assert read_shape(rows, task="ner").pairs[1] == ("Nobody left.", "none")


@pytest.mark.parametrize(
    ("number", "read_as"), [("", "not labelled"), (None, "not labelled"), ("7", ("Nobody left.", "none"))]
)
def test_an_empty_cell_is_nothing_to_find_only_where_an_annotation_has_a_number(number, read_as):
    rows = [{"text": TEXT, "label": json.dumps(LIST), "annotation_id": "1"}] * 2
    rows.append({"text": "Nobody left.", "label": "", "annotation_id": number})
    assert read_shape(rows, task="ner").pairs[2] == read_as


@pytest.mark.parametrize(
    "names", [("start", "end", "label"), ("Begin Offset", "End Offset", "Type"), ("start_char", "end_char", "entity")]
)
@pytest.mark.parametrize("task", ["", "masking", "ner"])
def test_rows_that_are_single_spans_are_named(names, task):
    rows = [{"text": TEXT, **dict(zip(names, map(str, span), strict=True))} for span in LIST] * 3
    with pytest.raises(
        DataError, match=f"rows are single spans .columns '{names[0]}', '{names[1]}' and '{names[2]}'. of the text"
    ):
        recognise(rows, Asked(task))


@pytest.mark.parametrize("change", [{"task": "classification"}, {"target_columns": ("label",), "task": "masking"}])
def test_single_spans_are_columns_where_the_study_says_so(change):
    rows = [{"text": TEXT, "start": s, "end": e, "label": label} for s, e, label in LIST] * 3
    match = recognise(rows, Asked(**change))
    assert match is None or match.shape == "columns"


def test_times_are_no_offsets():
    rows = [{"text": "hello there", "start": n * 100, "end": n * 100 + 90, "label": "greeting"} for n in range(8)]
    match = recognise(rows, Asked())
    assert match is None or match.shape == "columns"


@pytest.mark.parametrize(("labels", "written"), [(["ชื่อ"], ["ชื่อ"]), (["नाम"], ["नाम"]), (["a\u0301ge"], ["A\u0301GE"])])
def test_marks_belong_to_the_letters_of_labels(labels, written):
    read = read_shape([{"text": "Ada left", "spans": [[0, 3, labels[0]]]}] * 3, task="masking")
    assert read.pairs[0][1] == f"[{written[0]}] left"


@pytest.mark.parametrize(
    ("task", "labels", "said"),
    [
        (
            "masking",
            ["a name", "a-name"],
            "2 labels are one as placeholders: 'a name' and 'a-name' are written 'A_NAME'",
        ),
        (
            "masking",
            ["Name", "name", "NAME"],
            "3 labels are one as placeholders: 'NAME' and 'Name' and 'name' are written 'NAME'",
        ),
        ("ner", ["a:b", "a b"], "2 labels are one as types of entities: 'a b' and 'a:b' are written 'a b'"),
    ],
)
def test_labels_that_become_one_are_a_warning(task, labels, said):
    rows = [{"text": "Ada left", "spans": [[0, 3, label]]} for label in labels]
    (found,) = [finding for finding in read_shape(rows, task=task).findings if finding.code == "labels-joined"]
    assert found.text == said
    assert not found.is_note


def test_a_masked_text_is_no_list_of_entities():
    row = {"source_text": TEXT, "target_text": MASKED, "privacy_mask": objects("start", "end", "label", "value")}
    with pytest.raises(DataError, match="--shape spans"):
        recognise([row] * 3, Asked("ner"))
    named = Asked("ner", target_columns=("privacy_mask",))
    assert recognise([row] * 3, named).shape == "spans"
    assert recognise([row] * 3, Asked("masking")) is None


def luis(text, *spans):
    """Return a labelled utterance as LUIS exports it: the end is the last character."""
    labels = [{"startCharIndex": start, "endCharIndex": end - 1, "entityName": label} for start, end, label in spans]
    return {"text": text, "intentName": "write", "entityLabels": labels}


def test_luis_counts_its_last_character_which_is_asked_for():
    rows = [luis(f"Ada Lee wrote to Bob{n} Roe.", (0, 7, "NAME"), (17, 25, "NAME")) for n in range(5)]
    with pytest.raises(DataError, match="offsets: characters inclusive"):
        read_shape(rows, task="ner")
    read = read_shape(rows, task="ner", options={"offsets": "characters inclusive"})
    assert read.pairs[0] == ("Ada Lee wrote to Bob0 Roe.", "NAME: Ada Lee; NAME: Bob0 Roe")
    assert "intentName" in read.line
    masked = read_shape(rows, task="masking", options={"offsets": "characters inclusive"})
    assert masked.pairs[4] == ("Ada Lee wrote to Bob4 Roe.", "[NAME] wrote to [NAME].")
