"""Rows that are no pairs of input and target, told by their columns, and what to make of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tunecurve.data.cells import is_missing, plain_value
from tunecurve.data.shapes.base import Cells
from tunecurve.data.shapes.chat import columns_with
from tunecurve.data.shapes.turns import ROLES
from tunecurve.errors import DataError

_PARENTS = ("parent_id", "parent_message_id")
_TEXTS = ("text", "content", "message", "value")
_QUESTIONS = ("question", "query", "prompt")
_OPTIONS = ("choices", "options")
_ONE_ROW_A_CHAT = (
    'write one row a chat, {"messages": [{"role": "user", "content": ...}, {"role": "assistant", "content": ...}]}'
)


def refuse_rows_without_pairs(sample: Sequence[Cells]) -> None:
    """Refuse rows whose columns look like an input and a target, and are none.

    Parameters
    ----------
    sample : sequence of mapping of str to any
        The first rows, of which no column is named by the study.

    Raises
    ------
    DataError
        Naming what the rows are, with the way on.
    """
    texts = [name for name in columns_with(sample, lambda cell: isinstance(plain_value(cell), str)) if name in _TEXTS]
    if texts and columns_with([_only(row, "role") for row in sample], _is_role):
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
    if options and questions:
        raise DataError(
            f"column '{options[0]}' holds the options of '{questions[0]}', and would stand in no input; write them into the question's "
            "text and the right one into a column of its own, or name the columns to leave them out: "
            f"--input-column {questions[0]} --target-column ..."
        )


def _only(row: Cells, name: str) -> Cells:
    return {name: row[name]} if not is_missing(row.get(name)) else {}


def _is_role(cell: Any) -> bool:
    return str(plain_value(cell)).strip().casefold() in ROLES
