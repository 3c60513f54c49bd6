"""A prompt made of turns, and its answer in a column of its own, as TRL's trainers take them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tunecurve.data.cells import plain_value
from tunecurve.data.shapes.base import Asked, Cells, Match, Met
from tunecurve.data.shapes.chat import ChatShape, columns_with, is_chat
from tunecurve.data.shapes.turns import ROLES, Chat, Turn, turns_in

_PROMPTS = ("prompt", "input", "query", "question", "messages", "conversation", "context")
_ANSWERS = ("completion", "response", "answer", "output", "target")


def is_message_list(cell: Any) -> bool:
    """Return whether a cell is a list of turns with a role."""
    return is_chat(cell, "role", "content")


def ends_with_user(cell: Any) -> bool:
    """Return whether a cell is a list of turns whose last one is a user's."""
    turns = turns_in(cell) or [] if is_message_list(cell) else []
    return bool(turns) and ROLES.get(str(turns[-1]["role"]).strip().casefold()) == "user"


class PromptCompletion(ChatShape):
    """A column with the turns of a prompt, another one with the answer: a turn, or a text."""

    name = "prompt-completion"
    title = "prompt and completion"

    def matches(self, sample: Sequence[Cells], asked: Asked) -> Sequence[Match]:
        """Return a match for every pair of such columns."""
        prompts = [
            name for name in columns_with(sample, ends_with_user) if name.casefold() in _PROMPTS or asked.input_columns
        ]
        answers = columns_with(sample, lambda cell: isinstance(plain_value(cell), str) or is_message_list(cell))
        answers = [name for name in answers if name.casefold() in _ANSWERS or asked.target_columns]
        pairs = [(prompt, answer) for prompt in prompts for answer in answers if prompt != answer]
        return [
            self._match(prompt, answer, sample, asked) for prompt, answer in pairs if asked.allows([prompt], [answer])
        ]

    def _match(self, prompt: str, answer: str, sample: Sequence[Cells], asked: Asked) -> Match:
        settled = replace(asked, input_columns=(prompt,), target_columns=(answer,))
        return Match(self.name, (prompt,), (answer,), (), self.shared_instruction(sample, settled))

    def chat(self, cells: Cells, asked: Asked) -> Chat:
        """Return the turns of the prompt, and the answer behind them."""
        chat = Chat.of(cells.get(asked.input_columns[0]), cells)
        add_answer(chat, cells.get(asked.target_columns[0]))
        return chat

    def roles_said(self, met: Met, asked: Asked) -> str:
        """Return which column is the prompt, and which the answer."""
        return f"the turns of '{asked.input_columns[0]}' are the input, '{asked.target_columns[0]}' is the target"


def add_answer(chat: Chat, cell: Any) -> None:
    """Add the answer that a cell holds: turns, one turn, or a text."""
    cell = plain_value(cell)
    if isinstance(cell, Mapping):
        chat.add(cell)
    elif is_message_list(cell):
        for turn in turns_in(cell) or ():
            chat.add(turn)
    else:
        chat.turns.append(Turn("assistant", cell if isinstance(cell, str) else ""))
