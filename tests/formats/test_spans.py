"""Spans derived from input and target rebuild the target exactly, or the row is counted as not alignable."""

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunecurve.formats.spans import (
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
    # Blanks at the ends do not count: exact match does not count them either.
    assert found is None or replace_spans(source, found).strip() == target.strip()


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


TEXT_OF_NAMES = "Ann, Bo, Ann"


@pytest.mark.parametrize(
    ("target", "written_of_another"),
    [
        ("[NAME_1], [NAME_2], [NAME_1]", "[NAME_1] [NAME_2] [NAME_2]"),
        ("[NAME_1], [NAME_2], [NAME_3]", "[NAME_1] [NAME_2] [NAME_3]"),
        ("[NAME_0], [NAME_1], [NAME_0]", "[NAME_0] [NAME_1] [NAME_1]"),
        ("[NAME_0], [NAME_1], [NAME_2]", "[NAME_0] [NAME_1] [NAME_2]"),
        ("[NAME_01], [NAME_02], [NAME_01]", "[NAME_01] [NAME_02] [NAME_02]"),
        ("[NAME1], [NAME2], [NAME1]", "[NAME1] [NAME2] [NAME2]"),
        ("[NAME_3], [NAME_2], [NAME_1]", "[NAME_3] [NAME_2] [NAME_1]"),
        ("[NAME-1], [NAME-2], [NAME-1]", "[NAME-1] [NAME-2] [NAME-2]"),
        ("[NAME 1], [NAME 2], [NAME 1]", "[NAME 1] [NAME 2] [NAME 2]"),
        ("<NAME>, <NAME>, <NAME>", "<NAME> <NAME> <NAME>"),
        ("{{name_1}}, {{name_2}}, {{name_1}}", "{{name_1}} {{name_2}} {{name_2}}"),
        ("{{ name }}, {{ name }}, {{ name }}", "{{ name }} {{ name }} {{ name }}"),
        ("***, ***, ***", "*** *** ***"),
        ("XXXX, XXXX, XXXX", "XXXX XXXX XXXX"),
        ("[REDACTED], [REDACTED], [REDACTED]", "[REDACTED] [REDACTED] [REDACTED]"),
        ("__NAME__, __NAME__, __NAME__", "__NAME__ __NAME__ __NAME__"),
        ("[PRÉNOM], [PRÉNOM], [PRÉNOM]", "[PRÉNOM] [PRÉNOM] [PRÉNOM]"),
        ("【姓名】, 【姓名】, 【姓名】", "【姓名】 【姓名】 【姓名】"),
    ],
)
def test_dress_and_numbers_follow_the_training_targets(target, written_of_another):
    pairs = [(TEXT_OF_NAMES, target)] * 3
    form = MaskFormat.of_targets(pairs)
    (label,) = {span.label for span in form.derive(*pairs[0])}
    assert form.render(*[TEXT_OF_NAMES, form.derive(*pairs[0])]) == target
    spans = [LabelledSpan(0, 2, label), LabelledSpan(3, 6, label), LabelledSpan(7, 10, label)]
    assert form.render("Cy Dag Dag", spans) == written_of_another
    assert MaskFormat.from_json(json.loads(json.dumps(form.to_json()))) == form


def test_classes_without_numbers_keep_their_names():
    form = MaskFormat.of_targets([("Ann, 12", "[NAME_1], [AGE]")])
    assert form.form.numbering.labels == ("NAME",)
    assert form.render("Bo, 9", [LabelledSpan(0, 2, "NAME"), LabelledSpan(4, 5, "AGE")]) == "[NAME_1], [AGE]"


def test_touching_labels_are_numbered_one_by_one():
    pairs = [
        ("pay $50 to Ann", "pay [SIGN_1][SUM_1] to [NAME_1]"),
        ("Bo, $7 or $7", "[NAME_1], [SIGN_1][SUM_1] or [SIGN_1][SUM_1]"),
    ]
    form = MaskFormat.of_targets(pairs)
    assert all(form.render(source, form.derive(source, target)) == target for source, target in pairs)


@pytest.mark.parametrize(
    ("pairs", "source", "word", "written"),
    [
        ([("Tildas Akte", "[NAME]s Akte"), ("Ansgars Akte", "[NAME]s Akte")], "Wennas Akte", (0, 6), "[NAME]s Akte"),
        ([("Tildas Akte", "[NAME]s Akte"), ("Ansgars Akte", "[NAME]s Akte")], "Bo kam", (0, 2), "[NAME] kam"),
        (
            [("Tildas Akte", "[NAME]s Akte"), *[(f"{n} kam", "[NAME] kam") for n in ("Hans", "Klaus", "Lars")]],
            "Jonas kam",
            (0, 5),
            "[NAME] kam",
        ),
        ([("לטל נאמר", "ל[NAME] נאמר"), ("לרון נאמר", "ל[NAME] נאמר")], "לגיל נאמר", (0, 4), "ל[NAME] נאמר"),
        (
            [("Annan kirja", "[NAME]n kirja"), ("Leenan kirja", "[NAME]n kirja")],
            "Minnan kirja",
            (0, 6),
            "[NAME]n kirja",
        ),
    ],
)
def test_letters_that_stay_beside_a_label_stay_where_training_shows_it(pairs, source, word, written):
    form = MaskFormat.of_targets(pairs)
    assert form.render(source, [LabelledSpan(*word, "NAME")]) == written


def test_blanks_at_the_ends_go_where_they_go_in_training():
    form = MaskFormat.of_targets([("Ask Ann. \n", "Ask [NAME]."), ("Ask Bo. \n", "Ask [NAME].")])
    assert form.render("Ask Cy. \n", form.derive("Ask Cy. \n", "Ask [NAME].")) == "Ask [NAME]."
    kept = MaskFormat.of_targets([("Ask Ann. \n", "Ask [NAME]. \n")])
    assert kept.render("Ask Cy. \n", [LabelledSpan(4, 6, "NAME")]) == "Ask [NAME]. \n"


def test_runs_may_be_as_long_as_what_they_hide():
    form = MaskFormat.of_targets([("Ann saw Wenna", "*** saw *****"), ("Ansgar left", "****** left")])
    assert form.render("Tilda saw Bob", [LabelledSpan(0, 5, "***"), LabelledSpan(10, 13, "***")]) == "***** saw ***"


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
