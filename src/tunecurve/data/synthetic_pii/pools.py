"""Names, streets, cities and firms of one language: drawn from Faker once, then reused for every row.

Faker takes 10-100 microseconds a value, and its word lists change between versions; drawing each pool once with a
fixed seed keeps it out of the row loop, and keeps such a change to the values, never the order or the templates.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from tunecurve.data.synthetic_pii.sections import read_sections

_LOCALES = {
    "en": ("en_US", "en_GB", "en_IN"),
    "fr": ("fr_FR", "fr_CH", "fr_CA"),
    "de": ("de_DE", "de_AT", "de_CH"),
    "it": ("it_IT",),
}
_DRAWS_PER_LOCALE = 500
_FAKER_SEED = 20240531


@dataclass(frozen=True)
class Pools:
    """Everything a row of one language draws from; ``words`` are the sections of its word file."""

    language: str
    feminine: tuple[str, ...]
    masculine: tuple[str, ...]
    surnames: tuple[str, ...]
    streets: tuple[str, ...]
    cities: tuple[str, ...]
    companies: tuple[str, ...]
    states: tuple[str, ...]
    words: dict[str, tuple[str, ...]]


def _draw(makers: list[Callable[[], str]], count: int = _DRAWS_PER_LOCALE) -> tuple[str, ...]:
    # dict.fromkeys keeps the order of drawing; a set would not.
    return tuple(dict.fromkeys(maker() for maker in makers for _ in range(count)))


@cache
def load_pools(language: str) -> Pools:
    """Draw the pools of a language (about a second, once a process)."""
    from faker import Faker

    fakers: list[Any] = [Faker(locale) for locale in _LOCALES[language]]
    for faker in fakers:
        faker.seed_instance(_FAKER_SEED)
    words = {**read_sections("words_common.txt"), **read_sections(f"words_{language}.txt")}
    native = fakers[:2]
    # Faker's Italian cities stand in the order of a Python set, which changes from process to process.
    cities = () if language == "it" else _draw([faker.city for faker in native], 400)
    return Pools(
        language=language,
        feminine=_draw([faker.first_name_female for faker in fakers]),
        masculine=_draw([faker.first_name_male for faker in fakers]),
        surnames=_draw([faker.last_name for faker in fakers]),
        streets=_draw([faker.street_name for faker in native]),
        # Real places as often as made-up ones: only real ones are city, county and state at once.
        cities=cities + words["city"] * max(1, len(cities) // len(words["city"])),
        companies=_draw([faker.company for faker in native]),
        states=words["state"] if "state" in words else _draw([fakers[0].state], 500),
        words=words,
    )
