"""What a study tells of its rows beside inputs and targets: how columns are called, an instruction, turns of chats."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

from tunecurve.formats.column_names import called


@dataclass(frozen=True)
class Told:
    """What is known of rows from elsewhere than their texts."""

    inputs: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    """Columns of the input and of the target, as they are called in the data."""
    instruction: str = ""
    """The study's own instruction, or that of all chats; empty where there is none."""
    has_turns: bool = False
    """Whether inputs may be chats, written turn by turn."""

    def target_called(self, words: Set[str]) -> str:
        """Return the target column that has one of some words in its name; empty where none has."""
        return called(self.targets, words)

    def input_called(self, words: Set[str]) -> str:
        """Return the input column that has one of some words in its name; empty where none has."""
        return called(self.inputs, words)


NOTHING_TOLD = Told()
