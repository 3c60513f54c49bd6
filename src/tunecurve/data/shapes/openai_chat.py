"""Chats as OpenAI's tuning service, TRL and most others take them: ``{"messages": [{"role": ..., "content": ...}]}``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tunecurve.data.cells import is_missing, plain_value
from tunecurve.data.shapes.base import Asked, Cells, Match
from tunecurve.data.shapes.chat import ChatShape, columns_with, is_chat
from tunecurve.data.shapes.turns import turns_in

SYSTEM = "system"
SCHEMA = "schemaVersion"


def message_columns(sample: Sequence[Cells]) -> list[str]:
    """Return the columns with lists of turns that have ``role`` and ``content``."""
    return columns_with(sample, lambda cell: is_chat(cell, "role", "content") or is_chat(cell, "author", "content"))


def has_system_column(sample: Sequence[Cells]) -> bool:
    """Return whether a column beside the turns holds a system text: a text, or a list of parts."""
    cells = [plain_value(row[SYSTEM]) for row in sample if not is_missing(row.get(SYSTEM))]
    return bool(cells) and all(isinstance(cell, str | list) for cell in cells)


def is_bedrock(sample: Sequence[Cells], column: str) -> bool:
    """Return whether turns are written as Bedrock does: with parts that have a text and no type."""
    if any(SCHEMA in row for row in sample):
        return True
    contents = (
        turn.get("content") for row in sample for turn in turns_in(row.get(column)) or () if isinstance(turn, Mapping)
    )
    parts = [part for content in contents if isinstance(content, list) for part in content]
    return bool(parts) and all(
        isinstance(part, Mapping) and "text" in part and is_missing(part.get("type")) for part in parts
    )


class OpenAIChat(ChatShape):
    """A column with a list of turns, each with ``role`` and ``content``."""

    name = "openai-chat"
    title = "OpenAI chat"

    def matches(self, sample: Sequence[Cells], asked: Asked) -> Sequence[Match]:
        """Return a match for every column of such turns."""
        columns = [column for column in message_columns(sample) if asked.allows([column], [column])]
        return [
            self.match(column, sample, asked)
            for column in columns
            if asked.name == self.name or not (is_bedrock(sample, column) or has_system_column(sample))
        ]
