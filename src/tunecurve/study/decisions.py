"""What a study decides once from its rows, and keeps with its frozen split.

How placeholders are dressed, how BLEU splits words, which rows are too long: such decisions depend on the rows that were there
at the first run. They are frozen with them, so that no later row, model or day changes what earlier trials were measured with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

# Name of the decision which classes, labels or fields stand in test rows alone.
UNSEEN = "labels_only_in_test_rows"


class Decisions:
    """Decisions by name, each a JSON-able value: those that earlier runs have frozen, and new ones."""

    def __init__(self, frozen: Mapping[str, Any] | None = None) -> None:
        self._made: dict[str, object] = dict(frozen or {})

    def once(self, name: str, decide: Callable[[], Any]) -> Any:
        """Return the decision of this name; it is made now if it was never made before."""
        if name not in self._made:
            self._made[name] = decide()
        return self._made[name]

    def has(self, name: str) -> bool:
        """Return whether there is a decision of this name."""
        return name in self._made

    def anew(self, name: str, value: Any) -> None:
        """Replace a decision, with the user's consent."""
        self._made[name] = value

    def to_json(self) -> dict[str, object]:
        """Return all decisions by name."""
        return dict(self._made)
