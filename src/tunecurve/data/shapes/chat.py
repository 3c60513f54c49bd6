"""Shapes whose rows are chats: how their columns are told, and the line that says how they were read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tunecurve.data.cells import is_missing
from tunecurve.data.shapes.base import AUTO, Asked, Cells, Match, Met, NotReadError, Plain, Shape
from tunecurve.data.shapes.turns import ROLES, SYSTEM_COLUMNS, TOOL_KEYS, TOOLS, Chat, holds_words, turns_in

MOST_ROLES_NAMED = 4
CLASSES = ("label", "labels", "class", "intent")
_LEFT_OUT = {
    "earlier turns": "earlier turns of {} kept in the input",
    "turns after the answer": "turns without a weight after the answer left out of {}",
    "thoughts": "thoughts left out of {}",
    "tools": "lists of tools left out of {}",
    "written thoughts": "thoughts in <think> learnt as part of the answer in {}",
    "written tool calls": "tool calls written as text are the answer in {}",
}


def is_chat(cell: Any, role_key: str, *text_keys: str) -> bool:
    """Return whether a cell is a list of turns, each with a role and one of the keys of its text."""
    turns = turns_in(cell)
    if not turns:
        return False
    keys = {*text_keys, *TOOL_KEYS}
    return all(
        isinstance(turn, Mapping) and isinstance(turn.get(role_key), str) and keys & turn.keys() for turn in turns
    )


def columns_with(sample: Sequence[Cells], fits: Callable[[Any], bool]) -> list[str]:
    """Return the columns that hold something in most rows, each cell of which fits, or most."""
    columns = dict.fromkeys(column for cells in sample for column in cells)
    found = []
    for column in columns:
        cells = [row[column] for row in sample if column in row and not is_missing(row[column])]
        if 2 * sum(map(fits, cells)) > len(sample):
            found.append(str(column))
    return found


def is_column_with(sample: Sequence[Cells], column: str, fits: Callable[[Any], bool]) -> bool:
    """Return whether one column is among those of `columns_with`; no other cell is looked at."""
    return bool(columns_with([{column: row[column]} if column in row else {} for row in sample], fits))


def system_columns(sample: Sequence[Cells]) -> list[str]:
    """Return the columns that hold a system text in some row."""
    return [name for name in SYSTEM_COLUMNS if any(holds_words(row.get(name)) for row in sample)]


def class_columns(sample: Sequence[Cells]) -> list[str]:
    """Return the columns that may hold a class of the whole chat: the columns named so with cells in most rows."""
    return [name for name in columns_with(sample, lambda cell: True) if name.casefold() in CLASSES]


def ends_with_user(sample: Sequence[Cells], column: str) -> bool:
    """Return whether the last turn of most chats is a user's."""
    return is_column_with(sample, column, lambda cell: _last_role(cell) == "user")


def _last_role(cell: Any) -> str | None:
    turns = turns_in(cell)
    last = turns[-1] if turns else None
    role = last.get("role") or last.get("from") or last.get("author") if isinstance(last, Mapping) else ""
    return ROLES.get(str(role).strip().casefold())


class ChatShape(Shape):
    """A shape whose rows are chats; what differs is where their turns stand."""

    beside: tuple[str, ...] = (*SYSTEM_COLUMNS, TOOLS)

    def chat(self, cells: Cells, asked: Asked) -> Chat:
        """Return the chat of a row; by default the turns of its column, a system text that stands beside them first.

        Raises
        ------
        NotReadError
            With the reason why the row is dropped.
        """
        return Chat.of(cells.get(asked.input_columns[0]), cells)

    def read(self, cells: Cells, asked: Asked) -> Plain:
        """Return the last answer as target, and what stands before it as input."""
        try:
            return self.chat(cells, asked).plain(asked.instruction)
        except NotReadError as error:
            reason, *roles = error.args
            return Plain(reason, reason, tuple(("unknown role", role) for role in roles))

    def shared_instruction(self, sample: Sequence[Cells], asked: Asked) -> str | None:
        """Return the system text that all chats of a sample share; None where they share none, or the study has its own."""
        if asked.instruction is not None:
            return None
        heads = set()
        for cells in sample:
            try:
                chat = self.chat(cells, asked)
                chat.plain(None)
            except NotReadError:
                continue
            heads.add(chat.head)
        head = heads.pop() if len(heads) == 1 else ""
        return head if head and "{labels}" not in head else None

    def match(self, column: str, sample: Sequence[Cells], asked: Asked, also: Sequence[str] = ()) -> Match:
        """Return the match of a column of chats; a column of classes beside chats with an answer makes another reading as good."""
        with_column = Asked(input_columns=(column,), target_columns=(column,), instruction=asked.instruction)
        instruction = self.shared_instruction(sample, with_column)
        alike = () if ends_with_user(sample, column) else class_columns(sample)
        also = (*also, *system_columns(sample), *(alike if asked.name == AUTO and not asked.target_columns else ()))
        return Match(self.name, (column,), (column,), tuple(dict.fromkeys(also)), instruction)

    def roles_said(self, met: Met, asked: Asked) -> str:
        """Return what is the target."""
        return "last assistant turn is the target"

    def said(self, met: Met, asked: Asked) -> str:
        """Return what is target and what is input, with what rows held besides."""
        parts = [self.roles_said(met, asked)]
        if met.counts["instruction"]:
            rows = "all" if met.counts["instruction"] == met.n_rows else f"{met.counts['instruction']} of {met.n_rows}"
            parts.append(f"the system text of {rows} rows is the instruction (prompt.system)")
        n_texts = met.n_different("system text")
        if n_texts:
            parts.append(f"{n_texts} system text{'s' if n_texts > 1 else ''} kept in the input")
        for kind, words in _LEFT_OUT.items():
            if met.counts[kind]:
                parts.append(words.format(f"{met.counts[kind]} chat{'s' if met.counts[kind] > 1 else ''}"))
        roles = sorted(met.values.get("unknown role", ()))
        if roles:
            more = ", ..." if len(roles) > MOST_ROLES_NAMED else ""
            parts.append(f"unknown roles: {', '.join(repr(role[:40]) for role in roles[:MOST_ROLES_NAMED])}{more}")
        return ", ".join(parts)
