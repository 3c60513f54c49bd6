"""Counting rows or cells of a kind, and keeping where the first ones stand."""

from __future__ import annotations

from dataclasses import dataclass, field

MAX_PLACES_KEPT = 5


@dataclass
class Counted:
    """How many there are, and the places of the first ones."""

    n: int = 0
    places: list[str] = field(default_factory=list)
    most_places: int = MAX_PLACES_KEPT

    def add(self, place: str) -> None:
        """Count one."""
        self.n += 1
        if place and len(self.places) < self.most_places:
            self.places.append(place)
