"""Rows that are no pairs of input and target, told by their columns, and what to make of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tunecurve.data.cells import flag_of, is_missing, plain_value
from tunecurve.data.shapes.base import Cells, Match
from tunecurve.data.shapes.chat import columns_with, ends_with_user, is_column_with
from tunecurve.data.shapes.turns import ROLES, turns_in
from tunecurve.errors import DataError

_PARENTS = ("parent_id", "parent_message_id")
_TEXTS = ("text", "content", "message", "value")
_QUESTIONS = ("question", "query", "prompt")
_OPTIONS = ("choices", "options", "endings")
# One option a column: option1, choice_a, answer0; or A, B, C.
_OPTION = re.compile(r"(?:option|opt|choice|answer|ans|ending|sol)[ _-]?[0-9a-e]|[a-e]", re.IGNORECASE)
_RIGHT = ("answer", "answerkey", "answer_key", "correct", "correct_answer", "label", "target")
MIN_FLAG_COLUMNS, MIN_ROWS_OF_FLAGS = 2, 5
_ONE_ROW_A_CHAT = (
    'write one row a chat, {"messages": [{"role": "user", "content": ...}, {"role": "assistant", "content": ...}]}'
)


def refuse_rows_without_pairs(sample: Sequence[Cells]) -> None:
    """Refuse rows whose columns, of which the study names none, look like an input and a target, and are none.

    Raises
    ------
    DataError
        Naming what the rows are, with the way on.
    """
    _refuse_known_files(sample)
    texts = [name for name in columns_with(sample, lambda cell: isinstance(plain_value(cell), str)) if name in _TEXTS]
    if texts and is_column_with(sample, "role", _is_role):
        parents = [name for name in _PARENTS if any(name in row for row in sample)]
        what = (
            f"single messages of trees ('{parents[0]}' names the message before)"
            if parents
            else "single turns of chats"
        )
        raise DataError(f"the rows are {what}, with a role in 'role' and a text in '{texts[0]}'; {_ONE_ROW_A_CHAT}")
    trees = columns_with(sample, lambda cell: isinstance(plain_value(cell), Mapping) and "replies" in plain_value(cell))
    if trees:
        raise DataError(f"column '{trees[0]}' holds trees of messages with 'replies'; {_ONE_ROW_A_CHAT}")
    lists = columns_with(sample, lambda cell: isinstance(plain_value(cell), list | Mapping))
    options = [name for name in lists if name.casefold() in _OPTIONS]
    questions = [name for row in sample[:1] for name in row if str(name).casefold() in _QUESTIONS]
    options = options or _options_apart(sample)
    if options and questions:
        raise DataError(
            f"{_columns_hold(options)} the options of '{questions[0]}', and would stand in no input; write them into the question's "
            "text and the right one into a column of its own, or name the columns to leave them out: "
            f"--input-column {questions[0]} --target-column ..."
        )


def refuse_chats_without_answer(sample: Sequence[Cells], match: Match) -> None:
    """Refuse chats without a named target that end with the user's turn where another column may hold the answer.

    Raises
    ------
    DataError
        With the columns that may be meant.
    """
    (column,) = match.input_columns[:1]
    if match.input_columns != match.target_columns or not ends_with_user(sample, column):
        return
    others = [name for name in columns_with(sample, lambda cell: not is_missing(cell)) if name not in match.columns]
    if others:
        raise DataError(
            f"the chats of column '{column}' end with the user's turn; if another column holds the answer, name it: --target-column "
            f"{others[0]} (columns are: {', '.join(map(str, list(sample[0])[:12]))}); else add the answer as the last turn"
        )


def refuse_flags(sample: Sequence[Cells]) -> None:
    """Refuse rows whose columns say of one label each whether it applies, where no target is named.

    Raises
    ------
    DataError
        With the options that make these columns sets of labels.
    """
    names = dict.fromkeys(name for row in sample for name in row)
    flags = [str(name) for name in names if _are_flags(sample, name)]
    both = [name for name in flags if {True, False} <= {flag_of(row.get(name)) for row in sample}]
    if len(sample) < MIN_ROWS_OF_FLAGS or len(both) < MIN_FLAG_COLUMNS:
        return
    options = " ".join(f"--target-column '{name}'" if " " in name else f"--target-column {name}" for name in flags)
    raise DataError(
        f"no column is the target by its name, but {len(flags)} say nothing but yes or no (0 and 1, true and false, x): if each is a label "
        f"that a row has or has not, make sets of labels of them: {options}; else name the target with --target-column"
    )


def _refuse_known_files(sample: Sequence[Cells]) -> None:
    """Refuse what well-known programs write that is no row of input and target, by its name."""
    for column, fits, what in _KNOWN_FILES:
        if is_column_with(sample, column, fits):
            raise DataError(f"{what}: docs/data.md has the lines of Python")


def _has(*keys: str) -> Callable[[Any], bool]:
    """Return a test of whether a cell is an object with all of some keys."""
    return lambda cell: isinstance(plain_value(cell), Mapping) and set(keys) <= plain_value(cell).keys()


def _is_chat_tree(cell: Any) -> bool:
    """Return whether a cell holds the messages of a chat by their ids, each with those that follow it."""
    nodes = list(plain_value(cell).values()) if isinstance(plain_value(cell), Mapping) else []
    return bool(nodes) and all(isinstance(node, Mapping) and {"message", "children"} <= node.keys() for node in nodes)


_KNOWN_FILES: tuple[tuple[str, Callable[[Any], bool], str], ...] = (
    (
        "body",
        _has("messages"),
        "the rows are requests for OpenAI's batch service ('body' holds the messages): their answers stand in its output file, to be "
        "joined by 'custom_id'",
    ),
    (
        "body",
        _has("input"),
        "the rows are requests for OpenAI's batch service: their answers stand in its output file, to be joined by 'custom_id'",
    ),
    (
        "response",
        _has("body", "status_code"),
        "the rows are answers of OpenAI's batch service ('response'): their questions stand in its input file, to be joined by 'custom_id'",
    ),
    (
        "response",
        _has("candidates"),
        "the rows are answers of Vertex AI's batch service: the chat stands in 'request', its answer in 'response'",
    ),
    (
        "mapping",
        _is_chat_tree,
        "the rows are conversations of a ChatGPT export ('mapping' holds trees of messages): write the turns of each up to its last "
        "message",
    ),
    (
        "chat_messages",
        lambda cell: all(
            isinstance(turn, Mapping) and {"sender", "text"} <= turn.keys() for turn in turns_in(cell) or [None]
        ),
        "the rows are conversations of a Claude export ('chat_messages'): write their turns with a role and a text",
    ),
    (
        "sql",
        _has("sel", "conds", "agg"),
        "the queries of column 'sql' are written in WikiSQL's form ('sel', 'agg', 'conds'): write them as SQL",
    ),
)


def _options_apart(sample: Sequence[Cells]) -> list[str]:
    """Return the columns that hold one option each, if there are several beside a column that says which is right."""
    found = [
        str(name) for name in dict.fromkeys(name for row in sample for name in row) if _OPTION.fullmatch(str(name))
    ]
    is_choice = any(level in _RIGHT for row in sample[:1] for level in (str(name).casefold() for name in row))
    return found if len(found) > 1 and is_choice else []


def _columns_hold(names: Sequence[str]) -> str:
    quoted = ", ".join(f"'{name}'" for name in names)
    return f"columns {quoted} hold" if len(names) > 1 else f"column {quoted} holds"


def _are_flags(sample: Sequence[Cells], name: str) -> bool:
    """Return whether all cells of a column say yes or no, some of them in so many words."""
    cells = [row.get(name) for row in sample]
    is_there = any(not is_missing(cell) and str(cell).strip() for cell in cells)
    return is_there and all(flag_of(cell) is not None for cell in cells)


def _is_role(cell: Any) -> bool:
    return str(plain_value(cell)).strip().casefold() in ROLES
