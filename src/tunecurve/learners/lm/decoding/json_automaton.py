"""Which byte may come next in a JSON object of a known shape.

Keys come in any order, each once; blanks may stand wherever JSON lets them, few at a time; texts are whole characters of
UTF-8. From every standing the object can be ended. Knows nothing of tokens or models.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import regex

from tunecurve.formats.json_shapes import JsonShape, spellings
from tunecurve.learners.lm.decoding.automaton import Automaton

# A model that writes nothing but blanks, or digits, would never end.
MAX_BLANKS, MAX_BLANKS_AROUND = 32, 2
MAX_NUMBER = 32
_BLANKS = b" \t\n\r"
_NUMBER = regex.compile(rb"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,2})?")
# One character of a text that takes several bytes: an escape, or UTF-8; half a pair of escapes is no character.
_CHARACTER = regex.compile(
    rb'\\["\\/bfnrt]|\\u(?:[0-9A-Ca-cE-Fe-f][0-9A-Fa-f]{3}|[Dd][0-7][0-9A-Fa-f]{2})'
    rb"|\\u[Dd][89ABab][0-9A-Fa-f]{2}\\u[Dd][C-Fc-f][0-9A-Fa-f]{2}"
    rb"|[\xC2-\xDF][\x80-\xBF]|\xE0[\xA0-\xBF][\x80-\xBF]|[\xE1-\xEC\xEE\xEF][\x80-\xBF]{2}|\xED[\x80-\x9F][\x80-\xBF]"
    rb"|\xF0[\x90-\xBF][\x80-\xBF]{2}|[\xF1-\xF3][\x80-\xBF]{3}|\xF4[\x80-\x8F][\x80-\xBF]{2}"
)
_WORDS = {"truth": (b"true", b"false"), "null": (b"null",)}

Expected = Literal["value", "first item", "first key", "key", "colon", "next", "text", "word", "number", "end"]
_MAY_BE_BLANK = frozenset({"value", "first item", "first key", "key", "colon", "next", "end"})


class Open(NamedTuple):
    """An object or a list that has not ended."""

    shape: JsonShape
    is_object: bool
    keys: frozenset[str] = frozenset()


class Standing(NamedTuple):
    """Where a half-written object stands.

    Attributes
    ----------
    expects : str
        What comes next, or goes on.
    open : tuple of Open
        What has not ended, the innermost last.
    shape : JsonShape, optional
        Of the value that comes next.
    written : bytes
        Of what goes on: a number, or a character of several bytes.
    words : tuple of bytes
        What the word that goes on may be, without what is written of it.
    key : bytes
        What is written of a key.
    n_blanks : int
        Blanks just before.
    """

    expects: Expected
    open: tuple[Open, ...] = ()
    shape: JsonShape | None = None
    written: bytes = b""
    words: tuple[bytes, ...] = ()
    key: bytes = b""
    n_blanks: int = 0


class JsonAutomaton(Automaton[Standing]):
    """Follows one object of a shape, byte by byte."""

    def __init__(self, shape: JsonShape) -> None:
        self.start = Standing("value", shape=JsonShape(frozenset({"object"}), shape.fields, shape.needed))

    def step(self, standing: Standing, byte: int) -> Standing | None:
        """Return where the object stands after one more byte; None where no object goes on with it."""
        if byte in _BLANKS and standing.expects in _MAY_BE_BLANK:
            most = MAX_BLANKS if standing.open else MAX_BLANKS_AROUND
            return standing._replace(n_blanks=standing.n_blanks + 1) if standing.n_blanks < most else None
        return _STEPS[standing.expects](standing, byte)

    def may_end(self, standing: Standing) -> bool:
        """Whether what is written is a whole object."""
        return standing.expects == "end"

    def shortest_end(self, standing: Standing) -> bytes:
        """Return the fewest bytes that end the object: of each key that is needed the shortest value."""
        written = b""
        while not self.may_end(standing):
            piece = _shortest_piece(standing)
            found = self.follow(standing, piece)
            assert found is not None
            standing, written = found, written + piece
        return written

    def next_bytes(self, standing: Standing) -> bytes:
        """Return the bytes with which it can go on."""
        return bytes(byte for byte in range(256) if self.step(standing, byte) is not None)


def _value(standing: Standing, byte: int) -> Standing | None:
    shape, inner = standing.shape, standing.open
    assert shape is not None
    match chr(byte):
        case "{" if "object" in shape.kinds:
            return Standing("first key", (*inner, Open(shape, True)))
        case "[" if "list" in shape.kinds:
            return Standing("first item", (*inner, Open(shape, False)))
        case '"' if "text" in shape.kinds and not shape.values:
            return Standing("text", inner)
        case '"' if "text" in shape.kinds:
            return Standing(
                "word", inner, words=_left_of([w for value in shape.values for w in spellings(value)], byte)
            )
        case sign if sign in "-0123456789" and "number" in shape.kinds:
            return Standing("number", inner, written=bytes([byte]))
    words = _left_of([word for kind, known in _WORDS.items() if kind in shape.kinds for word in known], byte)
    return Standing("word", inner, words=words) if words else None


def _left_of(words: Sequence[bytes], byte: int) -> tuple[bytes, ...]:
    """Return what is left of the words that go on with a byte."""
    return tuple(word[1:] for word in words if word[:1] == bytes([byte]))


def _first_item(standing: Standing, byte: int) -> Standing | None:
    items = standing.open[-1].shape.items
    if byte == ord("]"):
        return _ended(standing.open)
    return None if items is None else _value(Standing("value", standing.open, items), byte)


def _first_key(standing: Standing, byte: int) -> Standing | None:
    if byte == ord("}"):
        return _ended(standing.open) if _is_whole(standing.open[-1]) else None
    return _key(standing, byte)


def _key(standing: Standing, byte: int) -> Standing | None:
    if byte != ord('"'):
        return None
    words = _left_of([word for key in _unused(standing.open[-1]) for word in spellings(key)], byte)
    return Standing("word", standing.open, words=words, key=b'"') if words else None


def _word(standing: Standing, byte: int) -> Standing | None:
    words = _left_of(standing.words, byte)
    key = standing.key and standing.key + bytes([byte])
    if b"" not in words:  # no word is the beginning of another
        return standing._replace(words=words, key=key) if words else None
    if not key:
        return Standing("next", standing.open)
    *outer, inner = standing.open
    name = json.loads(key)
    return Standing("colon", (*outer, inner._replace(keys=inner.keys | {name})), inner.shape.fields[name])


def _colon(standing: Standing, byte: int) -> Standing | None:
    return Standing("value", standing.open, standing.shape) if byte == ord(":") else None


def _text(standing: Standing, byte: int) -> Standing | None:
    if not standing.written and 0x20 <= byte < 0x80 and byte != ord("\\"):
        return Standing("next", standing.open) if byte == ord('"') else standing
    written = standing.written + bytes([byte])
    found = _CHARACTER.fullmatch(written, partial=True)
    return None if found is None else standing._replace(written=written if found.partial else b"")


def _number(standing: Standing, byte: int) -> Standing | None:
    written = standing.written + bytes([byte])
    found = _NUMBER.fullmatch(written, partial=True)
    if found is not None and len(written) <= MAX_NUMBER and (len(written) < MAX_NUMBER or _NUMBER.fullmatch(written)):
        return standing._replace(written=written)
    if not _NUMBER.fullmatch(standing.written):
        return None
    return Standing("next", standing.open, n_blanks=1) if byte in _BLANKS else _next(standing, byte)


def _next(standing: Standing, byte: int) -> Standing | None:
    inner = standing.open[-1]
    match chr(byte):
        case "," if inner.is_object:
            return Standing("key", standing.open) if _unused(inner) else None
        case ",":
            return Standing("value", standing.open, inner.shape.items)
        case "}" if inner.is_object and _is_whole(inner):
            return _ended(standing.open)
        case "]" if not inner.is_object:
            return _ended(standing.open)
    return None


def _unused(inner: Open) -> list[str]:
    return [key for key in inner.shape.fields if key not in inner.keys]


def _is_whole(inner: Open) -> bool:
    return inner.shape.needed <= inner.keys


def _shortest_piece(standing: Standing) -> bytes:
    """Return the next bytes on the shortest way to the end."""
    match standing.expects:
        case "value":
            assert standing.shape is not None
            return _shortest_value(standing.shape)
        case "first item":
            return b"]"
        case "colon":
            return b":"
        case "text":
            return _rest_of_character(standing.written) + b'"'
        case "word" if not standing.key:
            return min(standing.words, key=len)
        case "word":
            keys = [(json.loads(standing.key + word), word) for word in standing.words]
            return _shortest_key(standing.open[-1], keys)
        case "number" if not _NUMBER.fullmatch(standing.written):
            return b"0"
    inner = standing.open[-1]
    if not inner.is_object:
        return b"]"
    if standing.expects != "key" and _is_whole(inner):
        return b"}"
    if standing.expects in ("next", "number"):
        return b","
    return _shortest_key(inner, [(key, word) for key in _unused(inner) for word in spellings(key)])


def _shortest_key(inner: Open, keys: Sequence[tuple[str, bytes]]) -> bytes:
    """Return what is left of the key that lengthens the object least; a needed one has to be written anyway."""

    def cost(one: tuple[str, bytes]) -> tuple[bool, int]:
        return one[0] not in inner.shape.needed, len(one[1]) + len(_shortest_value(inner.shape.fields[one[0]]))

    return min(keys, key=cost)[1]


@functools.lru_cache(maxsize=4096)
def _shortest_value(shape: JsonShape) -> bytes:
    found: list[bytes] = []
    if "object" in shape.kinds:
        needed = [
            min(spellings(key), key=len) + b":" + _shortest_value(shape.fields[key]) for key in sorted(shape.needed)
        ]
        found.append(b"{" + b",".join(needed) + b"}")
    if "text" in shape.kinds:
        found += [word for value in shape.values for word in spellings(value)] or [b'""']
    known = {"list": b"[]", "number": b"0", "truth": b"true", "null": b"null"}
    found += [value for kind, value in known.items() if kind in shape.kinds]
    return min(found, key=len)


def _rest_of_character(written: bytes) -> bytes:
    """Return the fewest bytes that make half a character a whole one."""
    if not written:
        return b""
    escapes = [pattern[start:] for pattern in (b"0000", b"0000\\uDC00") for start in range(len(pattern))]
    letters = [bytes([first]) + b"\x80" * more for first in (0x80, 0x90, 0xA0) for more in range(3)]
    rests = (rest for rest in sorted([b"n", *escapes, *letters], key=len) if _CHARACTER.fullmatch(written + rest))
    return next(rests)


def _ended(opened: tuple[Open, ...]) -> Standing:
    return Standing("next" if opened[1:] else "end", opened[:-1])


_STEPS: dict[Expected, Callable[[Standing, int], Standing | None]] = {
    "value": _value,
    "first item": _first_item,
    "first key": _first_key,
    "key": _key,
    "colon": _colon,
    "next": _next,
    "text": _text,
    "word": _word,
    "number": _number,
    "end": lambda standing, byte: None,
}
