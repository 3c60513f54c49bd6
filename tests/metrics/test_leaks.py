"""What leaks, in every script and dress: the definition in docs/tasks.md, and a second implementation of it."""

import itertools
import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.records import point
from tests.fakes.records import score as scored
from tests.metrics.naive_leaks import leaks_as_read
from tunecurve.metrics.base import corpus_score
from tunecurve.metrics.catalogue import build_metrics
from tunecurve.metrics.leaks import Value, find_leaks, parts_of
from tunecurve.metrics.masked_row import analyse_row
from tunecurve.results.best_so_far import leak_sentence
from tunecurve.results.records.test_set import TestSet
from tunecurve.tasks.lookup import task_of

# Script -> (names, public words, whether blanks separate words).
SCRIPTS = {
    "latin": (["Tilda", "René", "Li", "Jörg Weiß", "An"], ["Antwort", "rose", "ließ", "liest", "tilda", "an"], True),
    "vietnamese": (["Nguyễn Thị Hoa", "Đặng Mai"], ["hoa", "đã", "mai", "mua"], True),
    "turkish": (["Işık", "İpek"], ["ışık", "ipek", "bir"], True),
    "cyrillic": (["Олег", "Фёдор", "Юлия"], ["олеговна", "дом", "федор"], True),
    "greek": (["Νίκος", "Ἑλένη"], ["νίκος", "σπίτι"], True),
    "arabic": (["مُحَمَّد", "ليلى"], ["قال", "محمد", "بيت"], True),
    "hebrew": (["דָּוִד", "רות"], ["אמר", "דוד", "בית"], True),
    "devanagari": (["राम", "मीना"], ["रामायण", "घर", "में"], True),
    "thai": (["สมชาย", "นา"], ["นาน", "บ้าน", "กิน"], False),
    "chinese": (["林晓燕", "李"], ["桃李", "今天", "发票"], False),
    "japanese": (["田中", "ガブリエル", "さくら"], ["カ", "桜", "さく", "です"], False),
    "korean": (["김민수", "지우"], ["지우개", "는", "집에"], True),
}


def decomposed(text):
    return unicodedata.normalize("NFD", text)


def with_invisible(text):
    return "\u200b".join(text)


def full_width(text):
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


DRESSES = [str, decomposed, with_invisible, full_width, str.upper, lambda text: "\u00ad".join(text) + "\ufe0f"]


@st.composite
def rows(draw):
    """Return (source pieces, gold values as (start, end), script): public text and values in turn, with and without blanks."""
    names, words, has_blanks = SCRIPTS[draw(st.sampled_from(sorted(SCRIPTS)))]
    between = st.sampled_from([" ", ", ", "-", "", " 12 "] if has_blanks else ["", "", "，", "7"])
    source, spans = "", []
    for _ in range(draw(st.integers(1, 5))):
        if draw(st.booleans()):
            name = draw(st.sampled_from(names))
            spans.append((len(source), len(source) + len(name)))
            source += name
            # Values that touch would be one placeholder after another.
            source += draw(between) or draw(st.sampled_from(words))
        else:
            source += draw(st.sampled_from(words)) + draw(between)
    return source, spans


def with_values(source, spans, shown):
    """Return the text with every value as `shown` gives it."""
    parts, place = [], 0
    for number, (start, end) in enumerate(spans):
        parts += [source[place:start], shown(number, source[start:end])]
        place = end
    return "".join([*parts, source[place:]])


@st.composite
def answered_rows(draw):
    source, spans = draw(rows())
    dresses = [draw(st.sampled_from([lambda text: "\0", *DRESSES])) for _ in spans]
    answer = with_values(source, spans, lambda number, value: dresses[number](value))
    return source, spans, draw(st.sampled_from(DRESSES))(answer)


def values_at(source, spans):
    return [Value.at(source, start, end) for start, end in spans]


