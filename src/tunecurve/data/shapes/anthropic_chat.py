"""Chats as Anthropic takes them: turns, and the system text beside them: ``{"system": ..., "messages": [...]}``."""

from __future__ import annotations

from collections.abc import Sequence

from tunecurve.data.shapes.base import Asked, Cells, Match
from tunecurve.data.shapes.openai_chat import SYSTEM, OpenAIChat, has_system_column, is_bedrock, message_columns


class AnthropicChat(OpenAIChat):
    """The same with the system text in a column of its own."""

    name = "anthropic-chat"
    title = "Anthropic chat"

    def matches(self, sample: Sequence[Cells], asked: Asked) -> Sequence[Match]:
        """Return a match for every column of turns, where a column ``system`` stands beside it."""
        if not has_system_column(sample):
            return []
        return [
            self.match(column, sample, asked, [SYSTEM])
            for column in message_columns(sample)
            if asked.allows([column], [column]) and not is_bedrock(sample, column)
        ]
