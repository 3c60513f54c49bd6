"""Lists of entities as text: ``person: Ada Lovelace; location: London``, or ``none``.

The format is for people and language models, so reading it never fails: what is no `type: surface` becomes an entity
without a type, which equals nothing but itself. A semicolon within a surface is written ``\\;``. Colons and semicolons of
Chinese, Japanese and Arabic are read like those of ASCII.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

NO_ENTITY = "none"
# A line that begins with `type:` begins an entity as well: models like to write one a line.
_SEPARATOR = re.compile(r"(?<!\\)[;；؛]|\n(?=[^\n;:；：؛]+[:：])")
_SEMICOLON = re.compile(r"[;；؛]")
_ESCAPED = re.compile(r"\\([;；؛])")
_COLON = re.compile(r"[:：]")

Entity = tuple[str, str]


def normalise_whitespace(text: str) -> str:
    """Return the text without outer whitespace, every inner run of it as one blank."""
    return " ".join(text.split())


def parse_entities(text: str) -> list[Entity]:
    """Return the entities of a text, in its order.

    Parameters
    ----------
    text : str
        ``type: surface`` pairs, separated by semicolons; only the first colon of a pair separates. Empty parts are
        ignored, ``none`` names no entity.

    Returns
    -------
    list of (str, str)
        Type and surface, as written, whitespace normalised. A part that is no such pair is ``("", part)``.
    """
    parts = (_ESCAPED.sub(r"\1", normalise_whitespace(part)) for part in _SEPARATOR.split(text))
    return [_entity(part) for part in parts if part and part.casefold().rstrip(".") != NO_ENTITY]


def _entity(part: str) -> Entity:
    entity_type, surface = (*_COLON.split(part, maxsplit=1), "")[:2]
    entity_type, surface = entity_type.strip(), surface.strip()
    return (entity_type, surface) if entity_type and surface else ("", part)


def format_entities(entities: Iterable[Entity]) -> str:
    """Return the text that `parse_entities` reads as these entities; ``none`` if there are none.

    Raises
    ------
    ValueError
        For an entity that cannot be written: no type, a colon in the type, or an empty surface.
    """
    parts = []
    for entity_type, surface in entities:
        wanted = (normalise_whitespace(entity_type), normalise_whitespace(surface))
        part = _SEMICOLON.sub(r"\\\g<0>", ": ".join(wanted))
        if parse_entities(part) != [wanted]:
            raise ValueError(
                f"cannot write the entity {(entity_type, surface)!r}; "
                "expected a type without a colon and a surface, neither of them empty"
            )
        # Else a final backslash would hide the semicolon behind it.
        parts.append(f"{part} " if part.endswith("\\") else part)
    return "; ".join(parts) or NO_ENTITY
