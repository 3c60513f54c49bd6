"""Chats as OpenAI's tuning service, TRL and most others take them: ``{"messages": [{"role": ..., "content": ...}]}``."""

from __future__ import annotations

from collections.abc import Sequence

from tunecurve.data.shapes.base import Asked, Cells, Match
from tunecurve.data.shapes.chat import NOT_A_CHAT, Chat, ChatShape, NotReadError, columns_with, is_chat, turns_in


class OpenAIChat(ChatShape):
    """A column with a list of turns, each with ``role`` and ``content``."""

    name = "openai-chat"
    title = "OpenAI chat"

    def matches(self, sample: Sequence[Cells], asked: Asked) -> Sequence[Match]:
        """Return a match for every column of such turns."""
        columns = columns_with(sample, lambda cell: is_chat(cell, "role", "content"))
        return [self.match(column, sample, asked) for column in columns if asked.allows([column], [column])]

    def chat(self, cells: Cells, asked: Asked) -> Chat:
        """Return the turns of the column."""
        turns = turns_in(cells.get(asked.input_columns[0]))
        if not turns:
            raise NotReadError(NOT_A_CHAT)
        chat = Chat()
        if cells.get("tools"):
            chat.remarks.append(("tools", ""))
        for turn in turns:
            chat.add(turn)
        return chat
