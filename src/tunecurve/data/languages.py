"""Whether texts are in English: a guess by letters and by frequent words of a few languages, good for a hint and nothing else."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

# Words that nearly every text of some length has, without those that are words, names or parts of names in another of these languages or in
# English: `die`, `van`, `los`, `de`. What is left tells a language only because texts have several of them.
FREQUENT_WORDS = {
    "English": "the and of to is that with you are this was it my have your not be what from they there which has would been please will",
    "German": "und ist nicht das ein eine einen ich mit für auf dem zu sie auch werden wird bei wir sind wurde ihre bitte nach aus oder",
    "French": "est les des une dans pour pas que qui avec sur vous nous je au aux ce cette sont votre être été il elle du mais s'il",
    "Spanish": "que una por con para se su es lo como más fue el las del al está ha muy este esta paciente hoy desde",
    "Italian": "il che è una per con non sono gli nel alla della questo questa anche ho più stato dal dei mio sua suo ed come oggi",
    "Portuguese": "não uma para com por você é são mais em ao dos das foi seu sua ele ela está isso pelo como",
    "Dutch": "het een niet en ik voor zijn op met dat ook aan maar naar wordt bij deze mijn uw geen zal zou",
    "Swedish": "och att är det som inte jag på för med har ett av den vi kan om till",
    "Danish": "og det er ikke jeg på til med har som et af den vi kan min",
    "Polish": "się nie na jest że jak dla przez oraz czy od jego proszę",
    "Turkish": "ve bir için bu ile çok bana olan olarak saat",
    "Finnish": "ja ei että ovat mutta hän tämä kun myös",
    "Indonesian": "yang dan di untuk dengan ini itu tidak dari saya pada",
}
_WORDS = {language: frozenset(words.split()) for language, words in FREQUENT_WORDS.items()}
_ENGLISH = "English"
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
OTHER_SCRIPT = "another script"


@dataclass(frozen=True)
class LanguageGuess:
    """What texts seem to be written in."""

    n_told: int
    """Texts of which anything could be told: short ones often have no frequent word."""
    n_other: int
    """Of these, texts that seem not to be English."""
    languages: tuple[str, ...]
    """What those seem to be, the most frequent first, each of a tenth of them at least."""


def guess_languages(texts: Iterable[str]) -> LanguageGuess:
    """Return what the texts seem to be written in; a text for itself may well be taken for a sister of its language."""
    found = Counter(language for text in texts if (language := _language_of(text)) is not None)
    n_other = sum(found.values()) - found[_ENGLISH]
    others = [(name, count) for name, count in found.most_common() if name != _ENGLISH]
    return LanguageGuess(
        sum(found.values()), n_other, tuple(name for name, count in others if count >= max(1, 0.1 * n_other))
    )


def _language_of(text: str) -> str | None:
    """Return the language that a text has most frequent words of; None where it has none, or as many of several as of English."""
    letters = [letter for letter in text if letter.isalpha()]
    if letters and sum(not _is_latin(letter) for letter in letters) > len(letters) / 2:
        return OTHER_SCRIPT
    words = [word.lower() for word in _WORD.findall(text)]
    hits = {language: sum(word in frequent for word in words) for language, frequent in _WORDS.items()}
    most = max(hits.values())
    if most == 0:
        return None
    if hits[_ENGLISH] == most:
        return _ENGLISH
    return next(language for language, count in hits.items() if count == most)


def _is_latin(letter: str) -> bool:
    return letter.isascii() or "LATIN" in unicodedata.name(letter, "")
