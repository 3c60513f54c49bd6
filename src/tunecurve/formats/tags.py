"""Entities from the tags of tokens: BIO, IOB1, BIOES, BILOU, BMES, and labels without a prefix.

Entities are cut as conlleval cuts them, so that every sequence of tags has one reading: `B`, `S` and `U` begin an entity; so does any
other tag behind `O`, behind another label, or behind an end (`E`, `L`, `S`, `U`). What was mended that way is counted. Labels without a
prefix stand for entities that reach as far as the label repeats.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

OUTSIDE = frozenset({"O", "", "_", "-"})
# Labels of the chunk column of CoNLL-2000 and CoNLL-2003: phrases, no entities.
CHUNK_LABELS = frozenset(
    ["NP", "VP", "PP", "ADJP", "ADVP", "SBAR", "PRT", "CONJP", "INTJ", "LST", "UCP", "NC", "VC", "PC"]
)
_PREFIXED = re.compile(r"([BIMELSU])[-_](\S.*)", re.DOTALL)
_SUFFIXED = re.compile(r"\S.*[-_]([BIMELSU])", re.DOTALL)
_BEGINS, _ENDS = frozenset("BSU"), frozenset("ELSU")
# What parts of words begin or end with in the vocabularies of models.
_PIECE = re.compile(r"##\w|[▁Ġ]|\[(?:CLS|SEP|PAD|UNK)\]$|</?s>$")


@dataclass(frozen=True)
class TokenSpan:
    """An entity over tokens: the first, the one behind the last, and its label."""

    first: int
    behind: int
    label: str


@dataclass(frozen=True)
class TaggedEntities:
    """The entities of one sequence of tags, and what its form was."""

    spans: tuple[TokenSpan, ...]
    """In order."""
    n_begun_inside: int = 0
    """Entities whose first tag does not begin one: `I-` behind `O`."""
    n_begun: int = 0
    """Entities that begin with `B-`, `S-` or `U-` where no entity of the same label went before: never so in IOB1."""
    n_not_ended: int = 0
    """Entities of several tags that end without `E-` or `L-`; odd only where others have them."""
    n_ended: int = 0
    """Entities of several tags that end with `E-` or `L-`."""


def is_outside(tag: str | None) -> bool:
    """Return whether a tag says that its token belongs to no entity."""
    return tag is None or tag.strip() in OUTSIDE


def is_prefixed(tag: str) -> bool:
    """Return whether a tag says where in its entity the token stands: ``B-PER``."""
    return _PREFIXED.fullmatch(tag.strip()) is not None


def have_prefixes(tags: Iterable[str]) -> bool:
    """Return whether the tags of a data set have prefixes.

    Raises
    ------
    ValueError
        When some have one and others have none; with one of each.
    """
    inner = sorted({tag.strip() for tag in tags if not is_outside(tag)})
    with_prefix = [tag for tag in inner if is_prefixed(tag)]
    without = [tag for tag in inner if not is_prefixed(tag)]
    # A label such as E-mail among others without a prefix is a label.
    if without and any(tag[0] in "BI" for tag in with_prefix):
        raise ValueError(f"'{without[0]}' has no prefix, and '{with_prefix[0]}' has one")
    return not without


def have_suffixes(tags: Iterable[str]) -> bool:
    """Return whether the tags of a data set have the place in the entity behind the label: ``PER-B``, ``PER-I``."""
    found = [_SUFFIXED.fullmatch(tag.strip()) for tag in {*tags} if not is_outside(tag)]
    return bool(found) and all(found) and {"B", "I"} <= {match[1] for match in found if match}


def entities_of_tags(tags: Sequence[str | None], *, prefixed: bool = True) -> TaggedEntities:
    """Return the entities of one sequence of tags; for `prefixed` see `have_prefixes`."""
    parts = [_parts(tag, prefixed) for tag in tags]
    spans: list[TokenSpan] = []
    begun_inside = begun = not_ended = ended = 0
    first, before = 0, ("O", "")
    for position, part in enumerate([*parts, ("O", "")]):
        prefix, label = part
        goes_on = (
            before[0] != "O"
            and prefix != "O"
            and label == before[1]
            and prefix not in _BEGINS
            and before[0] not in _ENDS
        )
        if goes_on:
            before = part
            continue
        if before[0] != "O":
            spans.append(TokenSpan(first, position, before[1]))
            is_long = position - first > 1
            ended += is_long and before[0] in _ENDS
            not_ended += before[0] not in _ENDS and (is_long or before[0] == "B")
        if prefix != "O":
            begun_inside += prefixed and prefix not in _BEGINS
            begun += prefixed and prefix in _BEGINS and label != before[1]
        first, before = position, part
    return TaggedEntities(tuple(spans), begun_inside, begun, not_ended, ended)


def _parts(tag: str | None, prefixed: bool) -> tuple[str, str]:
    """Return prefix and label; without prefixes every tag goes on."""
    if tag is None or is_outside(tag):
        return "O", ""
    if not prefixed:
        return "I", tag.strip()
    match = _PREFIXED.fullmatch(tag.strip())
    if match is None:
        raise ValueError(f"'{tag}' has no prefix such as B- or I-")
    return match[1], match[2].strip()


def join_tokens(tokens: Sequence[str], separator: str = " ") -> tuple[str, list[tuple[int, int]]]:
    """Return the tokens as one text, and where each stands in it."""
    places: list[tuple[int, int]] = []
    text = ""
    for token in tokens:
        start = len(text) + (len(separator) if places else 0)
        text += (separator if places else "") + token
        places.append((start, start + len(token)))
    return text, places


def find_tokens(text: str, tokens: Sequence[str]) -> list[tuple[int, int]] | None:
    """Return where the tokens stand in their text, with nothing but blanks between them; None where they do not."""
    places: list[tuple[int, int]] = []
    place = 0
    for token in tokens:
        while place < len(text) and text[place].isspace() and not token.startswith(text[place]):
            place += 1
        if not text.startswith(token, place):
            return None
        places.append((place, place + len(token)))
        place += len(token)
    return places if not text[place:].strip() else None


def are_pieces(tokens: Sequence[str]) -> bool:
    """Return whether tokens are those of a model's vocabulary, such as ``##ing``, and not words."""
    return any(_PIECE.match(token) for token in tokens)
