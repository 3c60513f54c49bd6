import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tunecurve.formats.entities import format_entities, normalise_whitespace, parse_entities

WILD = st.text(alphabet="aB:;\\ \n\t.é-none", max_size=8)
TYPE = WILD.map(normalise_whitespace).filter(lambda text: text and ":" not in text)
SURFACE = WILD.map(normalise_whitespace).filter(bool)


@given(st.lists(st.tuples(TYPE, SURFACE), max_size=5))
@example([("a", "b\\"), ("c", "d")])
@example([("a", "b\\;"), ("c", ";")])
@example([("a", ": b")])
@example([("none", "none")])
@settings(max_examples=400, deadline=None)
def test_reading_gives_back_what_was_written(entities):
    assert parse_entities(format_entities(entities)) == entities


@given(st.one_of(WILD, st.text(max_size=60)))
@settings(max_examples=300, deadline=None)
def test_reading_never_fails(text):
    for entity_type, surface in parse_entities(text):
        assert surface
        assert ":" not in entity_type


@pytest.mark.parametrize(
    ("text", "entities"),
    [
        ("person: Ada Lovelace; location: London", [("person", "Ada Lovelace"), ("location", "London")]),
        ("none", []),
        (" None. ", []),
        ("", []),
        (";; person: Ada;\n;", [("person", "Ada")]),
        ("time: 10:30; url: http://a.b", [("time", "10:30"), ("url", "http://a.b")]),
        ("person :Ada\t Lovelace", [("person", "Ada Lovelace")]),
        ("person: Ada\nlocation: London", [("person", "Ada"), ("location", "London")]),
        ("location: New\nYork; person: Ada", [("location", "New York"), ("person", "Ada")]),
        (r"firm: Smith\; Sons; person: Ada", [("firm", "Smith; Sons"), ("person", "Ada")]),
        ("There is Ada", [("", "There is Ada")]),
        ("person:; person: Ada", [("", "person:"), ("person", "Ada")]),
    ],
)
def test_reading(text, entities):
    assert parse_entities(text) == entities


def test_writing():
    assert format_entities([]) == "none"
    assert format_entities([("person", "Ada  Lovelace"), ("firm", "Smith; Sons")]) == (
        r"person: Ada Lovelace; firm: Smith\; Sons"
    )


@pytest.mark.parametrize("entity", [("", "Ada"), ("person", " "), ("a: b", "Ada")])
def test_what_cannot_be_written_is_refused(entity):
    with pytest.raises(ValueError, match="cannot write the entity"):
        format_entities([entity])