@given(answered_rows())
@settings(max_examples=400, deadline=None)
def test_two_implementations_find_the_same_leaks(row):
    source, spans, answer = row
    correct = with_values(source, spans, lambda number, value: "\0")
    values = [(source[:start], source[start:end], source[end:]) for start, end in spans]
    assert find_leaks(values_at(source, spans), answer, correct).as_read == leaks_as_read(values, answer, correct)


@given(rows())
@settings(max_examples=200, deadline=None)
def test_the_right_answer_never_leaks_and_the_input_copied_always_does(row):
    source, spans = row
    correct = with_values(source, spans, lambda number, value: "\0")
    found = find_leaks(values_at(source, spans), correct, correct)
    assert not any(itertools.chain(found.exactly, found.as_read, found.by_digits, found.in_part))
    for dress in DRESSES:
        copied = find_leaks(values_at(source, spans), dress(source), correct)
        assert any(copied.as_read) == bool(spans), dress
    assert any(find_leaks(values_at(source, spans), source, correct).exactly) == bool(spans)


def leaks(source, target, answer):
    return any(analyse_row(answer, target, source).leaked)


@pytest.mark.parametrize(
    ("source", "target", "answer"),
    [
        # No blanks between words.
        ("今天林晓燕说，昆明的发票丢了。", "今天[NAME]说，[CITY]的发票丢了。", "今天林晓燕说，[CITY]的发票丢了。"),
        ("今天林晓燕说", "今天[NAME]说", "今天林 晓燕说"),
        ("李说桃李满天下", "[NAME]说桃李满天下", "李说桃李满天下"),
        ("昨日、田中さんは京都へ", "昨日、[NAME]さんは[CITY]へ", "昨日、田中さんは[CITY]へ"),
        ("เมื่อวานสมชายไปเชียงใหม่", "เมื่อวาน[NAME]ไป[CITY]", "เมื่อวานสมชายไป[CITY]"),
        ("ថ្ងៃនេះសុខាទៅផ្សារ", "ថ្ងៃនេះ[NAME]ទៅផ្សារ", "ថ្ងៃនេះសុខាទៅផ្សារ"),
        # Glued before or behind.
        ("Hallorans Akte fehlt.", "[NAME]s Akte fehlt.", "Hallorans Akte fehlt."),
        ("Der Hallorangarten blüht.", "Der [NAME]garten blüht.", "Der Hallorangarten blüht."),
        ("Die Akte von Halloran.", "Die Akte von [NAME].", "Hallorans Akte."),
        ("Bos Akte", "[NAME]s Akte", "Bos Akte"),
        ("김민수는 서울에서 왔다", "[NAME]는 [CITY]에서 왔다", "[NAME]는 서울에서 왔다"),
        ("민수는 왔다", "[NAME]는 왔다", "민수가 왔다"),
        ("נתתי לדוד ספר", "נתתי ל[NAME] ספר", "נתתי לדוד ספר"),
        ("Elif'e İstanbul'dan yazdı", "[NAME]'e [CITY]'dan yazdı", "[NAME]'e istanbul'dan yazdı"),
        # In another Unicode form.
        (decomposed("Ask René Piñeiro."), "Ask [NAME].", "Ask René Piñeiro."),
        (decomposed("Gặp Nguyễn Thị Hoa ở Huế"), "Gặp [NAME] ở [CITY]", "Gặp Nguyễn Thị Hoa ở [CITY]"),
        ("Ask José.", "Ask [NAME].", "Ask Jose."),
        ("Ask Tilda Quist.", "Ask [NAME].", "Ask Til\u200bda Quist."),
        ("Ask Til\u00adda Quist.", "Ask [NAME].", "Ask Tilda Quist."),
        ("Ask \u2067דוד\u2069.", "Ask [NAME].", "Ask דוד."),
        ("Ring ０８０－７７１０.", "Ring [PHONE].", "Ring 080-7710."),
        ("اتصل ٠٨٠٧٧١٠", "اتصل [PHONE]", "اتصل 0807710"),
        ("फ़ोन ०८०७७१०", "फ़ोन [PHONE]", "फ़ोन 0807710"),
        ("Ask ﬁnn.", "Ask [NAME].", "Ask Finn."),
        ("Ask ＴＩＬＤＡ.", "Ask [NAME].", "Ask Tilda."),
        ("Ask Weiß.", "Ask [NAME].", "Ask WEISS."),
        ("Işık geldi", "[NAME] geldi", "IŞIK geldi"),
        ("אמר דָּוִד", "אמר [NAME]", "אמר דוד"),
        ("قال مُحَمَّد", "قال [NAME]", "قال محـــمد"),
        ("Сказал Фёдор", "Сказал [NAME]", "Сказал Федор"),
        # As they always did.
        ("Bo  Li came", "[NAME] came", "bo-li came"),
        ("call 555-01 00", "call [PHONE]", "call 5550100"),
        ("5 of 5", "[N] of 5", "5 of 5"),
        ("An: Antwort", "[NAME]: Antwort", "An: [X]"),
    ],
)
def test_a_value_that_readers_see_leaks_and_the_right_answer_does_not(source, target, answer):
    assert leaks(source, target, answer)
    assert leaks(source, target, source)
    assert not leaks(source, target, target)


