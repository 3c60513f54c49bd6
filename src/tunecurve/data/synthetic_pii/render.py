"""One template and one stream of rng make one row: text, masked text and the offsets of what was masked."""

from __future__ import annotations

import re

from tunecurve.data.synthetic_pii.devices import DEVICES
from tunecurve.data.synthetic_pii.money import MONEY
from tunecurve.data.synthetic_pii.people import PEOPLE
from tunecurve.data.synthetic_pii.places_and_times import DECOY_VALUES, PLACES_AND_TIMES
from tunecurve.data.synthetic_pii.row_state import RowState
from tunecurve.data.synthetic_pii.templates import Slot, Template

VALUES = {**PEOPLE, **PLACES_AND_TIMES, **MONEY, **DEVICES, **DECOY_VALUES}
_REDRAWS = 40
_FRENCH_VOWELS = "AEIOUÀÂÉÈÊËÎÏÔÖÙÛÜaeiouéèê"


def render(template: Template, row: RowState) -> dict[str, object]:
    """Fill a template.

    Returns
    -------
    dict
        ``source_text``, ``target_text``, ``privacy_mask``, ``language`` and ``template_id``.
    """
    values = _draw_values(template, row)
    source, target, mask = "", "", []
    for part in template.parts:
        if isinstance(part, str):
            # A value such as "Bianchi S.p.A." at the end of a sentence brings its own full stop.
            text = part[1:] if part.startswith(".") and source.endswith(".") else part
            source, target = source + text, target + text
            continue
        value = values[part]
        source, target = (_joined(text, value, template.language) for text in (source, target))
        if part.masked:
            mask.append({"value": value, "start": len(source), "end": len(source) + len(value), "label": part.name})
        source += value
        target += f"[{part.name}]" if part.masked else value
    return {
        "source_text": source,
        "target_text": target,
        "privacy_mask": mask,
        "language": template.language,
        "template_id": template.template_id,
    }


def _draw_values(template: Template, row: RowState) -> dict[Slot, str]:
    slots = list(dict.fromkeys(part for part in template.parts if isinstance(part, Slot)))
    for _ in range(_REDRAWS):
        values: dict[Slot, str] = {}
        for slot in slots:
            values[slot] = VALUES[slot.name](row, slot.index)
        if _all_distinct(values) and not _leaks(template, values):
            return values
        row = RowState(row.rng, row.pools)
    raise RuntimeError(f"template {template.template_id} cannot be filled without repeating a value unmasked")


def _all_distinct(values: dict[Slot, str]) -> bool:
    """Tell whether ``{CITY}`` and ``{CITY_2}`` differ, and so for every label but titles, which people share."""
    named = [(slot.name, value) for slot, value in values.items() if slot.name != "PREFIX"]
    return len(set(named)) == len(named)


def _leaks(template: Template, values: dict[Slot, str]) -> bool:
    """Tell whether a masked value also stands in the row as a word of its own that is not masked."""
    open_text = "\n".join(
        part if isinstance(part, str) else values[part]
        for part in template.parts
        if isinstance(part, str) or not part.masked
    )
    return any(
        slot.masked and value in open_text and re.search(rf"(?<!\w){re.escape(value)}(?!\w)", open_text) is not None
        for slot, value in values.items()
    )


def _joined(before: str, value: str, language: str) -> str:
    """Adapt the text before a value to its first letter: "a" -> "an" in English, "de" -> "d'" in French."""
    if language == "en" and before.endswith((" a ", "A ")) and _sounds_like_vowel(value):
        return before[:-1] + "n "
    if language == "fr" and before.endswith((" de ", " que ")) and value[0] in _FRENCH_VOWELS:
        return before[:-2] + "'"
    return before


def _sounds_like_vowel(value: str) -> bool:
    return value[0] in "aeioAEIO" or value.startswith(("8", "11", "18"))
