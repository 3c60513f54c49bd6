"""Tokens and tags of Hugging Face, of CoNLL files and of tables become texts with entities; numbers are named or asked for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.shapes import read_shape
from tests.support.tags import tags_of_entities
from tunecurve.data.conll_rows import read_conll
from tunecurve.data.options import ReadingOptions
from tunecurve.data.shapes.base import Asked
from tunecurve.data.shapes.registry import recognise
from tunecurve.data.streams import DataFile
from tunecurve.errors import DataError
from tunecurve.formats.entities import parse_entities
from tunecurve.formats.tags import TokenSpan

TOKENS = ["Ada", "Lee", "left", "Graz", "."]
TAGS = ["B-PER", "I-PER", "O", "B-LOC", "O"]
COARSE, FINE = ["person"] * 2 + ["O", "place", "O"], ["person-writer"] * 2 + ["O", "place-city", "O"]
NAMES = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
TEXT = "Ada Lee left Graz ."
LISTED, MASKED = "PER: Ada Lee; LOC: Graz", "[PER] left [LOC] ."


@pytest.mark.parametrize(
    "row",
    [
        {"tokens": TOKENS, "ner_tags": TAGS},
        {"id": "7", "words": TOKENS, "labels": TAGS},
        {"tokens": str(TOKENS), "tags": str(TAGS)},  # as a CSV file holds lists
        {"tokens": TOKENS, "tags": ["B-PER", "L-PER", "O", "U-LOC", "O"]},
        {"tokens": TOKENS, "tags": ["B-PER", "E-PER", "O", "S-LOC", "O"]},
        {"tokens": TOKENS, "tags": ["I-PER", "I-PER", "O", "I-LOC", "O"]},
        {"tokens": TOKENS, "ner_tags": ["PER", "PER", "O", "LOC", "O"]},
        {"tokens": TOKENS, "tags": ["B-PER", "I-PER", None, "B-LOC", None]},
        {"sentence": TEXT, "tags": " ".join(TAGS)},
        {"sentence": TEXT, "word_labels": ",".join(TAGS)},
        {
            "tokens": TOKENS,
            "pos_tags": list("NNVN."),
            "chunk_tags": ["B-NP", "I-NP", "B-VP", "B-NP", "O"],
            "ner_tags": TAGS,
        },
    ],
)
def test_every_dress_gives_the_same_row(row):
    assert read_shape([row] * 3, task="ner").pairs == [(TEXT, LISTED)] * 3
    assert read_shape([row] * 3, task="masking").pairs == [(TEXT, MASKED)] * 3


def test_the_line_says_how_tokens_are_joined():
    read = read_shape([{"tokens": TOKENS, "ner_tags": TAGS}, {"tokens": ["It"], "ner_tags": ["O"]}], task="ner")
    assert read.line == (
        "read as tokens and tags: tokens joined by blanks are the input; the tags of 'ner_tags' give the list of entities; 1 rows have "
        "no entity: their target is 'none'"
    )
    assert read.pairs[1] == ("It", "none")
    assert read_shape(
        [{"tokens": TOKENS, "ner_tags": TAGS}, {"tokens": ["It"], "ner_tags": ["O"]}], task="masking"
    ).pairs[1] == ("It", "It")


def test_the_text_of_the_row_is_taken_where_it_has_one():
    row = {"text": "Ada Lee left Graz.", "tokens": TOKENS, "tags": TAGS}
    read = read_shape([row] * 2 + [{**row, "text": "Something else"}], task="masking")
    assert read.pairs == [("Ada Lee left Graz.", "[PER] left [LOC].")] * 2 + [(TEXT, MASKED)]
    assert "the text of the tokens is the input, in 1 rows the tokens joined by blanks" in read.line


def test_numbers_with_names():
    row = {"tokens": TOKENS, "ner_tags": [1, 2, 0, 3, 0]}
    assert read_shape([row], task="ner", options={"tag_names": NAMES}).pairs == [(TEXT, LISTED)]
    by_number = dict(enumerate(NAMES))
    assert read_shape([row], task="ner", options={"tag_names": by_number}).pairs == [(TEXT, LISTED)]
    by_name = {name: number for number, name in enumerate(NAMES)}
    assert read_shape([row], task="ner", options={"tag_names": by_name}).pairs == [(TEXT, LISTED)]
    masked = {"tokens": TOKENS, "ner_tags": [1, 2, -100, 3, -100]}
    assert read_shape([masked], task="ner", options={"tag_names": NAMES}).pairs == [(TEXT, LISTED)]


@pytest.mark.parametrize("named", [(), ("ner_tags",)])
def test_numbers_without_names_are_asked_for(named):
    with pytest.raises(DataError, match=r"'ner_tags' are numbers .1. without names: .*tag_names: \[O, B-PER, I-PER\]"):
        recognise([{"tokens": TOKENS, "ner_tags": [1, 2, 0, 3, 0]}], Asked("ner", target_columns=named))


def test_a_number_beyond_the_names():
    with pytest.raises(DataError, match=r"are numbers .3. without names"):
        read_shape([{"tokens": TOKENS, "ner_tags": [1, 2, 0, 3, 0]}], task="ner", options={"tag_names": NAMES[:3]})


def test_names_that_are_none():
    with pytest.raises(DataError, match="tag_names is 7, expected a list of names"):
        read_shape([{"tokens": TOKENS, "ner_tags": [1, 2, 0, 3, 0]}], task="ner", options={"tag_names": 7})


def test_other_lengths_are_an_error_with_the_place():
    rows = [{"tokens": TOKENS, "tags": TAGS}] * 3 + [{"tokens": TOKENS, "tags": TAGS[:4]}]
    with pytest.raises(
        DataError, match=r"line 4: 5 tokens and 4 tags \('Ada Lee left Graz \.'\); expected one tag for each token"
    ):
        read_shape(rows, task="ner")


def test_tags_of_two_ways_are_an_error():
    with pytest.raises(DataError, match="'LOC' has no prefix, and 'B-PER' has one"):
        read_shape([{"tokens": TOKENS, "tags": ["B-PER", "I-PER", "O", "LOC", "O"]}], task="ner")
    rows = [{"tokens": TOKENS, "tags": TAGS}] * 200 + [{"tokens": TOKENS, "tags": ["O", "O", "O", "LOC", "O"]}]
    with pytest.raises(DataError, match="line 201: tag 'LOC' has no prefix"):
        read_shape(rows, task="ner")


def test_what_was_mended_is_a_note_with_its_count():
    rows = [{"tokens": TOKENS, "tags": TAGS}, {"tokens": TOKENS, "tags": ["O", "I-PER", "O", "I-LOC", "O"]}]
    read = read_shape(rows, task="ner")
    assert read.pairs[1] == (TEXT, "PER: Lee; LOC: Graz")
    (finding,) = read.findings
    assert (finding.code, finding.is_note, finding.places) == ("tags-mended", True, ("line 2",))
    assert finding.text.startswith("2 entities begin with I-")


def test_iob1_is_no_slip():
    rows = [{"tokens": TOKENS, "tags": ["I-PER", "I-PER", "O", "I-LOC", "O"]}] * 2
    assert [finding.code for finding in read_shape(rows, task="ner").findings] == ["tags-iob1"]


def test_missing_ends_are_counted():
    rows = [{"tokens": TOKENS, "tags": ["B-PER", "E-PER", "O", "B-LOC", "O"]}]
    assert [finding.code for finding in read_shape(rows, task="ner").findings] == ["tags-not-ended"]


def test_scripts_without_blanks_are_said_and_can_be_joined_by_nothing():
    rows = [{"tokens": list("林晓燕去昆明"), "tags": ["B-人名", "I-人名", "I-人名", "O", "B-地名", "I-地名"]}] * 3
    read = read_shape(rows, task="ner")
    assert read.pairs[0] == ("林 晓 燕 去 昆 明", "人名: 林 晓 燕; 地名: 昆 明")
    assert [(finding.code, finding.is_note) for finding in read.findings] == [("tokens-without-blanks", False)]
    read = read_shape(rows, task="ner", options={"joined_by": ""})
    assert read.pairs[0] == ("林晓燕去昆明", "人名: 林晓燕; 地名: 昆明")
    assert read.findings == []
    assert "tokens joined by nothing are the input" in read.line


def test_pieces_of_a_model_are_no_tokens():
    row = {"pieces": ["[CLS]", "Hal", "##lor", "[SEP]"], "piece_tags": ["O", "B-PER", "I-PER", "O"]}
    assert recognise([row], Asked("ner")) is None
    with pytest.raises(DataError, match="are pieces of a model's vocabulary"):
        recognise([row], Asked("ner", target_columns=("piece_tags",)))


def test_spans_go_before_tags():
    row = {"full_text": TEXT, "spans": [[0, 7, "PER"]], "tokens": TOKENS, "tags": TAGS}
    assert read_shape([row], task="ner").match.shape == "spans"
    assert read_shape([row], task="ner", target_columns=("tags",)).pairs == [(TEXT, LISTED)]


def test_two_columns_of_tags_are_asked_for():
    row = {
        "tokens": TOKENS,
        "ner_tags": COARSE,
        "fine_ner_tags": FINE,
    }
    with pytest.raises(
        DataError, match=r"2 ways; say which is meant: .*--target-column ner_tags, or .*--target-column fine_ner_tags"
    ):
        read_shape([row] * 3, task="ner")
    read = read_shape([row] * 3, task="ner", target_columns=("fine_ner_tags",))
    assert read.pairs[0][1] == "person-writer: Ada Lee; place-city: Graz"


def test_rows_without_tokens_are_dropped():
    rows = [{"tokens": TOKENS, "tags": TAGS}] * 3 + [{"tokens": [], "tags": []}, {"tokens": TOKENS}]
    assert read_shape(rows, task="ner").pairs[3:] == ["no tokens", "no tokens"]


@pytest.mark.parametrize(
    "row",
    [
        {"text": "Ada left", "label": "greeting"},
        {"text": "Ada left", "label": "greeting bye"},
        {"tokens": TOKENS, "keywords": ["a", "b", "c", "d", "e"]},
        {"tokens": TOKENS, "score": [1, 2, 3, 4, 5]},
        {"text": "-", "label": "-"},
    ],
)
def test_other_rows_are_no_tokens_and_tags(row):
    found = recognise([row] * 3, Asked("ner"))
    assert found is None or found.shape == "columns"


def test_rows_that_are_single_tokens_are_named():
    pairs = enumerate(zip(TOKENS, TAGS, strict=True))
    rows = [{"Sentence #": "" if n % 3 else "Sentence: 1", "Word": word, "Tag": tag} for n, (word, tag) in pairs]
    with pytest.raises(DataError, match=r"rows are single tokens .column 'Word'. with their tags .'Tag'.*CoNLL file"):
        recognise(rows, Asked("ner"))
    assert recognise([{"word": "great", "label": "good"}] * 5, Asked("ner")) is None


def test_documents_of_conll_files_are_groups(tmp_path):
    path = tmp_path / "rows.conll"
    path.write_text("-DOCSTART- O\n\nAda B-PER\nLee I-PER\n\nleft O\n\n-DOCSTART- O\n\nGraz B-LOC\n")
    rows = [dict(cells) for _, cells in read_conll(DataFile.on_disk(path, ReadingOptions()), [])]
    read = read_shape(rows, task="ner")
    assert read.match.group_column == "document"
    assert read.pairs == [("Ada Lee", "PER: Ada Lee"), ("left", "none"), ("Graz", "LOC: Graz")]


WORDS = st.lists(
    st.tuples(st.sampled_from(["Ada", "Lee", "x;y", "é", "漢", "none", "-"]), st.booleans()), min_size=1, max_size=6
)


@given(WORDS)
def test_tags_are_rendered_and_read_again(chosen):
    words = [word for word, _ in chosen]
    spans = [TokenSpan(place, place + 1, "PER") for place, (_, is_name) in enumerate(chosen) if is_name]
    row = {"tokens": words, "tags": tags_of_entities(spans, len(words))}
    ((text, target),) = read_shape([row], task="ner", target_columns=("tags",)).pairs
    assert text == " ".join(words)
    assert parse_entities(target) == [("PER", word) for word, is_name in chosen if is_name]


@pytest.mark.parametrize("number", [-100, -1])
def test_tokens_without_a_tag_are_a_warning(number):
    row = {"tokens": TOKENS, "ner_tags": [number, 2, 0, 3, 0]}
    read = read_shape([row] * 2, task="ner", options={"tag_names": NAMES})
    (found,) = [finding for finding in read.findings if finding.code == "tokens-without-tag"]
    assert found.text.startswith("2 tokens have no tag")
    assert not found.is_note


@pytest.mark.parametrize("separator", ["-", "_"])
def test_tags_with_the_label_first_are_an_error(separator):
    tags = [f"PER{separator}B", f"PER{separator}I", "O", f"LOC{separator}B", "O"]
    with pytest.raises(DataError, match="'ner_tags' have the label first"):
        read_shape([{"tokens": TOKENS, "ner_tags": tags}] * 3, task="ner")


@pytest.mark.parametrize("label", ["vitamin-B", "group_I"])
def test_labels_may_end_with_a_letter(label):
    read = read_shape([{"tokens": TOKENS, "ner_tags": [label, label, "O", "CITY", "O"]}] * 3, task="ner")
    assert read.pairs[0][1] == f"{label}: Ada Lee; CITY: Graz"
