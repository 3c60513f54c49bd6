"""Where blanks do not separate words, names begin and end at any character: taggers and entity lists know it."""

import unicodedata

import pytest
import regex

from tunecurve.formats.spans import EntityFormat, LabelledSpan
from tunecurve.learners.encoder.tags import runs_of_tags, tags_of
from tunecurve.learners.encoder.words import split_words

ROWS = [
    ("今天林晓燕说，昆明的发票丢了。", "人名: 林晓燕; 地名: 昆明"),
    ("林晓燕昆明人", "人名: 林晓燕; 地名: 昆明"),
    ("昨日、田中さんは京都へ行った", "人名: 田中; 地名: 京都"),
    ("ガブリエルさんはパリへ", "人名: ガブリエル; 地名: パリ"),
    ("เมื่อวานสมชายไปเชียงใหม่", "คน: สมชาย; ที่: เชียงใหม่"),
    ("ថ្ងៃនេះសុខាទៅផ្សារ", "person: សុខា"),
    ("김민수는 서울에서 왔다", "person: 김민수; place: 서울"),
    ("我的iPhone12丢了，李Bob说", "thing: iPhone12; person: 李Bob"),
    ("今日はTilda Quistさんと東京タワーへ", "person: Tilda Quist; place: 東京タワー"),
    ("Ada went to York.", "person: Ada; place: York"),
]


@pytest.mark.parametrize(("source", "target"), ROWS)
def test_entities_become_tags_and_come_back_as_they_were(minilm_tokenizer, source, target):
    spans = EntityFormat().derive(source, target)
    assert spans is not None
    labels = sorted({span.label for span in spans})
    numbers = {label: number for number, label in enumerate(labels)}
    (words,) = split_words(minilm_tokenizer, [source])
    tags = tags_of(words, spans, numbers)
    found = [
        LabelledSpan(words.starts[first], words.ends[last - 1], labels[(tags[first] - 1) // 2])
        for first, last in runs_of_tags(words, tags, may_touch=True)
    ]
    assert EntityFormat().render(source, found) == target


@pytest.mark.parametrize(
    "source",
    [source for source, _ in ROWS] + ["a한b", " 林 \n 晓", "กิ", "がｶﾞ", "12月", "😀漢", "Rene\u0301 a\u0323\u0306"],
)
def test_words_stand_in_the_text_once_each_and_in_order(minilm_tokenizer, source):
    (words,) = split_words(minilm_tokenizer, [source])
    pieces = [source[start:end] for start, end in zip(words.starts, words.ends, strict=True)]
    assert "".join(pieces) == "".join(source.split())
    assert all(len(regex.findall(r"\X", pieces[number])) == 1 for number in words.characters)


@pytest.mark.parametrize(
    "text",
    [
        "Ann's e-mail: ann@b.com",
        "  Zoë\tlives in Köln.",
        "Заказ выполнен",
        "الطلب اكتمل",
        "आदेश पूरा",
        "x" * 90 + " Bo",
        "",
    ],
)
def test_words_of_scripts_with_blanks_are_the_tokenizers(minilm_tokenizer, text):
    by_character, whole = (split_words(minilm_tokenizer, [text], by_character=flag) for flag in (True, False))
    assert by_character == whole
    assert by_character[0].characters == frozenset()


def test_chinese_pieces_are_those_the_tokenizer_makes(minilm_tokenizer):
    by_character, whole = (
        split_words(minilm_tokenizer, ["今天林晓燕说"], by_character=flag)[0] for flag in (True, False)
    )
    assert (by_character.piece_ids, by_character.starts) == (whole.piece_ids, whole.starts)


def test_a_german_word_is_no_place_for_a_shorter_name():
    assert EntityFormat().derive("Die Antwort kam", "person: An") is None
    assert EntityFormat().derive("Hallorans Akte", "person: Halloran") is None


def test_entities_in_another_canonical_form_are_found():
    decomposed = unicodedata.normalize("NFD", "Gặp Hoàng ở Huế")
    spans = EntityFormat().derive(decomposed, "person: Hoàng; place: Huế")
    assert spans is not None
    assert [unicodedata.normalize("NFC", decomposed[s.start : s.end]) for s in spans] == ["Hoàng", "Huế"]