@pytest.mark.parametrize(
    ("source", "target", "answer"),
    [
        ("An: Antwort bald", "[NAME]: Antwort bald", "[NAME]: Antwort bald, Antwort morgen"),
        ("Ed came", "[NAME] came", "Here is the masked text: [NAME] came"),
        ("Mark came", "[NAME] came", "Here is the marked text: [NAME] came"),
        ("5 apples", "[N] apples", "15 apples"),
        ("राम गया", "[NAME] गया", "[NAME] रामा गया"),
        ("กา มา", "[NAME] มา", "[NAME] มา"),
        ("Bo met Li", "[NAME] met [NAME]", "[NAME] met [NAME]"),
        ("called 12", "called [N]", "called 1 2 3"),
    ],
)
def test_what_is_no_value_does_not_leak(source, target, answer):
    assert not leaks(source, target, answer)


def score(name, predictions, target, source):
    (metric,) = build_metrics([name])
    return corpus_score(metric, predictions, [target] * len(predictions), [source] * len(predictions))


def test_half_a_name_is_counted_apart():
    source, target = "Tilda Halloran of The Hague came", "[NAME] of [CITY] came"
    answer = "[NAME] Halloran of [CITY] came"
    assert score("leak_documents", [answer], target, source) == 0
    assert score("leak_entities", [answer], target, source) == 0
    assert score("leak_parts_documents", [answer, target], target, source) == 50
    assert score("leak_parts_entities", [answer, target], target, source) == 25
    assert score("leak_parts_documents", [source], target, source) == 0, "the whole leaks"
    assert score("leak_parts_documents", ["[NAME] of The [CITY] came"], target, source) == 0


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        ("Tilda Halloran", ["Tilda", "Halloran"]),
        ("Halloran", []),
        ("Ludwig van Beethoven", ["Ludwig", "Beethoven"]),
        ("The Hague", ["Hague"]),
        ("Bo Li", []),
        ("tilda.halloran@example.com", ["tilda", "halloran", "example"]),
        ("Фёдор Достоевский", ["Фёдор", "Достоевский"]),
        ("김 민수", ["민수"]),
        ("דוד לוי", ["דוד", "לוי"]),
        ("ガブリエル・マルケス", ["ガブリエル", "マルケス"]),
        ("4111 1111 12", ["4111", "1111"]),
        ("Mrs Rose Quist", ["Rose", "Quist"]),
        ("林晓燕", ["林晓", "晓燕"]),
        ("김민수", ["김민", "민수"]),
        ("林燕", []),
        ("さくら", []),
        ("สมชาย", []),
    ],
)
def test_parts_are_words_that_tell(value, parts):
    assert parts_of(value) == parts


