"""Instructions with an input of their own, as Alpaca and what followed it write them: ``instruction``, ``input``, ``output``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tunecurve.data.cells import Unreadable, is_missing, plain_value
from tunecurve.data.shapes.base import Asked, Cells, Match, Met, NotReadError, Plain, unreadable
from tunecurve.data.shapes.chat import ChatShape, columns_with, system_columns
from tunecurve.data.shapes.turns import NOT_A_CHAT, Chat, Turn, turns_in

INSTRUCTION = "instruction"
_INPUTS = ("input", "context")
_OUTPUTS = ("output", "response")
# Without an instruction, these beside a system text or earlier turns are read the same way (OpenOrca, ms-swift).
_QUESTIONS = ("prompt", "question", "query", "input", "text_input", "user", "user_message", "user_prompt")
_ANSWERS = ("output", "response", "answer", "completion", "assistant", "assistant_message", "assistant_response")
_HISTORY = "history"
_WHOLE = "text"  # the original file has all of a row once more in one text

SEVERAL_OUTPUTS = unreadable(
    "several outputs",
    "their output is a list, which may be the chosen and the rejected answer of a preference file",
    "write one output, or say --shape columns with --input-column and --target-column: then all of a list are right",
)


def _is_text(cell: Any) -> bool:
    return isinstance(plain_value(cell), str)


def _holds_turns(row: Cells) -> bool:
    return bool(turns_in(row.get(_HISTORY)))


def _history(row: Cells) -> list[Any]:
    """Return the earlier turns of a row.

    Raises
    ------
    NotReadError
        Where the column holds something else.
    """
    cell = row.get(_HISTORY)
    turns = turns_in(cell)
    if turns is None and not is_missing(cell) and str(cell).strip():
        raise NotReadError(NOT_A_CHAT)
    return turns or []


class Alpaca(ChatShape):
    """Columns with an instruction, its input and the output; earlier turns and a system text may stand beside them."""

    name = "alpaca"
    title = "Alpaca"
    beside = (*ChatShape.beside, _HISTORY, _WHOLE)

    def matches(self, sample: Sequence[Cells], asked: Asked) -> Sequence[Match]:
        """Return a match where an instruction stands beside an input, a history or a system text."""
        if asked.name != self.name and (asked.input_columns or asked.template_columns):
            return []
        names = {str(column) for row in sample for column in row}
        texts = columns_with(sample, _is_text)
        beside = [*system_columns(sample), *([_HISTORY] if any(_holds_turns(row) for row in sample) else [])]
        if INSTRUCTION in texts:
            inputs = (INSTRUCTION, *(name for name in _INPUTS if name in names))
            pairs = [(inputs, name) for name in _OUTPUTS if name in names][:1] if beside or len(inputs) > 1 else []
            beside += names & {_WHOLE}
        else:
            pairs = [((lead,), name) for lead in _QUESTIONS if lead in texts for name in _ANSWERS if name in names]
            pairs = pairs if beside else []
        return [self._match(*pair, beside, sample, asked) for pair in pairs if asked.allows(pair[0], [pair[1]])]

    def _match(
        self, inputs: tuple[str, ...], output: str, also: Sequence[str], sample: Sequence[Cells], asked: Asked
    ) -> Match:
        settled = replace(asked, input_columns=inputs, target_columns=(output,))
        return Match(self.name, inputs, (output,), tuple(also), self.shared_instruction(sample, settled))

    def chat(self, cells: Cells, asked: Asked) -> Chat:
        """Return instruction and input as the last user turn, the history before it."""
        chat = Chat()
        for pair in _history(cells):
            if isinstance(pair, list | tuple) and len(pair) == 2:
                chat.turns += [Turn("user", chat.text_of(pair[0])), Turn("assistant", chat.text_of(pair[1]))]
            else:
                chat.add(pair)
        texts = [chat.text_of(cells.get(column)) for column in asked.input_columns]
        chat.turns.append(Turn("user", "\n".join(text for text in texts if text.strip())))
        chat.turns.append(Turn("assistant", ""))  # the output stands in `read` as the cell that it is
        chat.add_system(cells)
        return chat

    def read(self, cells: Cells, asked: Asked) -> Plain:
        """Return instruction and input as the input, the output as it stands there."""
        output = plain_value(cells.get(asked.target_columns[0]))
        if isinstance(output, list) and len(output) > 1:
            return Plain(SEVERAL_OUTPUTS, SEVERAL_OUTPUTS)
        plain = super().read(cells, asked)
        if isinstance(plain.target, Unreadable):
            return plain
        output = str(output) if isinstance(output, str) else output  # brackets are text here, of a CSV file, too
        own = cells.get(asked.input_columns[-1])
        is_empty = is_missing(own) or not str(own).strip()
        return Plain(plain.input, output, (*plain.remarks, *([("empty input", "")] if is_empty else [])))

    def roles_said(self, met: Met, asked: Asked) -> str:
        """Return which columns are read, and how many inputs were empty."""
        first, *others = (f"'{name}'" for name in asked.input_columns)
        inputs = f"{first} and {' and '.join(others)} are the input" if others else f"{first} is the input"
        n_empty = met.counts["empty input"]
        left_out = f" ({n_empty} empty {asked.input_columns[-1]} left out)" if n_empty and others else ""
        return f"{inputs}{left_out}, '{asked.target_columns[0]}' is the target"
