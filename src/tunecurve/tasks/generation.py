"""Any text as target."""

from __future__ import annotations

from tunecurve.tasks.base import Pairs, Task


class Generation(Task):
    """What no other kind is: everything as `Task` has it."""

    name = "generation"
    description = "any text"

    def recognise(self, pairs: Pairs) -> str:
        """Return what is true of everything that no other kind has recognised."""
        return "targets are neither masked inputs nor classes, entities or summaries"


TASK = Generation()
