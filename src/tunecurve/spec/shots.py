"""Examples in the prompt: how many, and how they are chosen. A plain number draws them at random."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, field_validator

from tunecurve.spec.section import PositiveInt, Section

# How examples are chosen for each row by itself; the names are those of the strategies, too.
SimilarChoice = Literal["similar", "similar-by-label"]
CHOICES: tuple[str, ...] = ("random", "similar", "similar-by-label")


class SimilarShots(Section):
    """Examples that are chosen for every row: the labelled rows whose inputs are most like its own."""

    count: PositiveInt = Field(8, description="most examples in a prompt")
    choose: SimilarChoice = Field(
        "similar",
        description="similar: the most similar rows; similar-by-label: of every label the most similar row, nearest labels first",
    )

    of: list[PositiveInt] | None = Field(
        None,
        min_length=1,
        description="numbers of labelled rows to choose from, without any training; default: train_sizes",
    )

    @field_validator("of")
    @classmethod
    def _sorted_and_unique(cls, value: list[int] | None) -> list[int] | None:
        return None if value is None else sorted(set(value))

    def sizes(self, train_sizes: Sequence[int]) -> Sequence[int]:
        """Return the numbers of rows to choose from, in a study of these training sizes."""
        return train_sizes if self.of is None else self.of

    def __hash__(self) -> int:
        return hash((self.count, self.choose, tuple(self.of or ())))


def _kind(entry: Any) -> str:
    return "similar" if isinstance(entry, dict | SimilarShots) else "number"


Shots = Annotated[
    Annotated[int, Field(ge=0), Tag("number")] | Annotated[SimilarShots, Tag("similar")],
    Discriminator(_kind),
    Field(examples=[3, "similar:8"]),
]


def plain_shots(value: Any) -> Any:
    """Return the entries of ``shots`` with what is drawn at random as a number, and what is no entry as it is.

    Raises
    ------
    ValueError
        For a choice that there is not.
    """
    if not isinstance(value, list | tuple):
        return value
    return [_plain(entry) for entry in value]


def _plain(entry: Any) -> Any:
    if isinstance(entry, str):
        return _of_text(entry)
    if not isinstance(entry, dict):
        return entry
    choice = entry.get("choose", "similar")
    if choice not in CHOICES:
        raise ValueError(f"choose: '{choice}' is no way to choose examples; expected {', '.join(CHOICES)}")
    if choice == "random" and set(entry) <= {"count", "choose"}:
        return entry.get("count", 8)
    return entry


def _of_text(entry: str) -> Any:
    """Return what an entry in short form means, e.g. ``similar:8``; other text as it is."""
    choice, separator, count = entry.strip().partition(":")
    if separator and choice in CHOICES and count.strip().isdecimal():
        return _plain({"count": int(count), "choose": choice})
    raise ValueError(
        f"'{entry}' is no number of examples; expected e.g. 3, similar:8, or {{count: 8, choose: similar}}"
    )


def parse_shots(entries: Sequence[str]) -> list[Any]:
    """Return entries that were given as text, as a study file has them.

    Raises
    ------
    ValueError
        Naming the first one that is none.
    """
    return [int(entry) if entry.strip().lstrip("-").isdecimal() else _of_text(entry) for entry in entries]


def in_order(shots: Iterable[int | SimilarShots]) -> list[int | SimilarShots]:
    """Return every entry once: numbers first, then the others, both by count."""
    different = set(shots)
    numbers = sorted(one for one in different if isinstance(one, int))
    similar = sorted(
        (one for one in different if not isinstance(one, int)), key=lambda one: (one.choose, one.count, one.of or [])
    )
    return [*numbers, *similar]


def in_words(shots: Sequence[int | SimilarShots]) -> list[str]:
    """Return the entries in short form."""
    return [str(one) if isinstance(one, int) else f"{one.choose}:{one.count}{_of(one)}" for one in shots]


def _of(shots: SimilarShots) -> str:
    return "" if shots.of is None else f" of {'/'.join(map(str, shots.of))}"
