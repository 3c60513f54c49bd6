"""Instructions with an input of their own, as Alpaca and what followed it write them: ``instruction``, ``input``, ``output``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tunecurve.data.cells import Unreadable, is_missing, plain_value
from tunecurve.data.shapes.base import Asked, Cells, Match, Met, Plain, unreadable
from tunecurve.data.shapes.chat import ChatShape, columns_with
from tunecurve.data.shapes.turns import Chat, Turn

INSTRUCTION = "instruction"
_INPUTS = ("input", "context")
_OUTPUTS = ("output", "response")
_SYSTEM = "system"
_HISTORY = "history"
_WHOLE = "text"  # the original file has all of a row once more in one text

SEVERAL_OUTPUTS = unreadable(
    "several outputs",
    "their output is a list, which may be the chosen and the rejected answer of a preference file",
    "write one output, or say --shape columns with --input-column and --target-column: then all of a list are right",
)


def _is_text(cell: Any) -> bool:
    return isinstance(plain_value(cell), str)


class Alpaca(ChatShape):
    """Columns with an instruction, its input and the output; earlier turns and a system text may stand beside them."""

    name = "alpaca"
    title = "Alpaca"

    def matches(self, sample: Sequence[Cells], asked: Asked) -> Sequence[Match]:
        """Return a match where an instruction stands beside an input, a history or a system text."""
        if asked.name != self.name and (asked.input_columns or asked.template_columns):
            return []
        names = {str(column) for row in sample for column in row}
        output = next((name for name in _OUTPUTS if name in names), None)
        beside = [name for name in (*_INPUTS, _HISTORY, _SYSTEM) if name in names]
        inputs = (INSTRUCTION, *(name for name in _INPUTS if name in names))
        if output is None or not beside or INSTRUCTION not in columns_with(sample, _is_text):
            return []
        if not asked.allows(inputs, (output,)):
            return []
        settled = replace(asked, input_columns=inputs, target_columns=(output,))
        return [
            Match(self.name, inputs, (output,), (*beside, *names & {_WHOLE}), self.shared_instruction(sample, settled))
        ]

    def chat(self, cells: Cells, asked: Asked) -> Chat:
        """Return instruction and input as the last user turn, the history before it."""
        chat = Chat()
        for pair in plain_value(cells.get(_HISTORY)) or ():
            question, answer = (*pair, "", "")[:2] if isinstance(pair, list | tuple) else ("", "")
            chat.turns += [Turn("user", chat.text_of(question)), Turn("assistant", chat.text_of(answer))]
        texts = [chat.text_of(cells.get(column)) for column in asked.input_columns]
        chat.turns.append(Turn("user", "\n".join(text for text in texts if text.strip())))
        chat.turns.append(Turn("assistant", ""))  # the output stands in `read` as the cell that it is
        chat.add_system(cells.get(_SYSTEM))
        return chat

    def read(self, cells: Cells, asked: Asked) -> Plain:
        """Return instruction and input as the input, the output as it stands there."""
        output = plain_value(cells.get(asked.target_columns[0]))
        if isinstance(output, list) and len(output) > 1:
            return Plain(SEVERAL_OUTPUTS, SEVERAL_OUTPUTS)
        plain = super().read(cells, asked)
        if isinstance(plain.target, Unreadable):
            return plain
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
