"""Spans derived from input and target rebuild the target exactly, or the row is counted as not alignable."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunecurve.learners.spans import (
    EntityFormat,
    LabelledSpan,
    MaskFormat,
    derive_mask,
    replace_spans,
)

LABELS = st.sampled_from(["NAME", "CITY", "NAME_2", "STREET_ADDRESS", "A1"])
# Repeated surfaces, white space of all kinds, letters outside ASCII, brackets that are no labels.
TEXT = st.text(alphabet=st.sampled_from("aab  \n\t.,-é漢😀[]A1\u00a0\u200b"), max_size=40)


@st.composite
def masked(draw):
    """A text, spans of it that do not overlap (perhaps touching), and the text with the spans replaced."""
    source = draw(TEXT)
    places = sorted(draw(st.lists(st.integers(0, len(source)), max_size=8, unique=True)))
    spans = [LabelledSpan(start, end, draw(LABELS)) for start, end in itertools.pairwise(places) if draw(st.booleans())]
    return source, spans, replace_spans(source, spans)


@given(masked())
def test_derived_masks_rebuild_the_target_or_the_row_is_not_alignable(case):
    source, _, target = case
    found = derive_mask(source, target)
    assert found is not None, "a target that was made by replacing spans is always alignable"
    assert replace_spans(source, found) == target
    assert all(0 <= span.start < span.end <= len(source) for span in found)
    assert all(first.end <= second.start for first, second in itertools.pairwise(found))


@given(TEXT, st.text(alphabet=st.sampled_from("ab []NAME\n"), max_size=40))
def test_any_other_target_is_either_rebuilt_or_refused(source, target):
    found = derive_mask(source, target)
    assert found is None or replace_spans(source, found) == target


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("Ann met Ann", "[NAME] met Ann"),
        ("Ann met Ann", "Ann met [NAME]"),
        ("pay $50 now", "pay [SYMBOL][AMOUNT] now"),
        ("  Ann\n\tBo ", "  [NAME]\n\t[NAME] "),
    ],
)
def test_repeated_surfaces_touching_labels_and_white_space(source, target):
    assert replace_spans(source, derive_mask(source, target)) == target


def test_a_target_that_changes_the_rest_is_not_alignable():
    assert derive_mask("Ann lives here", "[NAME] lived here") is None
    assert derive_mask("Ann", "[NAME]!") is None


def test_numbers_follow_the_training_targets():
    by_value = [("Ann, Bo, Ann", "[NAME_1], [NAME_2], [NAME_1]")]
    by_occurrence = [("Ann, Bo, Ann", "[NAME_1], [NAME_2], [NAME_3]")]
    for pairs, numbering in ((by_value, "by value"), (by_occurrence, "by occurrence")):
        form = MaskFormat.of_targets(pairs)
        assert (form.numbering, form.numbered) == (numbering, ("NAME",))
        for source, target in pairs:
            assert form.render(source, form.derive(source, target)) == target


def test_classes_without_numbers_keep_their_names():
    form = MaskFormat.of_targets([("Ann, 12", "[NAME_1], [AGE]")])
    assert form.numbered == ("NAME",)
    assert form.render("Bo, 9", [LabelledSpan(0, 2, "NAME"), LabelledSpan(4, 5, "AGE")]) == "[NAME_1], [AGE]"


def test_entities_are_found_as_whole_words_and_in_their_order():
    form = EntityFormat()
    source = "Annika met Ann in Bern , Ann left"
    spans = form.derive(source, "person: Ann; location: Bern; person: Ann")
    assert [(span.start, span.label) for span in spans] == [(11, "person"), (18, "location"), (25, "person")]
    assert form.render(source, spans) == "person: Ann; location: Bern; person: Ann"


def test_entities_that_are_not_in_the_input_are_not_alignable():
    assert EntityFormat().derive("Ann left", "person: Bo") is None
    assert EntityFormat().derive("Ann left", "none") == []
    assert EntityFormat().render("Ann left", []) == "none"
