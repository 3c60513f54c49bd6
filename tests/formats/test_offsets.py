"""Offsets in every unit are brought to characters; what spans cannot say, or say twice, is counted by a rule."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunecurve.formats.annotated import entity_list, masked, placeholder_label
from tunecurve.formats.entities import parse_entities
from tunecurve.formats.offsets import Counting, RawSpan, locate
from tunecurve.formats.spans import EntityFormat, LabelledSpan, derive_mask

BYTES, UTF16, INSIDE = Counting("UTF-8 bytes"), Counting("UTF-16 units"), Counting("characters", is_end_inside=True)


def spans(text, *raw, **options):
    return [(text[s.start : s.end], s.label) for s in locate(text, [RawSpan(*one) for one in raw], **options).spans]


@pytest.mark.parametrize(
    ("text", "raw", "counting"),
    [
        ("Ada is in Graz", [(0, 3, "P", "Ada"), (10, 14, "L", "Graz")], Counting()),
        ("😀 Ada is in Graz", [(3, 6, "P", "Ada"), (13, 17, "L", "Graz")], UTF16),
        ("Żoë is in Graz", [(0, 5, "P", "Żoë"), (12, 16, "L", "Graz")], BYTES),
        ("Ada is in Graz", [(0, 2, "P", "Ada"), (10, 13, "L", "Graz")], INSIDE),
        ("😀 Ada", [(3, 5, "P", "Ada")], Counting("UTF-16 units", is_end_inside=True)),
        ("Ada\nLee left", [(0, 7, "P", "Ada\\nLee")], Counting()),
    ],
)
def test_the_text_beside_the_offsets_decides_how_they_count(text, raw, counting):
    found = locate(text, [RawSpan(*one) for one in raw])
    assert found.problem == ""
    assert found.counting == counting
    assert locate(text, [RawSpan(*one) for one in raw], counting) == found
    assert spans(text, *raw)[0][1] == raw[0][2]
    assert spans(text, *raw)[-1][0].replace("\n", "\\n") == raw[-1][3]


def test_without_texts_characters_are_read():
    assert spans("😀 Ada", (2, 5, "P")) == [("Ada", "P")]
    assert spans("😀 Ada", (3, 6, "P"), counting=UTF16) == [("Ada", "P")]


@pytest.mark.parametrize(
    ("text", "raw", "problem"),
    [
        ("Ada", (0, 4, "P"), "outside the text"),
        ("Ada", (-1, 2, "P"), "outside the text"),
        ("Ada", (3, 1, "P"), "outside the text"),
        ("Ada left", (0, 3, "P", "Eve"), "unlike the text given beside them"),
        ("Ada left", (100, 103, "P", "Ada"), "outside the text"),
    ],
)
def test_rows_that_cannot_be_used_say_why(text, raw, problem):
    found = locate(text, [RawSpan(*raw)])
    assert (found.problem, found.spans) == (problem, ())


def test_half_a_surrogate_pair_and_half_a_character_of_bytes():
    assert locate("a😀b", [RawSpan(2, 4, "P")], UTF16).problem == "within a character"
    assert locate("aéb", [RawSpan(2, 3, "P")], BYTES).problem == "within a character"


@pytest.mark.parametrize(
    ("text", "raw", "expected", "repair"),
    [
        ("met Ada today", [(3, 8, "P")], [("Ada", "P")], "blanks"),
        ("met Ada", [(3, 4, "P")], [], "empty"),
        ("met Ada", [(4, 4, "P")], [], "empty"),
        ("Zoe\u0308 left", [(0, 3, "P")], [("Zoe\u0308", "P")], "accents"),
        ("👩\u200d🔬 Ada", [(0, 1, "E")], [("👩\u200d🔬", "E")], "accents"),
        ("Ada left", [(0, 3, "P"), (0, 3, "P")], [("Ada", "P")], "twice"),
        ("Ada left", [(0, 3, "P"), (0, 3, "Q")], [("Ada", "P")], "several labels"),
        ("University of Graz", [(14, 18, "LOC"), (0, 18, "ORG")], [("University of Graz", "ORG")], "nested"),
        ("Ada Lee Ng", [(0, 7, "A"), (4, 10, "B")], [("Ada Lee Ng", "A")], "overlapping"),
        ("Ada Lee Nguyen", [(0, 7, "A"), (4, 14, "B")], [("Ada Lee Nguyen", "B")], "overlapping"),
        ("Hallorans left", [(0, 8, "P")], [("Halloran", "P")], "within words"),
    ],
)
def test_repairs_follow_the_rule(text, raw, expected, repair):
    found = locate(text, [RawSpan(*one) for one in raw])
    assert [(text[s.start : s.end], s.label) for s in found.spans] == expected
    assert repair in found.repairs


def test_touching_spans_are_no_overlap():
    found = locate("AdaLee", [RawSpan(3, 6, "B"), RawSpan(0, 3, "A")])
    assert [span.label for span in found.spans] == ["A", "B"]
    assert set(found.repairs) == {"within words"}


TEXT = st.text(alphabet=st.sampled_from("aab  \n.-é\u0301漢😀[]\u200d"), max_size=30)
RAW = st.builds(RawSpan, st.integers(-1, 32), st.integers(-1, 32), st.sampled_from(["A", "B b"]))


@given(TEXT, st.lists(RAW, max_size=6))
def test_what_is_located_lies_in_the_text_in_order_and_covers_what_was_labelled(text, raw):
    found = locate(text, raw)
    if found.problem:
        return
    assert all(0 <= span.start < span.end <= len(text) for span in found.spans)
    assert all(one.end <= other.start for one, other in itertools.pairwise(found.spans))
    covered = {place for span in found.spans for place in range(span.start, span.end)}
    labelled = {place for span in raw for place in range(span.start, span.end) if not text[place].isspace()}
    assert labelled <= covered, "what somebody labelled is never left unmasked"


@given(TEXT, st.lists(RAW, max_size=6))
def test_a_masked_target_is_read_as_these_spans_again(text, raw):
    found = locate(text, raw)
    target = masked(text, found.spans)
    spans_again = derive_mask(text, target)
    assert spans_again is not None
    assert masked(text, spans_again).strip() == target.strip() or "][" in target


@st.composite
def units(draw):
    """A text, spans of it in characters, and the same spans counted in another way, with their texts."""
    text = draw(st.text(alphabet="ab é漢😀", min_size=1, max_size=20))
    places = sorted(draw(st.sets(st.integers(0, len(text)), max_size=6)))
    plain = [(start, end) for start, end in itertools.pairwise(places)][::2]
    plain = [(start, end) for start, end in plain if text[start:end].strip() == text[start:end]]
    encoding, width = draw(st.sampled_from([("utf-8", 1), ("utf-16-le", 2)]))

    def place(index):
        return len(text[:index].encode(encoding)) // width

    return text, plain, [RawSpan(place(start), place(end), "A", text[start:end]) for start, end in plain]


@given(units())
def test_units_are_found_again(case):
    text, plain, raw = case
    found = locate(text, raw)
    assert found.problem == ""
    assert [text[span.start : span.end] for span in found.spans] == [text[start:end] for start, end in plain]


WORDS = st.lists(st.sampled_from(["Ada", "Lee", "in", "Graz", "é", "漢"]), min_size=1, max_size=8)


@given(WORDS, st.data())
def test_an_entity_list_is_read_as_these_spans_again(words, data):
    text = " ".join(words)
    ends = list(itertools.accumulate(len(word) + 1 for word in words))
    chosen = sorted(data.draw(st.sets(st.integers(0, len(words) - 1))))
    found = [LabelledSpan(ends[index] - 1 - len(words[index]), ends[index] - 1, "PER") for index in chosen]
    target = entity_list(text, found)
    assert parse_entities(target) == [("PER", words[index]) for index in chosen]
    again = EntityFormat().derive(text, target)
    assert again is not None
    assert EntityFormat().render(text, again) == target


@pytest.mark.parametrize(
    ("label", "written"),
    [
        ("PERSON", "PERSON"),
        ("first name", "FIRST_NAME"),
        ("E-Mail", "E_MAIL"),
        ("weather/attribute", "WEATHER_ATTRIBUTE"),
        ("人名", "人名"),
        ("straße", "STRASSE"),
        ("2FA code", "TYPE_2FA_CODE"),
        ("NAME_2", "NAME_2"),
        ("!", "LABEL"),
    ],
)
def test_labels_as_placeholders(label, written):
    assert placeholder_label(label) == written
    assert placeholder_label(written) == written
