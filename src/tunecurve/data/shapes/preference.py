"""Preference files: to every prompt a chosen and a rejected answer, or an answer with a word on whether it is wanted.

A study tunes on one right answer, so that these are read where they are asked for only: the chosen answer is the target.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tunecurve.data.cells import is_missing, plain_value
from tunecurve.data.shapes.base import AUTO, Asked, Cells, Match, Met, NotReadError, unreadable
from tunecurve.data.shapes.chat import ChatShape
from tunecurve.data.shapes.prompt_completion import add_answer
from tunecurve.data.shapes.turns import Chat, Turn, turns_in
from tunecurve.errors import DataError

_PAIRS = (("chosen", "rejected"), ("preferred_output", "non_preferred_output"), ("messages", "rejected_response"))
_PROMPTS = ("prompt", "input", "instruction", "question", "query", "conversations", "messages")
_UNPAIRED = ("prompt", "completion")
_WANTED = ("label", "kto_tag")  # of an answer without its pair: whether it is wanted
_HUMAN = re.compile(r"\s*(?:^|\n\n)(Human|Assistant):[ ]?")

NOT_WANTED = unreadable(
    "answers that are not wanted", "their answer is labelled as one that is not wanted", "", is_note=True
)
NO_PROMPT = unreadable(
    "chosen answer without a prompt",
    "prompt and answer stand in one text, and nothing tells where the answer begins",
    "give the prompt a column of its own: prompt, chosen, rejected",
)


class Preference(ChatShape):
    """Columns with a chosen and a rejected answer (TRL, OpenAI, hh-rlhf), or an answer with a truth value."""

    name = "preference"
    title = "preference pairs"
    beside = (*ChatShape.beside, *(rejected for _, rejected in _PAIRS), *_WANTED)

    def matches(self, sample: Sequence[Cells], asked: Asked) -> Sequence[Match]:
        """Return the match where it is asked for.

        Raises
        ------
        DataError
            Where rows are preferences and nobody has asked for the chosen answers.
        """
        found = _columns(sample)
        if found is None:
            return []
        prompts, answer, others = found
        if asked.name == AUTO:
            if asked.target_columns and (asked.input_columns or answer not in asked.target_columns):
                return []
            raise DataError(
                f"the rows are preference pairs (columns {', '.join([*prompts, answer, *others])}), of which one answer is right and "
                f"another wrong; a study tunes on the right one: give --shape {self.name} to take it from '{answer}'"
                + (f" where '{others[0]}' is true" if others[0] in _WANTED else "")
                + (
                    ""
                    if prompts or others[0] not in _WANTED
                    else f", or --target-column {others[0]} if it is a class of the chat"
                )
            )
        inputs = prompts or (answer,)
        settled = replace(asked, input_columns=inputs, target_columns=(answer,))
        return [Match(self.name, inputs, (answer,), others, self.shared_instruction(sample, settled))]

    def chat(self, cells: Cells, asked: Asked) -> Chat:
        """Return the turns of the prompt, and the chosen answer behind them."""
        (prompt, *_), answer = asked.input_columns, asked.target_columns[0]
        if _is_unwanted(cells):
            raise NotReadError(NOT_WANTED)
        if prompt == answer:
            return _whole(cells.get(answer), cells)
        chat = _prompt_of(cells.get(prompt), cells)
        turns = turns_in(cells.get(answer))
        if turns and len(turns) > 1:  # the chosen column repeats the prompt
            return Chat.of(turns, cells)
        add_answer(chat, cells.get(answer))
        return chat

    def roles_said(self, met: Met, asked: Asked) -> str:
        """Return where the target comes from."""
        return f"the answer in '{asked.target_columns[0]}' is the target, rejected ones are left out"


def _columns(sample: Sequence[Cells]) -> tuple[tuple[str, ...], str, tuple[str, ...]] | None:
    """Return the columns of prompt, chosen answer and the others; None where rows are no preferences."""
    names = {str(column) for row in sample for column, cell in row.items() if not is_missing(cell)}
    for chosen, rejected in _PAIRS:
        if {chosen, rejected} <= names:
            prompts = tuple(name for name in _PROMPTS if name in names and name != chosen)
            return prompts[:1], chosen, (rejected,)
    wanted = [name for name in _WANTED if all(_is_true_or_false(row.get(name)) for row in sample)]
    if wanted and set(_UNPAIRED) <= names:
        return _UNPAIRED[:1], _UNPAIRED[1], (wanted[0],)
    chats = [name for name in _PROMPTS if name in names and all(_is_answered(row.get(name)) for row in sample)]
    return ((), chats[0], (wanted[0],)) if wanted and chats else None


def _is_answered(cell: Any) -> bool:
    """Return whether a cell holds a chat with an answer."""
    try:
        return Chat.of(cell, {}).turns[-1].role == "assistant"
    except NotReadError:
        return False


def _is_unwanted(cells: Cells) -> bool:
    """Return whether a truth value says of an answer without its pair that it is not wanted."""
    if any(not is_missing(cells.get(rejected)) for _, rejected in _PAIRS):
        return False
    return any(_is_true_or_false(cells.get(name)) and not _is_true(cells[name]) for name in _WANTED)


def _prompt_of(cell: Any, row: Cells) -> Chat:
    cell = plain_value(cell)
    if isinstance(cell, Mapping) and "messages" in cell:  # as OpenAI writes the input of a preference
        return Chat.of(cell["messages"], row)
    if isinstance(cell, str) and turns_in(cell) is None:
        chat = _of_text(cell) or Chat([Turn("user", cell)])
        chat.add_system(row)
        return chat
    return Chat.of(cell, row)


def _whole(cell: Any, row: Cells) -> Chat:
    """Return a chat that holds prompt and answer."""
    cell = plain_value(cell)
    if isinstance(cell, str) and turns_in(cell) is None:
        chat = _of_text(cell)
        if chat is None:
            raise NotReadError(NO_PROMPT)
        chat.add_system(row)
        return chat
    return Chat.of(cell, row)


def _of_text(text: str) -> Chat | None:
    """Return the chat that a text spells out with ``Human:`` and ``Assistant:``; None for any other text."""
    pieces = _HUMAN.split(text)
    if len(pieces) < 3 or pieces[0].strip():
        return None
    turns = zip(pieces[1::2], pieces[2::2], strict=True)
    return Chat([Turn("user" if speaker == "Human" else "assistant", said.strip()) for speaker, said in turns])


def _is_true(cell: Any) -> bool:
    return str(plain_value(cell)).strip().casefold() in ("true", "1", "1.0")


def _is_true_or_false(cell: Any) -> bool:
    return isinstance(cell, bool) or str(cell).strip().casefold() in ("true", "false")
