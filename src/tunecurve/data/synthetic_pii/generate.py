"""`generate_rows`: any number of rows, each depending on its place and the seed alone.

The templates of a language are dealt like cards: all of them once in random order, then reshuffled. So templates are
drawn equally often, and a small data set repeats none. Row ``i`` is the same whatever the number of rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tunecurve.data.synthetic_pii.labels import LANGUAGES
from tunecurve.data.synthetic_pii.stable_random import StableRandom
from tunecurve.data.synthetic_pii.templates import Template, load_templates
from tunecurve.errors import DataError, did_you_mean

MAX_ROWS = 200_000
# Tries to make a row nobody has seen: a template without placeholders is worth one row, the next one takes its place.
_TRIES = 12


def generate_rows(n_rows: int, *, seed: int = 0, language: str | Sequence[str] = "en") -> list[dict[str, Any]]:
    """Generate rows for the task of masking personal data.

    Parameters
    ----------
    n_rows : int
        Number of rows, 1 to 200,000.
    seed : int, default=0
        Names the data set: the same seed gives the same rows, on every machine, for one version of Faker.
    language : str or sequence of str, default="en"
        One of `LANGUAGES`, or several: then each row draws its language, all equally likely.

    Returns
    -------
    list of dict
        One dict a row: ``source_text`` (str), ``target_text`` (str; the source with every span replaced by
        ``[LABEL]``), ``privacy_mask`` (list of ``{"value", "start", "end", "label"}``; offsets in characters into
        ``source_text``, end exclusive, in order), ``language`` (str) and ``template_id`` (str; the group to split by).
        ``generate_rows(100)[:50] == generate_rows(50)``. No row comes twice until the short templates run out of
        values.

    Raises
    ------
    DataError
        For an unknown language, or a number of rows that is not within 1 to 200,000.

    Examples
    --------
    >>> row = generate_rows(1, seed=7)[0]
    >>> sorted(row)
    ['language', 'privacy_mask', 'source_text', 'target_text', 'template_id']
    """
    languages = _checked_languages(language)
    if isinstance(n_rows, bool) or not isinstance(n_rows, int) or not 1 <= n_rows <= MAX_ROWS:
        raise DataError(f"builtin:pii: n_rows is {n_rows!r}; expected a whole number from 1 to {MAX_ROWS}.")
    decks = {name: _deal(name, seed) for name in languages}
    seen: set[str] = set()
    return [_new_row(StableRandom(f"{seed}/row/{number}"), decks, seen) for number in range(n_rows)]


def _checked_languages(language: str | Sequence[str]) -> tuple[str, ...]:
    languages = (language,) if isinstance(language, str) else tuple(language)
    for name in languages:
        if name not in LANGUAGES:
            hint = did_you_mean(str(name), LANGUAGES)
            raise DataError(f"builtin:pii: unknown language {name!r}; expected one of {', '.join(LANGUAGES)}.{hint}")
    if not languages:
        raise DataError(f"builtin:pii: no language given; name at least one of {', '.join(LANGUAGES)}.")
    return tuple(dict.fromkeys(languages))


def _deal(language: str, seed: int) -> Iterator[Template]:
    templates, shuffle = load_templates(language), 0
    while True:
        yield from StableRandom(f"{seed}/{language}/{shuffle}").shuffled(templates)
        shuffle += 1


def _new_row(rng: StableRandom, decks: dict[str, Iterator[Template]], seen: set[str]) -> dict[str, Any]:
    from tunecurve.data.synthetic_pii.pools import load_pools
    from tunecurve.data.synthetic_pii.render import render
    from tunecurve.data.synthetic_pii.row_state import RowState

    name = rng.pick(tuple(decks))
    row: dict[str, Any] = {}
    for _ in range(_TRIES):
        row = render(next(decks[name]), RowState(rng, load_pools(name)))
        if row["source_text"] not in seen:
            break
    seen.add(row["source_text"])
    return row
