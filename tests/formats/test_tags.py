"""Tags of tokens in every usual scheme give the entities that conlleval cuts, and what was mended is counted."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.tags import tags_of_entities
from tunecurve.formats.tags import (
    TokenSpan,
    are_pieces,
    entities_of_tags,
    find_tokens,
    have_prefixes,
    join_tokens,
)


def cut(tags, **options):
    return [(span.first, span.behind, span.label) for span in entities_of_tags(tags.split(), **options).spans]


@pytest.mark.parametrize(
    "tags",
    [
        "B-PER I-PER O B-LOC B-LOC",  # BIO
        "I-PER I-PER O I-LOC B-LOC",  # IOB1: B- only between two of one label
        "B-PER E-PER O S-LOC S-LOC",  # BIOES
        "B-PER L-PER O U-LOC U-LOC",  # BILOU
        "B-PER E-PER O S-LOC S-LOC".replace("-", "_"),
        "B-PER I-PER _ B-LOC B-LOC",  # CoNLL-U writes nothing as _
    ],
)
def test_one_sentence_in_every_scheme(tags):
    assert cut(tags) == [(0, 2, "PER"), (3, 4, "LOC"), (4, 5, "LOC")]
    assert cut("B-PER M-PER E-PER O") == [(0, 3, "PER")]


def test_labels_without_prefix_reach_as_far_as_they_repeat():
    tags = "person-actor person-actor O art-film person-actor"
    assert cut(tags, prefixed=False) == [(0, 2, "person-actor"), (3, 4, "art-film"), (4, 5, "person-actor")]


def test_labels_keep_hyphens_and_underscores():
    assert cut("B-date-of-birth I-date-of-birth B-ID_2 O B-weather/attribute") == [
        (0, 2, "date-of-birth"),
        (2, 3, "ID_2"),
        (4, 5, "weather/attribute"),
    ]


@pytest.mark.parametrize(
    ("tags", "spans", "n_begun_inside"),
    [
        ("O I-PER I-PER O", [(1, 3, "PER")], 1),
        ("I-PER O", [(0, 1, "PER")], 1),
        ("B-PER I-LOC", [(0, 1, "PER"), (1, 2, "LOC")], 1),
        ("S-PER I-PER", [(0, 1, "PER"), (1, 2, "PER")], 1),
        ("O L-PER", [(1, 2, "PER")], 1),
        ("B-PER I-PER O B-PER", [(0, 2, "PER"), (3, 4, "PER")], 0),
    ],
)
def test_what_does_not_begin_is_read_as_a_beginning_and_counted(tags, spans, n_begun_inside):
    assert cut(tags) == spans
    assert entities_of_tags(tags.split()).n_begun_inside == n_begun_inside


def test_iob1_is_told_from_slips():
    assert entities_of_tags(["I-PER", "I-PER", "B-PER", "O", "I-LOC"]).n_begun == 0
    assert entities_of_tags(["B-PER", "I-PER", "O", "I-LOC"]).n_begun == 1


def test_missing_ends_are_counted():
    found = entities_of_tags(["B-PER", "E-PER", "O", "B-LOC", "O"])
    assert (found.n_ended, found.n_not_ended) == (1, 1)
    assert entities_of_tags(["B-PER", "I-PER", "O", "S-LOC"]).n_not_ended == 1
    assert entities_of_tags(["B-PER", "E-PER", "U-LOC", "S-LOC"]).n_not_ended == 0


def test_prefixes_are_told_from_labels_that_look_so():
    assert have_prefixes(["B-PER", "I-PER", "O"])
    assert have_prefixes(["O"])
    assert not have_prefixes(["person", "E-mail", "O"])
    with pytest.raises(ValueError, match="'LOC' has no prefix, and 'B-PER' has one"):
        have_prefixes(["B-PER", "LOC", "O"])


def test_no_tag_is_outside():
    assert [span.label for span in entities_of_tags([None, "B-A", None, "", "I-A"]).spans] == ["A", "A"]


SENTENCE = st.lists(st.tuples(st.integers(1, 4), st.sampled_from(["A", "B-C", "D_E", None])), max_size=6)


@given(SENTENCE)
def test_tags_of_entities_give_them_again(pieces):
    ends = list(itertools.accumulate(length for length, _ in pieces))
    spans = [
        TokenSpan(end - length, end, label)
        for (length, label), end in zip(pieces, ends, strict=True)
        if label is not None
    ]
    tags = tags_of_entities(spans, sum(length for length, _ in pieces))
    found = entities_of_tags(tags)
    assert list(found.spans) == spans
    assert found.n_begun_inside == 0


@given(st.lists(st.sampled_from(["B-A", "I-A", "E-A", "S-B", "I-B", "L-A", "O", ""]), max_size=12))
def test_any_sequence_has_one_reading_that_covers_what_is_tagged(tags):
    found = entities_of_tags(tags)
    covered = [position for span in found.spans for position in range(span.first, span.behind)]
    assert covered == [position for position, tag in enumerate(tags) if tag not in ("O", "")]
    assert all(tags[span.first][2:] == span.label for span in found.spans)


@given(st.lists(st.text(alphabet="ab é漢.", min_size=1, max_size=4).filter(str.strip), max_size=6))
def test_joined_tokens_stand_where_it_says(tokens):
    text, places = join_tokens(tokens)
    assert [text[start:end] for start, end in places] == tokens
    assert text == " ".join(tokens)


def test_tokens_are_found_in_their_text():
    assert find_tokens("Ada  didn't.", ["Ada", "did", "n't", "."]) == [(0, 3), (5, 8), (8, 11), (11, 12)]
    assert find_tokens("林晓燕来了", ["林晓燕", "来", "了"]) == [(0, 3), (3, 4), (4, 5)]
    assert find_tokens("Ada left", ["Ada", "stayed"]) is None
    assert find_tokens("Ada left early", ["Ada", "left"]) is None


def test_pieces_of_a_model_are_no_words():
    assert are_pieces(["[CLS]", "Hal", "##lor", "##an"])
    assert are_pieces(["▁Hall", "oran"])
    assert not are_pieces(["Hal", "#1", "[", "x"])
