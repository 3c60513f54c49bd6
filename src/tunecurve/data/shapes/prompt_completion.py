"""A prompt made of turns, and its answer in a column of its own, as TRL's trainers take them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tunecurve.data.cells import Unreadable, is_missing, plain_value
from tunecurve.data.shapes.base import Asked, Cells, Match, Met, Plain
from tunecurve.data.shapes.chat import (
    CLASSES,
    ChatShape,
    class_columns,
    columns_with,
    ends_with_user,
    is_chat,
    system_columns,
)
from tunecurve.data.shapes.turns import Chat, Turn, turns_in

_PROMPTS = (
    *("prompt", "input", "query", "question", "messages", "conversation", "conversations", "contents", "dialog"),
    *("chat", "context"),
)
_ANSWERS = (
    *("completion", "response", "answer", "output", "target", *CLASSES),
    # What graders compare answers with: OpenAI's reinforcement tuning and evals, and what is like them.
    *("reference_answer", "reference", "ground_truth", "expected", "expected_answer", "expected_output", "ideal"),
    "solution",
)


def is_message_list(cell: Any) -> bool:
    """Return whether a cell is a list of turns with a role."""
    return is_chat(cell, "role", "content")


def is_any_chat(cell: Any) -> bool:
    """Return whether a cell is a list of turns in any of the ways they are written."""
    return is_message_list(cell) or is_chat(cell, "from", "value") or is_chat(cell, "role", "parts")


class PromptCompletion(ChatShape):
    """A column with the turns of a prompt, another one with the answer: a turn, or a text."""

    name = "prompt-completion"
    title = "prompt and completion"

    def matches(self, sample: Sequence[Cells], asked: Asked) -> Sequence[Match]:
        """Return a match for every pair of such columns."""
        chats = columns_with(sample, is_any_chat)
        chats = [name for name in chats if name.casefold() in _PROMPTS or asked.input_columns or asked.target_columns]
        open_ended = [name for name in chats if ends_with_user(sample, name)]
        answers = [
            name
            for name in columns_with(sample, lambda cell: True)
            if asked.target_columns or name.casefold() in _ANSWERS
        ]
        pairs = [(prompt, answer) for prompt in open_ended for answer in answers if prompt != answer]
        # Whole chats, their last answer among them, are the input of a class, or of a target that is named.
        of_whole = answers if asked.target_columns else class_columns(sample)
        closed = [name for name in chats if name not in open_ended]
        pairs += [(prompt, answer) for prompt in closed for answer in of_whole if prompt != answer]
        return [
            self._match(prompt, answer, sample, asked) for prompt, answer in pairs if asked.allows([prompt], [answer])
        ]

    def _match(self, prompt: str, answer: str, sample: Sequence[Cells], asked: Asked) -> Match:
        settled = replace(asked, input_columns=(prompt,), target_columns=(answer,))
        return Match(
            self.name, (prompt,), (answer,), tuple(system_columns(sample)), self.shared_instruction(sample, settled)
        )

    def chat(self, cells: Cells, asked: Asked) -> Chat:
        """Return the turns of the prompt, and the answer behind them."""
        chat = Chat.of(cells.get(asked.input_columns[0]), cells)
        add_answer(chat, cells.get(asked.target_columns[0]))
        return chat

    def read(self, cells: Cells, asked: Asked) -> Plain:
        """Return the prompt as the input, the answer as it stands there where it is no turn."""
        plain, answer = super().read(cells, asked), plain_value(cells.get(asked.target_columns[0]))
        if isinstance(plain.target, Unreadable) or is_missing(answer) or is_turn(answer) or is_message_list(answer):
            return plain
        return Plain(plain.input, answer, plain.remarks)

    def roles_said(self, met: Met, asked: Asked) -> str:
        """Return which column is the prompt, and which the answer."""
        return f"the turns of '{asked.input_columns[0]}' are the input, '{asked.target_columns[0]}' is the target"


def is_turn(cell: Any) -> bool:
    """Return whether a cell is one turn with its role."""
    return isinstance(cell, Mapping) and bool({"role", "from"} & cell.keys())


def add_answer(chat: Chat, cell: Any) -> None:
    """Add the answer that a cell holds: turns, one turn, or a text."""
    cell = plain_value(cell)
    if is_turn(cell):
        chat.add(cell)
    elif is_message_list(cell):
        for turn in turns_in(cell) or ():
            chat.add(turn)
    else:
        chat.turns.append(Turn("assistant", cell if isinstance(cell, str) else ""))
