"""What language texts seem to be in: English with names and accents stays English, made-up rows in four languages are told."""

import random

import pytest

from tunecurve.data.languages import FREQUENT_WORDS, OTHER_SCRIPT, guess_languages
from tunecurve.data.synthetic_pii import generate_rows

NAMES = [
    "José Muñoz de la Cruz",
    "Zoë van der Berg",
    "Françoise Lefèvre",
    "Jürgen Müller",
    "Łukasz Żółć",
    "Los Angeles",
    "Añez",
    "São Paulo",
]
SENTENCES = [
    "Please call {} about the order from Friday.",
    "{} and {} have been asked what they think of it.",
    "I was told that {} lives near {}, is this right?",
    "play the song by {} on my list",
]


@pytest.mark.parametrize(("code", "language"), [("de", "German"), ("fr", "French"), ("it", "Italian")])
def test_made_up_rows_in_other_languages_are_told(code, language):
    guess = guess_languages(row["source_text"] for row in generate_rows(300, seed=5, language=code))
    assert guess.languages[0] == language
    assert guess.n_other > 0.9 * guess.n_told > 0.6 * 300


def test_english_rows_stay_english():
    guess = guess_languages(row["source_text"] for row in generate_rows(300, seed=5, language="en"))
    assert guess.n_told > 200
    assert guess.n_other < 0.05 * guess.n_told


def test_names_and_accents_do_not_make_english_another_language():
    draw = random.Random(3)
    texts = [sentence.format(*draw.sample(NAMES, 2)) for sentence in SENTENCES for _ in range(50)]
    assert guess_languages(texts).n_other == 0


@pytest.mark.parametrize(
    ("text", "languages"),
    [
        ("", None),
        ("12:30 x@y.de", None),
        ("Müller, Köln", None),
        ("El paciente fue visto por su médico", ("Spanish",)),
        ("Нагадай мені про зустріч", (OTHER_SCRIPT,)),
        ("明日の会議", (OTHER_SCRIPT,)),
        ("the meeting with 山田", ()),
        ("det är inte för sent", ("Swedish",)),
    ],
)
def test_one_text(text, languages):
    guess = guess_languages([text])
    assert guess.n_told == (languages is not None)
    assert guess.languages == (languages or ())


def test_no_frequent_word_is_english_too():
    english = set(FREQUENT_WORDS["English"].split())
    others = {word for language, words in FREQUENT_WORDS.items() if language != "English" for word in words.split()}
    assert not english & others
