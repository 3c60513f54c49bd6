"""The automaton lets every masking through, and nothing else; the plain way is a search over characters."""

import functools
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunecurve.errors import ModelError
from tunecurve.formats.alignment import align_exactly
from tunecurve.formats.mask_shapes import MaskShape, mask_shape
from tunecurve.formats.placeholder_numbers import Numbering
from tunecurve.formats.placeholders import PlaceholderForm, Style
from tunecurve.learners.lm.decoding.masking_automaton import KnownLabels, MaskingAutomaton

NAMES = ("A", "AB", "NAME", "NAME_TAG", "N2")
# Few letters, so that stretches repeat; brackets, labels and digits, so that the input looks like a masking itself.
TEXTS = st.one_of(st.text("AB[]2_ aé€😀", max_size=14), st.text(max_size=30).filter(lambda text: "\ud800" not in text))
SHAPES = st.builds(MaskShape, st.integers(4, 9), st.integers(1, 3), st.sampled_from([(), ("A",), ("A", "NAME")]))
WORDS = st.sampled_from(["[A]", "[AB]", "[", "]", "[NAME", "_2]", "A", " ", "é"])


def texts_with_labels():
    return st.lists(st.one_of(TEXTS, WORDS), max_size=4).map("".join).filter(is_writable)


def is_writable(text):
    try:
        return bool(text.encode() or True)
    except UnicodeEncodeError:
        return False


def finish(automaton, text):
    """Return whether the automaton takes the text, as a whole."""
    standing = automaton.follow(automaton.start, text.encode())
    return standing is not None and automaton.may_end(standing)


def is_masking(source, text, numbered):
    """Return whether the text is the source with non-empty stretches replaced: every way is tried."""
    number = r"(_[0-9]{1,4})?" if numbered else ""
    label = re.compile(rf"\[({'|'.join(NAMES)}){number}\]")

    @functools.cache
    def rest(place, written):
        if place == len(source) and written == len(text):
            return True
        if place == len(source):
            return False
        if written < len(text) and source[place] == text[written] and rest(place + 1, written + 1):
            return True
        found = label.match(text, written)
        return found is not None and any(rest(after, found.end()) for after in range(place + 1, len(source) + 1))

    return rest(0, 0)


@st.composite
def maskings(draw):
    source = draw(texts_with_labels())
    numbered = draw(st.booleans())
    cuts = sorted(draw(st.lists(st.integers(0, len(source)), max_size=8, unique=True)))
    text, done = "", 0
    for start, end in zip(cuts[::2], cuts[1::2], strict=False):
        number = draw(st.sampled_from(["", "_1", "_27", "_0003"])) if numbered else ""
        text += source[done:start] + f"[{draw(st.sampled_from(NAMES))}{number}]"
        done = end
    return source, text + source[done:], numbered


@settings(max_examples=200, deadline=None)
@given(maskings(), st.data())
def test_every_masking_is_let_through_however_it_is_cut_into_tokens(case, data):
    source, masked, numbered = case
    automaton = MaskingAutomaton(source, KnownLabels(NAMES, numbered))
    rest, standing = masked.encode(), automaton.start
    while rest:
        length = data.draw(st.integers(1, len(rest)))
        standing = automaton.follow(standing, rest[:length])
        assert standing is not None
        rest = rest[length:]
    assert automaton.may_end(standing)
    assert is_masking(source, masked, numbered)


@settings(max_examples=200, deadline=None)
@given(maskings(), st.data())
def test_what_is_nearly_a_masking_is_judged_as_by_trying_every_way(case, data):
    source, masked, numbered = case
    text = list(masked)
    for _ in range(data.draw(st.integers(0, 3))):
        place = data.draw(st.integers(0, len(text)))
        change = data.draw(st.sampled_from(["[A]", "[NAME_2]", "[", "]", "A", "_1", "", "é", "[B]"]))
        text[place : place + data.draw(st.integers(0, 2))] = change
    text = "".join(text)
    expected = is_masking(source, text, numbered)
    assert finish(MaskingAutomaton(source, KnownLabels(NAMES, numbered)), text) == expected


