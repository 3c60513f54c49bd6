"""Chats as Vertex AI tunes Gemini models on: ``{"systemInstruction": ..., "contents": [{"role": "user", "parts": [{"text": ...}]}]}``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tunecurve.data.shapes.base import Asked, Cells, Match
from tunecurve.data.shapes.chat import ChatShape, columns_with, is_chat
from tunecurve.data.shapes.turns import turns_in


def _is_chat(cell: Any) -> bool:
    """Return whether a cell is a list of turns with parts; one without a role is the user's, as the service reads it."""
    turns = turns_in(cell) or []
    return is_chat(
        [{**turn, "role": turn.get("role") or "user"} if isinstance(turn, Mapping) else turn for turn in turns],
        "role",
        "parts",
    )


class VertexChat(ChatShape):
    """A column with a list of turns, each with ``role`` and ``parts``; the system text may stand beside it."""

    name = "vertex-chat"
    title = "Vertex chat"

    def matches(self, sample: Sequence[Cells], asked: Asked) -> Sequence[Match]:
        """Return a match for every column of such turns."""
        columns = columns_with(sample, _is_chat)
        return [self.match(column, sample, asked) for column in columns if asked.allows([column], [column])]
