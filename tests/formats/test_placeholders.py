"""One definition of a placeholder: what is read as one, which label it says, how it is written."""

import json

import pytest

from tunecurve.formats.alignment import Span, align, align_exactly, literal_text, placeholders
from tunecurve.formats.placeholder_numbers import Numbering, is_a_count
from tunecurve.formats.placeholders import CLASSIC, PlaceholderForm, Style

ANGLE = PlaceholderForm((Style("<", ">", ("PERSON", "PHONE_NUMBER")),))


def form_of(before, after, *names, **numbering):
    return PlaceholderForm((Style(before, after, names),), Numbering(**numbering))


@pytest.mark.parametrize(
    ("form", "text", "labels"),
    [
        (CLASSIC, "[NAME_2] or [name] or [FIRST NAME] or [Note]", ["NAME"]),
        (ANGLE, "<PERSON>, <OTHER_2> at <b>5</b>", ["PERSON", "OTHER"]),
        (form_of("[[", "]]", "NAME"), "[[NAME_1]] wrote [INFO]", ["NAME"]),
        (form_of("{{", "}}", "name", "phone"), "{{name}} and {{other}} and {name}", ["name"]),
        (form_of("[", "]", "PRÉNOM"), "[PRÉNOM_2] [ÉPOUX] [Prénom]", ["PRÉNOM", "ÉPOUX"]),
        (form_of("[", "]", "FIRST-NAME"), "[FIRST-NAME] and [LAST-NAME]", ["FIRST-NAME", "LAST-NAME"]),
        (form_of("[", "]", "FIRST NAME"), "[FIRST NAME] and [first name]", ["FIRST NAME"]),
        (form_of("【", "】", "姓名"), "【姓名】在【城市】", ["姓名", "城市"]),
        (form_of("__", "__", "NAME"), "__NAME__ and __CITY_2__", ["NAME", "CITY"]),
        (form_of("", "", "***"), "*** met **** at 5 * 3", ["***", "***"]),
        (form_of("", "", "XXXX"), "XXXX XXXXXX XX", ["XXXX", "XXXX"]),
        (form_of("", "", "PERSON", labels=("PERSON",), separator=""), "PERSON1 met PERSONAL", ["PERSON"]),
    ],
)
def test_a_form_reads_its_own_dress_and_no_other(form, text, labels):
    assert placeholders(text, form) == labels


def test_numbers_without_an_underscore_are_numbers_only_of_labels_that_count():
    form = form_of("[", "]", "PERSON", "IPV4", labels=("PERSON",), separator="")
    assert [form.label_class(name) for name in ("PERSON1", "PERSON12", "IPV4", "PERSON")] == [
        "PERSON",
        "PERSON",
        "IPV4",
        "PERSON",
    ]
    assert [form.number_of(name) for name in ("PERSON1", "PERSON012", "IPV4", "PERSON")] == ["1", "012", "", ""]


def test_what_the_input_has_in_brackets_is_text():
    source, masked = "[INFO] [DB] user=tilda0", "[INFO] [DB] user=[USERNAME]"
    assert align_exactly(source, masked) == [Span(17, 23, ("USERNAME",))]
    assert placeholders(masked, source=source) == ["USERNAME"]
    assert literal_text(masked, source=source) == "[INFO] [DB] user=\0"
    assert align_exactly(source, source) == []
    assert placeholders(source, source=source) == []


@pytest.mark.parametrize(
    ("source", "masked", "values"),
    [
        ("[NAME] is a field: Bo", "[NAME] is a field: [NAME]", ["Bo"]),
        ("Bo wrote [NAME]", "[NAME] wrote [NAME]", ["Bo"]),
        ("Bo Al [NAME]", "[NAME] [NAME] [NAME]", ["Bo", "Al"]),
        ("[NAME] Bo", "[NAME] [NAME]", ["Bo"]),
        ("[INFO] Bo", "[NAME] [INFO]", ["[INFO]", "Bo"]),
        ("[INFO] Bo", "[NAME] Bo", ["[INFO]"]),
    ],
)
def test_a_label_that_the_input_has_too_is_a_placeholder_only_where_it_must_be(source, masked, values):
    spans = align_exactly(source, masked)
    assert (None if spans is None else [source[span.start : span.end] for span in spans]) == values


def test_a_free_answer_copies_brackets_as_text():
    spans, is_exact = align("[INFO] Bo went to Rome", "Sure: [INFO] [NAME] went to [CITY]!")
    assert not is_exact
    assert [span.labels for span in spans] == [("NAME",), ("CITY",)]


@pytest.mark.parametrize(
    ("numbering", "written"),
    [
        (Numbering(("A", "B")), ["A_1", "A_2", "A_1", "B_1", "C"]),
        (Numbering(("A", "B"), key="by occurrence"), ["A_1", "A_2", "A_3", "B_1", "C"]),
        (Numbering(("A",), separator="", start=0), ["A0", "A1", "A0", "B", "C"]),
        (Numbering(("A", "B"), width=2), ["A_01", "A_02", "A_01", "B_01", "C"]),
        (Numbering(("A", "B"), is_backward=True), ["A_1", "A_2", "A_1", "B_1", "C"]),
        (Numbering(("A", "B"), is_backward=True, key="by occurrence"), ["A_3", "A_2", "A_1", "B_1", "C"]),
        (Numbering(("A", "B"), is_shared=True), ["A_1", "A_2", "A_1", "B_3", "C"]),
    ],
)
def test_every_scheme_of_numbers(numbering, written):
    assert numbering.numbers([("A", "x"), ("A", "y"), ("A", "x"), ("B", "x"), ("C", "x")]) == written


def test_what_counting_gives():
    assert is_a_count([1, 2, 1])
    assert is_a_count([2, 0, 1])
    assert not is_a_count([4, 6])
    assert not is_a_count([1])
    assert not is_a_count([1, 3])


def test_forms_travel_as_json():
    for form in (CLASSIC, ANGLE, form_of("", "", "***"), form_of("[", "]", "A", labels=("A",), separator="", width=2)):
        assert PlaceholderForm.from_json(json.loads(json.dumps(form.to_json()))) == form
        assert hash(form) == hash(PlaceholderForm.from_json(form.to_json()))
    assert CLASSIC.is_classic
    assert not ANGLE.is_classic
