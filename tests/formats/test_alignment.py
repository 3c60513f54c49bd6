from hypothesis import given, settings
from hypothesis import strategies as st

from tunecurve.formats.alignment import Span, align, align_approximately, align_exactly, placeholders

LITERAL = st.text(alphabet="ab .,\n[é]-", max_size=6)
VALUE = st.text(alphabet="ab 0é", min_size=1, max_size=5)
LABEL = st.sampled_from(["NAME", "CITY", "PHONE_1"])


@given(st.lists(st.tuples(LITERAL, VALUE, LABEL), max_size=6), LITERAL)
@settings(max_examples=400, deadline=None)
def test_every_masking_is_aligned_and_the_spans_rebuild_the_target(parts, end):
    source = "".join(literal + value for literal, value, _ in parts) + end
    target = "".join(f"{literal}[{label}]" for literal, _, label in parts) + end
    spans = align_exactly(source, target)
    assert spans is not None
    assert sum(len(span.labels) for span in spans) == len(placeholders(target))
    position, rebuilt = 0, ""
    for span in spans:
        assert span.end > span.start >= position
        rebuilt += source[position : span.start] + "".join(f"[{label}]" for label in span.labels)
        position = span.end
    assert (rebuilt + source[position:]).replace("PHONE_1", "PHONE") == target.replace("PHONE_1", "PHONE")


def test_spans_hold_offsets_and_label_classes():
    assert align_exactly("Kattie, call 555-0100", "[FIRSTNAME_2], call [PHONENUMBER]") == [
        Span(0, 6, ("FIRSTNAME",)),
        Span(13, 21, ("PHONENUMBER",)),
    ]


def test_touching_placeholders_make_one_span():
    assert align_exactly("Mr.Bo ran", "[PREFIX][FIRSTNAME] ran") == [Span(0, 5, ("PREFIX", "FIRSTNAME"))]


def test_a_changed_literal_is_not_an_exact_masking():
    assert align_exactly("Bo ran home", "[NAME] walked home") is None
    assert align_exactly("Bo", "Bo[NAME]") is None


def test_the_approximate_way_finds_spans_in_a_free_answer():
    spans, is_exact = align("Ask Bo in Rome today", "So: Ask [NAME] in [CITY] today!")
    assert not is_exact
    assert [(s.labels) for s in spans] == [("NAME",), ("CITY",)]


def test_the_approximate_way_agrees_with_the_exact_one_on_word_boundaries():
    source, target = "Ask Bo Li in Rome at 5, or Kim.", "Ask [NAME] in [CITY] at [TIME], or [NAME]."
    assert align_approximately(source, target) == align_exactly(source, target)
