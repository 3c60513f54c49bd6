"""How long a text is, by a rule of the text alone: the same for every model, on every machine, on every day.

Which rows are too long belongs to the data: were it asked of a model's tokenizer, the rows of a study would depend on the
models in it. A run of letters counts one token for every 8 bytes of UTF-8 begun, but one for every character where blanks do
not part words; a run of digits one for every 2; every other mark one. English texts have about as many tokens by this rule as
by the tokenizers of language models.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from math import ceil

BYTES_A_PIECE, DIGITS_A_PIECE = 8, 2
# Thai to Khmer, kana, bopomofo, ideographs, Hangul excepted: its words are separated by blanks.
_WITHOUT_BLANKS = (
    "\u0e00-\u109f\u1780-\u17ff\u3040-\u312f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_PIECE = re.compile(
    rf"(?P<single>[{_WITHOUT_BLANKS}])|(?P<digits>\d+)|(?P<letters>(?:(?![{_WITHOUT_BLANKS}])[^\W\d_])+)|[^\w\s]|_"
)


def estimated_tokens(text: str) -> int:
    """Return about how many tokens a text has, by the rule of this module."""
    return sum(_size(match) for match in _PIECE.finditer(text))


def _size(match: re.Match[str]) -> int:
    if match.lastgroup == "letters":
        return ceil(len(match.group().encode("utf-8", "replace")) / BYTES_A_PIECE)
    return ceil(len(match.group()) / DIGITS_A_PIECE) if match.lastgroup == "digits" else 1


def too_long_test(max_tokens: int) -> Callable[[str, str], bool]:
    """Return a test whether input and target have more than `max_tokens` tokens together, by the rule of this module."""

    def is_too_long(source: str, target: str) -> bool:
        if len(source) + len(target) <= max_tokens:  # a piece has at least one character
            return False
        return estimated_tokens(source) + estimated_tokens(target) > max_tokens

    return is_too_long
