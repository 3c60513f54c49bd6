"""Chats as ShareGPT and the trainers that read it write them: ``{"conversations": [{"from": "human", "value": ...}]}``."""

from __future__ import annotations

from collections.abc import Sequence

from tunecurve.data.shapes.base import Asked, Cells, Match
from tunecurve.data.shapes.chat import ChatShape, columns_with, is_chat


class ShareGPT(ChatShape):
    """A column with a list of turns, each with ``from`` and ``value``; the system text may stand beside it."""

    name = "sharegpt"
    title = "ShareGPT chat"

    def matches(self, sample: Sequence[Cells], asked: Asked) -> Sequence[Match]:
        """Return a match for every column of such turns."""
        columns = columns_with(sample, lambda cell: is_chat(cell, "from", "value", "content"))
        return [self.match(column, sample, asked) for column in columns if asked.allows([column], [column])]
