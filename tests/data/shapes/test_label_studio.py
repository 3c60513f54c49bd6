"""Tasks as Label Studio exports them: whose annotation counts, what is no annotation, what is no text."""

import pytest

from tests.support.shapes import read_shape
from tunecurve.data.shapes.base import Asked
from tunecurve.data.shapes.registry import recognise
from tunecurve.errors import DataError

TEXT = "Ada Lee left Graz."


def result(start, end, *labels, **more):
    value = {"start": start, "end": end, "text": TEXT[start:end], "labels": list(labels)}
    return {
        "id": "x",
        "from_name": "label",
        "to_name": "text",
        "type": "labels",
        "origin": "manual",
        "value": value,
        **more,
    }


BOTH = [result(0, 7, "PERSON"), result(13, 17, "CITY")]


def annotation(results=BOTH, **more):
    return {"id": 1, "completed_by": 1, "result": results, "was_cancelled": False, "ground_truth": False, **more}


def task(*annotations, **more):
    return {"id": 1, "data": {"text": TEXT}, "annotations": list(annotations), "predictions": [], **more}


def test_a_task_is_masked_and_listed():
    read = read_shape([task(annotation())], task="masking")
    assert read.match.shape == "label-studio"
    assert read.pairs == [(TEXT, "[PERSON] left [CITY].")]
    target = "the target is it with [LABEL]s in the place of the spans"
    assert read.line == f"read as spans with offsets of Label Studio: 'text' is the input, {target}; not read: id"
    assert read_shape([task(annotation())], task="ner").pairs == [(TEXT, "PERSON: Ada Lee; CITY: Graz")]


def test_completions_of_old_versions_are_annotations():
    row = task(annotation())
    row["completions"] = row.pop("annotations")
    assert read_shape([row], task="ner").pairs == [(TEXT, "PERSON: Ada Lee; CITY: Graz")]


def test_an_annotation_with_nothing_in_it_says_there_is_nothing():
    read = read_shape([task(annotation()), task(annotation([]))], task="ner")
    assert read.pairs[1] == (TEXT, "none")


@pytest.mark.parametrize(
    ("row", "name"),
    [
        (task(), "not annotated"),
        (task(predictions=[{"result": BOTH}]), "not annotated"),
        (task(annotation(was_cancelled=True)), "skipped"),
        (task(cancelled_annotations=1), "skipped"),
        ({**task(annotation()), "data": {"text": None}}, "no text"),
    ],
)
def test_tasks_without_an_annotation_are_dropped_with_the_reason(row, name):
    assert read_shape([task(annotation()), row], task="ner").pairs[1] == name


ONE, OTHER = [result(0, 3, "PERSON")], [result(0, 7, "PERSON")]


@pytest.mark.parametrize(
    "annotations",
    [
        [annotation(ONE, ground_truth=True), annotation(OTHER)],
        [annotation(ONE, updated_at="2026-02-01"), annotation(OTHER, updated_at="2026-01-01")],
        [annotation(OTHER), annotation(ONE)],
        [annotation(ONE), annotation(OTHER, was_cancelled=True)],
        [annotation(OTHER, updated_at="2026-05-01"), annotation(ONE, ground_truth=True, updated_at="2026-01-01")],
    ],
)
def test_one_of_several_annotations_counts(annotations):
    read = read_shape([task(*annotations)], task="ner")
    assert read.pairs == [(TEXT, "PERSON: Ada")]
    differ = not any(one["was_cancelled"] for one in annotations)
    assert [finding.code for finding in read.findings if finding.code == "spans-several-annotators"] == (
        ["spans-several-annotators"] if differ else []
    )


def test_annotators_who_agree_are_no_finding():
    agreed = task(annotation(BOTH), annotation(BOTH[::-1]))
    assert read_shape([agreed], task="ner").findings == []


def test_what_is_no_span_is_named():
    choices = {"type": "choices", "value": {"choices": ["good"]}}
    relation = {"type": "relation", "from_id": "x", "to_id": "y"}
    read = read_shape([task(annotation([*BOTH, choices, relation]), predictions=[{"result": []}])], task="ner")
    assert read.pairs == [(TEXT, "PERSON: Ada Lee; CITY: Graz")]
    assert {finding.code for finding in read.findings} == {"spans-other-results", "spans-predictions"}


def test_several_labels_of_one_span_are_a_warning():
    read = read_shape([task(annotation([result(0, 7, "PERSON", "AUTHOR")]))], task="ner")
    assert read.pairs == [(TEXT, "PERSON: Ada Lee")]
    assert [(finding.code, finding.is_note) for finding in read.findings] == [("spans-several-labels", False)]


def test_the_text_is_the_one_in_which_the_spans_stand():
    row = task(annotation())
    row["data"] = {"title": "A note", "note": TEXT, "url": "x"}
    assert read_shape([row], task="ner").pairs == [(TEXT, "PERSON: Ada Lee; CITY: Graz")]
    row["data"] = {"first": TEXT, "second": TEXT}
    with pytest.raises(DataError, match=r"2 ways; say which is meant: .*--input-column first"):
        read_shape([row], task="ner")
    assert read_shape([row], task="ner", input_columns=("second",)).match.input_columns == ("second",)


def test_offsets_of_javascript():
    row = task(annotation([{"type": "labels", "value": {"start": 3, "end": 6, "text": "Ada", "labels": ["P"]}}]))
    row["data"] = {"text": "😀 Ada"}
    assert read_shape([row], task="ner").pairs == [("😀 Ada", "P: Ada")]


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("rectanglelabels", "about images .rectanglelabels."),
        ("hypertextlabels", "labels in HTML"),
        ("paragraphlabels", "labels in dialogues"),
        ("choices", "with choices; export them as CSV or JSON-MIN: .* for --task classification"),
        ("taxonomy", "choices from a taxonomy; export them as CSV or JSON-MIN"),
        ("rating", "with ratings; export them as CSV or JSON-MIN"),
        (
            "textarea",
            "texts that annotators wrote .textarea.; export them as CSV or JSON-MIN: .* for --task generation",
        ),
    ],
)
def test_tasks_of_another_kind_are_named(kind, said):
    with pytest.raises(DataError, match=said):
        recognise([task(annotation([{"type": kind, "value": {}}]))], Asked("ner"))


def test_rows_with_data_and_annotations_of_others_are_no_tasks():
    assert recognise([{"data": {"text": TEXT}, "annotations": "none"}], Asked("ner")) is None
    assert recognise([{"text": TEXT, "annotations": [{"x": 1}]}], Asked("ner")) is None
