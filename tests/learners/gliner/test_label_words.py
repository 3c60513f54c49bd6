"""The words that labels are asked for with."""

import pytest
from pydantic import ValidationError

from tunecurve.data.synthetic_pii import LABELS
from tunecurve.errors import SpecError
from tunecurve.learners.gliner.label_words import label_words, words_to_labels
from tunecurve.spec.gliner import GlinerSpec


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("FIRSTNAME", "first name"),
        ("PHONE_NUMBER", "phone number"),
        ("phoneNumber", "phone number"),
        ("TELEPHONENUM", "telephone number"),
        ("CREDITCARDNUMBER", "credit card number"),
        ("STREET ADDRESS", "street address"),
        ("DOB", "date of birth"),
        ("PER", "person"),
        ("org", "organization"),
        ("SSN", "social security number"),
        ("IPV4", "ipv4"),
        ("USERNAME", "username"),
        ("VORNAME", "vorname"),
        ("TERRITORIO", "territorio"),
        ("***", "***"),
    ],
)
def test_a_label_becomes_words(label, expected):
    assert label_words(label) == expected


def test_no_two_labels_of_known_sets_have_the_same_words():
    ontonotes = ["PERSON", "NORP", "FAC", "ORG", "GPE", "LOC", "PRODUCT", "EVENT", "WORK_OF_ART", "LAW", "DATE", "TIME"]
    for labels in (LABELS, ontonotes):
        assert list(words_to_labels(labels, GlinerSpec()).values()) == list(labels)


def test_words_of_the_study_stand_in_place_of_the_names():
    settings = GlinerSpec(prompts={"NAME": ["person", " username "], "SSN": "national id"})
    assert words_to_labels(["NAME", "SSN", "CITY"], settings) == {
        "person": "NAME",
        "username": "NAME",
        "national id": "SSN",
        "city": "CITY",
    }
    assert settings.in_words() == "threshold 0.5; asked for NAME as person or username, SSN as national id"
    assert GlinerSpec().asked() == {}


def test_equal_words_for_two_labels_are_refused_where_the_rows_name_no_label_too():
    with pytest.raises(SpecError, match="'A' and 'B' would both be asked for as 'name'"):
        words_to_labels([], GlinerSpec(prompts={"A": "name", "B": "name"}))


def test_words_that_do_not_fit_the_labels_are_refused():
    with pytest.raises(SpecError, match=r"^gliner.prompts: 'NAM' is no label .* NAME, CITY. Did you mean 'NAME'\?$"):
        words_to_labels(["NAME", "CITY"], GlinerSpec(prompts={"NAM": "person"}))
    with pytest.raises(SpecError, match="'PHONE_NUMBER' and 'PHONENUMBER' would both be asked for as 'phone number'"):
        words_to_labels(["PHONE_NUMBER", "PHONENUMBER"], GlinerSpec())
    with pytest.raises(ValidationError):
        GlinerSpec(prompts={"NAME": []})
    with pytest.raises(ValidationError):
        GlinerSpec(prompts={"NAME": " "})


def test_without_labels_personal_data_of_usual_kinds_are_looked_for():
    assert words_to_labels([], GlinerSpec())["email address"] == "EMAIL_ADDRESS"
    assert words_to_labels([], GlinerSpec(prompts={"WHO": "person"})) == {"person": "WHO"}