@settings(max_examples=200, deadline=None)
@given(texts_with_labels(), st.lists(st.one_of(WORDS, TEXTS.filter(is_writable)), max_size=12), st.data())
def test_whatever_is_wanted_what_comes_out_aligns_exactly(source, wishes, data):
    """A token stream at random, as far as it is let through; where nothing is, the label is closed or copying goes on."""
    labels = KnownLabels(NAMES, numbered=data.draw(st.booleans()))
    automaton = MaskingAutomaton(source, labels, shape=data.draw(st.none() | SHAPES))
    tokens = [wish.encode() for wish in wishes] + [bytes([byte]) for byte in b"[]_NAMETG2"]
    n_wanted = data.draw(st.integers(0, 40))
    written, standing = b"", automaton.start
    while not (automaton.may_end(standing) and n_wanted <= 0):
        n_wanted -= 1
        allowed = [token for token in tokens if token and automaton.follow(standing, token)] if n_wanted > 0 else []
        place = automaton.only_position(standing)
        if allowed:
            token = data.draw(st.sampled_from(allowed))
        elif place is not None and place < len(automaton.text):
            token = automaton.text[place : place + 1]
        elif place is not None:
            break
        else:
            token = bytes([next(byte for byte in range(256) if automaton.step(standing, byte))])
        written, standing = written + token, automaton.follow(standing, token)
        assert standing is not None, "something always goes on"
    assert align_exactly(source, written.decode()) is not None
    assert is_masking(source, written.decode(), numbered=True)


def test_a_number_is_taken_only_where_labels_have_numbers():
    assert finish(MaskingAutomaton("Ada and Bo", KnownLabels(["NAME"], numbered=True)), "[NAME_1] and [NAME_2]")
    assert not finish(MaskingAutomaton("Ada and Bo", KnownLabels(["NAME"])), "[NAME_1] and [NAME_2]")
    assert not finish(MaskingAutomaton("Ada", KnownLabels(["NAME"], numbered=True)), "[NAME_]")


def test_neighbouring_labels_replace_a_character_each():
    automaton = MaskingAutomaton("é!", KnownLabels(["A"]))
    assert finish(automaton, "[A][A]")
    assert not finish(automaton, "[A][A][A]")
    assert not finish(automaton, "[A]é!")


def test_a_lead_is_written_first_and_never_replaced():
    automaton = MaskingAutomaton("Ada", KnownLabels(["A"]), lead=" ")
    assert [finish(automaton, text) for text in (" [A]", " Ada", "[A]", "Ada")] == [True, True, False, False]


def test_labels_that_are_none_are_named():
    with pytest.raises(ModelError, match="the constraint needs a masking task"):
        KnownLabels([])
    with pytest.raises(ModelError, match=r"label 'first name' cannot be written .* correct prompt\.labels"):
        KnownLabels(["first name"])


@pytest.mark.parametrize(
    ("form", "names", "taken", "refused"),
    [
        (
            PlaceholderForm((Style("<", ">", ("NAME",)),)),
            ("NAME",),
            ["<NAME> < 5", "a <NAME>"],
            ["[NAME] < 5", "<X> < 5"],
        ),
        (PlaceholderForm((Style("[[", "]]", ("NAME",)),)), ("NAME",), ["[[NAME]] < 5"], ["[NAME] < 5", "[[NAME] < 5"]),
        (PlaceholderForm((Style("{{ ", " }}", ("name",)),)), ("name",), ["{{ name }} < 5"], ["{{name}} < 5"]),
        (PlaceholderForm((Style("", "", ("***",)),)), ("***",), ["*** < 5", "a < ***"], ["** < 5", "**** < 5"]),
        (PlaceholderForm((Style("【", "】", ("姓名",)),)), ("姓名",), ["【姓名】 < 5"], ["【姓】 < 5"]),
        (PlaceholderForm((Style("", "", ("N",)),), Numbering(("N",), "")), ("N",), ["N1 < 5", "N < 5"], ["N11111 < 5"]),
    ],
)
def test_placeholders_in_every_dress_and_no_other(form, names, taken, refused):
    labels = KnownLabels(names, numbered=bool(form.numbering.labels), form=form)
    for text in taken:
        assert finish(MaskingAutomaton("a < 5", labels), text), text
    for text in refused:
        assert not finish(MaskingAutomaton("a < 5", labels), text), text