@pytest.mark.parametrize(
    ("source", "target", "answer"),
    [
        ("今天林晓燕说", "今天[NAME]说", "今天小晓燕说"),
        ("오늘 김민수는 왔다", "오늘 [NAME]는 왔다", "오늘 민수는 왔다"),
        ("林晓燕昆明人", "[NAME][CITY]人", "[NAME]昆明人"),
        ("昨日、田中花子さんは", "昨日、[NAME]さんは", "昨日、花子さんは"),
    ],
)
def test_a_given_name_without_the_family_name_is_a_part(source, target, answer):
    assert score("leak_parts_documents", [answer], target, source) == 100
    assert score("leak_documents", [answer], target, source) == 0
    assert score("leak_parts_documents", [target], target, source) == 0


def test_a_part_in_the_public_text_is_subtracted():
    source, target = "May Quist came in May", "[NAME] came in May"
    assert score("leak_parts_documents", [target], target, source) == 0
    assert score("leak_parts_documents", ["May [NAME] came in May"], target, source) == 100


@pytest.mark.parametrize("nothing", ["", "  \n", "\u200b", "\ufeff \u00ad"])
def test_no_answer_is_neither_a_leak_nor_safe(nothing):
    source, target = "Bo ran", "[NAME] ran"
    for name in [name for name in task_of("masking").metrics if name.startswith("leak_")]:
        assert np.isnan(score(name, [nothing], target, source))
    assert score("leak_documents", [nothing, source], target, source) == 100
    assert score("leak_documents", [nothing, target], target, source) == 0
    assert score("unanswered", [nothing, target], target, source) == 50
    assert score("unanswered", [target], target, source) == 0


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("Tilda Quist called, Bo Ansgar too.", "[NAME] called, too."),
        ("Ring 080-7710 now, Tilda.", "Ring now."),
        ("今天林晓燕说，昆明的发票丢了。", "今天[NAME]说，的发票丢了。"),
        ("My name is Wenna, see [1] there.", "My name is, see [1] there."),
    ],
)
def test_what_the_target_leaves_out_without_a_placeholder_is_a_value_too(source, target):
    assert leaks(source, target, source)
    assert not leaks(source, target, target)


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("The the mill, Ask Tilda’s.", "The mill, Ask [NAME]'s."),
        ("Ask  Tilda , please !", "Ask [NAME], please"),
        ("Teh mill of Tilda’s.", "The mill of [NAME]'s."),
    ],
)
def test_repeated_words_signs_and_mended_spelling_are_no_values(source, target):
    answer = source.replace("Tilda", "[NAME]")
    assert not leaks(source, target, answer)
    assert leaks(source, target, source)


def test_a_name_as_a_label_is_a_name():
    assert leaks("Ask Tilda Quist.", "Ask [NAME].", "Ask [TILDA_QUIST].")
    assert not leaks("Ask Tilda Quist.", "Ask [NAME].", "Ask [PERSON].")
    assert score("leak_parts_documents", ["At [STREET_ADDRESS]."], "At [ADDRESS].", "At Union Street.") == 0
    assert not leaks("Ask Tilda Quist.", "Ask [NAME].", "Ask [NAME].")


@pytest.mark.parametrize("leak", [0.0, 40.0])
def test_the_sentence_on_leaks_tells_of_missing_answers(leak):
    test_set = TestSet(50, 50, 0.95, [], None, [])
    best = point(leak_documents=scored(leak, bound=9.0), unanswered=12.0)
    assert "12 % of the rows have no answer" in leak_sentence(best, test_set, [], 50)
    best = point(leak_documents=scored(leak, bound=9.0), unanswered=0.0)
    assert "no answer" not in leak_sentence(best, test_set, [], 50)
