"""The likeliest sequence of tags: that of a search over all sequences, and what a threshold settles stays settled."""

import importlib.util
import itertools
import json
import math
import re
import shutil
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunecurve.formats.spans import LabelledSpan
from tunecurve.learners.encoder import tags as tags_module
from tunecurve.learners.encoder.tags import OUTSIDE, filled_signs, likeliest_tags, with_gaps_filled
from tunecurve.learners.encoder.words import Words, split_words

RUNNER = Path(tags_module.__file__).parent / "runners" / "tagger.py"


def may_stand(tags):
    return all(
        tag == OUTSIDE or tag % 2 == 1 or before in (tag - 1, tag) for before, tag in itertools.pairwise([0, *tags])
    )


def best_of_all(shares, is_inside):
    """The best sequence by trying every one; with several equally good ones, the first."""
    found, best = None, -math.inf
    for tags in itertools.product(range(shares.shape[1]), repeat=len(shares)):
        if not may_stand(tags):
            continue
        if any((tag != OUTSIDE) != inside for tag, inside in zip(tags, is_inside, strict=True)):
            continue
        value = sum(math.log(shares[place, tag]) for place, tag in enumerate(tags))
        if value > best + 1e-9:
            found, best = tags, value
    return best, found


def random_shares(seed, n_words, n_labels):
    generator = np.random.default_rng(seed)
    raw = generator.gamma(0.5, size=(n_words, 1 + 2 * n_labels)) + 1e-3
    return (raw / raw.sum(axis=1, keepdims=True)).astype(np.float32)


@given(seed=st.integers(0, 10_000), inside=st.lists(st.booleans(), min_size=1, max_size=4))
def test_words_that_are_settled_stay_inside_and_outside(seed, inside):
    shares = random_shares(seed, len(inside), 2)
    tags = likeliest_tags(shares, np.array(inside))
    assert [tag != OUTSIDE for tag in tags] == inside
    value, _ = best_of_all(shares, inside)
    assert sum(math.log(shares[place, tag]) for place, tag in enumerate(tags)) == pytest.approx(value, abs=1e-6)


def test_a_name_is_not_broken_where_its_middle_may_begin_one_as_well():
    shares = np.array([[0.1, 0.8, 0.1, 0, 0], [0, 0.1, 0.43, 0.02, 0.45]], dtype=np.float32)
    assert shares.argmax(axis=1).tolist() == [1, 4]  # the I of a label that nothing began
    assert likeliest_tags(shares, np.array([True, True])) == [1, 2]
    two = np.array([[0.1, 0.8, 0.1], [0.1, 0.5, 0.4]], dtype=np.float32)
    assert likeliest_tags(two, np.array([True, True])) == [1, 1]  # neighbours may stand


def words_of(text):
    """Words are letters and digits, or one sign."""
    places = [match.span() for match in re.finditer(r"\w+|[^\w\s]", text)]
    return Words(tuple(start for start, _ in places), tuple(end for _, end in places), (), ())


def row(marked):
    """Return text, words and spans of a text in which spans stand between angle brackets."""
    text, spans = "", []
    for part in re.split(r"(<[^>]*>)", marked):
        if part.startswith("<"):
            spans.append(LabelledSpan(len(text), len(text) + len(part) - 2, "URL"))
        text += part.strip("<>")
    return text, words_of(text), spans


@pytest.mark.parametrize(
    ("rows", "filled"),
    [
        (["see <a.com/login> now"], ["", ".", "/"]),
        (["<a/b> or <a>/<b>"], []),  # once within a span, once between two
        (["<a/b> <c/d> <e/f> or <a>/<b>"], ["/"]),
        (["(<ann>) and <bo>, <cleo>"], []),  # signs around spans stand between none
        (["<a/x_y/c>"], ["", "/"]),  # no word of the rows is kept, with an underscore or an accent of its own either
        ([], []),
    ],
)
def test_what_belongs_to_spans_without_blanks_follows_the_training_rows(rows, filled):
    assert filled_signs([row(marked) for marked in rows]) == filled


@pytest.mark.parametrize(
    ("filled", "expected"),
    [
        (["", "/", "?"], [0, 1, 2, 2, 2, 2, 0, 1]),
        (["/", "?"], [0, 1, 0, 0, 0, 2, 0, 1]),  # not the word in the middle
        ([], [0, 1, 0, 0, 0, 2, 0, 1]),
    ],
)
def test_gaps_are_filled_within_a_stretch_without_blanks_alone(filled, expected):
    text = "at a/b?c / d"
    assert with_gaps_filled(text, words_of(text), [0, 1, 0, 0, 0, 2, 0, 1], filled) == expected


def test_gaps_of_characters_are_not_filled_where_whole_sentences_have_no_blank(minilm_tokenizer):
    (words,) = split_words(minilm_tokenizer, [text := "王小明来了"])
    assert filled_signs([(text, words, [LabelledSpan(0, 3, "NAME")])]) == []
    (words,) = split_words(minilm_tokenizer, [text := "王明和李娜a.b去"])
    assert len(words) == 9
    assert with_gaps_filled(text, words, [1, 0, 0, 0, 2, 0, 0, 0, 0], ["", "."]) == [1, 0, 0, 0, 2, 0, 0, 0, 0]
    assert with_gaps_filled(text, words, [0, 0, 0, 0, 0, 1, 0, 1, 0], ["", "."]) == [0, 0, 0, 0, 0, 1, 2, 1, 0]


def test_labels_without_beginnings_may_stand_anywhere():
    shares = np.array([[0.2, 0.0, 0.8], [0.9, 0.0, 0.1], [0.3, 0.0, 0.7]], dtype=np.float32)
    assert likeliest_tags(shares, np.array([True, False, True])) == [2, 0, 2]


def runner_told(folder, monkeypatch, told):
    """Return the program beside an exported model, without a model."""
    shutil.copyfile(RUNNER, folder / "run.py")
    (folder / "settings.json").write_text(json.dumps(told))
    nothing = types.SimpleNamespace(from_file=lambda path: None)
    monkeypatch.setitem(sys.modules, "onnxruntime", types.SimpleNamespace(InferenceSession=lambda path: None))
    monkeypatch.setitem(sys.modules, "tokenizers", types.SimpleNamespace(Tokenizer=nothing))
    spec = importlib.util.spec_from_file_location("runner_under_test", folder / "run.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("threshold", [None, 0.3])
def test_the_program_beside_an_exported_tagger_decides_alike(tmp_path, monkeypatch, threshold):
    runner = runner_told(tmp_path, monkeypatch, {"threshold": threshold})
    for seed in range(50):
        shares = random_shares(seed, 1 + seed % 7, 1 + seed % 3)
        is_inside = shares[:, 1:].max(axis=1) > shares[:, OUTSIDE]
        if threshold is not None:
            is_inside = 1.0 - shares[:, OUTSIDE] >= threshold
        assert runner.likeliest(shares).tolist() == likeliest_tags(shares, is_inside)
    assert runner.likeliest(np.zeros((0, 3), dtype=np.float32)).tolist() == []
    assert runner.likeliest(np.ones((2, 1), dtype=np.float32)).tolist() == [0, 0]


def test_the_program_beside_an_exported_tagger_fills_the_same_gaps(tmp_path, monkeypatch):
    runner = runner_told(tmp_path, monkeypatch, {"filled": ["", "."]})
    assert [word for word in ["login", "x_y", ".", "/", "和", "김", "กิ", "か", "é"] if runner.fills(word)] == [
        "login", "x_y", ".", "é",
    ]  # fmt: skip