def is_masking_within(source, text, shape):
    """Return whether the text is a masking within the limits: every way is tried."""
    label = re.compile(rf"\[({'|'.join(NAMES)})\]")

    @functools.cache
    def rest(place, written, last, count):
        if place == len(source) and written == len(text):
            return True
        if place == len(source) or written == len(text):
            return False
        if source[place] == text[written]:
            row = (last, count) if source[place].isspace() else ("", 0)
            if rest(place + 1, written + 1, *row):
                return True
        found = label.match(text, written)
        if found is None or count == shape.most_in_a_row or (found[1] == last and last not in shape.repeated):
            return False
        ends = [end for end in range(place + 1, len(source) + 1) if len(source[place:end].encode()) <= shape.most_bytes]
        return any(rest(end, found.end(), found[1], count + 1) for end in ends)

    return rest(0, 0, "", 0)


PLAIN = st.text("ABé😀  ", min_size=1, max_size=14)


@settings(max_examples=300, deadline=None)
@given(PLAIN, st.lists(st.tuples(st.integers(0, 14), st.sampled_from(NAMES[:3])), max_size=6), SHAPES, st.data())
def test_limits_are_kept_as_by_trying_every_way(source, wanted, shape, data):
    text, done = "", 0
    for place, name in sorted(wanted):
        start = max(place, done)
        if start >= len(source):
            break
        text += source[done:start] + f"[{name}]"
        done = data.draw(st.integers(start + 1, len(source)))
    text += source[done:]
    expected = is_masking_within(source, text, shape)
    assert MaskingAutomaton(source, KnownLabels(NAMES), shape=shape).takes(text.encode()) == expected
    assert MaskingAutomaton(source, KnownLabels(NAMES)).takes(text.encode())


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([("Ada is here", "[A] is here"), ("to Oslo", "to [A]")], MaskShape(8, 2)),
        ([("Zoë é", "[A] é")], MaskShape(8, 2)),
        ([("a b c d", "[A] [AB] [A] d")], MaskShape(4, 4)),
        ([("a b, c", "[A] [A], [A]")], MaskShape(4, 3, ("A",))),
        ([("ab", "[A][AB]")], MaskShape(4, 3)),
        ([("[A] x, y", "[A] [A], [A]")], MaskShape(4, 3, ("A",))),
        ([("a\u00a0b", "[A]\u00a0[A]")], MaskShape(4, 2)),
        ([("a\n\tb", "[A]\n\t[A]")], MaskShape(4, 3, ("A",))),
        ([("nothing", "nothing"), ("other text", "no masking [A]")], None),
        ([], None),
    ],
)
def test_limits_are_those_of_the_rows_with_room(pairs, expected):
    assert mask_shape(pairs) == expected
    assert expected is None or MaskShape.from_json(expected.to_json()) == expected


@settings(max_examples=100, deadline=None)
@given(st.lists(maskings().filter(lambda case: not case[2]), min_size=1, max_size=3))
def test_what_the_rows_show_is_always_within_their_own_limits(cases):
    pairs = [(source, target) for source, target, _ in cases]
    shape = mask_shape(pairs)
    if not any("[" in source for source, _ in pairs):
        assert (shape is None) == (not any("[" in target for _, target in pairs))
    for source, target in pairs:
        assert MaskingAutomaton(source, KnownLabels(NAMES), shape=shape).takes(target.encode())


def test_numbers_tell_repeated_labels_apart():
    shape = MaskShape(9, 3)
    automaton = MaskingAutomaton("Ada Bo", KnownLabels(["NAME"], numbered=True), shape=shape)
    assert automaton.takes(b"[NAME_1] [NAME_2]")
    assert not automaton.takes(b"[NAME] [NAME]")
    bare = PlaceholderForm((Style("", "", ("***", "****")),))
    stars = MaskingAutomaton("Ada Bo Cy", KnownLabels(["***", "****"], form=bare), shape=MaskShape(9, 2, ("***",)))
    assert stars.takes(b"*** **** Cy")
    assert stars.takes(b"**** Bo ***")
    assert not stars.takes(b"*** *** ***")
