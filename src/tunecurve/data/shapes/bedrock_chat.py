"""Chats as Bedrock's tuning of Nova models takes them: ``{"schemaVersion": ..., "system": [{"text": ...}], "messages": [...]}``."""

from __future__ import annotations

from collections.abc import Sequence

from tunecurve.data.shapes.anthropic_chat import AnthropicChat
from tunecurve.data.shapes.base import Asked, Cells, Match
from tunecurve.data.shapes.openai_chat import SCHEMA, SYSTEM, is_bedrock, message_columns


class BedrockChat(AnthropicChat):
    """The same as Bedrock's tuning of Nova models takes it: texts are parts, ``{"text": ...}``."""

    name = "bedrock-chat"
    title = "Bedrock chat"
    beside = (*AnthropicChat.beside, SCHEMA)

    def matches(self, sample: Sequence[Cells], asked: Asked) -> Sequence[Match]:
        """Return a match for every column of turns made of such parts."""
        also = [column for column in (SYSTEM, SCHEMA) if any(column in row for row in sample)]
        return [
            self.match(column, sample, asked, also)
            for column in message_columns(sample)
            if asked.allows([column], [column]) and is_bedrock(sample, column)
        ]
